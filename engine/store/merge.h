/* merge: one sequence in key order out of several sources, the youngest entry of each key winning.
 *
 *     memtable  ---------a'------c--\
 *     frozen    --a--b---------------+--> a' b c d      (a' hides a)
 *     level 1   --a------d----------/
 *
 * Sources are added youngest first. The removed ranges of a source hide what older ones hold in
 * them; these are led past it with one seek. The sequence ascends, or descends when `descends` was
 * set before the first seek. A source that needs a block stops the merge with MERGE_NEEDS_BLOCK;
 * feed merge->waiting->run and call merge_resume(). After a seek several may need one: all of them
 * can be fed before.
 *
 *     merge_add_memtable(&merge, memtable); merge_add_run(&merge, tables, count);
 *     result = merge_seek(&merge, from);
 *     while (result == MERGE_ENTRY) { use(merge.key, merge.value, merge.removed); result = merge_next(&merge); }
 *
 * The sources stand in a heap by their keys. As a rule one source has many entries before the next
 * one's first: the best of the others, the challenger, is remembered, and as long as the winner's
 * next entry comes before it, a step costs one comparison, however many sources there are.
 *
 * The floor is what the sequence has come to: a seek, or a new look into the memtables, goes to the
 * first entry whose key is >= the floor, or, descending, to the last one whose key is < the floor.
 */
#ifndef DUNLIN_STORE_MERGE_H
#define DUNLIN_STORE_MERGE_H

#include "engine/store/memtable.h"
#include "engine/store/run_cursor.h"

enum merge_result { MERGE_END, MERGE_ENTRY, MERGE_NEEDS_BLOCK, MERGE_CORRUPT };

struct merge_source {
    const struct memtable *memtable; /* null for a run of tables */
    const struct memtable_entry *entry;
    struct run_cursor run;
    struct bytes key; /* of the entry it stands on */
    bool placed;      /* in the heap, or at its end */
};

struct merge {
    struct merge_source *sources;
    uint32_t count, capacity;
    uint32_t *heap; /* indices of sources that have an entry, the winner first */
    uint32_t heap_count;
    uint32_t unplaced_count;
    bool has_ranges; /* some source carries removed ranges */
    bool descends;
    bool tied;                    /* the challenger stands on the winner's key */
    uint32_t challenger_at;       /* its place in the heap; 0 when the winner is alone */
    struct merge_source *current; /* whose entry it is; null before the first and at the end */
    struct merge_source *waiting; /* after MERGE_NEEDS_BLOCK or MERGE_CORRUPT */
    struct buffer floor;
    struct bytes key, value;  /* borrowed from the source */
    struct wall_time expires; /* 0: never */
    bool removed;
};

void merge_deinit(struct merge *merge);
/* Forgets the sources, keeps the memory. */
void merge_clear(struct merge *merge);
void merge_add_memtable(struct merge *merge, const struct memtable *memtable);
void merge_add_run(struct merge *merge, struct table_file *const *tables, uint32_t count);

/* Ascending: the first entry whose key is >= `floor`. Descending: the last whose key is < `floor`. */
MUST_USE enum merge_result merge_seek(struct merge *merge, struct bytes floor);
/* Descending: the last entry of all. */
MUST_USE enum merge_result merge_seek_end(struct merge *merge);
MUST_USE enum merge_result merge_next(struct merge *merge);
/* Goes on after blocks were fed. */
MUST_USE enum merge_result merge_resume(struct merge *merge);
/* Leaves the present entry behind without looking for the next: merge_resume() finds it. */
void merge_step(struct merge *merge);
/* The memtables were written to: looks for their entries anew, from the floor on. There is no
 * present entry. */
void merge_refresh_memtables(struct merge *merge);

static inline bool merge_source_needs_block(const struct merge_source *source) {
    return source->memtable == NULL && source->run.state == RUN_NEEDS_BLOCK;
}

#endif
