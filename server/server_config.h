/* server_config: what `dunlin serve` runs with: the file's settings, and the flags on top of them.
 *
 *     struct server_config config;
 *     if (!server_config_load(&config, "n1.yaml", &overrides, &problem)) -> problem names file,
 * line and key host_create(&(struct host_options){.node = &config.node, ...});
 *     server_config_deinit(&config);
 *
 * Every key is described in docs/operations.md.
 */
#ifndef DUNLIN_SERVER_SERVER_CONFIG_H
#define DUNLIN_SERVER_SERVER_CONFIG_H

#include "engine/node/node.h"

/* Flags of the command line; null or empty means "as the file says". */
struct server_overrides {
    const char *node;
    const char *directory;
    const char *listen, *listen_peers;
    const char *password;
    const char *sync, *sync_interval;
    const char *log_level;
};

struct server_file; /* as libcyaml loads it */

struct server_config {
    struct node_config node;
    const char *directory;
    const char *listen, *listen_peers;
    struct server_file *file; /* owns the texts */
    struct member_config *members;
    struct keyspace_config *keyspaces;
};

/* `path` may be null: a single node on 127.0.0.1:7000. On false, `problem` is a sentence and config
 * needs no deinit. */
MUST_USE bool server_config_load(struct server_config *config, const char *path,
                                 const struct server_overrides *overrides, struct buffer *problem);
void server_config_deinit(struct server_config *config);

#endif
