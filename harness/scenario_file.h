/* scenario_file: a scenario as it is written, before it is made sense of.
 *
 * The structs mirror the keys of the YAML file one to one; durations, sizes, ranges, chances and sets of nodes are still
 * texts. A null pointer means that the key was left out.
 */
#ifndef DUNLIN_HARNESS_SCENARIO_FILE_H
#define DUNLIN_HARNESS_SCENARIO_FILE_H

#include "engine/base/bytes.h"

struct distribution_file {
    char *kind, *low, *high, *mean;
    uint32_t *shape_hundredths;
    uint32_t *weight; /* of a part of a mixture */
    struct distribution_file *parts;
    uint32_t parts_count;
    char **samples;
    uint32_t samples_count;
};

struct link_file {
    struct distribution_file *latency, *stall;
    char *bandwidth, *segment, *loss, *flip, *stall_chance;
};

struct disk_file {
    struct distribution_file *read_latency, *write_latency, *sync_latency, *slow_every,
        *slow_lasting, *rot_every;
    char *capacity, *sector, *read_error, *write_error, *sync_error, *after_sync_error, *bit_rot,
        *lost_write, *misdirected_write;
    uint32_t *slow_factor;
};

struct clock_file {
    char *offset;
    int32_t *drift_per_million;
};

struct node_settings_file {
    char *nodes, *datacentre, *rack, *host;
    uint32_t *weight;
    struct clock_file *clock;
    struct disk_file *disk;
    struct distribution_file *step_cost;
};

struct keyspace_file {
    char *name, *prefix, *siblings;
    uint32_t *n, *r, *w, *dw, *pr, *pw;
    bool *sloppy, *strict;
};

struct store_file {
    char *sync, *sync_interval, *memtable, *cache, *block, *table, *log_segment, *compaction_rate;
    bool *log_allocate;
    uint32_t *log_spares, *filter_bits_per_key;
    char *compression;
};

struct limits_file {
    char *key, *value, *client_output, *peer_output, *hints;
    uint32_t *requests, *clients, *pipeline;
};

struct cluster_file {
    uint32_t *nodes, *partitions, *vnodes;
    struct node_settings_file *node_settings;
    uint32_t node_settings_count;
    struct keyspace_file *keyspace;
    struct keyspace_file *keyspaces;
    uint32_t keyspaces_count;
    char *request_timeout, *hedge_after, *gossip_interval, *suspect_after, *dead_after,
        *reconnect_after, *handoff_interval, *anti_entropy_interval, *restart_after_halt;
    bool *read_repair;
    struct store_file *store;
    struct limits_file *limits;
    struct clock_file *clock;
    struct distribution_file *step_cost;
};

struct datacentre_link_file {
    char *from, *to;
    bool *one_way;
    struct link_file *link;
};

struct network_file {
    struct link_file *link;
    char *connection_timeout;
    struct datacentre_link_file *datacentres;
    uint32_t datacentres_count;
};

struct mix_file {
    uint32_t *get, *read, *put, *delete, *set, *remove, *merge;
};

struct request_file {
    uint32_t *r, *w, *dw, *pr, *pw;
};

struct client_file {
    char *name, *nodes, *node, *rate, *start, *stop, *timeout, *key_prefix, *distribution,
        *value_size, *context;
    uint32_t *count, *keys, *retries;
    bool *failover;
    struct distribution_file *think_time;
    struct mix_file *mix;
    struct request_file *request;
};

struct fault_file {
    char *kind, *at, *last, *nodes, *from, *to, *shape, *how, *by, *datacentre, *period, *every,
        *lasting, *files;
    char **groups;
    uint32_t groups_count;
    char **kinds;
    uint32_t kinds_count;
    bool *one_way, *survivable;
    int32_t *drift_per_million;
    uint32_t *bits;
    struct distribution_file *step_cost;
    struct disk_file *disk;
    struct link_file *link;
};

struct limit_file {
    char *figure, *clients;
    uint64_t *at_least, *at_most;
};

struct expect_file {
    char *convergence, *lost_writes, *phantom_values, *false_concurrency, *lost_concurrency,
        *resurrected_deletes, *replica_monotone, *regular_reads, *read_your_writes,
        *monotonic_reads, *monotonic_writes, *writes_follow_reads, *stale_reads, *sample_every;
    struct limit_file *figures;
    uint32_t figures_count;
};

struct tradeoff_file {
    uint32_t *n, *r, *w;
    uint32_t n_count, r_count, w_count;
};

struct scenario_file {
    char *name, *proves, *duration, *converge_within;
    struct cluster_file *cluster;
    struct network_file *network;
    struct disk_file *disk;
    struct client_file *clients;
    uint32_t clients_count;
    struct fault_file *faults;
    uint32_t faults_count;
    struct expect_file *expect;
    struct tradeoff_file *tradeoff;
};

/* Null on failure; then `problem` says "path:line: key: why". */
struct scenario_file *scenario_file_load(struct bytes text, const char *path,
                                         struct buffer *problem);
void scenario_file_free(struct scenario_file *file);

#endif
