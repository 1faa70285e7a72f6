/* server_file: the configuration file as it is written, before it is made sense of. Texts are as in
 * the file; a null text and a zero number mean that the key was left out. */
#ifndef DUNLIN_SERVER_SERVER_FILE_H
#define DUNLIN_SERVER_SERVER_FILE_H

#include "engine/base/bytes.h"

struct member_file {
    char *name, *address, *client_address, *host, *rack, *datacentre;
    uint32_t weight;
};

struct keyspace_file {
    char *name, *prefix, *siblings;
    uint8_t n, r, w, dw, pr, pw;
    bool *sloppy, *strict;
};

struct store_file {
    char *sync, *sync_interval, *memtable, *cache, *block, *table, *log_segment, *compaction_rate;
    bool *log_allocate;
    uint32_t *log_spares, *filter_bits_per_key;
    char *compression;
};

struct timing_file {
    char *request_timeout, *hedge_after, *gossip_interval, *suspect_after, *dead_after,
        *reconnect_after, *handoff_interval, *anti_entropy_interval;
};

struct limits_file {
    char *key, *value, *client_output, *peer_output, *hints;
    uint32_t requests, clients, pipeline;
};

struct server_file {
    char *cluster, *node, *directory, *listen, *listen_peers, *password, *log_level;
    uint32_t partitions, vnodes;
    bool *read_repair;
    struct member_file *members;
    uint32_t members_count;
    struct keyspace_file *keyspaces;
    uint32_t keyspaces_count;
    struct store_file store;
    struct timing_file timing;
    struct limits_file limits;
};

/* Null on failure, with a sentence that names file, line and key in `problem`. */
struct server_file *server_file_load(const char *path, struct buffer *problem);
struct server_file *server_file_empty(void);
void server_file_free(struct server_file *file);

#endif
