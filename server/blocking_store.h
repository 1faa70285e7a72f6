/* blocking_store: the engine's store as a library: open a directory, write, read, scan, close. docs/library.md tells how.
 *
 *     caller --> blocking_store --> engine/store (pure) --> effects --> blocking_files
 *                      ^                                       \-----> sync_thread: syncs nobody waits for
 *                      '--- outcomes, before the call returns ---------'
 *
 * The store makes progress while its caller calls: each write pays for a share of flush and
 * compaction that grows with what waits for them, so that nobody stands still for long; reads pay
 * too while work is left. A caller that goes idle for long may lend time with blocking_store_work().
 *
 * For one thread at a time, whichever; many threads share one through shared_store. Stores know nothing of each other: a
 * process may have several, on as many threads as it likes.
 *
 *     struct buffer problem = {0};
 *     struct store_config config = store_config_default();
 *     struct blocking_store *store = blocking_store_open("/var/lib/thing", &config, &problem);
 *     status = blocking_store_put(store, key, value, true);        // true: return when it is durable
 *     status = blocking_store_get(store, key, &value);             // borrowed until the next call
 *     struct blocking_cursor *cursor = blocking_cursor_open(store, &range, true);
 *     while (blocking_cursor_next(cursor, &entry) == STORE_OK) ...
 *     blocking_cursor_close(cursor);
 *     blocking_store_close(store, &problem);
 *
 * What any call may answer beside its own:
 *
 *     STORE_FAILED   the store has failed, for good: the disk refused too often, or memory ran out. Close it and open it
 *                    again; what was written, and what was durable, is as after a kill of the process
 *     STORE_BUSY     the store cannot get on by itself at the moment: its reserve of memory is used up, or the disk
 *                    refuses what would have to be done first. Nothing was done; ask again later
 *
 * blocking_store_problem() says in one sentence why. When memory runs out within a call, all that the store held has been
 * given back, its files are closed and its directory may be opened again at once; the handles of the store, its cursors and
 * its snapshots are to be closed as always. No call ends the process because of memory.
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
    uint64_t shortages; /* writes that met a store whose reserve of memory was used up */
};

/* Makes the directory when it is not there, locks it, recovers what is in it. Null with a sentence in *problem, which the
 * caller deinits: the settings cannot work, the directory cannot be made, read or written, another process (or another
 * store of this one) has it open, a later version wrote it, what lies in it is damaged (see salvages), memory ran out. */
struct blocking_store *blocking_store_open(const char *directory, const struct store_config *config,
                                           struct buffer *problem);
/* Flushes and syncs everything; false with a sentence when that did not work. The store is gone either way. Cursors and
 * snapshots are closed before. */
bool blocking_store_close(struct blocking_store *blocking, struct buffer *problem);
/* Gone without a flush or a sync, as by a kill: what was written stays in the operating system's cache. */
void blocking_store_drop(struct blocking_store *blocking);

/* --- writes
 *
 * STORE_OK: what was written survives a kill of the process; when `durable`, a loss of power. STORE_FULL: there is no space
 * on the disk; nothing was done, or, if it was asked to be durable, it may yet become so once there is space. Keys have at
 * most STORE_KEY_MAX bytes and do not begin with a zero byte, values at most STORE_VALUE_MAX, batches at most
 * STORE_BATCH_MAX entries: other ones are programming errors, which end the process. */
MUST_USE enum store_status blocking_store_put(struct blocking_store *blocking, struct bytes key,
                                              struct bytes value, bool durable);
MUST_USE enum store_status blocking_store_remove(struct blocking_store *blocking, struct bytes key,
                                                 bool durable);
/* All of it, or nothing. An entry may expire: `.expires` is the time of day, in milliseconds since 1970, from which on its
 * key is gone; see store_set_wall() for what is promised when clocks are set. A batch with a tally has none. */
MUST_USE enum store_status blocking_store_write(struct blocking_store *blocking,
                                                const struct store_batch *batch, bool durable);
/* Every key that begins with `prefix`, which is not empty, however many: at the cost of one small write. */
MUST_USE enum store_status blocking_store_remove_prefix(struct blocking_store *blocking,
                                                        struct bytes prefix, bool durable);
/* The two halves of a write, for one who commits the batches of many at once: enter each, then finish the last one's
 * number. Between the two a batch can be read, and survives nothing. */
MUST_USE enum store_status blocking_store_enter(struct blocking_store *blocking,
                                                const struct store_batch *batch,
                                                uint64_t *sequence);
MUST_USE enum store_status blocking_store_finish(struct blocking_store *blocking, uint64_t sequence,
                                                 bool durable);
/* Everything that was written becomes durable. STORE_FULL as for a write. */
MUST_USE enum store_status blocking_store_sync(struct blocking_store *blocking);
/* Sequence numbers count the entries that were ever written. All up to these survive a kill, and a loss of power; 0 when
 * the store has run out of memory. */
uint64_t blocking_store_written(const struct blocking_store *blocking);
uint64_t blocking_store_durable(const struct blocking_store *blocking);

/* --- reads */

/* STORE_OK, STORE_ABSENT, or STORE_CORRUPT: the disk has lost what could answer (see damages); `value` is then what older
 * tables have, which may be superseded, or empty. `value` is borrowed until the next call on this store. */
MUST_USE enum store_status blocking_store_get(struct blocking_store *blocking, struct bytes key,
                                              struct bytes *value);
/* The first entry behind a key, without a cursor to keep: see store_scan(). STORE_OK, STORE_ABSENT, STORE_CORRUPT. */
MUST_USE enum store_status blocking_store_scan(struct blocking_store *blocking, struct bytes prefix,
                                               struct bytes from, bool after,
                                               struct store_entry *entry);

/* The store as it is now, for as long as it is held. Null when it cannot be had: see blocking_store_problem(). */
struct blocking_snapshot;
struct blocking_snapshot *blocking_snapshot_acquire(struct blocking_store *blocking);
/* As blocking_store_get(). */
MUST_USE enum store_status blocking_snapshot_get(struct blocking_snapshot *snapshot,
                                                 struct bytes key, struct bytes *value);
/* After the cursors on it were closed. */
void blocking_snapshot_release(struct blocking_snapshot *snapshot);

/* Walks the live entries of a range, either way; see struct store_range. It sees the store as it is now, with `snapshot`,
 * or as it is at each step, which costs less to open. Null as for a snapshot. */
struct blocking_cursor;
struct blocking_cursor *blocking_cursor_open(struct blocking_store *blocking,
                                             const struct store_range *range, bool snapshot);
struct blocking_cursor *blocking_snapshot_cursor(struct blocking_snapshot *snapshot,
                                                 const struct store_range *range);
/* Goes on with the first entry whose key is >= `key`, in reverse with the last whose key is <= `key`, within the range. */
void blocking_cursor_seek(struct blocking_cursor *cursor, struct bytes key);
/* STORE_OK; STORE_ABSENT at the end; STORE_CORRUPT where keys on the way may be lost, and from then on until a seek, which may
 * go behind the damage (see blocking_store_next_damage()); a store that salvages passes over them. The entry is borrowed until
 * the next call on this store. */
MUST_USE enum store_status blocking_cursor_next(struct blocking_cursor *cursor,
                                                struct store_entry *entry);
void blocking_cursor_close(struct blocking_cursor *cursor);

/* --- entries that expire
 *
 *     batch.entries[0].expires.milliseconds = now + 3600 * 1000;
 *
 * The time of day is this machine's CLOCK_REALTIME, to a few milliseconds, at the beginning of each call. Their space comes
 * back while the store is used. A caller that goes idle and wants it back calls blocking_store_work() when
 * store_deadline(blocking_store_engine(store)) has come, on CLOCK_MONOTONIC. */

/* From now on the time of day is what is told here, for whoever has a clock of his own. */
void blocking_store_set_wall(struct blocking_store *blocking, struct wall_time wall);

/* --- upkeep */

/* Does a bounded piece of background work; false when none is left. */
bool blocking_store_work(struct blocking_store *blocking);
/* What lies in memory goes into tables, and its memory is given back. STORE_FULL when there is no space for them. */
MUST_USE enum store_status blocking_store_flush(struct blocking_store *blocking);
/* Until flush and compaction have nothing left to do, now or when nobody writes for a while: takes seconds. Entries that are
 * to expire are not waited for. */
MUST_USE enum store_status blocking_store_settle(struct blocking_store *blocking);

/* A checkpoint: the store as it is now, complete and durable when this returns STORE_OK, in DIRECTORY/checkpoint-000001 and
 * so on, made of second names for the same tables. STORE_FULL, STORE_BUSY: it could not be made, nothing is left of it, and
 * blocking_store_note() or blocking_store_problem() says why. It is listed in every later life until it is removed. */
MUST_USE enum store_status blocking_store_checkpoint(struct blocking_store *blocking,
                                                     uint32_t *number);
/* STORE_OK, or STORE_ABSENT when there is none of that number. */
MUST_USE enum store_status blocking_store_checkpoint_remove(struct blocking_store *blocking,
                                                            uint32_t number);
/* The complete ones, by ascending number. */
uint32_t blocking_store_checkpoint_count(const struct blocking_store *blocking);
struct store_checkpoint blocking_store_checkpoint_at(const struct blocking_store *blocking,
                                                     uint32_t index);
/* Makes a new store of a checkpoint, in a directory that is empty or not there, by second names for its tables where one
 * file system holds both, else by copies. The checkpoint stays what it is, and its store may be open. False with a sentence
 * in *problem. */
MUST_USE bool blocking_store_restore(const char *checkpoint, const char *directory,
                                     struct buffer *problem);

/* What the disk has lost: the first damage whose id is greater than `after`; false when there is none. Borrowed until the
 * next call on this store. See struct store_damage. */
bool blocking_store_next_damage(const struct blocking_store *blocking, uint64_t after,
                                struct store_damage *damage);
/* What the damage concerned was written anew, or is given up: what is absent in its range is absent from now on. */
void blocking_store_heal(struct blocking_store *blocking, uint64_t id);

/* --- how it is */

void blocking_store_figures(const struct blocking_store *blocking, struct store_figures *store,
                            struct blocking_figures *host);
/* From now on the parts of each call are timed, see server/step_watch.h; null: no longer. */
struct step_watch;
void blocking_store_watch(struct blocking_store *blocking, struct step_watch *watch);
/* What is wrong, in one sentence; empty while the store is sound. */
struct bytes blocking_store_problem(const struct blocking_store *blocking);
/* The last sentence that the store had for people, such as a table that cannot be read; empty when there was none. */
struct bytes blocking_store_note(const struct blocking_store *blocking);
/* The store itself, for its calls that are const; null when memory ran out. */
struct store *blocking_store_engine(struct blocking_store *blocking);

#endif
