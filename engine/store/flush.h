/* flush: all frozen memtables that wait become tables at level 0, in one merge, a slice at a time.
 *
 *     IDLE --a memtable is frozen--> BUILDING --tables synced, directory synced--> INSTALLING
 *       ^                                                                             |
 *       \----------- memtables dropped, log segments removed <---- manifest edit durable
 */
#ifndef DUNLIN_STORE_FLUSH_H
#define DUNLIN_STORE_FLUSH_H

#include "engine/store/merge.h"
#include "engine/store/table_output.h"

enum flush_phase { FLUSH_IDLE, FLUSH_BUILDING, FLUSH_INSTALLING };

struct store;

struct flush {
    enum flush_phase phase;
    uint32_t count; /* of the oldest frozen memtables that go */
    struct merge merge;
    enum merge_result step;
    struct table_output output;
};

/* Does a slice. True when work is left that waits for no I/O. */
bool flush_pump(struct store *store, struct effects *effects);
/* The manifest's edit is durable. */
void flush_installed(struct store *store);
/* Nobody knows whether it is: it will be said again in another manifest. */
void flush_not_installed(struct store *store);
/* A table could not be written: all of them are dropped, and the memtable waits for its next turn. */
void flush_give_up(struct store *store);
void flush_deinit(struct flush *flush);

#endif
