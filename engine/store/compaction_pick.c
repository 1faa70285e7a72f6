#include "engine/store/compaction_pick.h"

enum { SCORE_FULL = 1000 };

static uint64_t larger(uint64_t left, uint64_t right) {
    return left > right ? left : right;
}

uint64_t compaction_level_target(const struct store *store, uint32_t level) {
    if (level + 1 >= VERSION_LEVELS)
        return UINT64_MAX;
    uint64_t target = COMPACTION_LEVEL_TABLES_MIN *
                      larger(store->config.table_bytes, store->config.memtable_bytes);
    for (uint32_t i = 1; i < level; i++)
        target *= COMPACTION_LEVEL_FACTOR;
    return target;
}

/* How full a level is, in thousandths of its target. */
static uint64_t score_of(const struct store *store, uint32_t level) {
    if (level == 0)
        return store->version->run_count * (uint64_t)SCORE_FULL / COMPACTION_RUNS;
    uint64_t thousandth = compaction_level_target(store, level) / SCORE_FULL + 1;
    return store->version->levels[level].bytes / thousandth;
}

/* The table whose turn it is: the first behind the one that went last. */
static uint32_t table_in_turn(const struct store *store, uint32_t number) {
    const struct version_level *level = &store->version->levels[number];
    struct bytes from = buffer_bytes(&store->compaction.next_from[number]);
    for (uint32_t i = 0; i < level->count; i++) {
        if (bytes_compare(table_file_smallest(level->tables[i]), from) > 0)
            return i;
    }
    return 0;
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

static bool all_readable(const struct version_level *level, uint32_t at, uint32_t count) {
    for (uint32_t i = at; i < at + count; i++) {
        if (level->tables[i]->read_failures >= COMPACTION_READ_FAILURES_MAX)
            return false;
    }
    return true;
}

static bool pick_from(const struct store *store, uint32_t number, struct compaction_pick *pick) {
    const struct version_level *upper = &store->version->levels[number];
    const struct version_level *lower = &store->version->levels[number + 1];
    pick->level = number;
    pick->upper_at = number == 0 ? 0 : table_in_turn(store, number);
    pick->upper_count = number == 0 ? upper->count : 1;
    struct bytes from, to;
    find_range(upper, pick->upper_at, pick->upper_count, &from, &to);
    pick->lower_at = version_find(lower, from);
    uint32_t end = pick->lower_at;
    while (end < lower->count && table_file_overlaps(lower->tables[end], from, to))
        end++;
    pick->lower_count = end - pick->lower_at;
    return all_readable(upper, pick->upper_at, pick->upper_count) &&
           all_readable(lower, pick->lower_at, pick->lower_count);
}

bool compaction_pick(const struct store *store, struct compaction_pick *pick, bool *blocked) {
    bool tried[VERSION_LEVELS] = {false};
    *blocked = false;
    for (;;) {
        uint32_t best = VERSION_LEVELS;
        uint64_t best_score = SCORE_FULL - 1;
        for (uint32_t level = 0; level + 1 < VERSION_LEVELS; level++) {
            uint64_t score = score_of(store, level);
            if (!tried[level] && score > best_score) {
                best = level;
                best_score = score;
            }
        }
        if (best == VERSION_LEVELS)
            return false;
        if (pick_from(store, best, pick))
            return true;
        *blocked = *blocked || best == 0;
        tried[best] = true;
    }
}
