#include "engine/store/merge.h"

#include "engine/base/memory.h"

enum { SOURCES_CAPACITY_MIN = 8, WORD_SIZE = sizeof(uint64_t) };
enum { CACHE_LINE_BYTES = 64, PREFETCH_BYTES = 256 };

static void forget_heap(struct merge *merge) {
    merge->heap_count = 0;
    merge->unplaced_count = merge->count;
    for (uint32_t i = 0; i < merge->count; i++)
        merge->sources[i].placed = false;
    merge->current = NULL;
    merge->challenger_at = 0;
    merge->tied = false;
}

void merge_clear(struct merge *merge) {
    for (uint32_t i = 0; i < merge->count; i++)
        run_cursor_deinit(&merge->sources[i].run);
    merge->count = 0;
    merge->waiting = NULL;
    merge->has_ranges = false;
    forget_heap(merge);
}

void merge_deinit(struct merge *merge) {
    merge_clear(merge);
    memory_release(merge->sources);
    memory_release(merge->heap);
    buffer_deinit(&merge->floor);
    *merge = (struct merge){0};
}

static struct merge_source *add_source(struct merge *merge) {
    CHECK(merge->heap_count == 0);
    if (merge->count == merge->capacity) {
        merge->capacity = merge->capacity == 0 ? SOURCES_CAPACITY_MIN : merge->capacity * 2;
        merge->sources = memory_resize(merge->sources, merge->capacity * sizeof *merge->sources);
        merge->heap = memory_resize(merge->heap, merge->capacity * sizeof *merge->heap);
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

/* Entries in key order lie all over a memtable: the next one comes while this one is worked on. */
static inline void stand_on(struct merge_source *source, const struct memtable_entry *entry,
                            const struct memtable_entry *next) {
    source->entry = entry;
    if (next != NULL) {
        for (size_t at = 0; at < PREFETCH_BYTES; at += CACHE_LINE_BYTES)
            __builtin_prefetch((const uint8_t *)next + at);
    }
}

static inline void source_advance(const struct merge *merge, struct merge_source *source) {
    const struct memtable_entry *entry = source->entry;
    if (source->memtable == NULL) {
        if (merge->descends)
            run_cursor_previous(&source->run);
        else
            run_cursor_next(&source->run);
    } else if (merge->descends) {
        entry = entry->previous;
        stand_on(source, entry, entry == NULL ? NULL : entry->previous);
    } else {
        entry = entry->next;
        stand_on(source, entry, entry == NULL ? NULL : entry->next);
    }
}

static void source_seek(const struct merge *merge, struct merge_source *source,
                        struct bytes floor) {
    if (source->memtable != NULL)
        source->entry = merge->descends ? memtable_seek_below(source->memtable, floor)
                                        : memtable_seek(source->memtable, floor);
    else if (merge->descends)
        run_cursor_seek_below(&source->run, floor);
    else
        run_cursor_seek(&source->run, floor);
}

static void source_seek_end(struct merge_source *source) {
    if (source->memtable != NULL)
        source->entry = source->memtable->last;
    else
        run_cursor_seek_end(&source->run);
}

/* True when it stands on an entry, whose key is then at hand. */
static inline bool source_stands(struct merge_source *source) {
    if (source->memtable != NULL) {
        if (source->entry == NULL)
            return false;
        source->key = memtable_entry_key(source->entry);
        return true;
    }
    source->key = source->run.block.key;
    return source->run.state == RUN_READY;
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
    for (const struct merge_source *younger = merge->sources; younger < source; younger++) {
        const struct removed_range *range = find_in_source(younger, source->key);
        if (range != NULL)
            return range;
    }
    return NULL;
}

/* Leads the source past what younger sources removed. False when it then stands on no entry. Ends:
 * each seek passes a range for good. */
static bool skip_removed(const struct merge *merge, struct merge_source *source) {
    const struct removed_range *range;
    while ((range = range_over(merge, source)) != NULL) {
        source_seek(merge, source, buffer_bytes(merge->descends ? &range->from : &range->to));
        if (!source_stands(source))
            return false;
    }
    return true;
}

/* True when it stands on an entry that no range hides. */
static inline bool source_has_entry(const struct merge *merge, struct merge_source *source) {
    return source_stands(source) && (!merge->has_ranges || skip_removed(merge, source));
}

/* bytes_compare(), a word at a time: keys often begin alike. */
static inline int compare_keys(struct bytes left, struct bytes right) {
    size_t shorter = left.size < right.size ? left.size : right.size;
    size_t at = 0;
    for (; at + WORD_SIZE <= shorter; at += WORD_SIZE) {
        uint64_t a = load_u64(left.data + at);
        uint64_t b = load_u64(right.data + at);
        if (a != b)
            return __builtin_bswap64(a) < __builtin_bswap64(b) ? -1 : 1;
    }
    for (; at < shorter; at++) {
        if (left.data[at] != right.data[at])
            return left.data[at] < right.data[at] ? -1 : 1;
    }
    return (left.size > right.size) - (left.size < right.size);
}

/* < 0 when the left source's entry comes first; 0 for the same key. */
static inline int compare_sources(const struct merge *merge, const struct merge_source *left,
                                  const struct merge_source *right) {
    int order = compare_keys(left->key, right->key);
    return merge->descends ? -order : order;
}

/* Of one key, the youngest source's entry goes first. */
static bool goes_first(const struct merge *merge, uint32_t left, uint32_t right) {
    int order = compare_sources(merge, &merge->sources[left], &merge->sources[right]);
    return order < 0 || (order == 0 && left < right);
}

static void sift_down(struct merge *merge, uint32_t at) {
    uint32_t *heap = merge->heap;
    uint32_t moving = heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= merge->heap_count)
            break;
        if (child + 1 < merge->heap_count && goes_first(merge, heap[child + 1], heap[child]))
            child++;
        if (!goes_first(merge, heap[child], moving))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

static void push(struct merge *merge, uint32_t index) {
    uint32_t *heap = merge->heap;
    uint32_t at = merge->heap_count++;
    while (at > 0 && goes_first(merge, index, heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = index;
}

/* False when a source has to be fed, or is damaged, before it can be placed. */
static bool place_sources(struct merge *merge) {
    merge->waiting = NULL;
    for (uint32_t i = 0; i < merge->count; i++) {
        struct merge_source *source = &merge->sources[i];
        if (source->placed)
            continue;
        if (source_has_entry(merge, source)) {
            push(merge, i);
        } else if (source->memtable == NULL && source->run.state != RUN_END) {
            if (merge->waiting == NULL)
                merge->waiting = source;
            continue;
        }
        source->placed = true;
        merge->unplaced_count--;
    }
    return merge->waiting == NULL;
}

/* Finds out who would win without the winner, and whether on the same key. */
static void find_challenger(struct merge *merge) {
    merge->challenger_at = 0;
    merge->tied = false;
    if (merge->heap_count < 2)
        return;
    bool second = merge->heap_count > 2 && goes_first(merge, merge->heap[2], merge->heap[1]);
    merge->challenger_at = second ? 2 : 1;
    merge->tied = compare_sources(merge, &merge->sources[merge->heap[0]],
                                  &merge->sources[merge->heap[merge->challenger_at]]) == 0;
}

static inline enum merge_result take_entry(struct merge *merge, struct merge_source *source) {
    merge->current = source;
    merge->key = source->key;
    if (source->memtable != NULL) {
        merge->value = memtable_entry_value(source->entry);
        merge->removed = source->entry->removed;
        merge->expires = memtable_entry_expires(source->entry);
    } else {
        merge->value = source->run.block.value;
        merge->removed = source->run.block.removed;
        merge->expires = source->run.block.expires;
    }
    return MERGE_ENTRY;
}

enum merge_result merge_resume(struct merge *merge) {
    if (merge->unplaced_count > 0 && !place_sources(merge))
        return merge->waiting->run.state == RUN_CORRUPT ? MERGE_CORRUPT : MERGE_NEEDS_BLOCK;
    if (merge->heap_count == 0)
        return MERGE_END;
    find_challenger(merge);
    return take_entry(merge, &merge->sources[merge->heap[0]]);
}

enum merge_result merge_seek(struct merge *merge, struct bytes floor) {
    buffer_clear(&merge->floor);
    buffer_append(&merge->floor, floor);
    forget_heap(merge);
    for (uint32_t i = 0; i < merge->count; i++)
        source_seek(merge, &merge->sources[i], buffer_bytes(&merge->floor));
    return merge_resume(merge);
}

enum merge_result merge_seek_end(struct merge *merge) {
    CHECK(merge->descends);
    forget_heap(merge);
    for (uint32_t i = 0; i < merge->count; i++)
        source_seek_end(&merge->sources[i]);
    return merge_resume(merge);
}

/* The least key behind `key` is the same with a zero byte appended; what lies before it is `key`. */
static void set_floor_behind(struct merge *merge, struct bytes key) {
    buffer_clear(&merge->floor);
    buffer_append(&merge->floor, key);
    if (!merge->descends)
        buffer_put_u8(&merge->floor, 0);
}

/* The source at this place of the heap stands on no entry: takes it out. */
static void take_out(struct merge *merge, uint32_t at) {
    struct merge_source *source = &merge->sources[merge->heap[at]];
    source->placed = source->memtable != NULL || source->run.state == RUN_END;
    merge->unplaced_count += !source->placed;
    merge->heap[at] = merge->heap[--merge->heap_count];
    if (at < merge->heap_count)
        sift_down(merge, at);
}

/* Older entries of the winner's key go with it. */
static void pass_tied(struct merge *merge) {
    while (merge->tied) {
        struct merge_source *source = &merge->sources[merge->heap[merge->challenger_at]];
        source_advance(merge, source);
        if (source_has_entry(merge, source))
            sift_down(merge, merge->challenger_at);
        else
            take_out(merge, merge->challenger_at);
        find_challenger(merge);
    }
}

void merge_step(struct merge *merge) {
    struct merge_source *winner = merge->current;
    CHECK(winner != NULL);
    set_floor_behind(merge, merge->key);
    pass_tied(merge);
    source_advance(merge, winner);
    if (source_has_entry(merge, winner))
        sift_down(merge, 0);
    else
        take_out(merge, 0);
    merge->current = NULL;
}

/* The winner comes behind the challenger now: they change places. */
static enum merge_result change_places(struct merge *merge) {
    uint32_t at = merge->challenger_at;
    uint32_t former = merge->heap[0];
    merge->heap[0] = merge->heap[at];
    merge->heap[at] = former;
    sift_down(merge, at);
    find_challenger(merge);
    return take_entry(merge, &merge->sources[merge->heap[0]]);
}

enum merge_result merge_next(struct merge *merge) {
    struct merge_source *winner = merge->current;
    CHECK(winner != NULL);
    /* At the end of its block a cursor still has the key it left; on its way back, or led past a
     * range, it does not. */
    bool keeps_key = !merge->descends && !merge->has_ranges;
    if (!keeps_key)
        set_floor_behind(merge, merge->key);
    pass_tied(merge);
    if (keeps_key && merge->unplaced_count > 0)
        set_floor_behind(merge, merge->key);
    source_advance(merge, winner);
    if (!source_has_entry(merge, winner)) {
        if (keeps_key && merge->unplaced_count == 0)
            set_floor_behind(merge, merge->key);
        merge->current = NULL;
        take_out(merge, 0);
        return merge_resume(merge);
    }
    if (merge->unplaced_count > 0) {
        merge->current = NULL;
        sift_down(merge, 0);
        return merge_resume(merge);
    }
    if (merge->challenger_at == 0)
        return take_entry(merge, winner);
    uint32_t challenger = merge->heap[merge->challenger_at];
    int order = compare_sources(merge, winner, &merge->sources[challenger]);
    if (order > 0 || (order == 0 && challenger < merge->heap[0]))
        return change_places(merge);
    merge->tied = order == 0;
    return take_entry(merge, winner);
}

void merge_refresh_memtables(struct merge *merge) {
    CHECK(merge->current == NULL);
    for (uint32_t i = 0; i < merge->count; i++) {
        if (merge->sources[i].memtable != NULL)
            source_seek(merge, &merge->sources[i], buffer_bytes(&merge->floor));
    }
    forget_heap(merge);
}
