/* trial_cursors: the cursors and snapshots that a trial has open, and what each must meet.
 *
 *     cursor 0 17 9 0      slot 0: from key 17 on, descending; no snapshot
 *     walk 0 5             five entries, with whatever happens between this walk and the next
 *     snapshot 1           slot 1: acquired, or released when it is held
 *     look 1 17            key 17 as it was then
 *
 * A cursor without a snapshot meets what is there at each step; one with a snapshot, and a look into
 * it, what was there when it was acquired. All are gone when the store is.
 */
#ifndef DUNLIN_TESTS_TRIAL_CURSORS_H
#define DUNLIN_TESTS_TRIAL_CURSORS_H

#include "tests/store/support/trial_model.h"

struct trial;

enum { TRIAL_CURSORS = 3, TRIAL_SNAPSHOTS = 3 };

/* Bits of the number that says how a cursor is bounded. */
enum { TRIAL_BOUND_FROM = 1, TRIAL_BOUND_TO = 2, TRIAL_BOUND_PREFIX = 4, TRIAL_BOUND_REVERSE = 8 };

struct trial_snapshot {
    struct store_snapshot *snapshot; /* null when the slot is free */
    uint32_t held[TRIAL_KEYS_MAX];   /* the model's, then */
    uint64_t wall;                   /* likewise */
};

struct trial_cursor {
    struct store_cursor *cursor; /* null when the slot is free */
    struct trial_snapshot seen;  /* a copy: the snapshot may be released before the cursor */
    struct store_range range;    /* borrows names of the model */
    /* Of the model's order: what comes next is at or behind it; in reverse, before it. */
    uint32_t position;
    bool ended;
    /* Keys that were not there at some time while the present step was waiting: it may have passed
     * them, and need not meet them when they have been written since. */
    bool may_be_passed[TRIAL_KEYS_MAX];
};

struct trial_cursors {
    struct trial_cursor cursors[TRIAL_CURSORS];
    struct trial_snapshot snapshots[TRIAL_SNAPSHOTS];
};

/* Before the store is destroyed. */
void trial_cursors_close(struct trial *trial);
void trial_cursor_open(struct trial *trial, const uint64_t *numbers);
void trial_cursor_walk(struct trial *trial, const uint64_t *numbers);
void trial_cursor_seek(struct trial *trial, const uint64_t *numbers);
void trial_cursor_close(struct trial *trial, const uint64_t *numbers);
void trial_snapshot_turn(struct trial *trial, const uint64_t *numbers);
void trial_snapshot_look(struct trial *trial, const uint64_t *numbers);

#endif
