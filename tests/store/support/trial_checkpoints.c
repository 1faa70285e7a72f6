/* What a trial does with checkpoints: makes them, drops them, and goes back to what one holds. */
#include "tests/store/support/trial.h"

#include <stdio.h>

void trial_checkpoint_make(struct trial *trial) {
    uint32_t number;
    enum store_status status = store_checkpoint(trial->store, &number);
    TRIAL_REQUIRE(trial, status == STORE_OK || status == STORE_BUSY, "a checkpoint is answered %d",
                  (int)status);
    if (status == STORE_OK)
        trial->checkpoint_asked[number % TRIAL_CHECKPOINTS] = trial->last;
}

/* False when there is none. */
static bool choose(const struct trial *trial, uint64_t which, struct store_checkpoint *chosen) {
    uint32_t count = store_checkpoint_count(trial->store);
    if (count == 0)
        return false;
    *chosen = store_checkpoint_at(trial->store, (uint32_t)(which % count));
    return true;
}

void trial_checkpoint_forget(struct trial *trial, uint64_t which) {
    struct store_checkpoint chosen;
    if (!choose(trial, which, &chosen))
        return;
    enum store_status status = store_checkpoint_remove(trial->store, chosen.number);
    TRIAL_REQUIRE(trial, status == STORE_OK || status == STORE_BUSY,
                  "the removal of a checkpoint is answered %d", (int)status);
}

/* A store on what the checkpoint's directory holds: a state that was there, no earlier than when it was asked for. */
static void compare(struct trial *trial, struct store_checkpoint checkpoint) {
    struct trial *other = trial_create(&trial->options);
    memory_disk_restore(&other->disk, &trial->disk, checkpoint.number);
    for (uint32_t i = 0; i < trial->model.count; i++)
        trial_model_apply(&other->model, trial->model.writes[i]);
    other->model.wall = trial->model.wall;
    uint64_t asked = trial->checkpoint_asked[checkpoint.number % TRIAL_CHECKPOINTS];
    other->last = trial->last;
    other->acknowledged_durable = other->acknowledged_written =
        asked < trial->last ? asked : trial->last;
    bool sound = trial_start(other) && trial_check_recovered(other) && trial_check(other);
    char failure[TRIAL_FAILURE_SIZE / 2];
    snprintf(failure, sizeof failure, "%s", trial_failure(other));
    bool knows = sound && store_was_rolled_back(other->store);
    trial_destroy(other);
    TRIAL_REQUIRE(trial, sound, "checkpoint %u: %s", checkpoint.number, failure);
    TRIAL_REQUIRE(trial, knows, "checkpoint %u does not know that it is one", checkpoint.number);
}

void trial_checkpoints_compare(struct trial *trial) {
    for (uint32_t i = 0; i < store_checkpoint_count(trial->store); i++)
        compare(trial, store_checkpoint_at(trial->store, i));
}

void trial_checkpoints_promise(struct trial *trial, const struct trial *from) {
    memcpy(trial->checkpoint_asked, from->checkpoint_asked, sizeof trial->checkpoint_asked);
    trial->promised_count = 0;
    for (uint32_t i = 0; from->store != NULL && i < store_checkpoint_count(from->store); i++) {
        if (trial->promised_count < TRIAL_CHECKPOINTS)
            trial->promised[trial->promised_count++] = store_checkpoint_at(from->store, i).number;
    }
}

bool trial_check_checkpoints(struct trial *trial) {
    if (setjmp(trial->door) != 0)
        return false;
    for (uint32_t i = 0; i < trial->promised_count; i++)
        TRIAL_REQUIRE(
            trial, store_checkpoint_state(trial->store, trial->promised[i]) == CHECKPOINT_COMPLETE,
            "checkpoint %u was complete and is gone", trial->promised[i]);
    trial_checkpoints_compare(trial);
    return true;
}

/* The directory of the checkpoint becomes the whole disk; the store must know that it was rolled back. */
void trial_checkpoint_restore(struct trial *trial, uint64_t which) {
    static struct memory_disk restored; /* large */
    struct store_checkpoint chosen;
    if (!choose(trial, which, &chosen))
        return;
    trial_abandon(trial, false);
    memory_disk_restore(&restored, &trial->disk, chosen.number);
    memory_disk_clone(&trial->disk, &restored);
    memory_disk_forget(&restored);
    uint64_t asked = trial->checkpoint_asked[chosen.number % TRIAL_CHECKPOINTS];
    trial->acknowledged_durable = trial->acknowledged_written =
        asked < trial->last ? asked : trial->last;
    memset(trial->checkpoint_asked, 0, sizeof trial->checkpoint_asked);
    trial_begin(trial);
    TRIAL_REQUIRE(trial, store_was_rolled_back(trial->store), "a restored store does not know it");
    uint64_t held = store_written(trial->store);
    TRIAL_REQUIRE(trial, chosen.sequence == 0 || held == chosen.sequence,
                  "the checkpoint up to %llu holds %llu", (unsigned long long)chosen.sequence,
                  (unsigned long long)held);
    trial_recover(trial);
    store_accept_rollback(trial->store);
    trial_compare_all(trial);
}
