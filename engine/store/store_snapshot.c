/* The store as it was: frozen memtables and a version, held by reference. */
#include "engine/base/memory.h"
#include "engine/store/pacing.h"
#include "engine/store/store_state.h"

struct store_view store_snapshot_view(const struct store_snapshot *snapshot) {
    return (struct store_view){
        .frozen = snapshot->memtables,
        .frozen_count = snapshot->memtable_count,
        .version = snapshot->version,
        .wall = snapshot->wall,
    };
}

/* True when nothing was written, flushed or compacted since, nor can have expired. */
static bool is_present(const struct store *store, const struct store_snapshot *snapshot) {
    if (snapshot == NULL || store->memtable != NULL || snapshot->version != store->version ||
        snapshot->memtable_count != store->frozen_count ||
        (store->has_expiring && snapshot->wall.milliseconds != store->wall.milliseconds))
        return false;
    for (uint32_t i = 0; i < store->frozen_count; i++) {
        if (snapshot->memtables[i] != store->frozen[i])
            return false;
    }
    return true;
}

static struct store_snapshot *make_snapshot(struct store *store) {
    struct store_snapshot *snapshot = memory_allocate_zeroed(1, sizeof *snapshot);
    snapshot->references = 1;
    snapshot->store = store;
    snapshot->wall = store->wall;
    snapshot->memtable_count = store->frozen_count;
    snapshot->memtables = memory_allocate_zeroed(store->frozen_count, sizeof(struct memtable *));
    for (uint32_t i = 0; i < store->frozen_count; i++) {
        snapshot->memtables[i] = store->frozen[i];
        memtable_acquire(store->frozen[i]);
    }
    snapshot->version = store->version;
    version_acquire(store->version);
    return snapshot;
}

enum store_status store_snapshot_acquire(struct store *store, struct store_snapshot **snapshot) {
    if (store->phase != STORE_PHASE_SERVING)
        return store->phase == STORE_PHASE_FAILED ? STORE_FAILED : STORE_BUSY;
    if (is_present(store, store->snapshot)) {
        store->snapshot->references++;
        *snapshot = store->snapshot;
        return STORE_OK;
    }
    if (store->memtable != NULL && store->frozen_count >= PACING_FROZEN_SNAPSHOTS_MAX)
        return STORE_BUSY;
    store_freeze(store);
    *snapshot = store->snapshot = make_snapshot(store);
    return STORE_OK;
}

void store_snapshot_release(struct store_snapshot *snapshot) {
    CHECK(snapshot->references > 0);
    if (--snapshot->references > 0)
        return;
    struct store *store = snapshot->store;
    if (store->snapshot == snapshot)
        store->snapshot = NULL;
    for (uint32_t i = 0; i < snapshot->memtable_count; i++)
        memtable_release_later(&store->unheld, snapshot->memtables[i]);
    store_release_version(store, snapshot->version);
    memory_release(snapshot->memtables);
    memory_release(snapshot);
    /* What is let go of needs a step, and no event brings one. */
    store->work_left = true;
}
