/* Keys, cursors and snapshots: each answer is waited for. */
#include "server/blocking_internal.h"

/* What a read costs, in steps of a cursor; and after how many of them it is looked whether there is work to do. */
enum { STEPS_PER_GET = 8, STEPS_PER_SLICE = 256 };

/* Work may take back what the caller borrowed: a key that he goes on with is copied before. */
static void pay_for_read(struct blocking_store *blocking, uint32_t steps, struct bytes *key) {
    blocking->unpaid_steps += steps;
    if (blocking->unpaid_steps < STEPS_PER_SLICE)
        return;
    blocking->unpaid_steps = 0;
    if (blocking->work_left ||
        instant_reached(blocking_now(), store_work_deadline(blocking->store)) ||
        blocking->has_interval || store_has_expiring(blocking->store) ||
        sync_thread_has_done(&blocking->syncs)) {
        if (key != NULL) {
            buffer_clear(&blocking->scan_from);
            buffer_append(&blocking->scan_from, *key);
            *key = buffer_bytes(&blocking->scan_from);
        }
        (void)blocking_work(blocking);
    }
}

/* The block is lost, and the disk takes no note of it. */
static enum store_status not_told(const struct blocking_store *blocking) {
    return blocking_has_failed(blocking) ? STORE_FAILED : STORE_CORRUPT;
}

enum store_status blocking_store_get(struct blocking_store *blocking, struct bytes key,
                                     struct bytes *value) {
    BLOCKING_ENTER(blocking, STORE_FAILED);
    pay_for_read(blocking, STEPS_PER_GET, &key);
    const uint64_t waiter = blocking->next_waiter++;
    enum store_status status;
    while ((status = store_get(blocking->store, key, waiter, value, blocking_effects(blocking))) ==
           STORE_NEED_BLOCK) {
        if (!blocking_await(blocking, waiter)) {
            status = not_told(blocking);
            break;
        }
    }
    blocking_leave();
    return status;
}

enum store_status blocking_store_scan(struct blocking_store *blocking, struct bytes prefix,
                                      struct bytes from, bool after, struct store_entry *entry) {
    BLOCKING_ENTER(blocking, STORE_FAILED);
    const uint64_t waiter = blocking->next_waiter++;
    buffer_clear(&blocking->scan_from);
    buffer_append(&blocking->scan_from, from);
    pay_for_read(blocking, 1, NULL);
    enum store_status status;
    while ((status = store_scan(blocking->store, prefix, buffer_bytes(&blocking->scan_from), after,
                                waiter, entry, blocking_effects(blocking))) == STORE_NEED_BLOCK) {
        if (!blocking_await(blocking, waiter)) {
            status = not_told(blocking);
            break;
        }
    }
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
    pay_for_read(blocking, STEPS_PER_GET, &key);
    const uint64_t waiter = blocking->next_waiter++;
    enum store_status status;
    while ((status = store_snapshot_get(snapshot->snapshot, key, waiter, value,
                                        blocking_effects(blocking))) == STORE_NEED_BLOCK) {
        if (!blocking_await(blocking, waiter)) {
            status = not_told(blocking);
            break;
        }
    }
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

/* On the snapshot that is given, on one of its own, or on the store as it is. */
static bool fill_cursor(struct blocking_cursor *cursor, const struct store_range *range,
                        struct store_snapshot *given, bool own) {
    struct blocking_store *blocking = cursor->blocking;
    BLOCKING_ENTER(blocking, false);
    if (own)
        cursor->snapshot = acquire(blocking);
    if (!own || cursor->snapshot != NULL)
        cursor->cursor = store_cursor_open(blocking->store, range, own ? cursor->snapshot : given);
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
    pay_for_read(blocking, 1, NULL);
    const uint64_t waiter = blocking->next_waiter++;
    enum store_status status;
    while ((status = store_cursor_next(cursor->cursor, waiter, entry,
                                       blocking_effects(blocking))) == STORE_NEED_BLOCK) {
        if (!blocking_await(blocking, waiter)) {
            status = not_told(blocking);
            break;
        }
    }
    blocking_leave();
    return status;
}

void blocking_cursor_close(struct blocking_cursor *cursor) {
    if (cursor == NULL)
        return;
    let_go(cursor->blocking, cursor->cursor, cursor->snapshot);
    memory_release(cursor);
}
