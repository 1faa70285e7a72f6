#include "sim/chunk.h"

#include <stdlib.h>

void chunk_pool_deinit(struct chunk_pool *pool) {
    while (pool->made != NULL) {
        struct chunk *next = pool->made->next_made;
        free(pool->made);
        pool->made = next;
    }
    *pool = (struct chunk_pool){0};
}

static uint32_t class_of(uint64_t size) {
    if (size <= (uint64_t)1 << CHUNK_CLASS_MIN_SHIFT)
        return 0;
    return (uint32_t)(64 - __builtin_clzll(size - 1)) - CHUNK_CLASS_MIN_SHIFT;
}

struct chunk *chunk_create(struct chunk_pool *pool, uint64_t size) {
    uint32_t class = class_of(size);
    CHECK(class < CHUNK_CLASSES);
    struct chunk *chunk = pool->free[class];
    if (chunk != NULL) {
        pool->free[class] = chunk->next_free;
    } else {
        chunk = malloc(sizeof *chunk + ((size_t)1 << (class + CHUNK_CLASS_MIN_SHIFT)));
        CHECK(chunk != NULL);
        chunk->next_made = pool->made;
        pool->made = chunk;
        chunk->class = class;
    }
    chunk->references = 1;
    chunk->size = size;
    chunk->hash_is_known = 0;
    return chunk;
}

struct chunk *chunk_of_bytes(struct chunk_pool *pool, struct bytes bytes) {
    struct chunk *chunk = chunk_create(pool, bytes.size);
    if (bytes.size > 0)
        memcpy(chunk->data, bytes.data, bytes.size);
    return chunk;
}

void chunk_release(struct chunk_pool *pool, struct chunk *chunk) {
    CHECK(chunk->references > 0);
    if (--chunk->references > 0)
        return;
    chunk->next_free = pool->free[chunk->class];
    pool->free[chunk->class] = chunk;
}
