/* Keys, cursors and snapshots: each answer is waited for. */
#include "server/blocking_internal.h"

/* What a read costs, in steps of a cursor; and after how many of them it is looked whether there is work to do. */
enum { STEPS_PER_GET = 8, STEPS_PER_SLICE = 256 };

/* Before the store does anything else: what a caller has borrowed from it, and passes in again, may be gone then. */
static struct bytes keep(struct blocking_store *blocking, struct bytes bytes) {
    buffer_clear(&blocking->read_copies);
    return blocking_copy(&blocking->read_copies, bytes);
}

static bool has_work(struct blocking_store *blocking) {
    return blocking->work_left || blocking->has_interval || store_has_expiring(blocking->store) ||
           instant_reached(blocking_now(), store_work_deadline(blocking->store)) ||
           sync_thread_has_done(&blocking->syncs);
}

/* True when it is time that this read pays for work, and there is some. */
static bool must_pay(struct blocking_store *blocking, uint32_t steps) {
    blocking->unpaid_steps += steps;
    if (blocking->unpaid_steps < STEPS_PER_SLICE)
        return false;
    blocking->unpaid_steps = 0;
    return has_work(blocking);
}

/* After an answer: true when it was none, and the store has what it lacked. */
static bool must_ask_again(struct blocking_store *blocking, uint64_t waiter,
                           enum store_status *status) {
    if (*status != STORE_NEED_BLOCK || blocking_await(blocking, waiter))
        return *status == STORE_NEED_BLOCK;
    /* The block is lost, and the disk takes no note of it. */
    *status = blocking_has_failed(blocking) ? STORE_FAILED : STORE_CORRUPT;
    return false;
}

/* From the store as it is, or from a snapshot of it. */
static enum store_status ask(struct blocking_store *blocking, struct store_snapshot *snapshot,
                             struct bytes key, uint64_t waiter, struct bytes *value) {
    struct effects *effects = blocking_effects(blocking);
    return snapshot == NULL ? store_get(blocking->store, key, waiter, value, effects)
                            : store_snapshot_get(snapshot, key, waiter, value, effects);
}

static enum store_status get(struct blocking_store *blocking, struct store_snapshot *snapshot,
                             struct bytes key, struct bytes *value) {
    const uint64_t waiter = blocking->next_waiter++;
    if (must_pay(blocking, STEPS_PER_GET)) {
        key = keep(blocking, key);
        (void)blocking_work(blocking);
    }
    enum store_status status = ask(blocking, snapshot, key, waiter, value);
    if (status != STORE_NEED_BLOCK)
        return status;
    if (key.data != blocking->read_copies.data)
        key = keep(blocking, key);
    while (must_ask_again(blocking, waiter, &status))
        status = ask(blocking, snapshot, key, waiter, value);
    return status;
}

enum store_status blocking_store_get(struct blocking_store *blocking, struct bytes key,
                                     struct bytes *value) {
    BLOCKING_ENTER(blocking, STORE_FAILED);
    enum store_status status = get(blocking, NULL, key, value);
    blocking_leave();
    return status;
}

enum store_status blocking_store_scan(struct blocking_store *blocking, struct bytes prefix,
                                      struct bytes from, bool after, struct store_entry *entry) {
    BLOCKING_ENTER(blocking, STORE_FAILED);
    const uint64_t waiter = blocking->next_waiter++;
    buffer_clear(&blocking->read_copies);
    buffer_reserve(&blocking->read_copies, from.size + prefix.size);
    from = blocking_copy(&blocking->read_copies, from);
    prefix = blocking_copy(&blocking->read_copies, prefix);
    if (must_pay(blocking, 1))
        (void)blocking_work(blocking);
    enum store_status status;
    do {
        status = store_scan(blocking->store, prefix, from, after, waiter, entry,
                            blocking_effects(blocking));
    } while (must_ask_again(blocking, waiter, &status));
    blocking_leave();
    return status;
}

/* --- snapshots and cursors
 *
 * What the caller holds outlives a store that is lost: it lies outside of the store's pool, and what it points to is
 * looked at only while there is a store. */

struct blocking_snapshot {
    struct blocking_store *blocking;
    struct store_snapshot *snapshot;
};

struct blocking_cursor {
    struct blocking_store *blocking;
    struct store_cursor *cursor;
    struct store_snapshot *snapshot; /* its own; null when there is none */
};

/* Null when the store has failed, or cannot get on so that it can be had. */
static struct store_snapshot *acquire(struct blocking_store *blocking) {
    struct store_snapshot *snapshot;
    while (store_snapshot_acquire(blocking->store, &snapshot) != STORE_OK) {
        if (!blocking_go_on_or_wait(blocking))
            return NULL;
    }
    return snapshot;
}

static bool fill_snapshot(struct blocking_snapshot *snapshot) {
    BLOCKING_ENTER(snapshot->blocking, false);
    snapshot->snapshot = acquire(snapshot->blocking);
    blocking_leave();
    return snapshot->snapshot != NULL;
}

struct blocking_snapshot *blocking_snapshot_acquire(struct blocking_store *blocking) {
    struct blocking_snapshot *snapshot = host_memory_pool_try(&blocking->pool, sizeof *snapshot);
    if (snapshot == NULL)
        return NULL;
    snapshot->blocking = blocking;
    if (fill_snapshot(snapshot))
        return snapshot;
    memory_release(snapshot);
    return NULL;
}

enum store_status blocking_snapshot_get(struct blocking_snapshot *snapshot, struct bytes key,
                                        struct bytes *value) {
    struct blocking_store *blocking = snapshot->blocking;
    BLOCKING_ENTER(blocking, STORE_FAILED);
    enum store_status status = get(blocking, snapshot->snapshot, key, value);
    blocking_leave();
    return status;
}

static void let_go(struct blocking_store *blocking, struct store_cursor *cursor,
                   struct store_snapshot *snapshot) {
    BLOCKING_ENTER(blocking, );
    if (cursor != NULL)
        store_cursor_close(cursor);
    if (snapshot != NULL)
        store_snapshot_release(snapshot);
    blocking->work_left = true; /* what is let go of is cleared away */
    blocking_leave();
}

void blocking_snapshot_release(struct blocking_snapshot *snapshot) {
    if (snapshot == NULL)
        return;
    let_go(snapshot->blocking, NULL, snapshot->snapshot);
    memory_release(snapshot);
}

static struct store_range keep_range(struct blocking_store *blocking,
                                     const struct store_range *range) {
    struct store_range kept = *range;
    struct buffer *copies = &blocking->read_copies;
    buffer_clear(copies);
    buffer_reserve(copies, range->from.size + range->to.size + range->prefix.size);
    kept.from = blocking_copy(copies, range->from);
    kept.to = blocking_copy(copies, range->to);
    kept.prefix = blocking_copy(copies, range->prefix);
    return kept;
}

/* On the snapshot that is given, on one of its own, or on the store as it is. */
static bool fill_cursor(struct blocking_cursor *cursor, const struct store_range *range,
                        struct store_snapshot *given, bool own) {
    struct blocking_store *blocking = cursor->blocking;
    BLOCKING_ENTER(blocking, false);
    struct store_range kept = own ? keep_range(blocking, range) : *range;
    if (own)
        cursor->snapshot = acquire(blocking);
    if (!own || cursor->snapshot != NULL)
        cursor->cursor = store_cursor_open(blocking->store, &kept, own ? cursor->snapshot : given);
    blocking_leave();
    return cursor->cursor != NULL;
}

static struct blocking_cursor *open_cursor(struct blocking_store *blocking,
                                           const struct store_range *range,
                                           struct store_snapshot *given, bool own) {
    struct blocking_cursor *cursor = host_memory_pool_try(&blocking->pool, sizeof *cursor);
    if (cursor == NULL)
        return NULL;
    cursor->blocking = blocking;
    if (fill_cursor(cursor, range, given, own))
        return cursor;
    memory_release(cursor);
    return NULL;
}

struct blocking_cursor *blocking_cursor_open(struct blocking_store *blocking,
                                             const struct store_range *range, bool snapshot) {
    return open_cursor(blocking, range, NULL, snapshot);
}

struct blocking_cursor *blocking_snapshot_cursor(struct blocking_snapshot *snapshot,
                                                 const struct store_range *range) {
    return open_cursor(snapshot->blocking, range, snapshot->snapshot, false);
}

void blocking_cursor_seek(struct blocking_cursor *cursor, struct bytes key) {
    BLOCKING_ENTER(cursor->blocking, );
    store_cursor_seek(cursor->cursor, key);
    blocking_leave();
}

enum store_status blocking_cursor_next(struct blocking_cursor *cursor, struct store_entry *entry) {
    struct blocking_store *blocking = cursor->blocking;
    BLOCKING_ENTER(blocking, STORE_FAILED);
    const uint64_t waiter = blocking->next_waiter++;
    if (must_pay(blocking, 1))
        (void)blocking_work(blocking);
    enum store_status status;
    do {
        status = store_cursor_next(cursor->cursor, waiter, entry, blocking_effects(blocking));
    } while (must_ask_again(blocking, waiter, &status));
    blocking_leave();
    return status;
}

void blocking_cursor_close(struct blocking_cursor *cursor) {
    if (cursor == NULL)
        return;
    let_go(cursor->blocking, cursor->cursor, cursor->snapshot);
    memory_release(cursor);
}
