#include "sim/event_queue.h"

#include <stdlib.h>

enum { CHILDREN = 4, QUEUE_CAPACITY_MIN = 64, QUEUE_COUNT_MAX = 1 << 26 };

void event_queue_deinit(struct event_queue *queue) {
    free(queue->heap);
    *queue = (struct event_queue){0};
}

static bool comes_before(const struct happening *left, const struct happening *right) {
    if (left->at.nanoseconds != right->at.nanoseconds)
        return left->at.nanoseconds < right->at.nanoseconds;
    return left->order < right->order;
}

void event_queue_push(struct event_queue *queue, struct instant at, enum happening_kind kind,
                      void *subject, uint32_t generation) {
    if (at.nanoseconds == UINT64_MAX)
        return;
    if (queue->count == queue->capacity) {
        CHECK(queue->count < QUEUE_COUNT_MAX);
        queue->capacity = queue->capacity == 0 ? QUEUE_CAPACITY_MIN : queue->capacity * 2;
        queue->heap = realloc(queue->heap, queue->capacity * sizeof *queue->heap);
        CHECK(queue->heap != NULL);
    }
    struct happening pushed = {.at = at,
                               .order = queue->orders++,
                               .subject = subject,
                               .generation = generation,
                               .kind = kind};
    size_t index = queue->count++;
    while (index > 0) {
        size_t parent = (index - 1) / CHILDREN;
        if (!comes_before(&pushed, &queue->heap[parent]))
            break;
        queue->heap[index] = queue->heap[parent];
        index = parent;
    }
    queue->heap[index] = pushed;
}

struct happening event_queue_pop(struct event_queue *queue) {
    CHECK(queue->count > 0);
    struct happening popped = queue->heap[0];
    struct happening last = queue->heap[--queue->count];
    size_t index = 0;
    for (size_t first = 1; first < queue->count; first = CHILDREN * index + 1) {
        size_t end = first + CHILDREN < queue->count ? first + CHILDREN : queue->count;
        size_t least = first;
        for (size_t child = first + 1; child < end; child++) {
            if (comes_before(&queue->heap[child], &queue->heap[least]))
                least = child;
        }
        if (!comes_before(&queue->heap[least], &last))
            break;
        queue->heap[index] = queue->heap[least];
        index = least;
    }
    queue->heap[index] = last;
    return popped;
}
