/* shared_store: one blocking_store for many threads, with group commit.
 *
 *     thread a --\                        [ a b c d ]   one of them leads: enters all batches, one log
 *     thread b ---> queue ---------------> leader       write and one sync for all, then wakes them;
 *     thread c --/    ^                                 who came meanwhile is the next group
 *     thread d -------'
 *
 * While the leader waits for its sync the others arrive, so the number of syncs follows the disk and
 * not the number of writers. Reads go on meanwhile; for the rest, one thread at a time is in the store.
 *
 *     struct shared_store *shared = shared_store_create(blocking);     // does not own it
 *     status = shared_store_put(shared, key, value, true);             // from any thread
 *     status = shared_store_get(shared, key, &value);                  // a copy, in the caller's buffer
 *
 *     struct blocking_store *store = shared_store_lock(shared);        // for all else: cursors, checkpoints, ...
 *     while (count-- > 0 && blocking_cursor_next(cursor, &entry) == STORE_OK) ...
 *     shared_store_unlock(shared);                                     // what was borrowed is void
 *
 *     shared_store_destroy(shared);
 *
 * A cursor or a snapshot belongs to whoever opened it, and is used and closed under the lock only.
 */
#ifndef DUNLIN_SERVER_SHARED_STORE_H
#define DUNLIN_SERVER_SHARED_STORE_H

#include "server/blocking_store.h"

struct shared_store;

/* As many batches at most go into one group. */
enum { SHARED_STORE_GROUP_MAX = 128 };

/* Null when there is no memory for it. */
struct shared_store *shared_store_create(struct blocking_store *blocking);
/* No thread is in a call any more. */
void shared_store_destroy(struct shared_store *shared);

/* As blocking_store_write() and its kin. */
MUST_USE enum store_status shared_store_write(struct shared_store *shared,
                                              const struct store_batch *batch, bool durable);
MUST_USE enum store_status shared_store_put(struct shared_store *shared, struct bytes key,
                                            struct bytes value, bool durable);
MUST_USE enum store_status shared_store_remove(struct shared_store *shared, struct bytes key,
                                               bool durable);
/* As blocking_store_get(); replaces what is in `value`. STORE_BUSY when there is no memory for the copy. */
MUST_USE enum store_status shared_store_get(struct shared_store *shared, struct bytes key,
                                            struct buffer *value);

/* The store is the calling thread's until it is unlocked: for all that blocking_store.h offers. Not twice by one thread. */
struct blocking_store *shared_store_lock(struct shared_store *shared);
void shared_store_unlock(struct shared_store *shared);

#endif
