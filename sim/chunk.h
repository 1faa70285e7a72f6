/* chunk: a run of bytes that several owners share, counted, and used again.
 *
 *     [ references | class | size | hash | ... ][ data ... ]       room for 64, 128, 256 ... bytes
 *
 * What a program sends or writes is copied once, into a chunk; segments on their way, pages in a
 * disk's cache and events that wait for a busy host only count on it.
 *
 *     struct chunk *chunk = chunk_of_bytes(&pool, bytes);   // one reference
 *     chunk_acquire(chunk);
 *     chunk_release(&pool, chunk);
 */
#ifndef DUNLIN_SIM_CHUNK_H
#define DUNLIN_SIM_CHUNK_H

#include "engine/base/bytes.h"

enum { CHUNK_CLASS_MIN_SHIFT = 6, CHUNK_CLASSES = 26 };

struct chunk {
    struct chunk *next_free;
    struct chunk *next_made; /* every chunk of the pool, for the end */
    uint32_t references;
    uint32_t class; /* room for 1 << (class + CHUNK_CLASS_MIN_SHIFT) bytes */
    uint64_t size;
    uint64_t hash; /* of all of data[0..size), when known */
    uint64_t hash_is_known;
    uint8_t data[];
};
_Static_assert(offsetof(struct chunk, data) % 16 == 0, "data is aligned");

/* The zero value is an empty pool. */
struct chunk_pool {
    struct chunk *free[CHUNK_CLASSES];
    struct chunk *made;
};

void chunk_pool_deinit(struct chunk_pool *pool);
/* `size` uninitialised bytes, one reference. */
struct chunk *chunk_create(struct chunk_pool *pool, uint64_t size);
struct chunk *chunk_of_bytes(struct chunk_pool *pool, struct bytes bytes);
void chunk_release(struct chunk_pool *pool, struct chunk *chunk);

static inline struct chunk *chunk_acquire(struct chunk *chunk) {
    chunk->references++;
    return chunk;
}

#endif
