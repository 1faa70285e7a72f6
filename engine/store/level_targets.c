#include "engine/store/level_targets.h"

struct level_targets level_targets_of(const struct version *version, uint64_t run_bytes) {
    struct level_targets targets = {.base = LEVEL_LAST};
    uint64_t target = version->levels[LEVEL_LAST].bytes;
    targets.bytes[LEVEL_LAST] = UINT64_MAX;
    while (targets.base > 1 && target / LEVEL_BASE_RUNS_MAX > run_bytes) {
        target /= LEVEL_FACTOR;
        targets.bytes[--targets.base] = target;
    }
    return targets;
}
