/* What a trial does with checkpoints: makes them, drops them, and goes back to what one holds. */
#include "tests/store/support/trial.h"

/* From then on it is no promise, also when the disk refuses and it is listed again. */
static const uint64_t REMOVAL_ASKED = UINT64_MAX;

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
    if (status == STORE_OK)
        trial->checkpoint_asked[chosen.number % TRIAL_CHECKPOINTS] = REMOVAL_ASKED;
}

/* The directory of the checkpoint becomes the whole disk; the store must know that it was rolled back. */
void trial_checkpoint_restore(struct trial *trial, uint64_t which) {
    static struct memory_disk restored; /* large */
    struct store_checkpoint chosen;
    if (!choose(trial, which, &chosen) ||
        trial->checkpoint_asked[chosen.number % TRIAL_CHECKPOINTS] == REMOVAL_ASKED)
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
