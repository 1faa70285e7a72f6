#include "engine/store/compaction_pick.h"

#include "engine/store/compaction_expiry.h"
#include "engine/store/level_targets.h"

enum { SCORE_FULL = 1000 };

/* By the number of its runs, for each must be asked; and by its size, for all of it may be younger versions of what lies in the
 * last level. */
static uint64_t score_of_level_0(const struct version *version) {
    uint64_t last = version->levels[LEVEL_LAST].bytes;
    bool is_large =
        version->run_count >= COMPACTION_RUNS_MIN && last > 0 && version->levels[0].bytes >= last;
    uint64_t score = version->run_count * (uint64_t)SCORE_FULL / COMPACTION_RUNS;
    return is_large && score < SCORE_FULL ? SCORE_FULL : score;
}

/* How full a level is, in thousandths of its target. */
static uint64_t score_of(const struct version *version, const struct level_targets *targets,
                         uint32_t level) {
    if (level == 0)
        return score_of_level_0(version);
    return version->levels[level].bytes / (targets->bytes[level] / SCORE_FULL + 1);
}

static void find_range(const struct version_level *level, uint32_t at, uint32_t count,
                       struct bytes *from, struct bytes *to) {
    *from = table_file_smallest(level->tables[at]);
    *to = table_file_largest(level->tables[at]);
    for (uint32_t i = at + 1; i < at + count; i++) {
        if (bytes_compare(table_file_smallest(level->tables[i]), *from) < 0)
            *from = table_file_smallest(level->tables[i]);
        if (bytes_compare(table_file_largest(level->tables[i]), *to) > 0)
            *to = table_file_largest(level->tables[i]);
    }
}

/* Fills in what the picked tables overlap in the level that they go to. */
static void find_lower(const struct version *version, struct compaction_pick *pick) {
    const struct version_level *lower = &version->levels[pick->to];
    struct bytes from, to;
    find_range(&version->levels[pick->level], pick->upper_at, pick->upper_count, &from, &to);
    pick->lower_at = version_find(lower, from);
    uint32_t end = pick->lower_at;
    while (end < lower->count && table_file_overlaps(lower->tables[end], from, to))
        end++;
    pick->lower_count = end - pick->lower_at;
}

/* Runs that meet may hide entries of one another; those that do not are one sorted sequence. */
static bool runs_are_apart(const struct version *version) {
    const struct version_level *level = &version->levels[0];
    for (uint32_t left = 0; left < level->count; left += version_run_length(version, left)) {
        uint32_t left_count = version_run_length(version, left);
        struct bytes from, to;
        find_range(level, left, left_count, &from, &to);
        for (uint32_t right = left + left_count; right < level->count; right++) {
            if (table_file_overlaps(level->tables[right], from, to))
                return false;
        }
    }
    return true;
}

/* In the last level a removed entry has nothing to hide: it is dropped there, not moved there. A table with removed ranges
 * is always written anew, so that they end where nothing is left for them to hide. */
static bool may_move(const struct version *version, const struct compaction_pick *pick) {
    const struct version_level *upper = &version->levels[pick->level];
    if (pick->lower_count > 0 || pick->to == pick->level ||
        (pick->level == 0 && !runs_are_apart(version)))
        return false;
    for (uint32_t i = pick->upper_at; i < pick->upper_at + pick->upper_count; i++) {
        const struct table_file *file = upper->tables[i];
        if (file->range_count > 0 || (pick->to == LEVEL_LAST && file->removed_count > 0))
            return false;
    }
    return true;
}

/* Level 0 goes as a whole, to the base or to the first level above it that is not empty yet. */
static void pick_level_0(const struct version *version, uint32_t base,
                         struct compaction_pick *pick) {
    uint32_t to = 1;
    while (to < base && version->levels[to].count == 0)
        to++;
    *pick = (struct compaction_pick){.level = 0, .to = to, .upper_count = version->levels[0].count};
    find_lower(version, pick);
}

static void pick_table(const struct version *version, uint32_t level, uint32_t at,
                       struct compaction_pick *pick) {
    *pick =
        (struct compaction_pick){.level = level, .to = level + 1, .upper_at = at, .upper_count = 1};
    find_lower(version, pick);
}

static uint64_t lower_bytes(const struct version *version, const struct compaction_pick *pick) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < pick->lower_count; i++)
        bytes += version->levels[pick->to].tables[pick->lower_at + i]->size;
    return bytes;
}

/* The table of a level, which is not empty, that overlaps least for its size: of all, or of those whose turn it is. */
static void pick_cheapest(const struct version *version, uint32_t level, uint64_t turn,
                          struct compaction_pick *pick) {
    uint32_t count = version->levels[level].count;
    uint32_t compared = count < COMPACTION_COMPARED_MAX ? count : COMPACTION_COMPARED_MAX;
    uint32_t first = (uint32_t)(turn * COMPACTION_COMPARED_MAX % count);
    uint64_t best = UINT64_MAX;
    for (uint32_t i = 0; i < compared; i++) {
        uint32_t at = (first + i) % count;
        struct compaction_pick other;
        pick_table(version, level, at, &other);
        uint64_t cost = lower_bytes(version, &other) * SCORE_FULL /
                        (version->levels[level].tables[at]->size + 1);
        if (cost < best) {
            best = cost;
            *pick = other;
        }
    }
}

static void pick_from(const struct store *store, uint32_t level, uint32_t base,
                      struct compaction_pick *pick) {
    if (level == 0)
        pick_level_0(store->version, base, pick);
    else
        pick_cheapest(store->version, level, store->figures.compactions, pick);
}

/* From the level that is fullest. */
static bool pick_by_size(const struct store *store, const struct level_targets *targets,
                         struct compaction_pick *pick) {
    const struct version *version = store->version;
    uint32_t best = VERSION_LEVELS;
    uint64_t best_score = SCORE_FULL - 1;
    for (uint32_t level = 0; level < LEVEL_LAST; level++) {
        uint64_t score = score_of(version, targets, level);
        if (score > best_score) {
            best = level;
            best_score = score;
        }
    }
    if (best == VERSION_LEVELS)
        return false;
    pick_from(store, best, targets->base, pick);
    return true;
}

static bool pick_by_tombstones(const struct version *version, struct compaction_pick *pick) {
    for (uint32_t level = 1; level < LEVEL_LAST; level++) {
        for (uint32_t at = 0; at < version->levels[level].count; at++) {
            const struct table_file *file = version->levels[level].tables[at];
            bool many = file->removed_count > 0 &&
                        file->removed_count * COMPACTION_REMOVED_ONE_IN >= file->entry_count;
            if (!many && file->range_count == 0)
                continue;
            pick_table(version, level, at, pick);
            return true;
        }
    }
    return false;
}

/* Neighbours that are outlived go together: they cost one edit of the manifest. */
static bool pick_outlived(const struct store *store, struct compaction_pick *pick) {
    for (uint32_t level = 0; level < VERSION_LEVELS; level++) {
        uint32_t count = store->version->levels[level].count;
        for (uint32_t at = 0; at < count; at++) {
            uint32_t end = at;
            while (end < count && compaction_is_outlived(store, level, end))
                end++;
            if (end == at)
                continue;
            *pick = (struct compaction_pick){.level = level,
                                             .to = level,
                                             .upper_at = at,
                                             .upper_count = end - at,
                                             .moves = true,
                                             .drops = true};
            return true;
        }
    }
    return false;
}

/* In the last level there is nothing to go down to: the table is written anew without what has expired. */
static bool pick_by_expiry(const struct store *store, uint32_t base, struct compaction_pick *pick) {
    const struct version *version = store->version;
    for (uint32_t level = 0; level < VERSION_LEVELS; level++) {
        for (uint32_t at = 0; at < version->levels[level].count; at++) {
            if (!compaction_has_expired(store, level, version->levels[level].tables[at]))
                continue;
            if (level == 0)
                pick_level_0(version, base, pick);
            else if (level < LEVEL_LAST)
                pick_table(version, level, at, pick);
            else
                *pick = (struct compaction_pick){
                    .level = level, .to = level, .upper_at = at, .upper_count = 1};
            return true;
        }
    }
    return false;
}

/* A removed range at level 0 hides what lies below, which takes space for as long as it stays there. */
static bool pick_ranges(const struct version *version, uint32_t base,
                        struct compaction_pick *pick) {
    for (uint32_t at = 0; at < version->levels[0].count; at++) {
        if (version->levels[0].tables[at]->range_count > 0) {
            pick_level_0(version, base, pick);
            return true;
        }
    }
    return false;
}

static bool pick_at_rest(const struct store *store, const struct level_targets *targets,
                         uint64_t bytes_min, struct compaction_pick *pick) {
    const struct version *version = store->version;
    uint64_t above = 0;
    for (uint32_t level = 0; level < LEVEL_LAST; level++)
        above += version->levels[level].bytes;
    uint64_t last = version->levels[LEVEL_LAST].bytes;
    if (above < bytes_min || above <= last / 100 * COMPACTION_REST_PERCENT)
        return false;
    for (uint32_t level = 0; level < LEVEL_LAST; level++) {
        if (version->levels[level].count > 0) {
            pick_from(store, level, targets->base, pick);
            return true;
        }
    }
    return false;
}

bool compaction_pick(const struct store *store, struct compaction_pick *pick) {
    const struct version *version = store->version;
    struct level_targets targets = level_targets_of(version, store->config.memtable_bytes);
    if (store->has_expiring && pick_outlived(store, pick))
        return true;
    bool due =
        pick_by_size(store, &targets, pick) || pick_by_tombstones(version, pick) ||
        (store->has_expiring && pick_by_expiry(store, targets.base, pick)) ||
        (store->rests && (pick_ranges(version, targets.base, pick) ||
                          pick_at_rest(store, &targets, store->config.memtable_bytes / 2, pick)));
    if (due)
        pick->moves = may_move(version, pick);
    return due;
}
