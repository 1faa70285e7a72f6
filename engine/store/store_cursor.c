/* Keys in order: a merge over all sources, within bounds. */
#include "engine/base/memory.h"
#include "engine/store/pacing.h"
#include "engine/store/store_state.h"

/* The first key that is not the store's own. */
static const uint8_t FIRST_KEY[] = {1};

static void set_buffer(struct buffer *buffer, struct bytes bytes) {
    buffer_clear(buffer);
    buffer_append(buffer, bytes);
}

static struct bytes later(struct bytes left, struct bytes right) {
    return bytes_compare(left, right) < 0 ? right : left;
}

/* Of two upper bounds. */
static struct bytes tighter(struct bytes left, struct bytes right) {
    if (left.size == 0 || right.size == 0)
        return left.size == 0 ? right : left;
    return bytes_compare(left, right) < 0 ? left : right;
}

static void go_to_start(struct store_cursor *cursor) {
    set_buffer(&cursor->floor, buffer_bytes(cursor->reverse ? &cursor->upper : &cursor->lower));
    cursor->from_end = cursor->reverse && cursor->upper.size == 0;
}

struct store_cursor *store_cursor_open_within(struct store *store, struct bytes lower,
                                              struct bytes upper, bool reverse) {
    struct store_cursor *cursor = memory_allocate_zeroed(1, sizeof *cursor);
    cursor->store = store;
    cursor->reverse = reverse;
    cursor->merge.descends = reverse;
    set_buffer(&cursor->lower, lower);
    set_buffer(&cursor->upper, upper);
    go_to_start(cursor);
    cursor->next = store->cursors;
    if (cursor->next != NULL)
        cursor->next->previous = cursor;
    store->cursors = cursor;
    return cursor;
}

struct store_cursor *store_cursor_open(struct store *store, const struct store_range *range,
                                       struct store_snapshot *snapshot) {
    CHECK(range->prefix.size == 0 || range->prefix.data[0] != 0);
    CHECK(snapshot == NULL || snapshot->store == store);
    struct buffer prefix_end = {0};
    bool bounded = removed_ranges_prefix_end(range->prefix, &prefix_end);
    struct bytes lower =
        later(later(range->from, range->prefix), bytes_of(FIRST_KEY, sizeof FIRST_KEY));
    struct bytes upper = bounded ? tighter(range->to, buffer_bytes(&prefix_end)) : range->to;
    struct store_cursor *cursor = store_cursor_open_within(store, lower, upper, range->reverse);
    buffer_deinit(&prefix_end);
    cursor->snapshot = snapshot;
    if (snapshot != NULL)
        snapshot->references++;
    return cursor;
}

/* Lets go of all sources; what was met stays met. */
static void detach(struct store_cursor *cursor) {
    if (!cursor->attached)
        return;
    struct merge *merge = &cursor->merge;
    cursor->attached = false;
    if (!cursor->from_end && !cursor->sought) {
        if (merge->current != NULL)
            merge_step(merge);
        set_buffer(&cursor->floor, buffer_bytes(&merge->floor));
    }
    store_drop_read_ahead(cursor);
    merge_clear(merge);
    struct version *version = cursor->version;
    cursor->version = NULL;
    store_release_version(cursor->store, version);
}

void store_detach_cursors(struct store *store) {
    for (struct store_cursor *cursor = store->cursors; cursor != NULL; cursor = cursor->next) {
        if (cursor->snapshot == NULL)
            detach(cursor);
    }
}

void store_cursor_close(struct store_cursor *cursor) {
    struct store *store = cursor->store;
    detach(cursor);
    if (cursor->next != NULL)
        cursor->next->previous = cursor->previous;
    if (cursor->previous != NULL)
        cursor->previous->next = cursor->next;
    else
        store->cursors = cursor->next;
    if (cursor->snapshot != NULL)
        store_snapshot_release(cursor->snapshot);
    merge_deinit(&cursor->merge);
    buffer_deinit(&cursor->lower);
    buffer_deinit(&cursor->upper);
    buffer_deinit(&cursor->floor);
    buffer_deinit(&cursor->spare);
    buffer_deinit(&cursor->begun);
    memory_release(cursor);
}

void store_cursor_seek(struct store_cursor *cursor, struct bytes key) {
    struct bytes bound = buffer_bytes(cursor->reverse ? &cursor->upper : &cursor->lower);
    /* The key may be one that this cursor lent out. */
    struct buffer floor = cursor->spare;
    set_buffer(&floor, key);
    if (cursor->reverse) {
        /* What is <= `key` lies before the least key behind it. */
        buffer_put_u8(&floor, 0);
        set_buffer(&floor, tighter(buffer_bytes(&floor), bound));
    } else if (bytes_compare(key, bound) < 0) {
        set_buffer(&floor, bound);
    }
    cursor->spare = cursor->floor;
    cursor->floor = floor;
    cursor->sought = true;
    cursor->ended = false;
    cursor->passed_damage = false;
    cursor->from_end = false;
}

static void add_sources(struct merge *merge, const struct store_view *view) {
    if (view->newest != NULL)
        merge_add_memtable(merge, view->newest);
    for (uint32_t i = view->frozen_count; i-- > 0;)
        merge_add_memtable(merge, view->frozen[i]);
    const struct version *version = view->version;
    uint32_t length;
    for (uint32_t at = 0; at < version->levels[0].count; at += length) {
        length = version_run_length(version, at);
        merge_add_run(merge, version->levels[0].tables + at, length);
    }
    for (uint32_t level = 1; level < VERSION_LEVELS; level++) {
        if (version->levels[level].count > 0)
            merge_add_run(merge, version->levels[level].tables, version->levels[level].count);
    }
}

static enum merge_result seek_floor(struct store_cursor *cursor) {
    pacing_note_reads(cursor->store, PACING_SEEK_READS);
    cursor->writes = cursor->store->writes;
    cursor->sought = false;
    return cursor->from_end ? merge_seek_end(&cursor->merge)
                            : merge_seek(&cursor->merge, buffer_bytes(&cursor->floor));
}

static enum merge_result attach(struct store_cursor *cursor) {
    struct store_view view = cursor->snapshot != NULL ? store_snapshot_view(cursor->snapshot)
                                                      : store_view(cursor->store);
    cursor->version = view.version;
    version_acquire(cursor->version);
    cursor->attached = true;
    add_sources(&cursor->merge, &view);
    return seek_floor(cursor);
}

static enum merge_result go_on(struct store_cursor *cursor) {
    struct merge *merge = &cursor->merge;
    bool written = cursor->snapshot == NULL && cursor->writes != cursor->store->writes;
    if (cursor->sought || (written && cursor->from_end))
        return seek_floor(cursor);
    if (!written)
        return merge->current != NULL ? merge_next(merge) : merge_resume(merge);
    if (merge->current != NULL)
        merge_step(merge);
    merge_refresh_memtables(merge);
    cursor->writes = cursor->store->writes;
    return merge_resume(merge);
}

static enum store_status feed(struct store_cursor *cursor, enum merge_result *result,
                              uint64_t waiter, struct effects *effects) {
    while (*result == MERGE_NEEDS_BLOCK || *result == MERGE_CORRUPT) {
        if (*result == MERGE_CORRUPT) {
            struct run_cursor *run = &cursor->merge.waiting->run;
            if (!run_cursor_pass_lost(run))
                return store_lose_block(cursor->store, run_cursor_table(run), &run->handle, waiter,
                                        effects);
        }
        enum store_status status = store_feed(cursor, waiter, effects);
        if (status != STORE_OK)
            return status;
        *result = merge_resume(&cursor->merge);
    }
    return STORE_OK;
}

static bool is_outside(const struct store_cursor *cursor) {
    struct bytes key = cursor->merge.key;
    if (cursor->reverse)
        return bytes_compare(key, buffer_bytes(&cursor->lower)) < 0;
    return cursor->upper.size > 0 && bytes_compare(key, buffer_bytes(&cursor->upper)) >= 0;
}

/* What has expired by then is not there. */
static struct wall_time wall_of(const struct store_cursor *cursor) {
    return cursor->snapshot != NULL ? cursor->snapshot->wall : cursor->store->wall;
}

/* Walks over what is removed or has expired. STORE_OK: the merge stands on a live entry. */
static enum store_status walk(struct store_cursor *cursor, enum merge_result result,
                              uint64_t waiter, struct effects *effects) {
    for (uint32_t skipped = 0;; skipped++) {
        if (result != MERGE_ENTRY) {
            enum store_status status = feed(cursor, &result, waiter, effects);
            if (status != STORE_OK)
                return status;
        }
        if (result == MERGE_END || is_outside(cursor))
            return STORE_ABSENT;
        cursor->from_end = false;
        if (!cursor->merge.removed && (cursor->merge.expires.milliseconds == 0 ||
                                       !has_expired(cursor->merge.expires, wall_of(cursor))))
            return STORE_OK;
        if (skipped == STORE_SCAN_SKIP_MAX && waiter != BLOCK_WAITER_OWN) {
            merge_step(&cursor->merge);
            block_reads_add_ready(&cursor->store->reads, waiter);
            return STORE_NEED_BLOCK;
        }
        result = merge_next(&cursor->merge);
    }
}

/* Where the cursor stands: what it is to answer next lies behind. */
static struct bytes position_of(const struct store_cursor *cursor) {
    if (!cursor->attached || cursor->sought)
        return buffer_bytes(&cursor->floor);
    return cursor->merge.current != NULL ? cursor->merge.key : buffer_bytes(&cursor->merge.floor);
}

/* Remembers that keys which may be lost were passed over on the way from cursor->begun to here. */
static void note_damage(struct store_cursor *cursor, enum store_status status) {
    struct bytes begun = buffer_bytes(&cursor->begun);
    struct bytes here = position_of(cursor);
    if (status == STORE_ABSENT)
        here = buffer_bytes(cursor->reverse ? &cursor->lower : &cursor->upper);
    bool meets = cursor->reverse ? quarantine_meets(&cursor->store->quarantine, here, begun)
                                 : quarantine_meets(&cursor->store->quarantine, begun, here);
    cursor->passed_damage = cursor->passed_damage || meets;
}

enum store_status store_cursor_next(struct store_cursor *cursor, uint64_t waiter,
                                    struct store_entry *entry, struct effects *effects) {
    const struct store *store = cursor->store;
    /* Recovery looks for the store's own entries before it serves. */
    if (store->phase != STORE_PHASE_SERVING && waiter != BLOCK_WAITER_OWN)
        return store->phase == STORE_PHASE_FAILED ? STORE_FAILED : STORE_BUSY;
    if (cursor->ended)
        return STORE_ABSENT;
    bool watches = store->quarantine.damages.count > 0 && !store->config.salvages &&
                   waiter != BLOCK_WAITER_OWN;
    if (watches)
        set_buffer(&cursor->begun, position_of(cursor));
    enum merge_result result = cursor->attached ? go_on(cursor) : attach(cursor);
    enum store_status status = walk(cursor, result, waiter, effects);
    if (watches)
        note_damage(cursor, status);
    if (cursor->passed_damage && (status == STORE_OK || status == STORE_ABSENT))
        return STORE_CORRUPT;
    if (status == STORE_OK)
        *entry = (struct store_entry){.key = cursor->merge.key,
                                      .value = cursor->merge.value,
                                      .expires = cursor->merge.expires};
    if (status == STORE_ABSENT) {
        cursor->ended = true;
        detach(cursor);
    }
    return status;
}
