/* compaction_pick: which tables are to be compacted next.
 *
 *     if (compaction_pick(store, &pick)) ...
 *
 * The level that is fullest against its target gives tables to the next one.
 */
#ifndef DUNLIN_STORE_COMPACTION_PICK_H
#define DUNLIN_STORE_COMPACTION_PICK_H

#include "engine/store/store_state.h"

struct compaction_pick {
    uint32_t level;
    uint32_t upper_at, upper_count; /* indexes into that level */
    uint32_t lower_at, lower_count; /* indexes into the next */
};

/* False when no level is over its target, or none that is can be read. *blocked: level 0 is over
 * its target and cannot be read. */
bool compaction_pick(const struct store *store, struct compaction_pick *pick, bool *blocked);

#endif
