/* The time of day, as far as the store needs it: for entries that expire. */
#include "engine/store/store_state.h"

enum { NANOSECONDS_PER_MILLISECOND = 1000000 };

void store_set_wall(struct store *store, struct wall_time wall) {
    store->wall_told = wall;
    if (wall.milliseconds > store->wall.milliseconds)
        store->wall = wall;
}

bool store_has_expiring(const struct store *store) {
    return store->has_expiring;
}

static bool version_has_expiring(const struct version *version) {
    for (uint32_t level = 0; level < VERSION_LEVELS; level++) {
        for (uint32_t i = 0; i < version->levels[level].count; i++) {
            if (version->levels[level].tables[i]->expiring_count > 0)
                return true;
        }
    }
    return false;
}

void store_note_expiring(struct store *store) {
    bool found = store->memtable != NULL && store->memtable->has_expiring;
    for (uint32_t i = 0; !found && i < store->frozen_count; i++)
        found = store->frozen[i]->has_expiring;
    store->has_expiring = found || version_has_expiring(store->version);
}

struct instant store_expiry_deadline(const struct store *store) {
    uint64_t due = store->compaction.expiry_due.milliseconds;
    if (store->phase != STORE_PHASE_SERVING || store->closing != CLOSE_NOT_ASKED ||
        trouble_waits(&store->troubles, TROUBLE_COMPACTION) || !store->compaction.nothing_due ||
        due == WALL_TIME_NEVER.milliseconds)
        return INSTANT_NEVER;
    /* From the clock as it is: while it is behind what it was, nothing comes to be due. */
    uint64_t told = store->wall_told.milliseconds;
    uint64_t left = due > told ? due - told : 0;
    if (left > UINT64_MAX / NANOSECONDS_PER_MILLISECOND)
        return INSTANT_NEVER;
    return instant_after(store->now, duration_of_milliseconds(left));
}
