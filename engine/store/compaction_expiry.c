#include "engine/store/compaction_expiry.h"

/* Runs of level 0 that are older than the table's. */
static bool older_run_overlaps(const struct version *version, const struct table_file *file) {
    const struct version_level *level = &version->levels[0];
    for (uint32_t i = 0; i < level->count; i++) {
        if (level->tables[i]->run < file->run &&
            table_file_overlaps(level->tables[i], table_file_smallest(file),
                                table_file_largest(file)))
            return true;
    }
    return false;
}

bool compaction_is_outlived(const struct store *store, uint32_t level, uint32_t at) {
    const struct version *version = store->version;
    const struct table_file *file = version->levels[level].tables[at];
    if (file->expiring_count == 0 ||
        file->expiring_count + file->removed_count != file->entry_count ||
        expiries_passed(table_expiries(file->table), store->wall) != file->expiring_count)
        return false;
    /* What is damaged may still hold something for which a table of level 0 answers. */
    if (level == 0 && (store->quarantine.damages.count > 0 || older_run_overlaps(version, file)))
        return false;
    return !version_range_is_deeper(version, level, table_file_smallest(file),
                                    table_file_largest(file));
}

/* So many entries have to expire before a table is due; 0: it never is. */
static uint64_t wanted_of(const struct store *store, uint32_t level,
                          const struct table_file *file) {
    /* While somebody writes, level 0 is about to go down anyhow. */
    if (file->expiring_count == 0 || (level == 0 && !store->rests))
        return 0;
    uint64_t one_in = store->rests ? COMPACTION_REST_EXPIRED_ONE_IN : COMPACTION_EXPIRED_ONE_IN;
    uint64_t wanted = (file->entry_count + one_in - 1) / one_in;
    return wanted > file->removed_count ? wanted - file->removed_count : 1;
}

bool compaction_has_expired(const struct store *store, uint32_t level,
                            const struct table_file *file) {
    uint64_t wanted = wanted_of(store, level, file);
    return wanted > 0 && expiries_passed(table_expiries(file->table), store->wall) >= wanted;
}

static struct wall_time earlier(struct wall_time left, struct wall_time right) {
    return left.milliseconds < right.milliseconds ? left : right;
}

struct wall_time compaction_expiry_due(const struct store *store) {
    struct wall_time due = WALL_TIME_NEVER;
    if (!store->has_expiring)
        return due;
    for (uint32_t number = 0; number < VERSION_LEVELS; number++) {
        const struct version_level *level = &store->version->levels[number];
        for (uint32_t at = 0; at < level->count; at++) {
            const struct table_file *file = level->tables[at];
            uint64_t wanted = wanted_of(store, number, file);
            struct wall_time then =
                wanted == 0 ? due : expiries_due(table_expiries(file->table), wanted);
            /* One that is due already waits for something else. */
            if (!has_expired(then, store->wall))
                due = earlier(due, then);
        }
    }
    return due;
}
