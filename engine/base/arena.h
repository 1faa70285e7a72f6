/* arena: memory that is given back all at once.
 *
 *     first              current
 *       v                   v
 *     [used|used|used] -> [used|free] -> [spare] -> null     a chunk is one block of memory
 *
 *     struct arena arena = {0};
 *     uint8_t *copy = arena_copy(&arena, bytes).data;
 *     arena_clear(&arena);                 // every allocation is gone, the chunks are kept
 *     arena_deinit(&arena);
 *
 * Clearing costs the same however much was allocated. Under the address sanitizer it frees the
 * chunks, so that a use after the clear is caught.
 */
#ifndef DUNLIN_BASE_ARENA_H
#define DUNLIN_BASE_ARENA_H

#include "engine/base/bytes.h"

enum { ARENA_ALIGNMENT = 16, ARENA_CHUNK_MIN = 4096, ARENA_CHUNK_MAX = 256 * 1024 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t capacity; /* bytes behind this header */
    size_t used;     /* of these; stale in a spare chunk */
    size_t padding;  /* keeps what follows aligned */
};
_Static_assert(sizeof(struct arena_chunk) % ARENA_ALIGNMENT == 0,
               "bytes behind the header are aligned");

/* The zero value is an empty arena. */
struct arena {
    struct arena_chunk *first;   /* chunks in use and spare, in order */
    struct arena_chunk *current; /* the chunk that allocations come from */
    size_t used;                 /* bytes handed out since the last clear */
    size_t held;                 /* bytes of all chunks with their headers: what it costs */
    size_t target; /* the last chunk is cut so that `held` comes out at this; 0 for no target */
};

/* The slow path of arena_allocate(): goes on to the next chunk, or makes one. */
void *arena_allocate_from_next(struct arena *arena, size_t rounded);

/* 16-byte aligned, uninitialised; size 0 gives a valid pointer. */
static inline void *arena_allocate(struct arena *arena, size_t size) {
    CHECK(size <= SIZE_MAX / 4);
    size_t rounded = (size + ARENA_ALIGNMENT - 1) & ~(size_t)(ARENA_ALIGNMENT - 1);
    struct arena_chunk *chunk = arena->current;
    if (chunk == NULL || rounded > chunk->capacity - chunk->used)
        return arena_allocate_from_next(arena, rounded);
    void *allocated = (uint8_t *)(chunk + 1) + chunk->used;
    chunk->used += rounded;
    arena->used += rounded;
    return allocated;
}

/* Bytes that the present chunk still has. */
static inline size_t arena_room(const struct arena *arena) {
    return arena->current == NULL ? 0 : arena->current->capacity - arena->current->used;
}

struct bytes arena_copy(struct arena *arena, struct bytes bytes);
void arena_clear(struct arena *arena);
void arena_deinit(struct arena *arena);
/* Frees at most so many chunks of an arena that is no longer used; true when none is left. Giving a large arena's memory
 * back takes milliseconds. */
bool arena_release_some(struct arena *arena, uint32_t chunks);

#endif
