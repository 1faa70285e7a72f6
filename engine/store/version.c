#include "engine/store/version.h"
#include "engine/base/memory.h"

struct version *version_create(void) {
    struct version *version = memory_allocate_zeroed(1, sizeof *version);
    version->references = 1;
    return version;
}

void version_release(struct version *version, struct table_list *dead) {
    CHECK(version->references > 0);
    if (--version->references > 0)
        return;
    for (uint32_t level = 0; level < VERSION_LEVELS; level++) {
        for (uint32_t i = 0; i < version->levels[level].count; i++) {
            struct table_file *file = version->levels[level].tables[i];
            if (table_file_release(file))
                table_list_add(dead, file);
        }
        memory_release(version->levels[level].tables);
    }
    for (uint32_t i = 0; i < version->all_runs; i++)
        table_run_deinit(&version->runs[i]);
    memory_release(version->runs);
    memory_release(version);
}

static bool goes_before(uint32_t level, const struct table_file *left,
                        const struct table_file *right) {
    if (level == 0 && left->run != right->run)
        return left->run > right->run;
    return bytes_compare(table_file_smallest(left), table_file_smallest(right)) < 0;
}

static bool is_listed(const struct table_list *list, const struct table_file *file) {
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i] == file)
            return true;
    }
    return false;
}

/* Insertion from the end: edits add few tables, mostly in order. */
static void insert(struct version *version, uint32_t number, struct table_file *file) {
    struct version_level *level = &version->levels[number];
    uint32_t at = level->count++;
    while (at > 0 && goes_before(number, file, level->tables[at - 1])) {
        level->tables[at] = level->tables[at - 1];
        at--;
    }
    level->tables[at] = file;
    level->bytes += file->size;
    table_file_acquire(file);
}

static void fill_level(struct version *next, uint32_t number, const struct version_level *old,
                       const struct version_edit *edit) {
    bool gains = number == edit->added_level;
    uint32_t most = old->count + (gains ? edit->added.count : 0);
    if (most == 0)
        return;
    struct version_level *level = &next->levels[number];
    level->tables = memory_allocate(most * sizeof(struct table_file *));
    for (uint32_t i = 0; i < old->count; i++) {
        if (!is_listed(&edit->removed, old->tables[i]))
            insert(next, number, old->tables[i]);
    }
    for (uint32_t i = 0; gains && i < edit->added.count; i++)
        insert(next, number, edit->added.items[i]);
}

static void add_run(struct version *version, uint32_t level, uint32_t at, uint32_t count) {
    table_run_init(&version->runs[version->all_runs++], level, version->levels[level].tables + at,
                   count);
}

static void find_runs(struct version *version) {
    const struct version_level *young = &version->levels[0];
    for (uint32_t at = 0; at < young->count; at += version_run_length(version, at))
        version->run_count++;
    version->runs = memory_allocate((version->run_count + VERSION_LEVELS) * sizeof *version->runs);
    for (uint32_t at = 0; at < young->count; at += version_run_length(version, at))
        add_run(version, 0, at, version_run_length(version, at));
    for (uint32_t level = 1; level < VERSION_LEVELS; level++) {
        if (version->levels[level].count > 0)
            add_run(version, level, 0, version->levels[level].count);
    }
}

struct version *version_apply(const struct version *version, const struct version_edit *edit) {
    CHECK(edit->added_level < VERSION_LEVELS);
    struct version *next = version_create();
    for (uint32_t level = 0; level < VERSION_LEVELS; level++)
        fill_level(next, level, &version->levels[level], edit);
    find_runs(next);
    return next;
}

uint32_t version_find(const struct version_level *level, struct bytes key) {
    uint32_t low = 0;
    uint32_t high = level->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (!table_file_reaches(level->tables[middle], key))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct table_file *version_table(const struct version *version, uint64_t number) {
    for (uint32_t level = 0; level < VERSION_LEVELS; level++) {
        for (uint32_t i = 0; i < version->levels[level].count; i++) {
            if (version->levels[level].tables[i]->number == number)
                return version->levels[level].tables[i];
        }
    }
    return NULL;
}

uint32_t version_run_length(const struct version *version, uint32_t from) {
    const struct version_level *level = &version->levels[0];
    uint32_t to = from;
    while (to < level->count && level->tables[to]->run == level->tables[from]->run)
        to++;
    return to - from;
}

bool version_range_is_deeper(const struct version *version, uint32_t level, struct bytes from,
                             struct bytes to) {
    for (uint32_t below = level + 1; below < VERSION_LEVELS; below++) {
        const struct version_level *tables = &version->levels[below];
        uint32_t at = version_find(tables, from);
        if (at < tables->count && table_file_overlaps(tables->tables[at], from, to))
            return true;
    }
    return false;
}

bool version_is_deeper(const struct version *version, uint32_t level, struct bytes key) {
    return version_range_is_deeper(version, level, key, key);
}
