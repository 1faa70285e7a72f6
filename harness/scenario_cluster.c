#include "harness/name_set.h"
#include "harness/scenario_units.h"

#include <stdio.h>

enum { PARTITIONS_MAX = 16384, VNODES_MAX = 1024, REQUESTS_MAX = 1000000 };
/* Small enough that a run is quick, large enough that keys spread over every node. */
enum { PARTITIONS_DEFAULT = 64, VNODES_DEFAULT = 16 };

static void load_store(struct loader *loader, const struct store_file *file,
                       struct store_config *store) {
    static const char *const SYNCS[] = {"always", "interval", "never", NULL};
    if (file == NULL)
        return;
    loader_enter(loader, "cluster.store");
    store->sync = (enum store_sync)loader_choice(loader, "sync", file->sync, SYNCS, store->sync);
    loader_duration(loader, "sync_interval", file->sync_interval, &store->sync_interval);
    loader_size(loader, "memtable", file->memtable, &store->memtable_bytes);
    loader_size(loader, "cache", file->cache, &store->cache_bytes);
    loader_size(loader, "block", file->block, &store->block_bytes);
    loader_size(loader, "table", file->table, &store->table_bytes);
    loader_size(loader, "log_segment", file->log_segment, &store->log_segment_bytes);
    if (file->log_allocate != NULL)
        store->log_allocates = *file->log_allocate;
    loader_number(loader, "log_spares", file->log_spares, 0, STORE_LOG_SPARES_MAX,
                  &store->log_spares);
    loader_size(loader, "compaction_rate", file->compaction_rate, &store->compaction_rate);
    loader_number(loader, "filter_bits_per_key", file->filter_bits_per_key, 0, 64,
                  &store->filter_bits_per_key);
    if (file->compression != NULL &&
        !block_compression_parse_levels(bytes_of_text(file->compression), store->compression,
                                        STORE_LEVELS))
        loader_refuse(loader, "compression", "'%.80s' is no list of none, lz4, zstd",
                      file->compression);
}

static void load_limits(struct loader *loader, const struct limits_file *file,
                        struct node_config *node) {
    if (file == NULL)
        return;
    loader_enter(loader, "cluster.limits");
    loader_size(loader, "key", file->key, &node->key_bytes_max);
    loader_size(loader, "value", file->value, &node->value_bytes_max);
    loader_size(loader, "client_output", file->client_output, &node->client_output_bytes_max);
    loader_size(loader, "peer_output", file->peer_output, &node->peer_output_bytes_max);
    loader_size(loader, "hints", file->hints, &node->hint_bytes_max);
    loader_number(loader, "requests", file->requests, 1, REQUESTS_MAX, &node->requests_max);
    loader_number(loader, "clients", file->clients, 1, REQUESTS_MAX, &node->clients_max);
    loader_number(loader, "pipeline", file->pipeline, 1, REQUESTS_MAX, &node->pipeline_max);
}

/* The path must name the keyspace: loader_enter() was called. */
static void load_keyspace(struct loader *loader, const struct keyspace_file *file,
                          struct keyspace_config *to) {
    static const char *const SIBLINGS[] = {"winner", "error", NULL};
    to->name = bytes_of_text(file->name != NULL ? file->name : "default");
    to->prefix = bytes_of_text(file->prefix != NULL ? file->prefix : "");
    if (file->n != NULL) {
        loader_byte(loader, "n", file->n, 1, NODE_REPLICAS_MAX, &to->n);
        /* A smaller n brings the default quorums along with it. */
        to->r = to->w = (uint8_t)(to->n / 2 + 1);
    }
    loader_byte(loader, "r", file->r, 1, to->n, &to->r);
    loader_byte(loader, "w", file->w, 1, to->n, &to->w);
    loader_byte(loader, "dw", file->dw, 0, to->w, &to->dw);
    loader_byte(loader, "pr", file->pr, 0, to->r, &to->pr);
    loader_byte(loader, "pw", file->pw, 0, to->w, &to->pw);
    to->sloppy = file->sloppy != NULL ? *file->sloppy : to->sloppy;
    to->strict = file->strict != NULL ? *file->strict : to->strict;
    to->siblings = (enum keyspace_siblings)loader_choice(loader, "siblings", file->siblings,
                                                         SIBLINGS, to->siblings);
}

static void load_keyspaces(struct loader *loader, const struct cluster_file *file) {
    struct scenario_cluster *cluster = &loader->scenario->cluster;
    uint32_t count = 1;
    cluster->keyspaces[0] = keyspace_config_default();
    cluster->keyspaces[0].name = bytes_of_text("default");
    cluster->keyspaces[0].prefix = bytes_of_text("");
    loader_enter(loader, "cluster.keyspace");
    if (file != NULL && file->keyspace != NULL) {
        if (file->keyspace->prefix != NULL && file->keyspace->prefix[0] != 0)
            loader_refuse(loader, "prefix", "the default keyspace has none: use keyspaces");
        load_keyspace(loader, file->keyspace, &cluster->keyspaces[0]);
    }
    for (uint32_t i = 0; file != NULL && i < file->keyspaces_count; i++) {
        loader_enter(loader, "cluster.keyspaces[%u]", i);
        if (count == NODE_KEYSPACES_MAX) {
            loader_refuse(loader, "", "there are more than %d keyspaces", NODE_KEYSPACES_MAX);
            break;
        }
        cluster->keyspaces[count] = keyspace_config_default();
        if (file->keyspaces[i].prefix == NULL || file->keyspaces[i].prefix[0] == 0)
            loader_refuse(loader, "", "needs a prefix: the default keyspace is cluster.keyspace");
        load_keyspace(loader, &file->keyspaces[i], &cluster->keyspaces[count++]);
    }
    cluster->node.keyspaces = cluster->keyspaces;
    cluster->node.keyspace_count = count;
}

static void load_timing(struct loader *loader, const struct cluster_file *file,
                        struct node_config *node) {
    loader_enter(loader, "cluster");
    loader_duration(loader, "request_timeout", file->request_timeout, &node->request_timeout);
    loader_duration(loader, "hedge_after", file->hedge_after, &node->hedge_after);
    loader_duration(loader, "gossip_interval", file->gossip_interval, &node->gossip_interval);
    loader_duration(loader, "suspect_after", file->suspect_after, &node->suspect_after_min);
    loader_duration(loader, "dead_after", file->dead_after, &node->dead_after);
    loader_duration(loader, "reconnect_after", file->reconnect_after, &node->reconnect_after);
    loader_duration(loader, "handoff_interval", file->handoff_interval, &node->handoff_interval);
    loader_duration(loader, "anti_entropy_interval", file->anti_entropy_interval,
                    &node->anti_entropy_interval);
    loader_duration(loader, "restart_after_halt", file->restart_after_halt,
                    &loader->scenario->cluster.restart_after_halt);
    if (file->read_repair != NULL)
        node->read_repair = *file->read_repair;
}

static void apply_node_settings(struct loader *loader, const struct node_settings_file *file,
                                struct scenario_node *node) {
    if (file->datacentre != NULL)
        node->datacentre = file->datacentre;
    if (file->rack != NULL)
        node->rack = file->rack;
    if (file->host != NULL)
        node->host = file->host;
    loader_number(loader, "weight", file->weight, 1, RING_WEIGHT_MAX, &node->weight);
    loader_clock(loader, "clock", file->clock, &node->clock);
    loader_disk(loader, "disk", file->disk, &node->disk);
    loader_distribution(loader, "step_cost", file->step_cost, &node->step_cost);
}

static void load_nodes(struct loader *loader, const struct cluster_file *file) {
    struct scenario *scenario = loader->scenario;
    struct scenario_cluster *cluster = &scenario->cluster;
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        struct scenario_node *node = &cluster->nodes[i];
        *node = (struct scenario_node){.datacentre = "", .rack = "", .host = "", .weight = 1};
        snprintf(node->name, sizeof node->name, "n%u", i + 1);
        node->clock = scenario->world.clock;
        node->disk = scenario->world.disk;
        node->step_cost = scenario->world.step_cost;
    }
    for (uint32_t i = 0; file != NULL && i < file->node_settings_count; i++) {
        const struct node_settings_file *settings = &file->node_settings[i];
        loader_enter(loader, "cluster.node_settings[%u]", i);
        if (settings->nodes == NULL)
            loader_refuse(loader, "", "needs nodes: whose settings these are");
        loader_name_set(loader, "nodes", settings->nodes);
        if (loader->failed)
            return;
        struct prng prng;
        uint32_t order[SCENARIO_NODES_MAX];
        struct host_set set;
        struct buffer why = {0};
        prng_init(&prng, 1, 1);
        name_set_shuffle(scenario, &prng, order);
        bool named = name_set_resolve(scenario, settings->nodes, &prng, order, &set, &why);
        buffer_deinit(&why);
        for (uint32_t j = 0; named && j < cluster->node_count; j++) {
            if (host_set_has(&set, j))
                apply_node_settings(loader, settings, &cluster->nodes[j]);
        }
    }
}

void scenario_load_cluster(struct loader *loader, const struct scenario_file *file) {
    struct scenario *scenario = loader->scenario;
    struct scenario_cluster *cluster = &scenario->cluster;
    const struct cluster_file *from = file->cluster;
    node_config_default(&cluster->node);
    cluster->node.note_level = NOTE_INFO;
    cluster->node_count = 3;
    cluster->restart_after_halt = duration_of_seconds(2);
    cluster->node.partition_count = PARTITIONS_DEFAULT;
    cluster->node.vnodes = VNODES_DEFAULT;
    loader_enter(loader, "%s", "");
    loader_disk(loader, "disk", file->disk, &scenario->world.disk);
    loader_enter(loader, "cluster");
    if (from != NULL) {
        loader_number(loader, "nodes", from->nodes, 1, SCENARIO_NODES_MAX, &cluster->node_count);
        loader_number(loader, "partitions", from->partitions, 1, PARTITIONS_MAX,
                      &cluster->node.partition_count);
        if ((cluster->node.partition_count & (cluster->node.partition_count - 1)) != 0)
            loader_refuse(loader, "partitions", "%u is not a power of two",
                          cluster->node.partition_count);
        loader_number(loader, "vnodes", from->vnodes, 1, VNODES_MAX, &cluster->node.vnodes);
        loader_clock(loader, "clock", from->clock, &scenario->world.clock);
        loader_distribution(loader, "step_cost", from->step_cost, &scenario->world.step_cost);
        load_timing(loader, from, &cluster->node);
        load_store(loader, from->store, &cluster->node.store);
        load_limits(loader, from->limits, &cluster->node);
    }
    load_nodes(loader, from);
    load_keyspaces(loader, from);
}
