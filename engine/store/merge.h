/* merge: one ascending sequence out of several sources, the youngest entry of each key winning.
 *
 *     memtable  ---------a'------c--\
 *     frozen    --a--b---------------+--> a' b c d      (a' hides a)
 *     level 1   --a------d----------/
 *
 * Sources are added youngest first. The removed ranges of a source hide what older ones hold in them; these are led past it
 * with one seek. A source that needs a block stops the merge with
 * MERGE_NEEDS_BLOCK; feed merge->waiting->run and call merge_resume().
 *
 *     merge_add_memtable(&merge, memtable); merge_add_run(&merge, tables, count);
 *     result = merge_seek(&merge, from, false);
 *     while (result == MERGE_ENTRY) { use(merge.key, merge.value, merge.removed); result = merge_next(&merge); }
 */
#ifndef DUNLIN_STORE_MERGE_H
#define DUNLIN_STORE_MERGE_H

#include "engine/store/memtable.h"
#include "engine/store/run_cursor.h"

enum merge_result { MERGE_END, MERGE_ENTRY, MERGE_NEEDS_BLOCK, MERGE_CORRUPT };

struct merge_source {
    const struct memtable *memtable; /* null for a run of tables */
    const struct memtable_entry *node;
    struct run_cursor run;
    bool hidden;    /* its entry is of the same key as a younger source's */
    bool unchecked; /* after a seek: its entry may still be the floor itself */
};

struct merge {
    struct merge_source *sources;
    uint32_t count, capacity;
    struct merge_source *current; /* whose entry it is; null before the first and at the end */
    struct merge_source *waiting; /* after MERGE_NEEDS_BLOCK or MERGE_CORRUPT */
    bool has_ranges;              /* some source carries removed ranges */
    struct buffer floor;          /* what comes next is >= this, or > this when floor_after */
    bool floor_after;
    struct bytes key, value; /* borrowed from the source */
    bool removed;
};

void merge_deinit(struct merge *merge);
/* Forgets the sources, keeps the memory. */
void merge_clear(struct merge *merge);
void merge_add_memtable(struct merge *merge, const struct memtable *memtable);
void merge_add_run(struct merge *merge, struct table_file *const *tables, uint32_t count);

MUST_USE enum merge_result merge_seek(struct merge *merge, struct bytes from, bool after);
MUST_USE enum merge_result merge_next(struct merge *merge);
/* Goes on after a block was fed. */
MUST_USE enum merge_result merge_resume(struct merge *merge);
/* Leaves the present entry behind without looking for the next: merge_resume() finds it. */
void merge_step(struct merge *merge);
/* The memtables were written to: looks for their entries anew, behind the floor. */
void merge_refresh_memtables(struct merge *merge);

#endif
