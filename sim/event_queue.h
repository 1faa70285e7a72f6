/* event_queue: what happens next in the world, as a heap ordered by (time, order of scheduling).
 *
 *                 [at 100, order 7]
 *               /    |     |      \            four children each: fewer levels than with two,
 *         [at 100,   ...   ...   ...]          and siblings lie side by side
 *          order 9]
 *
 * A happening is never taken back. Whoever scheduled it keeps a generation in the subject and lets
 * the happening pass when the generations differ.
 *
 *     event_queue_push(&queue, at, HAPPENING_ARRIVAL, stream, generation);
 *     struct happening next = event_queue_pop(&queue);     // not empty
 */
#ifndef DUNLIN_SIM_EVENT_QUEUE_H
#define DUNLIN_SIM_EVENT_QUEUE_H

#include "engine/base/check.h"
#include "engine/base/units.h"

#include <stddef.h>

enum happening_kind {
    HAPPENING_WAKE,     /* simulated_host: is free for what waits in its inbox */
    HAPPENING_TIMER,    /* simulated_host: its program's deadline may have come */
    HAPPENING_ARRIVAL,  /* byte_stream: the first segment in flight arrives */
    HAPPENING_DRAIN,    /* byte_stream: what was sent has left */
    HAPPENING_PATIENCE, /* byte_stream: bytes may have waited for too long */
    HAPPENING_DEATH,    /* link_end: the connection is given up */
    HAPPENING_DISK,     /* disk_operation: is done */
};

struct happening {
    struct instant at;
    uint64_t order;
    void *subject;
    uint32_t generation;
    enum happening_kind kind;
};

/* The zero value is an empty queue. */
struct event_queue {
    struct happening *heap;
    size_t count;
    size_t capacity;
    uint64_t orders;
};

void event_queue_deinit(struct event_queue *queue);
/* What is to happen at INSTANT_NEVER does not. */
void event_queue_push(struct event_queue *queue, struct instant at, enum happening_kind kind,
                      void *subject, uint32_t generation);
/* The queue must not be empty. */
struct happening event_queue_pop(struct event_queue *queue);
/* INSTANT_NEVER when empty. */
static inline struct instant event_queue_next(const struct event_queue *queue) {
    return queue->count == 0 ? INSTANT_NEVER : queue->heap[0].at;
}

#endif
