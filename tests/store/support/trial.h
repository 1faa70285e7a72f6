/* trial: a store on a memory_disk and the model of what it must hold, driven by operations.
 *
 *     history --operation--> trial --> store <--> memory_disk
 *                              \-----> model         what they say must agree
 *
 * The first disagreement ends the trial with a sentence; a check that fails in the engine ends the
 * process.
 *
 *     struct trial *trial = trial_create(&options);
 *     bool sound = trial_start(trial) && trial_perform(trial, &operation);
 *     if (!sound) puts(trial_failure(trial));
 *     trial_destroy(trial);
 *
 *     bool sound = trial_run(&history, &failure);     // all of it, and a check of everything at the end
 */
#ifndef DUNLIN_TESTS_TRIAL_H
#define DUNLIN_TESTS_TRIAL_H

#include "tests/store/support/memory_disk.h"
#include "tests/store/support/trial_cursors.h"
#include "tests/store/support/trial_model.h"
#include "tests/store/support/trial_operation.h"

#include <setjmp.h>

enum { TRIAL_CHECKPOINTS = 64, TRIAL_FAILURE_SIZE = 600 };

struct trial {
    struct trial_options options;
    struct store_config config;
    struct memory_disk disk;
    struct store *store;
    struct effects effects;
    struct instant now;
    struct trial_model model;
    struct trial_cursors cursors;
    uint64_t last; /* sequence of the last write */
    uint64_t acknowledged_durable, acknowledged_written;
    /* By its number, modulo how many are remembered: what was written when it was asked for. */
    uint64_t checkpoint_asked[TRIAL_CHECKPOINTS];
    uint32_t promised[TRIAL_CHECKPOINTS],
        promised_count; /* numbers of those that a crash may not take */
    bool faulted;       /* an operation may have failed in this life */
    uint64_t next_waiter;
    /* When set, sees the trial behind each operation of the disk. False: the trial stops there, as if it was cut off. */
    bool (*after_operation)(struct trial *trial, void *watcher);
    void *watcher;
    bool stopped;
    bool tolerates_damage;                 /* STORE_CORRUPT is an answer */
    uint32_t corrupt;                      /* such answers */
    struct buffer values[TRIAL_BATCH_MAX]; /* of the batch that is being written */
    jmp_buf door;                          /* where a disagreement leaves to */
    char failure[TRIAL_FAILURE_SIZE];
};

struct trial *trial_create(const struct trial_options *options);
void trial_destroy(struct trial *trial);
/* Starts a store on the disk as it is. False when it does not serve, or `stopped` on the way. */
bool trial_start(struct trial *trial);
bool trial_perform(struct trial *trial, const struct trial_operation *operation);
const char *trial_failure(const struct trial *trial);
/* The store is gone; what it had acknowledged is remembered: as written, when only its process ended, or as durable. */
void trial_abandon(struct trial *trial, bool process_only);
/* After a start on what a crash left: everything acknowledged is there, nothing else; the model goes back to what was
 * recovered. */
bool trial_check_recovered(struct trial *trial);
/* Everything there is, asked in every way. */
bool trial_check(struct trial *trial);
bool trial_run(const struct trial_history *history, char failure[TRIAL_FAILURE_SIZE]);

/* For those who implement trials. */
_Noreturn void trial_fail(struct trial *trial, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* One disk operation, or time passes when only that helps; false when all is quiet. */
bool trial_step(struct trial *trial);
void trial_settle(struct trial *trial);
/* Lets the disk work until this waiter is to ask again. */
void trial_await(struct trial *trial, uint64_t waiter);
void trial_begin(struct trial *trial);
void trial_get(struct trial *trial, uint32_t key);
void trial_scan(struct trial *trial, const uint64_t numbers[TRIAL_NUMBERS_MAX]);
void trial_compare_all(struct trial *trial);
void trial_take_effects(struct trial *trial);

void trial_recover(struct trial *trial);
/* trial_checkpoints.c */
/* Every checkpoint that is listed holds what it should. */
void trial_checkpoints_compare(struct trial *trial);
/* What `from` lists is promised by the trial, which is about to start on a crashed copy of its disk. */
void trial_checkpoints_promise(struct trial *trial, const struct trial *from);
/* After that: what was promised is listed, and what is listed holds what it should. */
bool trial_check_checkpoints(struct trial *trial);
void trial_checkpoint_make(struct trial *trial);
void trial_checkpoint_forget(struct trial *trial, uint64_t which);
void trial_checkpoint_restore(struct trial *trial, uint64_t which);

#define TRIAL_REQUIRE(trial, condition, ...)                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            trial_fail(trial, __VA_ARGS__);                                                        \
    } while (0)

#endif
