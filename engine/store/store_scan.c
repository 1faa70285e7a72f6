/* The next key, for those who keep no cursor: the store keeps a few, and finds the one that a
 * question continues. */
#include "engine/base/memory.h"
#include "engine/store/store_state.h"

static void set_buffer(struct buffer *buffer, struct bytes bytes) {
    buffer_clear(buffer);
    buffer_append(buffer, bytes);
}

static void drop_scan(struct scan_state *scan) {
    if (scan->cursor != NULL)
        store_cursor_close(scan->cursor);
    scan->cursor = NULL;
    scan->waits = false;
}

void store_scans_deinit(struct store *store) {
    for (uint32_t i = 0; store->scans != NULL && i < STORE_SCANS_KEPT; i++) {
        drop_scan(&store->scans[i]);
        buffer_deinit(&store->scans[i].prefix);
        buffer_deinit(&store->scans[i].from);
        buffer_deinit(&store->scans[i].last);
    }
    memory_release(store->scans);
    store->scans = NULL;
    buffer_deinit(&store->scan_from);
}

/* A scan that waits is continued by the same question, one that has answered by asking for what
 * comes after its answer. */
static bool scan_continues(const struct scan_state *scan, struct bytes prefix, struct bytes from,
                           bool after) {
    if (scan->cursor == NULL || !bytes_equal(buffer_bytes(&scan->prefix), prefix))
        return false;
    if (scan->waits)
        return scan->after == after && bytes_equal(buffer_bytes(&scan->from), from);
    return after && bytes_equal(buffer_bytes(&scan->last), from);
}

/* The scan that these arguments continue, or else the one that was left alone longest. */
static struct scan_state *choose_scan(struct store *store, struct bytes prefix, struct bytes from,
                                      bool after) {
    if (store->scans == NULL)
        store->scans = memory_allocate_zeroed(STORE_SCANS_KEPT, sizeof *store->scans);
    struct scan_state *oldest = &store->scans[0];
    for (uint32_t i = 0; i < STORE_SCANS_KEPT; i++) {
        struct scan_state *scan = &store->scans[i];
        if (scan_continues(scan, prefix, from, after))
            return scan;
        if (scan->used < oldest->used)
            oldest = scan;
    }
    drop_scan(oldest);
    return oldest;
}

static void begin_scan(struct store *store, struct scan_state *scan, struct bytes prefix,
                       struct bytes from, bool after) {
    struct buffer bound = {0};
    set_buffer(&scan->prefix, prefix);
    bool bounded = removed_ranges_prefix_end(prefix, &bound);
    scan->cursor = store_cursor_open_within(
        store, prefix, bounded ? buffer_bytes(&bound) : (struct bytes){0}, false);
    set_buffer(&bound, from);
    if (after)
        buffer_put_u8(&bound, 0);
    store_cursor_seek(scan->cursor, buffer_bytes(&bound));
    buffer_deinit(&bound);
}

enum store_status store_scan_all(struct store *store, struct bytes prefix, struct bytes from,
                                 bool after, uint64_t waiter, struct store_entry *entry,
                                 struct effects *effects) {
    /* First: `from` may be a key that a scan lent out. */
    set_buffer(&store->scan_from, from);
    from = buffer_bytes(&store->scan_from);
    struct scan_state *scan = choose_scan(store, prefix, from, after);
    scan->used = ++store->scan_uses;
    if (scan->cursor == NULL)
        begin_scan(store, scan, prefix, from, after);
    set_buffer(&scan->from, from);
    scan->after = after;
    enum store_status status = store_cursor_next(scan->cursor, waiter, entry, effects);
    scan->waits = status == STORE_NEED_BLOCK || status == STORE_BUSY;
    if (status == STORE_OK)
        set_buffer(&scan->last, entry->key);
    else if (!scan->waits)
        drop_scan(scan);
    return status;
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
