#include "sim/object_pool.h"

#include <stdint.h>
#include <stdlib.h>

void object_pool_grow(struct object_pool *pool) {
    CHECK(pool->object_bytes >= sizeof(struct object_pool_free));
    CHECK(pool->object_bytes % sizeof(void *) == 0);
    size_t objects = pool->slab_objects == 0 ? OBJECT_POOL_SLAB_MIN : pool->slab_objects * 2;
    if (objects > OBJECT_POOL_SLAB_MAX)
        objects = OBJECT_POOL_SLAB_MAX;
    struct object_pool_slab *slab =
        calloc(1, sizeof(struct object_pool_slab) + objects * pool->object_bytes);
    CHECK(slab != NULL);
    slab->next = pool->slabs;
    pool->slabs = slab;
    pool->slab_objects = objects;
    uint8_t *first = (uint8_t *)(slab + 1);
    /* Last one first, so that objects are handed out in the order in which they lie. */
    for (size_t i = objects; i > 0; i--)
        object_pool_give(pool, first + (i - 1) * pool->object_bytes);
}

void object_pool_deinit(struct object_pool *pool) {
    while (pool->slabs != NULL) {
        struct object_pool_slab *next = pool->slabs->next;
        free(pool->slabs);
        pool->slabs = next;
    }
    *pool = (struct object_pool){.object_bytes = pool->object_bytes};
}
