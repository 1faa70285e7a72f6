#include "engine/node/request.h"

#include "engine/base/memory.h"
#include "engine/node/node_state.h"

#define PHASE(phase) (1u << (phase))

/* Which phases may follow each one. */
static const uint32_t ALLOWED[REQUEST_PHASES] = {
    [REQUEST_FREE] = PHASE(REQUEST_READING) | PHASE(REQUEST_MINTING) | PHASE(REQUEST_HANDED) |
                     PHASE(REQUEST_COLLECTING),
    [REQUEST_READING] = PHASE(REQUEST_FREE),
    [REQUEST_MINTING] = PHASE(REQUEST_COLLECTING) | PHASE(REQUEST_HANDED) | PHASE(REQUEST_FREE),
    [REQUEST_HANDED] = PHASE(REQUEST_FREE),
    [REQUEST_COLLECTING] = PHASE(REQUEST_REPAIRING) | PHASE(REQUEST_ANSWERED) | PHASE(REQUEST_FREE),
    [REQUEST_REPAIRING] = PHASE(REQUEST_ANSWERED) | PHASE(REQUEST_FREE),
    [REQUEST_ANSWERED] = PHASE(REQUEST_FREE),
};

static void add_chunk(struct request_pool *pool) {
    if (pool->chunk_count == pool->chunk_capacity) {
        pool->chunk_capacity = pool->chunk_capacity == 0 ? 16 : pool->chunk_capacity * 2;
        pool->chunks = memory_resize(pool->chunks, pool->chunk_capacity * sizeof *pool->chunks);
    }
    struct request *chunk = memory_allocate_zeroed(REQUEST_CHUNK, sizeof *chunk);
    uint32_t base = pool->chunk_count * REQUEST_CHUNK;
    pool->chunks[pool->chunk_count++] = chunk;
    /* The lowest index comes out first. */
    for (uint32_t i = REQUEST_CHUNK; i > 0; i--) {
        chunk[i - 1].number = number_of_pool(NUMBER_REQUEST, 0, base + i - 1);
        chunk[i - 1].next_free = pool->free_first;
        pool->free_first = base + i;
    }
}

struct request *request_at(struct node *node, uint32_t index) {
    struct request *request = &node->requests.chunks[index / REQUEST_CHUNK][index % REQUEST_CHUNK];
    return request->phase == REQUEST_FREE ? NULL : request;
}

uint32_t request_capacity(const struct node *node) {
    return node->requests.chunk_count * REQUEST_CHUNK;
}

static struct request *place_at(struct request_pool *pool, uint32_t index) {
    return &pool->chunks[index / REQUEST_CHUNK][index % REQUEST_CHUNK];
}

struct request *request_acquire(struct node *node, enum request_kind kind) {
    struct request_pool *pool = &node->requests;
    if (pool->under_way >= node->config.requests_max)
        return NULL;
    if (pool->free_first == 0)
        add_chunk(pool);
    uint32_t index = pool->free_first - 1;
    struct request *request = place_at(pool, index);
    CHECK(request->phase == REQUEST_FREE);
    pool->free_first = request->next_free;
    pool->under_way++;
    request->number =
        number_of_pool(NUMBER_REQUEST, (request->number >> NUMBER_INDEX_BITS) + 1, index);
    request->kind = kind;
    return request;
}

/* Buffers are kept, so that a request in steady state allocates nothing; large ones are not. */
static void clear_buffer(struct buffer *buffer) {
    if (buffer->capacity > REQUEST_KEPT_BYTES_MAX)
        buffer_deinit(buffer);
    else
        buffer_clear(buffer);
}

static void leave_tail(struct request_pool *pool, struct request *request) {
    uint32_t previous = request->tail_previous;
    uint32_t next = request->tail_next;
    if (previous == 0)
        pool->tail_first = next;
    else
        place_at(pool, previous - 1)->tail_next = next;
    if (next == 0)
        pool->tail_last = previous;
    else
        place_at(pool, next - 1)->tail_previous = previous;
    request->tail_previous = 0;
    request->tail_next = 0;
    pool->tails--;
}

static void join_tail(struct request_pool *pool, struct request *request) {
    uint32_t reference = number_index(request->number) + 1;
    request->tail_previous = pool->tail_last;
    request->tail_next = 0;
    if (pool->tail_last == 0)
        pool->tail_first = reference;
    else
        place_at(pool, pool->tail_last - 1)->tail_next = reference;
    pool->tail_last = reference;
    pool->tails++;
}

void request_move(struct node *node, struct request *request, enum request_phase phase) {
    CHECK((ALLOWED[request->phase] & PHASE(phase)) != 0);
    if (phase == REQUEST_ANSWERED) {
        node->requests.under_way--;
        join_tail(&node->requests, request);
    }
    request->phase = phase;
}

void request_release(struct node *node, struct request *request) {
    struct request_pool *pool = &node->requests;
    if (request->phase == REQUEST_ANSWERED)
        leave_tail(pool, request);
    else
        pool->under_way--;
    /* One that never left FREE was acquired in vain. */
    if (request->phase != REQUEST_FREE)
        request_move(node, request, REQUEST_FREE);
    deadlines_cancel(&node->deadlines, &request->timer);
    clear_buffer(&request->key);
    clear_buffer(&request->value);
    clear_buffer(&request->context);
    clear_buffer(&request->object);
    uint64_t next_number = number_of_pool(
        NUMBER_REQUEST, (request->number >> NUMBER_INDEX_BITS) + 1, number_index(request->number));
    struct request cleared = {
        .number = next_number,
        .key = request->key,
        .value = request->value,
        .context = request->context,
        .object = request->object,
        .next_free = pool->free_first,
    };
    *request = cleared;
    pool->free_first = number_index(next_number) + 1;
}

struct request *request_find(struct node *node, uint64_t number) {
    uint32_t index = number_index(number);
    if (number_kind(number) != NUMBER_REQUEST || index >= request_capacity(node))
        return NULL;
    struct request *request = request_at(node, index);
    return request != NULL && request->number == number ? request : NULL;
}

struct request *request_surplus_tail(struct node *node) {
    struct request_pool *pool = &node->requests;
    bool too_many = pool->tails > node->config.requests_max;
    return too_many ? place_at(pool, pool->tail_first - 1) : NULL;
}

void request_start_timer(struct node *node, struct request *request, struct duration timeout) {
    request->expires = instant_after(node->now, timeout);
    request->timer.kind = TIMER_REQUEST;
    request->timer.owner = request->number;
    struct duration hedge = node->config.hedge_after;
    request->hedged = hedge.nanoseconds == 0 || hedge.nanoseconds >= timeout.nanoseconds;
    struct instant due = request->hedged ? request->expires : instant_after(node->now, hedge);
    deadlines_set(&node->deadlines, &request->timer, due);
}

struct request_slot *request_asked_slot(struct request *request, uint32_t member) {
    for (uint32_t i = 0; i < request->slot_count; i++) {
        struct request_slot *slot = &request->slots[i];
        if (slot->member == member && slot->state == SLOT_ASKED)
            return slot;
    }
    return NULL;
}

bool request_slot_is_primary(const struct request *request, const struct request_slot *slot) {
    return slot < request->slots + request->n;
}

uint32_t request_asked_count(const struct request *request) {
    uint32_t asked = 0;
    for (uint32_t i = 0; i < request->slot_count; i++)
        asked += request->slots[i].state == SLOT_ASKED;
    return asked;
}

void request_pool_deinit(struct request_pool *pool) {
    for (uint32_t i = 0; i < pool->chunk_count; i++) {
        for (uint32_t j = 0; j < REQUEST_CHUNK; j++) {
            struct request *request = &pool->chunks[i][j];
            buffer_deinit(&request->key);
            buffer_deinit(&request->value);
            buffer_deinit(&request->context);
            buffer_deinit(&request->object);
        }
        memory_release(pool->chunks[i]);
    }
    memory_release(pool->chunks);
    *pool = (struct request_pool){0};
}
