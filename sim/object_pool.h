/* object_pool: objects of one size, made in slabs and used again.
 *
 *     slab            slab
 *     [o][o][o][o]    [o][o][o][o][o][o][o][o]
 *         ^   ^              ^
 *         +---+--------------+-- free list
 *
 * The world makes and drops a few objects with each event; taking one from here costs a few
 * instructions. Slabs go back to the C library only when the pool does, so a pointer kept together
 * with a generation may always be looked at.
 *
 *     struct object_pool pool = {.object_bytes = sizeof(struct segment)};
 *     struct segment *segment = object_pool_take(&pool);    // not cleared
 *     object_pool_give(&pool, segment);
 *     object_pool_deinit(&pool);
 */
#ifndef DUNLIN_SIM_OBJECT_POOL_H
#define DUNLIN_SIM_OBJECT_POOL_H

#include "engine/base/check.h"

#include <stddef.h>

enum { OBJECT_POOL_SLAB_MIN = 16, OBJECT_POOL_SLAB_MAX = 1024 };

struct object_pool_free {
    struct object_pool_free *next;
};

struct object_pool_slab {
    struct object_pool_slab *next;
    size_t padding;
};

/* The zero value with object_bytes set is an empty pool. */
struct object_pool {
    size_t object_bytes;
    size_t slab_objects; /* in the newest slab */
    struct object_pool_free *free;
    struct object_pool_slab *slabs;
};

/* The slow path of object_pool_take(): makes a slab of zeroed objects. */
void object_pool_grow(struct object_pool *pool);
void object_pool_deinit(struct object_pool *pool);

/* Uninitialised from the start of the object on for one pointer's width; behind it an object that
 * was never used is zero and a used one is as it was given back. */
static inline void *object_pool_take(struct object_pool *pool) {
    if (pool->free == NULL)
        object_pool_grow(pool);
    struct object_pool_free *taken = pool->free;
    pool->free = taken->next;
    return taken;
}

static inline void object_pool_give(struct object_pool *pool, void *object) {
    struct object_pool_free *given = object;
    given->next = pool->free;
    pool->free = given;
}

#endif
