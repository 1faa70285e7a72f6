/* subcommand_store: `dunlin store ...`, what can be done with the files of a store that no node runs on. */
#ifndef DUNLIN_SERVER_SUBCOMMAND_STORE_H
#define DUNLIN_SERVER_SUBCOMMAND_STORE_H

#include "server/stopped_store.h"

#include <stdio.h>

struct store_options {
    bool json, raw, yes, give_up;
    const char *prefix; /* of keys; null: all */
    const char *file;   /* name of one file; null: the whole store */
};

/* Each returns an exit code. */
int store_dump(const struct stopped_store *stopped, const struct store_options *options);
int store_dump_file(const struct stopped_store *stopped, const struct store_options *options);
int store_stats(const struct stopped_store *stopped, const struct store_options *options);
int store_repair(const char *path, const struct store_options *options);
int store_restore(const char *from, const char *to, const struct store_options *options);

/* Writes bytes as text in quotes, with \xNN for what is not printable; raw: as they are; JSON: as a JSON string. */
void store_print_bytes(struct bytes bytes, const struct store_options *options);
/* A key as the node names it: "data 17/203 cart:1", "hint for 00ab... 17/203 cart:1", "meta incarnation". */
void store_print_key(struct bytes key, const struct store_options *options);
/* What this machine believes the time of day to be. */
struct wall_time store_wall(void);
/* As a date in UTC; JSON: in milliseconds since 1970. */
void store_print_expiry(struct wall_time expires, const struct store_options *options);
/* One entry of a store, on one line. Of one that expires it tells when, or that it has. */
void store_print_entry(const struct store_entry *entry, const struct store_options *options);

#endif
