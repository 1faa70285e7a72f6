#include "server/host_memory.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct host_memory_block) % alignof(max_align_t) == 0,
               "what lies behind the header is aligned");

/* Pages that were never touched are no reserve: the kernel has only promised them. */
enum { RESERVE_FILL = 0xa5 };

static struct host_memory_pool process = {.blocks = {&process.blocks, &process.blocks}};
static _Thread_local struct host_memory_pool *entered;

void host_memory_enter(struct host_memory_pool *pool) {
    CHECK(entered == NULL);
    entered = pool;
}

void host_memory_leave(void) {
    CHECK(entered != NULL);
    entered = NULL;
}

static bool recover(struct host_memory_pool *pool) {
    if (pool->reserve != NULL || pool->reserve_bytes == 0)
        return true;
    pool->reserve = malloc(pool->reserve_bytes);
    if (pool->reserve == NULL)
        return false;
    memset(pool->reserve, RESERVE_FILL, pool->reserve_bytes);
    return true;
}

void host_memory_pool_init(struct host_memory_pool *pool, size_t reserve_bytes) {
    *pool = (struct host_memory_pool){.reserve_bytes = reserve_bytes};
    pool->blocks = (struct host_memory_block){&pool->blocks, &pool->blocks};
    (void)recover(pool);
}

void host_memory_pool_drop(struct host_memory_pool *pool) {
    struct host_memory_block *block = pool->blocks.next;
    while (block != &pool->blocks) {
        struct host_memory_block *next = block->next;
        free(block);
        block = next;
    }
    pool->blocks = (struct host_memory_block){&pool->blocks, &pool->blocks};
}

void host_memory_pool_deinit(struct host_memory_pool *pool) {
    host_memory_pool_drop(pool);
    free(pool->reserve);
    *pool = (struct host_memory_pool){.reserve_bytes = 0};
}

bool host_memory_pool_is_empty(const struct host_memory_pool *pool) {
    return pool->blocks.next == &pool->blocks;
}

bool host_memory_pool_is_short(struct host_memory_pool *pool) {
    return !recover(pool);
}

void host_memory_reserve(size_t bytes) {
    free(process.reserve);
    process.reserve = NULL;
    process.reserve_bytes = bytes;
    (void)recover(&process);
}

bool host_memory_is_short(void) {
    return !recover(&process);
}

/* Whose memory runs out: the pool's that is entered, or the process's. */
static struct host_memory_pool *lender(void) {
    return entered == NULL ? &process : entered;
}

static bool give_up_reserve(void) {
    struct host_memory_pool *pool = lender();
    if (pool->reserve == NULL)
        return false;
    free(pool->reserve);
    pool->reserve = NULL;
    return true;
}

static _Noreturn void end(size_t wanted) {
    struct host_memory_pool *pool = entered;
    if (pool == NULL) {
        fprintf(stderr, "dunlin: out of memory: %zu bytes are not to be had\n", wanted);
        /* Without a flush of anything: the log on disk is what counts. */
        _Exit(HOST_MEMORY_EXIT);
    }
    entered = NULL;
    pool->wanted = wanted;
    longjmp(pool->door, 1);
}

static void link_block(struct host_memory_block *block) {
    if (entered == NULL) {
        *block = (struct host_memory_block){NULL, NULL};
        return;
    }
    struct host_memory_block *seam = &entered->blocks;
    *block = (struct host_memory_block){seam, seam->next};
    seam->next->previous = block;
    seam->next = block;
}

static void unlink_block(struct host_memory_block *block) {
    if (block->next == NULL)
        return;
    block->next->previous = block->previous;
    block->previous->next = block->next;
}

static struct host_memory_block *obtain(size_t size, bool zeroed) {
    if (size > SIZE_MAX / 2)
        end(size);
    size_t whole = sizeof(struct host_memory_block) + size;
    struct host_memory_block *block;
    do
        block = zeroed ? calloc(1, whole) : malloc(whole);
    while (block == NULL && give_up_reserve());
    if (block == NULL)
        end(size);
    link_block(block);
    return block;
}

void *host_memory_pool_try(struct host_memory_pool *pool, size_t size) {
    CHECK(entered == NULL);
    struct host_memory_block *block = calloc(1, sizeof *block + size);
    if (block == NULL && pool->reserve != NULL) {
        free(pool->reserve);
        pool->reserve = NULL;
        block = calloc(1, sizeof *block + size);
    }
    return block == NULL ? NULL : block + 1;
}

void *host_memory_allocate(size_t size) {
    return obtain(size, false) + 1;
}

void *host_memory_allocate_zeroed(size_t size) {
    return obtain(size, true) + 1;
}

/* Null when there is no memory for it: the old block is as it was. */
static struct host_memory_block *try_resize(struct host_memory_block *old, size_t size) {
    struct host_memory_block *block = realloc(old, sizeof *block + size);
    if (block != NULL && block->next != NULL) {
        block->next->previous = block;
        block->previous->next = block;
    }
    return block;
}

void *host_memory_resize(void *memory, size_t size) {
    if (memory == NULL)
        return host_memory_allocate(size);
    if (size > SIZE_MAX / 2)
        end(size);
    struct host_memory_block *old = (struct host_memory_block *)memory - 1;
    struct host_memory_block *block;
    do
        block = try_resize(old, size);
    while (block == NULL && give_up_reserve());
    if (block == NULL)
        end(size);
    return block + 1;
}

bool host_memory_make_room(struct buffer *buffer, size_t more) {
    CHECK(entered == NULL && buffer->size <= buffer->capacity);
    if (more <= buffer->capacity - buffer->size)
        return true;
    if (more > SIZE_MAX / 4 || buffer->size > SIZE_MAX / 4)
        return false;
    size_t capacity = buffer->size + more + buffer->size / 2;
    struct host_memory_block *block;
    if (buffer->data == NULL)
        block = calloc(1, sizeof *block + capacity);
    else
        block = try_resize((struct host_memory_block *)buffer->data - 1, capacity);
    if (block == NULL)
        return false;
    buffer->data = (uint8_t *)(block + 1);
    buffer->capacity = capacity;
    return true;
}

void host_memory_release(void *memory) {
    if (memory == NULL)
        return;
    struct host_memory_block *block = (struct host_memory_block *)memory - 1;
    unlink_block(block);
    free(block);
}
