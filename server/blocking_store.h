/* blocking_store: the engine's store as a library: open a directory, write, read, scan, close.
 *
 *     caller --> blocking_store --> engine/store (pure) --> effects --> blocking_files
 *                      ^                                       \-----> sync_thread: syncs nobody waits for
 *                      '--- outcomes, before the call returns ---------'
 *
 * The store makes progress while its caller calls: each write pays for a share of flush and
 * compaction that grows with what waits for them, so that nobody stands still for long; reads pay
 * too while work is left. A caller that goes idle for long may lend time with blocking_store_work().
 *
 * For one thread at a time; many writers share one through shared_store.
 *
 *     struct buffer problem = {0};
 *     struct store_config config = store_config_default();
 *     struct blocking_store *store = blocking_store_open("/var/lib/thing", &config, &problem);
 *     struct store_batch batch = {.count = 1, .entries = {{.key = key, .value = value}}};
 *     status = blocking_store_write(store, &batch, true);          // true: return when durable
 *     status = blocking_store_get(store, key, &value);             // borrowed until the next call
 *     while (blocking_store_scan(store, prefix, from, after, &entry) == STORE_OK) ...
 *     blocking_store_close(store, &problem);
 */
#ifndef DUNLIN_SERVER_BLOCKING_STORE_H
#define DUNLIN_SERVER_BLOCKING_STORE_H

#include "engine/store/store.h"

struct blocking_store;

/* What the host itself has counted. */
struct blocking_figures {
    uint64_t bytes_read, bytes_written; /* through files */
    uint64_t bytes_mapped;              /* of those written: by a copy into a mapping */
    uint64_t stalls;                    /* writes that had to wait until the store took them */
    uint64_t stall_nanoseconds, stall_nanoseconds_max;
};

/* Makes the directory when it is not there, locks it, recovers what is in it. Null with a sentence in *problem. */
struct blocking_store *blocking_store_open(const char *directory, const struct store_config *config,
                                           struct buffer *problem);
/* Flushes and syncs everything; false with a sentence when that did not work. The store is gone either way. */
bool blocking_store_close(struct blocking_store *blocking, struct buffer *problem);
/* Gone without a flush or a sync, as by a kill: what was written stays in the operating system's cache. */
void blocking_store_drop(struct blocking_store *blocking);

/* STORE_OK, STORE_FULL or STORE_FAILED. When it returns STORE_OK, the batch survives a kill of the process; when
 * `durable`, a loss of power. After STORE_FULL it may yet do so, once there is space. */
MUST_USE enum store_status blocking_store_write(struct blocking_store *blocking,
                                                const struct store_batch *batch, bool durable);
/* The two halves of a write, for one who commits the batches of many at once: enter each, then finish the last one's
 * number. */
MUST_USE enum store_status blocking_store_enter(struct blocking_store *blocking,
                                                const struct store_batch *batch,
                                                uint64_t *sequence);
MUST_USE enum store_status blocking_store_finish(struct blocking_store *blocking, uint64_t sequence,
                                                 bool durable);
/* Everything that was written becomes durable. */
MUST_USE enum store_status blocking_store_sync(struct blocking_store *blocking);

/* STORE_OK, STORE_ABSENT, STORE_CORRUPT or STORE_FAILED. `value` is borrowed until the next call. */
MUST_USE enum store_status blocking_store_get(struct blocking_store *blocking, struct bytes key,
                                              struct bytes *value);
/* As store_scan(), but waits for its blocks. */
MUST_USE enum store_status blocking_store_scan(struct blocking_store *blocking, struct bytes prefix,
                                               struct bytes from, bool after,
                                               struct store_entry *entry);

/* Walks the live entries of a range, either way; see store_cursor_open(). With a snapshot it sees the store as it is now;
 * null when that cannot be had because the store has failed. Before the store is closed it is closed. */
struct blocking_cursor;
struct blocking_cursor *blocking_cursor_open(struct blocking_store *blocking,
                                             const struct store_range *range, bool snapshot);
void blocking_cursor_seek(struct blocking_cursor *cursor, struct bytes key);
/* STORE_OK, or STORE_ABSENT at the end. The entry is borrowed until the next call. */
MUST_USE enum store_status blocking_cursor_next(struct blocking_cursor *cursor,
                                                struct store_entry *entry);
void blocking_cursor_close(struct blocking_cursor *cursor);

/* Does a bounded piece of background work; false when none is left. */
bool blocking_store_work(struct blocking_store *blocking);
/* Until flush and compaction have nothing left to do, now or when nobody writes for a while: takes seconds. STORE_BUSY when
 * they cannot get on: see blocking_store_problem(). */
MUST_USE enum store_status blocking_store_settle(struct blocking_store *blocking);

void blocking_store_figures(const struct blocking_store *blocking, struct store_figures *store,
                            struct blocking_figures *host);
/* What is wrong, in one sentence; empty while the store is sound. */
struct bytes blocking_store_problem(const struct blocking_store *blocking);
/* The last sentence that the store had for people, such as a table that cannot be read; empty when there was none. */
struct bytes blocking_store_note(const struct blocking_store *blocking);
/* The store itself, for its calls that read only. */
struct store *blocking_store_engine(struct blocking_store *blocking);

/* For whatever else emits effects: performs what is in *blocking_store_effects() and all that follows from it. */
struct effects *blocking_store_effects(struct blocking_store *blocking);
void blocking_store_perform(struct blocking_store *blocking);

#endif
