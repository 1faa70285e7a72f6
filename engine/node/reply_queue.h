/* reply_queue: the commands of one session that are under way, in the order in which they came.
 *
 *      head                               tail
 *        v                                 v
 *     [RUNNING][DONE "$1.."][RUNNING][DONE "+OK"]          replies leave at the head only
 *
 * A ring of slots, each with the reply of its command once it is known. Slots and their buffers are used over and over:
 * a session in steady state allocates nothing. Sequence numbers count the commands of the session and name the slots.
 *
 * Two commands conflict when they touch the same key and one of them writes. Keys are compared by their hashes: a
 * collision makes a command wait without need, nothing worse. A command with more than REPLY_KEYS_MAX keys is taken to
 * touch every key.
 *
 *     struct reply_queue queue = {0};
 *     reply_queue_init(&queue, 128);
 *     if (!reply_queue_find_conflict(&queue, &footprint, &sequence)) {
 *         struct reply_slot *slot = reply_queue_open(&queue, &footprint, &sequence);
 *         ...
 *         slot->is_done = true;
 *     }
 *     while ((slot = reply_queue_head(&queue)) != NULL && slot->is_done) { ...; reply_queue_pop(&queue); }
 *     reply_queue_deinit(&queue);
 */
#ifndef DUNLIN_NODE_REPLY_QUEUE_H
#define DUNLIN_NODE_REPLY_QUEUE_H

#include "engine/base/bytes.h"
#include "engine/node/command_table.h"

enum {
    REPLY_KEYS_MAX = 16,
    REPLY_SLOTS_MIN = 8,
    REPLY_SLOTS_MAX = 1 << 16,
    REPLY_BUFFER_KEPT = 16 << 10, /* a slot's buffer that grew beyond this is freed after use */
};

/* Which keys a command touches. */
struct footprint {
    bool writes;
    bool every_key;
    uint32_t count;
    uint64_t hashes[REPLY_KEYS_MAX];
};

struct gather;

struct reply_slot {
    bool is_done;
    bool is_silent; /* the client wants no reply to this one */
    const struct command *command;
    struct footprint footprint;
    struct buffer reply;
    struct buffer key;     /* of a causal command; of a scan its pattern */
    uint64_t detail;       /* what else the command must remember until it completes */
    struct gather *gather; /* of a command with many operations; kept for the next one */
};

/* Begins as the zero value, then reply_queue_init(). */
struct reply_queue {
    struct reply_slot *slots;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t slots_max;
    uint64_t head; /* sequence numbers */
    uint64_t tail;
    uint32_t writes_running;
};

void reply_queue_init(struct reply_queue *queue, uint32_t slots_max);
void reply_queue_deinit(struct reply_queue *queue);

static inline uint32_t reply_queue_count(const struct reply_queue *queue) {
    return (uint32_t)(queue->tail - queue->head);
}
static inline bool reply_queue_is_full(const struct reply_queue *queue) {
    return reply_queue_count(queue) >= queue->slots_max;
}
static inline struct reply_slot *reply_queue_slot(const struct reply_queue *queue,
                                                  uint64_t sequence) {
    CHECK(sequence - queue->head < queue->tail - queue->head);
    return &queue->slots[sequence & (queue->capacity - 1)];
}
/* Null when nothing is under way. */
static inline struct reply_slot *reply_queue_head(const struct reply_queue *queue) {
    return queue->head == queue->tail ? NULL : reply_queue_slot(queue, queue->head);
}
/* The command with this number has been answered, or at least knows its answer. */
static inline bool reply_queue_is_done(const struct reply_queue *queue, uint64_t sequence) {
    return sequence < queue->head || reply_queue_slot(queue, sequence)->is_done;
}

/* The newest command under way that a command with this footprint has to wait for. */
bool reply_queue_find_conflict(const struct reply_queue *queue, const struct footprint *footprint,
                               uint64_t *sequence);
/* Slots may move: pointers to others are stale afterwards. The queue is not full. */
struct reply_slot *reply_queue_open(struct reply_queue *queue, const struct command *command,
                                    const struct footprint *footprint, uint64_t *sequence);
void reply_queue_done(struct reply_queue *queue, struct reply_slot *slot);
/* The head is done and its reply has been taken. */
void reply_queue_pop(struct reply_queue *queue);

#endif
