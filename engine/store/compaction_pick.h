/* compaction_pick: which tables are to be compacted next, and into which level.
 *
 *     if (compaction_pick(store, &pick)) ...
 *
 * In this order:
 *     outlived    tables in which nothing lives any more, above nothing older, are dropped
 *     size        the level that is fullest against its target gives tables down (level_targets.h);
 *                 of a level above 0 the one table that overlaps least below: it costs least to move.
 *                 In a large level so many are compared that a step can take it, others the next time
 *     tombstones  a table with many removed entries, or with removed ranges, goes down, and with it the space
 *                 that they hide
 *     expiry      a table of which much has expired goes down, too; in the last level it is written anew (compaction_expiry.h)
 *     rest        while nobody writes, removed ranges leave level 0, and what lies above the last level and is more than a small part of
 *                 it goes down too, until the store is nearly as small as its contents
 */
#ifndef DUNLIN_STORE_COMPACTION_PICK_H
#define DUNLIN_STORE_COMPACTION_PICK_H

#include "engine/store/store_state.h"

enum {
    /* Flushes at level 0 that make it full: each that is merged alone costs as much as all of them together, for what lies
     * below is written again either way. */
    COMPACTION_RUNS = 16,
    COMPACTION_RUNS_MIN = 4, /* so many are enough when they are as large as the last level */
    COMPACTION_COMPARED_MAX =
        256, /* tables of a level, among which the cheapest one is looked for */
    COMPACTION_REMOVED_ONE_IN = 4, /* a table with so many removed entries among all is due */
    COMPACTION_REST_PERCENT = 20,  /* of the last level's bytes may lie above it at rest */
};

struct compaction_pick {
    uint32_t level, to;
    uint32_t upper_at, upper_count; /* indexes into level */
    uint32_t lower_at, lower_count; /* indexes into `to` */
    bool moves;                     /* the tables change their level as they are, */
    bool drops;                     /* or, with `moves`, go for good */
};

/* False when nothing is due. */
bool compaction_pick(const struct store *store, struct compaction_pick *pick);

#endif
