#include "engine/store/merge.h"
#include "engine/base/memory.h"

enum { SOURCES_CAPACITY_MIN = 8 };

void merge_clear(struct merge *merge) {
    for (uint32_t i = 0; i < merge->count; i++)
        run_cursor_deinit(&merge->sources[i].run);
    merge->has_ranges = false;
    merge->count = 0;
    merge->current = NULL;
    merge->waiting = NULL;
}

void merge_deinit(struct merge *merge) {
    merge_clear(merge);
    memory_release(merge->sources);
    buffer_deinit(&merge->floor);
    *merge = (struct merge){0};
}

static struct merge_source *add_source(struct merge *merge) {
    if (merge->count == merge->capacity) {
        merge->capacity = merge->capacity == 0 ? SOURCES_CAPACITY_MIN : merge->capacity * 2;
        merge->sources = memory_resize(merge->sources, merge->capacity * sizeof *merge->sources);
    }
    struct merge_source *source = &merge->sources[merge->count++];
    *source = (struct merge_source){0};
    return source;
}

void merge_add_memtable(struct merge *merge, const struct memtable *memtable) {
    add_source(merge)->memtable = memtable;
    merge->has_ranges = merge->has_ranges || memtable->removed.count > 0;
}

void merge_add_run(struct merge *merge, struct table_file *const *tables, uint32_t count) {
    run_cursor_init(&add_source(merge)->run, tables, count);
    for (uint32_t i = 0; i < count; i++)
        merge->has_ranges = merge->has_ranges || tables[i]->range_count > 0;
}

static bool source_has_entry(const struct merge_source *source) {
    return source->memtable != NULL ? source->node != NULL : source->run.state == RUN_READY;
}

static struct bytes source_key(const struct merge_source *source) {
    return source->memtable != NULL ? memtable_entry_key(source->node) : source->run.block.key;
}

static void source_advance(struct merge_source *source) {
    source->hidden = false;
    if (source->memtable != NULL)
        source->node = source->node->next;
    else
        run_cursor_next(&source->run);
}

static void source_seek(struct merge_source *source, struct bytes from) {
    source->hidden = false;
    source->unchecked = true;
    if (source->memtable != NULL)
        source->node = memtable_seek(source->memtable, from);
    else
        run_cursor_seek(&source->run, from);
}

enum merge_result merge_seek(struct merge *merge, struct bytes from, bool after) {
    buffer_clear(&merge->floor);
    buffer_append(&merge->floor, from);
    merge->floor_after = after;
    merge->current = NULL;
    for (uint32_t i = 0; i < merge->count; i++)
        source_seek(&merge->sources[i], buffer_bytes(&merge->floor));
    return merge_resume(merge);
}

static const struct removed_range *find_in_source(const struct merge_source *source,
                                                  struct bytes key) {
    if (source->memtable != NULL)
        return removed_ranges_find(&source->memtable->removed, key);
    return run_cursor_find_range(&source->run, key);
}

/* The range of a younger source that hides what this one stands on, or null. */
static const struct removed_range *range_over(const struct merge *merge,
                                              const struct merge_source *source) {
    struct bytes key = source_key(source);
    for (const struct merge_source *younger = merge->sources; younger < source; younger++) {
        const struct removed_range *range = find_in_source(younger, key);
        if (range != NULL)
            return range;
    }
    return NULL;
}

/* Leads the source behind what younger sources removed. Ends: each seek passes a range for good. */
static void skip_removed(struct merge *merge, struct merge_source *source) {
    const struct removed_range *range;
    while (merge->has_ranges && source_has_entry(source) &&
           (range = range_over(merge, source)) != NULL)
        source_seek(source, buffer_bytes(&range->to));
}

/* False when the source has to be fed, or is damaged, before the merge can go on. */
static bool source_is_settled(struct merge *merge, struct merge_source *source) {
    if (source->unchecked && source_has_entry(source)) {
        source->unchecked = false;
        if (merge->floor_after && bytes_equal(source_key(source), buffer_bytes(&merge->floor)))
            source_advance(source);
    }
    skip_removed(merge, source);
    return source->memtable != NULL || source->run.state == RUN_READY ||
           source->run.state == RUN_END;
}

static void take_entry(struct merge *merge, struct merge_source *source) {
    merge->current = source;
    merge->key = source_key(source);
    merge->value =
        source->memtable != NULL ? memtable_entry_value(source->node) : source->run.block.value;
    merge->removed = source->memtable != NULL ? source->node->removed : source->run.block.removed;
}

enum merge_result merge_resume(struct merge *merge) {
    struct merge_source *best = NULL;
    for (uint32_t i = 0; i < merge->count; i++) {
        struct merge_source *source = &merge->sources[i];
        if (!source_is_settled(merge, source)) {
            merge->waiting = source;
            return source->run.state == RUN_CORRUPT ? MERGE_CORRUPT : MERGE_NEEDS_BLOCK;
        }
        source->hidden = false;
        if (!source_has_entry(source))
            continue;
        int order = best == NULL ? -1 : bytes_compare(source_key(source), source_key(best));
        source->hidden = order == 0;
        if (order < 0) {
            /* Whoever was hidden by the former best is not hidden by this one. */
            for (uint32_t j = 0; j < i; j++)
                merge->sources[j].hidden = false;
            best = source;
        }
    }
    if (best == NULL)
        return MERGE_END;
    take_entry(merge, best);
    return MERGE_ENTRY;
}

void merge_step(struct merge *merge) {
    CHECK(merge->current != NULL);
    buffer_clear(&merge->floor);
    buffer_append(&merge->floor, merge->key);
    merge->floor_after = true;
    for (uint32_t i = 0; i < merge->count; i++) {
        struct merge_source *source = &merge->sources[i];
        if (source == merge->current || source->hidden)
            source_advance(source);
    }
    merge->current = NULL;
}

enum merge_result merge_next(struct merge *merge) {
    merge_step(merge);
    return merge_resume(merge);
}

void merge_refresh_memtables(struct merge *merge) {
    CHECK(merge->current == NULL);
    for (uint32_t i = 0; i < merge->count; i++) {
        if (merge->sources[i].memtable != NULL)
            source_seek(&merge->sources[i], buffer_bytes(&merge->floor));
    }
}
