/* deadlines: what is due next, as a binary heap of entries that live in their owners.
 *
 *     struct request { struct deadline deadline; ... };       // embedded, zero-initialised
 *     deadlines_set(&queue, &request->deadline, due);         // inserts or moves
 *     while ((expired = deadlines_pop(&queue, now)) != NULL) ...
 *     deadlines_cancel(&queue, &request->deadline);           // also when it is not in the queue
 *
 * Entries with the same instant come out in the order in which they were set.
 */
#ifndef DUNLIN_BASE_DEADLINES_H
#define DUNLIN_BASE_DEADLINES_H

#include "engine/base/units.h"

#include <stddef.h>

struct deadline {
    struct instant due;
    uint64_t order;    /* ties are broken by this */
    uint32_t position; /* in the heap, from 1; 0 when not waiting */
    uint32_t kind;     /* free for the owner: which timer this is */
    uint64_t owner;    /* free for the owner: whose timer this is */
};

/* The zero value is an empty queue. */
struct deadlines {
    struct deadline **heap;
    size_t count;
    size_t capacity;
    uint64_t orders;
};

void deadlines_deinit(struct deadlines *deadlines);
void deadlines_set(struct deadlines *deadlines, struct deadline *deadline, struct instant due);
void deadlines_cancel(struct deadlines *deadlines, struct deadline *deadline);
/* Takes out and returns the earliest entry that `now` has reached, or null. */
struct deadline *deadlines_pop(struct deadlines *deadlines, struct instant now);
/* When the earliest entry is due; INSTANT_NEVER when empty. */
static inline struct instant deadlines_next(const struct deadlines *deadlines) {
    return deadlines->count == 0 ? INSTANT_NEVER : deadlines->heap[0]->due;
}

#endif
