/* INFO [section...]: figures about this node, in the lines that Redis tools read. */
#include "engine/base/hash.h"
#include "engine/node/command_internal.h"

enum { DAY_SECONDS = 86400, SECOND_NANOSECONDS = 1000000000 };

/* Names of Redis where the thing is the same, names of Dunlin where it is not. */
struct info {
    const struct session *session;
    struct buffer *text;
    struct node_figures node;
    struct store_figures store;
};

static void line_text(const struct info *info, const char *name, const char *value) {
    text_append(info->text, name);
    text_append(info->text, ":");
    text_append(info->text, value);
    text_append(info->text, "\r\n");
}

static void line_bytes(const struct info *info, const char *name, struct bytes value) {
    text_append(info->text, name);
    text_append(info->text, ":");
    buffer_append(info->text, value);
    text_append(info->text, "\r\n");
}

static void line_number(const struct info *info, const char *name, uint64_t value) {
    text_append(info->text, name);
    text_append(info->text, ":");
    text_append_u64(info->text, value);
    text_append(info->text, "\r\n");
}

/* A new one for each life of the node. */
static void line_run_id(const struct info *info) {
    text_append(info->text, "run_id:");
    command_append_node_id(info->text,
                           hash_mix(hash64(info->session->config->name),
                                    hash_mix(info->node.actor, info->node.incarnation)));
    text_append(info->text, "\r\n");
}

static void line_port(const struct info *info) {
    const struct node *node = info->session->node;
    struct bytes address = node_member(node, node_self(node))->client_address;
    size_t from = address.size;
    while (from > 0 && address.data[from - 1] != ':')
        from -= 1;
    uint64_t port = 0;
    if (!text_parse_u64(bytes_slice(address, from, address.size - from), &port))
        port = 0;
    line_number(info, "tcp_port", port);
}

static void section_server(const struct info *info) {
    const struct node *node = info->session->node;
    uint64_t uptime =
        duration_between(node_started_at(node), node_now(node)).nanoseconds / SECOND_NANOSECONDS;
    line_text(info, "redis_version", "7.0.0");
    line_text(info, "redis_mode", "cluster");
    line_text(info, "server_name", "dunlin");
    text_append(info->text, "node_name:");
    buffer_append(info->text, info->session->config->name);
    text_append(info->text, "\r\n");
    line_run_id(info);
    line_port(info);
    line_number(info, "server_time_usec", node_wall(node).milliseconds * 1000);
    line_number(info, "uptime_in_seconds", uptime);
    line_number(info, "uptime_in_days", uptime / DAY_SECONDS);
}

static void section_clients(const struct info *info) {
    line_number(info, "connected_clients", info->node.clients);
    line_number(info, "maxclients", info->session->config->clients_max);
    line_number(info, "blocked_clients", 0);
    line_number(info, "requests_under_way", info->node.requests_under_way);
    line_number(info, "requests_max", info->session->config->requests_max);
}

static void section_memory(const struct info *info) {
    const struct store_config *store = &info->session->config->store;
    line_number(info, "used_memory", info->store.memtable_bytes);
    line_number(info, "memtable_bytes", info->store.memtable_bytes);
    line_number(info, "memtable_bytes_max", store->memtable_bytes);
    line_number(info, "frozen_memtables", info->store.frozen_count);
    line_number(info, "block_cache_bytes_max", store->cache_bytes);
    line_number(info, "maxmemory", 0);
    line_text(info, "maxmemory_policy", "noeviction");
}

static void section_persistence(const struct info *info) {
    const struct store *store = node_store(info->session->node);
    line_number(info, "loading", node_phase(info->session->node) == NODE_SERVING ? 0 : 1);
    line_number(info, "aof_enabled", 1);
    line_text(info, "store_state", store_condition_name(store_condition(store)));
    line_bytes(info, "store_problem", store_problem(store));
    line_number(info, "store_disk_errors", info->store.disk_errors);
    line_number(info, "log_restarts", info->store.log_restarts);
    line_number(info, "log_bytes_written", info->store.log_bytes_written);
    line_number(info, "log_syncs", info->store.log_syncs);
    line_number(info, "damages", info->store.damages);
    line_number(info, "damages_found", info->store.damages_found);
    line_number(info, "damages_healed", info->store.damages_healed);
    line_number(info, "damages_beyond_healing", info->node.damages_beyond_healing);
    line_number(info, "partitions_not_held", info->node.partitions_not_held);
    line_number(info, "partitions_recounted", info->node.partitions_recounted);
    line_number(info, "flushes", info->store.flushes);
    line_number(info, "compactions", info->store.compactions);
    line_number(info, "levels", info->store.level_count);
    line_number(info, "tables", info->store.table_count);
    line_number(info, "table_bytes", info->store.table_bytes);
    line_number(info, "table_bytes_written", info->store.table_bytes_written);
    line_number(info, "rdb_bgsave_in_progress", info->node.checkpoint_is_made);
    line_number(info, "rdb_last_save_time", info->node.checkpoint_at / 1000);
    line_text(info, "rdb_last_bgsave_status", info->node.checkpoint_failed ? "err" : "ok");
    line_number(info, "checkpoints", store_checkpoint_count(store));
    line_number(info, "checkpoints_made", info->store.checkpoints);
    line_number(info, "checkpoints_failed", info->store.checkpoint_failures);
    line_number(info, "write_stalls", info->store.stalls);
    line_number(info, "writes_refused_for_space", info->store.refusals);
}

static void section_stats(const struct info *info) {
    const struct node_figures *node = &info->node;
    line_number(info, "total_commands_processed", node->reads + node->writes);
    line_number(info, "reads", node->reads);
    line_number(info, "writes", node->writes);
    line_number(info, "reads_failed", node->reads_failed);
    line_number(info, "writes_failed", node->writes_failed);
    line_number(info, "writes_in_doubt", node->writes_in_doubt);
    line_number(info, "siblings_created", node->siblings_created);
    line_number(info, "block_cache_hits", info->store.cache_hits);
    line_number(info, "block_cache_misses", info->store.cache_misses);
    line_number(info, "filter_skips", info->store.filter_skips);
    line_number(info, "blocks_read", info->store.blocks_read);
}

static void section_replication(const struct info *info) {
    const struct node_figures *node = &info->node;
    line_text(info, "role", "master");
    line_number(info, "connected_slaves", 0);
    line_number(info, "read_repairs", node->read_repairs);
    line_number(info, "hints_pending", node->hints_pending);
    line_number(info, "hint_bytes", node->hint_bytes);
    line_number(info, "hints_stored", node->hints_stored);
    line_number(info, "hints_delivered", node->hints_delivered);
    line_number(info, "tree_exchanges", node->tree_exchanges);
    line_number(info, "tree_keys_synced", node->tree_keys_synced);
}

static void section_cluster(const struct info *info) {
    const struct node *node = info->session->node;
    const struct keyspace_config *keyspace = node_keyspace_of(node, (struct bytes){0});
    line_number(info, "cluster_enabled", 1);
    line_number(info, "members", node_ring(node)->member_count);
    line_number(info, "partitions", node_ring(node)->partition_count);
    line_number(info, "incarnation", info->node.incarnation);
    text_append(info->text, "actor:");
    text_append_hex64(info->text, info->node.actor);
    text_append(info->text, "\r\n");
    line_number(info, "default_n", keyspace->n);
    line_number(info, "default_r", keyspace->r);
    line_number(info, "default_w", keyspace->w);
}

static void section_keyspace(const struct info *info) {
    int64_t keys = store_count_total(node_store(info->session->node));
    if (keys <= 0)
        return;
    text_append(info->text, "db0:keys=");
    text_append_i64(info->text, keys);
    text_append(info->text, ",expires=0,avg_ttl=0\r\n");
}

enum section {
    SECTION_SERVER,
    SECTION_CLIENTS,
    SECTION_MEMORY,
    SECTION_PERSISTENCE,
    SECTION_STATS,
    SECTION_REPLICATION,
    SECTION_CLUSTER,
    SECTION_KEYSPACE,
    SECTION_COUNT,
};

static const char *const TITLES[SECTION_COUNT] = {
    [SECTION_SERVER] = "Server",   [SECTION_CLIENTS] = "Clients",
    [SECTION_MEMORY] = "Memory",   [SECTION_PERSISTENCE] = "Persistence",
    [SECTION_STATS] = "Stats",     [SECTION_REPLICATION] = "Replication",
    [SECTION_CLUSTER] = "Cluster", [SECTION_KEYSPACE] = "Keyspace",
};

static void append_section(const struct info *info, enum section section) {
    if (info->text->size > 0)
        text_append(info->text, "\r\n");
    text_append(info->text, "# ");
    text_append(info->text, TITLES[section]);
    text_append(info->text, "\r\n");
    switch (section) {
    case SECTION_SERVER:
        section_server(info);
        return;
    case SECTION_CLIENTS:
        section_clients(info);
        return;
    case SECTION_MEMORY:
        section_memory(info);
        return;
    case SECTION_PERSISTENCE:
        section_persistence(info);
        return;
    case SECTION_STATS:
        section_stats(info);
        return;
    case SECTION_REPLICATION:
        section_replication(info);
        return;
    case SECTION_CLUSTER:
        section_cluster(info);
        return;
    case SECTION_KEYSPACE:
        section_keyspace(info);
        return;
    case SECTION_COUNT:
        break;
    }
    CHECK_UNREACHABLE("each section has its case");
}

static bool is_asked_for(const struct call *call, enum section section) {
    if (call->count == 1)
        return true;
    for (uint32_t i = 1; i < call->count; i++) {
        if (command_word_is(call->words[i], TITLES[section]) ||
            command_word_is(call->words[i], "all") || command_word_is(call->words[i], "default") ||
            command_word_is(call->words[i], "everything"))
            return true;
    }
    return false;
}

void command_info(struct session *session, const struct call *call, struct buffer *out) {
    struct info info = {.session = session, .text = &session->scratch};
    node_figures(session->node, &info.node);
    store_figures(node_store(session->node), &info.store);
    buffer_clear(info.text);
    for (uint32_t i = 0; i < SECTION_COUNT; i++) {
        if (is_asked_for(call, (enum section)i))
            append_section(&info, (enum section)i);
    }
    resp_put_verbatim(out, session->protocol, buffer_bytes(info.text));
}
