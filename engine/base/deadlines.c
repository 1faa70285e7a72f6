#include "engine/base/deadlines.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"

#include <stdbool.h>

enum { DEADLINES_CAPACITY_MIN = 16 };

void deadlines_deinit(struct deadlines *deadlines) {
    /* Owners may outlive the queue: none of them may believe that it still waits. */
    for (size_t i = 0; i < deadlines->count; i++)
        deadlines->heap[i]->position = 0;
    memory_release(deadlines->heap);
    *deadlines = (struct deadlines){0};
}

static bool comes_before(const struct deadline *left, const struct deadline *right) {
    if (left->due.nanoseconds != right->due.nanoseconds)
        return left->due.nanoseconds < right->due.nanoseconds;
    return left->order < right->order;
}

static void place(struct deadlines *deadlines, size_t index, struct deadline *deadline) {
    deadlines->heap[index] = deadline;
    deadline->position = (uint32_t)(index + 1);
}

static void sift_up(struct deadlines *deadlines, size_t index, struct deadline *deadline) {
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (!comes_before(deadline, deadlines->heap[parent]))
            break;
        place(deadlines, index, deadlines->heap[parent]);
        index = parent;
    }
    place(deadlines, index, deadline);
}

static void sift_down(struct deadlines *deadlines, size_t index, struct deadline *deadline) {
    for (size_t child = 2 * index + 1; child < deadlines->count; child = 2 * index + 1) {
        if (child + 1 < deadlines->count &&
            comes_before(deadlines->heap[child + 1], deadlines->heap[child]))
            child++;
        if (!comes_before(deadlines->heap[child], deadline))
            break;
        place(deadlines, index, deadlines->heap[child]);
        index = child;
    }
    place(deadlines, index, deadline);
}

/* Puts an entry where it belongs, starting from a place that is free for it. */
static void sift(struct deadlines *deadlines, size_t index, struct deadline *deadline) {
    if (index > 0 && comes_before(deadline, deadlines->heap[(index - 1) / 2]))
        sift_up(deadlines, index, deadline);
    else
        sift_down(deadlines, index, deadline);
}

static void take_out(struct deadlines *deadlines, struct deadline *deadline) {
    size_t index = deadline->position - 1;
    CHECK(index < deadlines->count && deadlines->heap[index] == deadline);
    struct deadline *last = deadlines->heap[--deadlines->count];
    deadline->position = 0;
    if (last != deadline)
        sift(deadlines, index, last);
}

void deadlines_set(struct deadlines *deadlines, struct deadline *deadline, struct instant due) {
    deadline->due = due;
    deadline->order = deadlines->orders++;
    if (deadline->position != 0) {
        size_t index = deadline->position - 1;
        CHECK(index < deadlines->count && deadlines->heap[index] == deadline);
        sift(deadlines, index, deadline);
        return;
    }
    if (deadlines->count == deadlines->capacity) {
        CHECK(deadlines->count < UINT32_MAX / 2);
        deadlines->capacity =
            deadlines->capacity == 0 ? DEADLINES_CAPACITY_MIN : deadlines->capacity * 2;
        deadlines->heap =
            memory_resize(deadlines->heap, deadlines->capacity * sizeof *deadlines->heap);
    }
    sift_up(deadlines, deadlines->count++, deadline);
}

void deadlines_cancel(struct deadlines *deadlines, struct deadline *deadline) {
    if (deadline->position != 0)
        take_out(deadlines, deadline);
}

struct deadline *deadlines_pop(struct deadlines *deadlines, struct instant now) {
    if (deadlines->count == 0 || !instant_reached(now, deadlines->heap[0]->due))
        return NULL;
    struct deadline *earliest = deadlines->heap[0];
    take_out(deadlines, earliest);
    return earliest;
}
