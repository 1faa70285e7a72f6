#include "server/server_config.h"

#include "engine/base/quantity.h"
#include "engine/base/text.h"
#include "server/address.h"
#include "server/server_file.h"

#include <stdlib.h>

static const char DEFAULT_LISTEN[] = "127.0.0.1:7000";
static const char DEFAULT_LISTEN_PEERS[] = "127.0.0.1:8000";
static const char DEFAULT_DIRECTORY[] = "dunlin-data";
static const char DEFAULT_NODE[] = "n1";

/* Where problems go; the first one wins. */
struct settings {
    struct buffer *problem;
    const char *path;
    bool failed;
};

static void refuse(struct settings *settings, const char *key, const char *value, const char *why) {
    if (settings->failed)
        return;
    settings->failed = true;
    if (settings->path != NULL) {
        text_append(settings->problem, settings->path);
        text_append(settings->problem, ": ");
    }
    text_append(settings->problem, key);
    if (value != NULL) {
        text_append(settings->problem, ": '");
        text_append(settings->problem, value);
        text_append(settings->problem, "'");
    }
    text_append(settings->problem, " ");
    text_append(settings->problem, why);
}

static void set_duration(struct settings *settings, const char *key, const char *text,
                         struct duration *duration) {
    if (text != NULL && !quantity_parse_duration(bytes_of_text(text), duration))
        refuse(settings, key, text, "is not a duration: write for instance 250ms, 1s or 2m");
}

static void set_size(struct settings *settings, const char *key, const char *text, uint64_t *size) {
    if (text != NULL && !quantity_parse_size(bytes_of_text(text), size))
        refuse(settings, key, text, "is not a size: write for instance 4096, 64KiB or 1GiB");
}

static void set_text(const char *text, struct bytes *bytes) {
    if (text != NULL)
        *bytes = bytes_of_text(text);
}

static void set_number(uint32_t number, uint32_t *to) {
    if (number != 0)
        *to = number;
}

static void set_switch(const bool *from, bool *to) {
    if (from != NULL)
        *to = *from;
}

static void set_level(struct settings *settings, const char *text, enum note_level *level) {
    static const char *const NAMES[] = {"none", "error", "warning", "info", "detail"};
    if (text == NULL)
        return;
    for (unsigned i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(text, NAMES[i]) == 0) {
            *level = (enum note_level)i;
            return;
        }
    }
    refuse(settings, "log_level", text, "is none of none, error, warning, info, detail");
}

static void set_sync(struct settings *settings, const char *text, enum store_sync *sync) {
    if (text == NULL)
        return;
    if (strcmp(text, "always") == 0)
        *sync = STORE_SYNC_ALWAYS;
    else if (strcmp(text, "interval") == 0)
        *sync = STORE_SYNC_INTERVAL;
    else if (strcmp(text, "never") == 0)
        *sync = STORE_SYNC_NEVER;
    else
        refuse(settings, "sync", text, "is none of always, interval, never");
}

static void set_compression(struct settings *settings, const char *text,
                            enum block_compression *levels) {
    if (text != NULL && !block_compression_parse_levels(bytes_of_text(text), levels, STORE_LEVELS))
        refuse(settings, "store.compression", text,
               "is no list of none, lz4, zstd, one for each level");
}

static void apply_store(struct settings *settings, const struct store_file *file,
                        struct store_config *store) {
    set_sync(settings, file->sync, &store->sync);
    set_duration(settings, "store.sync_interval", file->sync_interval, &store->sync_interval);
    set_size(settings, "store.memtable", file->memtable, &store->memtable_bytes);
    set_size(settings, "store.cache", file->cache, &store->cache_bytes);
    set_size(settings, "store.block", file->block, &store->block_bytes);
    set_size(settings, "store.table", file->table, &store->table_bytes);
    set_size(settings, "store.log_segment", file->log_segment, &store->log_segment_bytes);
    set_switch(file->log_allocate, &store->log_allocates);
    if (file->log_spares != NULL)
        store->log_spares =
            *file->log_spares < STORE_LOG_SPARES_MAX ? *file->log_spares : STORE_LOG_SPARES_MAX;
    set_size(settings, "store.compaction_rate", file->compaction_rate, &store->compaction_rate);
    if (file->filter_bits_per_key != NULL)
        store->filter_bits_per_key = *file->filter_bits_per_key;
    set_compression(settings, file->compression, store->compression);
}

static void apply_timing(struct settings *settings, const struct timing_file *file,
                         struct node_config *node) {
    set_duration(settings, "timing.request_timeout", file->request_timeout, &node->request_timeout);
    set_duration(settings, "timing.hedge_after", file->hedge_after, &node->hedge_after);
    set_duration(settings, "timing.gossip_interval", file->gossip_interval, &node->gossip_interval);
    set_duration(settings, "timing.suspect_after", file->suspect_after, &node->suspect_after_min);
    set_duration(settings, "timing.dead_after", file->dead_after, &node->dead_after);
    set_duration(settings, "timing.reconnect_after", file->reconnect_after, &node->reconnect_after);
    set_duration(settings, "timing.handoff_interval", file->handoff_interval,
                 &node->handoff_interval);
    set_duration(settings, "timing.anti_entropy_interval", file->anti_entropy_interval,
                 &node->anti_entropy_interval);
}

static void apply_limits(struct settings *settings, const struct limits_file *file,
                         struct node_config *node) {
    set_size(settings, "limits.key", file->key, &node->key_bytes_max);
    set_size(settings, "limits.value", file->value, &node->value_bytes_max);
    set_size(settings, "limits.client_output", file->client_output, &node->client_output_bytes_max);
    set_size(settings, "limits.peer_output", file->peer_output, &node->peer_output_bytes_max);
    set_size(settings, "limits.hints", file->hints, &node->hint_bytes_max);
    set_number(file->requests, &node->requests_max);
    set_number(file->clients, &node->clients_max);
    set_number(file->pipeline, &node->pipeline_max);
}

static void apply_members(struct server_config *config) {
    const struct server_file *file = config->file;
    config->node.member_count = file->members_count == 0 ? 1 : file->members_count;
    config->members = calloc(config->node.member_count, sizeof config->members[0]);
    CHECK(config->members != NULL);
    config->node.members = config->members;
    if (file->members_count == 0) {
        config->members[0] = (struct member_config){.name = config->node.name,
                                                    .address = bytes_of_text(config->listen_peers),
                                                    .client_address = bytes_of_text(config->listen),
                                                    .weight = 1};
        return;
    }
    for (uint32_t i = 0; i < file->members_count; i++) {
        const struct member_file *from = &file->members[i];
        struct member_config *to = &config->members[i];
        set_text(from->name, &to->name);
        set_text(from->address, &to->address);
        to->client_address = to->address;
        set_text(from->client_address, &to->client_address);
        set_text(from->host, &to->host);
        set_text(from->rack, &to->rack);
        set_text(from->datacentre, &to->datacentre);
        to->weight = from->weight == 0 ? 1 : from->weight;
    }
}

static void apply_keyspace(struct settings *settings, const struct keyspace_file *from,
                           struct keyspace_config *to) {
    set_text(from->name, &to->name);
    set_text(from->prefix, &to->prefix);
    if (from->n != 0) {
        /* A smaller n brings the default quorums down with it; what is written out is checked as it
         * stands. */
        to->n = from->n;
        to->r = to->w = (uint8_t)(from->n / 2 + 1);
    }
    to->r = from->r != 0 ? from->r : to->r;
    to->w = from->w != 0 ? from->w : to->w;
    to->dw = from->dw;
    to->pr = from->pr;
    to->pw = from->pw;
    set_switch(from->sloppy, &to->sloppy);
    set_switch(from->strict, &to->strict);
    if (from->siblings == NULL)
        return;
    if (strcmp(from->siblings, "winner") == 0)
        to->siblings = KEYSPACE_WINNER;
    else if (strcmp(from->siblings, "error") == 0)
        to->siblings = KEYSPACE_ERROR;
    else
        refuse(settings, "keyspaces.siblings", from->siblings, "is none of winner, error");
}

static void apply_keyspaces(struct settings *settings, struct server_config *config) {
    const struct server_file *file = config->file;
    bool has_default = false;
    for (uint32_t i = 0; i < file->keyspaces_count; i++)
        has_default |= file->keyspaces[i].prefix == NULL || file->keyspaces[i].prefix[0] == 0;
    uint32_t count = file->keyspaces_count + (has_default ? 0 : 1);
    config->keyspaces = calloc(count, sizeof config->keyspaces[0]);
    CHECK(config->keyspaces != NULL);
    for (uint32_t i = 0; i < count; i++) {
        config->keyspaces[i] = keyspace_config_default();
        if (i < file->keyspaces_count)
            apply_keyspace(settings, &file->keyspaces[i], &config->keyspaces[i]);
    }
    config->node.keyspaces = config->keyspaces;
    config->node.keyspace_count = count;
}

static const char *first_of(const char *first, const char *second, const char *third) {
    return first != NULL ? first : second != NULL ? second : third;
}

/* Without a password anybody who reaches the port owns the data: then nobody may reach it from
 * outside. */
static void check_password(struct settings *settings, const struct server_config *config) {
    if (config->node.password.size > 0)
        return;
    static const char WHY[] = "reaches beyond loopback, and no password is set: set `password` "
                              "(or --password), or listen on 127.0.0.1";
    if (!address_is_loopback(config->listen))
        refuse(settings, "listen", config->listen, WHY);
    if (!address_is_loopback(config->listen_peers))
        refuse(settings, "listen_peers", config->listen_peers, WHY);
}

static void apply(struct settings *settings, struct server_config *config,
                  const struct server_overrides *overrides) {
    const struct server_file *file = config->file;
    struct node_config *node = &config->node;
    node_config_default(node);
    config->directory = first_of(overrides->directory, file->directory, DEFAULT_DIRECTORY);
    config->listen = first_of(overrides->listen, file->listen, DEFAULT_LISTEN);
    config->listen_peers =
        first_of(overrides->listen_peers, file->listen_peers, DEFAULT_LISTEN_PEERS);
    node->cluster = bytes_of_text(first_of(file->cluster, "dunlin", NULL));
    node->name = bytes_of_text(first_of(overrides->node, file->node, DEFAULT_NODE));
    set_text(first_of(overrides->password, file->password, NULL), &node->password);
    set_level(settings, first_of(overrides->log_level, file->log_level, NULL), &node->note_level);
    set_number(file->partitions, &node->partition_count);
    set_number(file->vnodes, &node->vnodes);
    set_switch(file->read_repair, &node->read_repair);
    apply_store(settings, &file->store, &node->store);
    set_sync(settings, overrides->sync, &node->store.sync);
    set_duration(settings, "--sync-interval", overrides->sync_interval, &node->store.sync_interval);
    apply_timing(settings, &file->timing, node);
    apply_limits(settings, &file->limits, node);
    apply_members(config);
    apply_keyspaces(settings, config);
    check_password(settings, config);
}

bool server_config_load(struct server_config *config, const char *path,
                        const struct server_overrides *overrides, struct buffer *problem) {
    memset(config, 0, sizeof *config);
    struct settings settings = {.problem = problem, .path = path};
    config->file = path == NULL ? server_file_empty() : server_file_load(path, problem);
    if (config->file == NULL)
        return false;
    apply(&settings, config, overrides);
    struct buffer sentence = {0};
    if (!settings.failed && !node_config_is_valid(&config->node, &sentence)) {
        buffer_put_u8(&sentence, 0);
        refuse(&settings, (const char *)sentence.data, NULL, "");
    }
    buffer_deinit(&sentence);
    if (settings.failed)
        server_config_deinit(config);
    return !settings.failed;
}

void server_config_deinit(struct server_config *config) {
    server_file_free(config->file);
    free(config->members);
    free(config->keyspaces);
    memset(config, 0, sizeof *config);
}
