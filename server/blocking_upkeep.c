/* What is done beside reads and writes: work that is left, checkpoints, damages. */
#include "server/blocking_internal.h"

bool blocking_store_work(struct blocking_store *blocking) {
    BLOCKING_ENTER(blocking, false);
    bool left = blocking_work(blocking);
    blocking_leave();
    return left;
}

void blocking_store_set_wall(struct blocking_store *blocking, struct wall_time wall) {
    blocking->has_wall = true;
    if (blocking->store != NULL)
        store_set_wall(blocking->store, wall);
}

static bool is_sound(const struct blocking_store *blocking) {
    return store_condition(blocking->store) == STORE_CONDITION_SOUND;
}

static enum store_status could_not(const struct blocking_store *blocking) {
    return blocking_has_failed(blocking) ? STORE_FAILED
           : blocking_is_full(blocking)  ? STORE_FULL
                                         : STORE_BUSY;
}

enum store_status blocking_store_settle(struct blocking_store *blocking) {
    BLOCKING_ENTER(blocking, STORE_FAILED);
    /* What fails is tried again, for ever: nobody can wait for that. */
    while (!blocking_has_failed(blocking) &&
           (blocking_go_on(blocking) ||
            (is_sound(blocking) && blocking_wait_for_deadline(blocking)))) {
    }
    enum store_status status = is_sound(blocking)              ? STORE_OK
                               : blocking_has_failed(blocking) ? STORE_FAILED
                                                               : STORE_BUSY;
    blocking_leave();
    return status;
}

bool blocking_flush(struct blocking_store *blocking) {
    /* A snapshot freezes the memtable: it is flushed then, whether the snapshot is held or not. */
    struct store_snapshot *snapshot;
    enum store_status status;
    while ((status = store_snapshot_acquire(blocking->store, &snapshot)) == STORE_BUSY) {
        if (!blocking_go_on(blocking))
            return false;
    }
    if (status != STORE_OK)
        return false;
    store_snapshot_release(snapshot);
    struct store_figures figures;
    bool moves = true;
    do {
        moves = !blocking_has_failed(blocking) && blocking_go_on(blocking);
        store_figures(blocking->store, &figures);
    } while (figures.frozen_count > 0 && moves);
    return figures.frozen_count == 0;
}

enum store_status blocking_store_flush(struct blocking_store *blocking) {
    BLOCKING_ENTER(blocking, STORE_FAILED);
    enum store_status status = blocking_flush(blocking) ? STORE_OK : could_not(blocking);
    blocking_leave();
    return status;
}

/* --- checkpoints */

static enum store_status make_checkpoint(struct blocking_store *blocking, uint32_t *number) {
    enum store_status status;
    while ((status = store_checkpoint(blocking->store, number)) == STORE_BUSY) {
        if (!blocking_go_on_or_wait(blocking))
            return could_not(blocking);
    }
    if (status != STORE_OK)
        return status;
    while (store_checkpoint_state(blocking->store, *number) == CHECKPOINT_MAKING) {
        if (!blocking_go_on_or_wait(blocking))
            break;
    }
    return store_checkpoint_state(blocking->store, *number) == CHECKPOINT_COMPLETE
               ? STORE_OK
               : could_not(blocking);
}

enum store_status blocking_store_checkpoint(struct blocking_store *blocking, uint32_t *number) {
    BLOCKING_ENTER(blocking, STORE_FAILED);
    enum store_status status = make_checkpoint(blocking, number);
    blocking_leave();
    return status;
}

enum store_status blocking_store_checkpoint_remove(struct blocking_store *blocking,
                                                   uint32_t number) {
    BLOCKING_ENTER(blocking, STORE_FAILED);
    enum store_status status;
    while ((status = store_checkpoint_remove(blocking->store, number)) == STORE_BUSY &&
           blocking_go_on_or_wait(blocking)) {
    }
    while (status == STORE_OK && blocking_go_on(blocking)) {
    }
    blocking_leave();
    return status;
}

uint32_t blocking_store_checkpoint_count(const struct blocking_store *blocking) {
    return blocking->store == NULL ? 0 : store_checkpoint_count(blocking->store);
}

struct store_checkpoint blocking_store_checkpoint_at(const struct blocking_store *blocking,
                                                     uint32_t index) {
    CHECK(index < blocking_store_checkpoint_count(blocking));
    return store_checkpoint_at(blocking->store, index);
}

/* --- what the disk has lost */

bool blocking_store_next_damage(const struct blocking_store *blocking, uint64_t after,
                                struct store_damage *damage) {
    return blocking->store != NULL && store_next_damage(blocking->store, after, damage);
}

void blocking_store_heal(struct blocking_store *blocking, uint64_t id) {
    BLOCKING_ENTER(blocking, );
    store_heal(blocking->store, id);
    while (blocking_go_on(blocking)) {
    }
    blocking_leave();
}
