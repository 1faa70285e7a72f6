#include "engine/base/memory.h"
#include "engine/node/node_state.h"

enum { QUEUE_CAPACITY_MIN = 64 };

/* --- answers that wait for a watermark ---------------------------------------------------------- */

static void grow(struct acknowledgement_queue *queue) {
    size_t capacity = queue->capacity == 0 ? QUEUE_CAPACITY_MIN : queue->capacity * 2;
    struct acknowledgement *items = memory_allocate(capacity * sizeof *items);
    for (size_t i = 0; i < queue->count; i++)
        items[i] = queue->items[(queue->first + i) & (queue->capacity - 1)];
    memory_release(queue->items);
    queue->items = items;
    queue->first = 0;
    queue->capacity = capacity;
}

static void enqueue(struct node *node, bool durable, const struct acknowledgement *item) {
    struct acknowledgement_queue *queue = durable ? &node->replica.durable : &node->replica.written;
    if (queue->count == queue->capacity)
        grow(queue);
    size_t last = (queue->first + queue->count) & (queue->capacity - 1);
    CHECK(queue->count == 0 ||
          queue->items[(last - 1) & (queue->capacity - 1)].sequence <= item->sequence);
    queue->items[last] = *item;
    queue->count++;
    if (durable && node->config.store.sync != STORE_SYNC_ALWAYS)
        store_want_durable(node->store, item->sequence);
}

/* Under a policy of always, nothing is acknowledged before it is durable. */
static bool policy_is_always(const struct node *node) {
    return node->config.store.sync == STORE_SYNC_ALWAYS;
}

void replica_acknowledge(struct node *node, const struct origin *origin, uint64_t sequence) {
    struct acknowledgement item = {.sequence = sequence, .origin = *origin};
    enqueue(node, origin->durable || policy_is_always(node), &item);
}

void replica_acknowledge_request(struct node *node, uint64_t number, uint64_t sequence,
                                 bool durable) {
    struct origin origin = {.kind = ORIGIN_REQUEST, .number = number};
    replica_acknowledge(node, &origin, sequence);
    struct acknowledgement item = {.sequence = sequence, .origin = origin, .durable_part = true};
    if (durable)
        enqueue(node, true, &item);
}

static void give(struct node *node, const struct acknowledgement *item) {
    const struct origin *origin = &item->origin;
    switch (origin->kind) {
    case ORIGIN_NONE:
    case ORIGIN_SYNC:
        break;
    case ORIGIN_PEER: {
        bool is_durable = store_durable(node->store) >= item->sequence;
        struct peer_message reply = {.kind = PEER_WRITE_REPLY,
                                     .request = origin->number,
                                     .status = PEER_OK,
                                     .flags = is_durable ? PEER_FLAG_DURABLE : 0};
        peer_reply(node, origin->link, &reply);
        break;
    }
    case ORIGIN_REQUEST:
        coordinator_acknowledged(node, origin->number, PEER_OK, item->durable_part);
        break;
    case ORIGIN_EXCHANGE:
        exchange_on_merged(node, origin->number, true);
        break;
    }
}

/* Each item is taken out before it is given: what it sets going may add others behind. */
static void settle(struct node *node, struct acknowledgement_queue *queue, uint64_t watermark) {
    while (queue->count > 0 && queue->items[queue->first].sequence <= watermark) {
        struct acknowledgement item = queue->items[queue->first];
        queue->first = (queue->first + 1) & (queue->capacity - 1);
        queue->count--;
        give(node, &item);
    }
}

void replica_settle_acknowledgements(struct node *node) {
    settle(node, &node->replica.written, store_written(node->store));
    settle(node, &node->replica.durable, store_durable(node->store));
}

/* --- whoever waits for room in the store -------------------------------------------------------- */

void replica_wait_for_room(struct node *node, uint64_t waiter) {
    struct number_queue *queue = &node->replica.busy;
    if (queue->count == queue->capacity) {
        size_t capacity = queue->capacity == 0 ? QUEUE_CAPACITY_MIN : queue->capacity * 2;
        uint64_t *items = memory_allocate(capacity * sizeof *items);
        for (size_t i = 0; i < queue->count; i++)
            items[i] = queue->items[(queue->first + i) & (queue->capacity - 1)];
        memory_release(queue->items);
        *queue = (struct number_queue){.items = items, .count = queue->count, .capacity = capacity};
    }
    queue->items[(queue->first + queue->count) & (queue->capacity - 1)] = waiter;
    queue->count++;
}

bool replica_next_for_room(struct node *node, uint64_t *waiter) {
    struct number_queue *queue = &node->replica.busy;
    if (queue->count == 0)
        return false;
    *waiter = queue->items[queue->first];
    queue->first = (queue->first + 1) & (queue->capacity - 1);
    queue->count--;
    return true;
}

void replica_queues_deinit(struct replica_state *replica) {
    memory_release(replica->written.items);
    memory_release(replica->durable.items);
    memory_release(replica->busy.items);
}
