/* trial_operation: what can be done to a store in a trial, and a history of it as text.
 *
 *     # comment
 *     options keys=40 shape=2 ...
 *     put 17 100              one operation a line: its name and its numbers
 *     crash 2 991
 *
 *     struct trial_history history = {0};
 *     trial_history_random(&history, seed, 2000);
 *     trial_history_print(&history, &text);
 *     if (!trial_history_parse(text, &history)) ...
 *     trial_history_deinit(&history);
 */
#ifndef DUNLIN_TESTS_TRIAL_OPERATION_H
#define DUNLIN_TESTS_TRIAL_OPERATION_H

#include "tests/store/support/trial_options.h"

/* Name, how many numbers it takes, how often it is drawn. */
#define TRIAL_OPERATIONS(X)                                                                        \
    X(PUT, "put", 2, 300) /* key, size of the value */                                             \
    X(EXPIRE, "expire", 3,                                                                         \
      80)                    /* key, size of the value, milliseconds from now until it expires */  \
    X(CLOCK, "clock", 2, 25) /* milliseconds that the time of day moves on; 1: or is set back */   \
    X(DELETE, "delete", 1, 120) /* key */                                                          \
    X(BATCH, "batch", 2, 60)    /* entries, seed that chooses them */                              \
    X(RANGE, "range", 3, 6) /* key, bytes of it that are the prefix, page of tallies plus one */   \
    X(GET, "get", 1, 180)   /* key */                                                              \
    X(SCAN, "scan", 4, 60)  /* prefix, first key, 1: behind it, how many entries */                \
    X(CURSOR, "cursor", 4,                                                                         \
      24)                   /* slot, bounding key, TRIAL_BOUND bits, slot of a snapshot or more */ \
    X(WALK, "walk", 2, 120) /* slot, entries */                                                    \
    X(SEEK, "seek", 2, 20)  /* slot, key */                                                        \
    X(CLOSE, "close", 1, 6) /* slot */                                                             \
    X(SNAPSHOT, "snapshot", 1, 12) /* slot: acquired, or released when it is held */               \
    X(LOOK, "look", 2, 50)         /* slot of a snapshot, key */                                   \
    X(WANT, "want", 0, 15)         /* all so far is wanted durable */                              \
    X(PUMP, "pump", 0, 40)                                                                         \
    X(STEP, "step", 1, 200) /* so many disk operations */                                          \
    X(SETTLE, "settle", 0, 8)                                                                      \
    X(CHECK, "check", 0, 2)   /* every key, tally and a scan of all */                             \
    X(REOPEN, "reopen", 0, 3) /* closed cleanly */                                                 \
    X(FAULT, "fault", 2, 6)   /* the so-manieth write or sync from here on fails; 1: no space */   \
    X(CHECKPOINT, "checkpoint", 0, 5)                                                              \
    X(FORGET, "forget", 1, 2)   /* which of the checkpoints is removed */                          \
    X(RESTORE, "restore", 1, 2) /* which of the checkpoints the store goes back to */              \
    X(KILL, "kill", 0, 3)       /* the process, not the machine */                                 \
    X(CRASH, "crash", 2, 6)     /* an enum crash_outcome, seed of the disk's choices */

enum trial_kind {
#define X(name, text, numbers, weight) TRIAL_##name,
    TRIAL_OPERATIONS(X)
#undef X
        TRIAL_KIND_COUNT
};

enum { TRIAL_NUMBERS_MAX = 4, TRIAL_PREFIXES = 6, TRIAL_BATCH_MAX = 6 };

struct trial_operation {
    enum trial_kind kind;
    uint64_t numbers[TRIAL_NUMBERS_MAX];
};

struct trial_history {
    struct trial_options options;
    struct trial_operation *operations;
    size_t count, capacity;
};

void trial_history_deinit(struct trial_history *history);
void trial_history_add(struct trial_history *history, struct trial_operation operation);
void trial_history_copy(struct trial_history *history, const struct trial_history *from);
/* Options and so many operations, drawn by the seed. */
void trial_history_random(struct trial_history *history, uint64_t seed, size_t count);
/* So many operations, drawn by the seed, with these options. */
void trial_history_draw(struct trial_history *history, const struct trial_options *options,
                        uint64_t seed, size_t count);
void trial_history_print(const struct trial_history *history, struct buffer *to);
/* False when a line is not understood: *line is its number, from 1. */
MUST_USE bool trial_history_parse(struct bytes text, struct trial_history *history, size_t *line);
void trial_operation_print(const struct trial_operation *operation, struct buffer *to);
uint32_t trial_operation_numbers(enum trial_kind kind);

#endif
