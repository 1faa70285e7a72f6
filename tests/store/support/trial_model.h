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

struct trial_write {
    uint64_t sequence; /* of its batch */
    uint32_t key;
    uint32_t size; /* of the value */
    bool removed;
};

struct trial_model {
    uint32_t keys;
    struct buffer names[TRIAL_KEYS_MAX];
    uint32_t order[TRIAL_KEYS_MAX];   /* key numbers, by name ascending */
    uint32_t held[TRIAL_KEYS_MAX];    /* index of the key's last write, plus one; 0: none */
    uint64_t digests[TRIAL_KEYS_MAX]; /* of what is held; 0 when nothing is */
    struct trial_write *writes;
    uint32_t count, capacity;
    uint32_t live;
};

void trial_model_init(struct trial_model *model, const struct trial_options *options);
void trial_model_deinit(struct trial_model *model);
void trial_model_apply(struct trial_model *model, struct trial_write write);
/* Forgets the writes with a sequence above `last`. */
void trial_model_truncate(struct trial_model *model, uint64_t last);
bool trial_model_is_live(const struct trial_model *model, uint32_t key);
/* Overwrites `value`. The key is live. */
void trial_model_value(const struct trial_model *model, uint32_t key, struct buffer *value);
void trial_write_value(const struct trial_write *write, struct buffer *value);
/* The tally that counts this key. */
uint32_t trial_model_tally(uint32_t key);
uint64_t trial_write_digest(const struct trial_write *write);

#endif
