/* delivery: an event on its way from the network or a disk to a host, before the host has time for
 * it.
 *
 *     network, disk --> timeline.deliveries --> host free?  yes: one step
 *                                                           no:  inbox, until it is
 *
 * A delivery owns one reference to its chunk. A queue of them is a ring that grows.
 */
#ifndef DUNLIN_SIM_DELIVERY_H
#define DUNLIN_SIM_DELIVERY_H

#include "engine/base/event.h"
#include "sim/chunk.h"

struct link_end;

enum {
    DELIVERIES_MAX = 1 << 24
}; /* waiting for one host: beyond it the scenario asks for too much */

struct delivery {
    enum event_kind kind;
    uint32_t host;
    struct link_end *end; /* of a link event */
    uint32_t generation;  /* of the end's connection */
    enum disk_status status;
    uint64_t ticket;
    struct chunk *chunk; /* may be null */
    uint32_t offset, size;
    uint32_t file_count; /* of a list: the chunk holds file entries */
};

/* The zero value is an empty queue. */
struct delivery_queue {
    struct delivery *ring;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t first;
    uint32_t count;
};

void delivery_queue_deinit(struct delivery_queue *queue);
/* The slow path of delivery_queue_push(). */
void delivery_queue_grow(struct delivery_queue *queue);
/* Releases the chunks of everything that waits. */
void delivery_queue_clear(struct delivery_queue *queue, struct chunk_pool *chunks);

/* A new last entry, for the caller to fill wholly. */
static inline struct delivery *delivery_queue_add(struct delivery_queue *queue) {
    if (queue->count == queue->capacity)
        delivery_queue_grow(queue);
    return &queue->ring[(queue->first + queue->count++) & (queue->capacity - 1)];
}

static inline void delivery_queue_push(struct delivery_queue *queue,
                                       const struct delivery *delivery) {
    *delivery_queue_add(queue) = *delivery;
}

/* The entry behind `index` others. */
static inline struct delivery *delivery_queue_at(const struct delivery_queue *queue,
                                                 uint32_t index) {
    return &queue->ring[(queue->first + index) & (queue->capacity - 1)];
}

/* The queue must not be empty. */
static inline struct delivery delivery_queue_pop(struct delivery_queue *queue) {
    struct delivery popped = queue->ring[queue->first];
    queue->first = (queue->first + 1) & (queue->capacity - 1);
    queue->count--;
    return popped;
}

#endif
