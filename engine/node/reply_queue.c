#include "engine/node/reply_queue.h"

#include "engine/base/memory.h"
#include "engine/node/gather.h"

void reply_queue_init(struct reply_queue *queue, uint32_t slots_max) {
    CHECK(slots_max > 0);
    queue->slots_max = slots_max < REPLY_SLOTS_MAX ? slots_max : REPLY_SLOTS_MAX;
}

void reply_queue_deinit(struct reply_queue *queue) {
    for (uint32_t i = 0; i < queue->capacity; i++) {
        buffer_deinit(&queue->slots[i].reply);
        buffer_deinit(&queue->slots[i].key);
        gather_destroy(queue->slots[i].gather);
    }
    memory_release(queue->slots);
    *queue = (struct reply_queue){0};
}

/* Doubles the ring; every slot keeps its sequence number. */
static void grow(struct reply_queue *queue) {
    uint32_t capacity = queue->capacity == 0 ? REPLY_SLOTS_MIN : 2 * queue->capacity;
    struct reply_slot *slots = memory_allocate_zeroed(capacity, sizeof *slots);
    /* The ring is full, so its slots are exactly the numbers from head to tail. */
    for (uint64_t i = queue->head; i < queue->tail; i++)
        slots[i & (capacity - 1)] = queue->slots[i & (queue->capacity - 1)];
    memory_release(queue->slots);
    queue->slots = slots;
    queue->capacity = capacity;
}

static bool share_a_key(const struct footprint *left, const struct footprint *right) {
    if (left->every_key || right->every_key)
        return (left->every_key || left->count > 0) && (right->every_key || right->count > 0);
    for (uint32_t i = 0; i < left->count; i++) {
        for (uint32_t j = 0; j < right->count; j++) {
            if (left->hashes[i] == right->hashes[j])
                return true;
        }
    }
    return false;
}

bool reply_queue_find_conflict(const struct reply_queue *queue, const struct footprint *footprint,
                               uint64_t *sequence) {
    if (!footprint->writes && queue->writes_running == 0)
        return false;
    for (uint64_t i = queue->tail; i > queue->head; i--) {
        const struct reply_slot *slot = reply_queue_slot(queue, i - 1);
        if (!slot->is_done && (footprint->writes || slot->footprint.writes) &&
            share_a_key(footprint, &slot->footprint)) {
            *sequence = i - 1;
            return true;
        }
    }
    return false;
}

struct reply_slot *reply_queue_open(struct reply_queue *queue, const struct command *command,
                                    const struct footprint *footprint, uint64_t *sequence) {
    CHECK(!reply_queue_is_full(queue));
    if (reply_queue_count(queue) == queue->capacity)
        grow(queue);
    *sequence = queue->tail++;
    struct reply_slot *slot = reply_queue_slot(queue, *sequence);
    slot->is_done = false;
    slot->is_silent = false;
    slot->command = command;
    slot->detail = 0;
    slot->footprint.writes = footprint->writes;
    slot->footprint.every_key = footprint->every_key;
    slot->footprint.count = footprint->count;
    if (footprint->count > 0)
        memcpy(slot->footprint.hashes, footprint->hashes,
               footprint->count * sizeof footprint->hashes[0]);
    if (footprint->writes)
        queue->writes_running += 1;
    return slot;
}

void reply_queue_done(struct reply_queue *queue, struct reply_slot *slot) {
    CHECK(!slot->is_done);
    slot->is_done = true;
    if (slot->footprint.writes)
        queue->writes_running -= 1;
}

static void empty_buffer(struct buffer *buffer) {
    if (buffer->capacity > REPLY_BUFFER_KEPT)
        buffer_deinit(buffer);
    else
        buffer_clear(buffer);
}

void reply_queue_pop(struct reply_queue *queue) {
    struct reply_slot *slot = reply_queue_head(queue);
    CHECK(slot != NULL && slot->is_done);
    empty_buffer(&slot->reply);
    empty_buffer(&slot->key);
    if (slot->gather != NULL)
        gather_reset(slot->gather);
    queue->head += 1;
}
