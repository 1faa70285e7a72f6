/* Keys in order: a merge over all sources, kept between calls so that the next call goes on where
 * the last one stopped. */
#include "engine/base/memory.h"
#include "engine/store/store_state.h"

static void drop_scan(struct store *store, struct scan_state *scan) {
    if (!scan->live)
        return;
    scan->live = false;
    merge_clear(&scan->merge);
    store_release_version(store, scan->version);
    scan->version = NULL;
}

void store_drop_scans(struct store *store) {
    for (uint32_t i = 0; store->scans != NULL && i < STORE_SCANS_KEPT; i++)
        drop_scan(store, &store->scans[i]);
}

void store_scans_deinit(struct store *store) {
    store_drop_scans(store);
    for (uint32_t i = 0; store->scans != NULL && i < STORE_SCANS_KEPT; i++) {
        merge_deinit(&store->scans[i].merge);
        buffer_deinit(&store->scans[i].prefix);
        buffer_deinit(&store->scans[i].from);
    }
    memory_release(store->scans);
    store->scans = NULL;
}

/* A scan that waits is continued by the same question, one that has answered by asking for what
 * comes after its answer. */
static bool scan_continues(const struct scan_state *scan, struct bytes prefix, struct bytes from,
                           bool after) {
    if (!scan->live || !bytes_equal(buffer_bytes(&scan->prefix), prefix))
        return false;
    if (scan->waits)
        return scan->after == after && bytes_equal(buffer_bytes(&scan->from), from);
    return after && scan->merge.current != NULL && bytes_equal(scan->merge.key, from);
}

/* The scan that these arguments continue, or else the one that was left alone longest. */
static struct scan_state *choose_scan(struct store *store, struct bytes prefix, struct bytes from,
                                      bool after) {
    if (store->scans == NULL) {
        store->scans = memory_allocate_zeroed(STORE_SCANS_KEPT, sizeof *store->scans);
    }
    struct scan_state *oldest = &store->scans[0];
    for (uint32_t i = 0; i < STORE_SCANS_KEPT; i++) {
        struct scan_state *scan = &store->scans[i];
        if (scan_continues(scan, prefix, from, after))
            return scan;
        if (scan->used < oldest->used)
            oldest = scan;
    }
    drop_scan(store, oldest);
    return oldest;
}

static void set_buffer(struct buffer *buffer, struct bytes bytes) {
    buffer_clear(buffer);
    buffer_append(buffer, bytes);
}

static void add_sources(struct store *store, struct merge *merge) {
    if (store->memtable != NULL)
        merge_add_memtable(merge, store->memtable);
    for (uint32_t i = store->frozen_count; i-- > 0;)
        merge_add_memtable(merge, store->frozen[i]);
    const struct version *version = store->version;
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

static enum merge_result begin_scan(struct store *store, struct scan_state *scan,
                                    struct bytes prefix, struct bytes from, bool after) {
    set_buffer(&scan->prefix, prefix);
    scan->live = true;
    scan->writes = store->writes;
    scan->version = store->version;
    version_acquire(scan->version);
    add_sources(store, &scan->merge);
    bool starts_at_prefix = bytes_compare(from, prefix) < 0;
    return merge_seek(&scan->merge, starts_at_prefix ? prefix : from, after && !starts_at_prefix);
}

static enum merge_result continue_scan(struct store *store, struct scan_state *scan) {
    if (scan->merge.current != NULL)
        merge_step(&scan->merge);
    if (scan->writes != store->writes)
        merge_refresh_memtables(&scan->merge);
    scan->writes = store->writes;
    return merge_resume(&scan->merge);
}

/* Feeds blocks until the merge has an entry, or cannot go on. */
static enum store_status feed(struct store *store, struct scan_state *scan,
                              enum merge_result *result, uint64_t waiter, struct effects *effects) {
    /* Ends: every block that is fed moves its source on. */
    while (*result == MERGE_NEEDS_BLOCK) {
        struct run_cursor *run = &scan->merge.waiting->run;
        struct bytes contents;
        enum store_status status =
            store_block(store, run_cursor_table(run), &run->handle, waiter, &contents, effects);
        if (status != STORE_OK)
            return status;
        run_cursor_feed_plain(run, contents);
        *result = merge_resume(&scan->merge);
    }
    return *result == MERGE_CORRUPT ? STORE_CORRUPT : STORE_OK;
}

/* Walks over what is removed. STORE_OK: `scan->merge` stands on a live entry, or *ended. */
static enum store_status walk(struct store *store, struct scan_state *scan,
                              enum merge_result result, uint64_t waiter, bool *ended,
                              struct effects *effects) {
    for (uint32_t skipped = 0;; skipped++) {
        enum store_status status = feed(store, scan, &result, waiter, effects);
        if (status != STORE_OK)
            return status;
        *ended =
            result == MERGE_END || !bytes_start_with(scan->merge.key, buffer_bytes(&scan->prefix));
        if (*ended || !scan->merge.removed)
            return STORE_OK;
        merge_step(&scan->merge);
        if (skipped == STORE_SCAN_SKIP_MAX && waiter != BLOCK_WAITER_OWN) {
            block_reads_add_ready(&store->reads, waiter);
            return STORE_NEED_BLOCK;
        }
        result = merge_resume(&scan->merge);
    }
}

enum store_status store_scan_all(struct store *store, struct bytes prefix, struct bytes from,
                                 bool after, uint64_t waiter, struct store_entry *entry,
                                 struct effects *effects) {
    struct scan_state *scan = choose_scan(store, prefix, from, after);
    scan->used = ++store->scan_uses;
    /* First: `from` may be the key that this very scan lent out. */
    set_buffer(&scan->from, from);
    from = buffer_bytes(&scan->from);
    enum merge_result result =
        scan->live ? continue_scan(store, scan) : begin_scan(store, scan, prefix, from, after);
    bool ended = false;
    enum store_status status = walk(store, scan, result, waiter, &ended, effects);
    scan->waits = status == STORE_NEED_BLOCK || status == STORE_BUSY;
    scan->after = after;
    if (scan->waits)
        return status;
    if (status != STORE_OK || ended) {
        drop_scan(store, scan);
        return status != STORE_OK ? status : STORE_ABSENT;
    }
    *entry = (struct store_entry){.key = scan->merge.key, .value = scan->merge.value};
    return STORE_OK;
}

/* The first key that is not the store's own. */
static const uint8_t FIRST_KEY[] = {1};

enum store_status store_scan(struct store *store, struct bytes prefix, struct bytes from,
                             bool after, uint64_t waiter, struct store_entry *entry,
                             struct effects *effects) {
    CHECK(waiter != BLOCK_WAITER_OWN && (prefix.size == 0 || prefix.data[0] != 0));
    if (store->phase != STORE_PHASE_SERVING)
        return store->phase == STORE_PHASE_FAILED ? STORE_FAILED : STORE_BUSY;
    if (from.size == 0 || from.data[0] == 0) {
        from = bytes_of(FIRST_KEY, sizeof FIRST_KEY);
        after = false;
    }
    return store_scan_all(store, prefix, from, after, waiter, entry, effects);
}
