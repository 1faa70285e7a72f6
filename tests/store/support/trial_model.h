/* trial_model: what a store must hold, kept as plainly as can be: every write ever made, in order.
 *
 * The state after a crash is the state after a prefix of the writes, so going back is replaying.
 *
 *     struct trial_model model;
 *     trial_model_init(&model, &options);
 *     trial_model_apply(&model, (struct trial_write){.sequence = 1, .key = 17, .size = 100});
 *     if (trial_model_is_live(&model, 17)) trial_model_value(&model, 17, &expected);
 *     trial_model_truncate(&model, recovered);       // of what came behind, nothing is there
 *     trial_model_deinit(&model);
 */
#ifndef DUNLIN_TESTS_TRIAL_MODEL_H
#define DUNLIN_TESTS_TRIAL_MODEL_H

#include "tests/store/support/trial_options.h"

enum { TRIAL_WALL_BEGIN = 1000 };

struct trial_write {
    uint64_t sequence; /* of its batch */
    uint32_t key;
    uint32_t size; /* of the value; of a range the bytes of the key that are its prefix */
    bool removed;
    uint64_t expires; /* 0: never. What expires counts for no tally */
    bool range;       /* everything with the prefix goes */
    uint32_t page;    /* of a range: the tallies of this page become zero; or STORE_NO_PAGE */
};

struct trial_model {
    uint32_t keys;
    struct buffer names[TRIAL_KEYS_MAX];
    uint32_t order[TRIAL_KEYS_MAX]; /* key numbers, by name ascending */
    uint32_t held[TRIAL_KEYS_MAX];  /* index of the key's last write, plus one; 0: none */
    struct trial_write *writes;
    uint32_t count, capacity;
    uint64_t wall;                   /* the latest time of day that any life was told */
    uint64_t digests[TRIAL_TALLIES]; /* what the tallies must say */
    int64_t counts[TRIAL_TALLIES];
    int64_t total;
};

void trial_model_init(struct trial_model *model, const struct trial_options *options);
void trial_model_deinit(struct trial_model *model);
void trial_model_apply(struct trial_model *model, struct trial_write write);
/* Forgets the writes with a sequence above `last`. */
void trial_model_truncate(struct trial_model *model, uint64_t last);
/* True when this write left a value, and that has not expired by then. */
static inline bool trial_write_is_live(const struct trial_write *write, uint64_t wall) {
    return !write->removed && (write->expires == 0 || write->expires > wall);
}
bool trial_model_is_live(const struct trial_model *model, uint32_t key);
/* Overwrites `value`. The key is live. */
void trial_model_value(const struct trial_model *model, uint32_t key, struct buffer *value);
void trial_write_value(const struct trial_write *write, struct buffer *value);
/* How the write, applied to the model as it is, changes the tally of its key. Adds to *change. */
void trial_model_change(const struct trial_model *model, const struct trial_write *write,
                        struct tally_change *change);
struct bytes trial_model_prefix(const struct trial_model *model, const struct trial_write *range);

#endif
