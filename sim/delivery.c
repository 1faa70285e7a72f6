#include "sim/delivery.h"

#include <stdlib.h>

enum { DELIVERIES_CAPACITY_MIN = 16 };

void delivery_queue_deinit(struct delivery_queue *queue) {
    free(queue->ring);
    *queue = (struct delivery_queue){0};
}

void delivery_queue_grow(struct delivery_queue *queue) {
    uint32_t capacity = queue->capacity == 0 ? DELIVERIES_CAPACITY_MIN : queue->capacity * 2;
    CHECK(capacity <= DELIVERIES_MAX);
    struct delivery *ring = malloc(capacity * sizeof *ring);
    CHECK(ring != NULL);
    uint32_t count = queue->count;
    for (uint32_t i = 0; i < count; i++)
        ring[i] = queue->ring[(queue->first + i) & (queue->capacity - 1)];
    free(queue->ring);
    *queue = (struct delivery_queue){.ring = ring, .capacity = capacity, .count = count};
}

void delivery_queue_clear(struct delivery_queue *queue, struct chunk_pool *chunks) {
    while (queue->count > 0) {
        struct delivery dropped = delivery_queue_pop(queue);
        if (dropped.chunk != NULL)
            chunk_release(chunks, dropped.chunk);
    }
}
