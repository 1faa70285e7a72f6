/* pacing: how much background work a step does, so that writers are slowed before they are stopped.
 *
 *     waiting work           slice of flush and compaction per step     a write is
 *     none, or a little      64 KiB                                     taken
 *     more and more          128, 256, 512 KiB                          taken; its step takes longer
 *     the bounds             512 KiB                                    answered BUSY
 *
 * There is no thread to do the work elsewhere: it is done in the steps of those who cause it. Even the
 * largest slice is a fraction of a millisecond, so no request waits for more than that.
 *
 * Compaction alone may be held to a rate, so that it leaves the disk to others; when it falls behind, the
 * rate no longer counts.
 *
 *     if (pacing_must_wait(store, full)) return STORE_BUSY;
 *     uint64_t bytes = pacing_slice_bytes(store);
 */
#ifndef DUNLIN_STORE_PACING_H
#define DUNLIN_STORE_PACING_H

#include "engine/store/store_state.h"

enum {
    PACING_SLICE_BYTES = 64 * 1024,
    PACING_PRESSURE_MAX = 3, /* doublings of the slice */
    PACING_FROZEN_MAX = 4,   /* memtables that wait for their flush; one more write is BUSY */
    PACING_FROZEN_SNAPSHOTS_MAX = 64,  /* with so many, a snapshot may not freeze another */
    PACING_RUNS_MAX = 24,              /* with so many flushes at level 0, the next one waits */
    PACING_LOG_BACKLOG_MAX = 16 << 20, /* bytes that wait for a log write */
    PACING_REST_READS = 16 * 1024,     /* with so many between two writes, the store rests */
    PACING_SEEK_READS = 16, /* so many reads a seek is worth: it needs a block of every run */
};

/* `full`: the memtable must be frozen before it takes another write. */
bool pacing_must_wait(const struct store *store, bool full);
/* Level 0 must not grow faster than compaction takes it away. */
bool pacing_may_flush(const struct store *store);
uint64_t pacing_slice_bytes(const struct store *store);

/* False while compaction is ahead of its rate, and so little waits that no writer pays for that. */
bool pacing_may_merge(const struct store *store, struct instant now);
void pacing_note_merged(struct store *store, uint64_t bytes, struct instant now);
/* Of flush or compaction: what was worked off in this step. */
void pacing_note_slice(struct store *store, uint64_t bytes);

/* Notes a write: the store does not rest. */
void pacing_note_write(struct store *store, struct instant now);
/* Notes reads: many in a row are a rest, too, for each of them goes through all that writers have left. */
static inline void pacing_note_reads(struct store *store, uint32_t count) {
    store->reads_in_row += count;
}
/* When the store comes to rest, as far as is known; INSTANT_NEVER when it rests already. */
struct instant pacing_rest_due(const struct store *store);
/* Notes that nobody has written for a while, once that is so. */
void pacing_note_time(struct store *store, struct instant now);

#endif
