/* level_targets: how many bytes each level may hold before it has to give some down.
 *
 *     level 0      runs: counted, not weighed                       \
 *     1 .. base-1  nothing: passed over                              |  together about a ninth
 *     base         last / 10^k, where level 0 goes                   |  of the last level
 *     ...          ten times the level above                        /
 *     last         all the rest
 *
 * Sizes are derived from the last level upwards, so that whatever the store has grown to, the last level
 * holds nine tenths of it: an entry that was written over takes space twice only while its younger
 * version lies in the other tenth. The base is the deepest level whose target does not exceed
 * LEVEL_BASE_RUNS_MAX flushes: a smaller store has fewer levels, and rewrites its entries less often.
 *
 *     struct level_targets targets = level_targets_of(version, config->memtable_bytes);
 *     if (version->levels[number].bytes > targets.bytes[number]) ...
 *
 * Source: S. Dong et al., "Optimizing Space Amplification in RocksDB", CIDR 2017, section 3.1.
 */
#ifndef DUNLIN_STORE_LEVEL_TARGETS_H
#define DUNLIN_STORE_LEVEL_TARGETS_H

#include "engine/store/version.h"

enum { LEVEL_LAST = VERSION_LEVELS - 1, LEVEL_FACTOR = 10, LEVEL_BASE_RUNS_MAX = 16 };

struct level_targets {
    uint32_t base;                  /* what leaves level 0 goes here, or to a fuller level above */
    uint64_t bytes[VERSION_LEVELS]; /* 0 above the base, UINT64_MAX for the last; not of level 0 */
};

/* `run_bytes`: of one flush, as far as it is known beforehand: a memtable. */
struct level_targets level_targets_of(const struct version *version, uint64_t run_bytes);

#endif
