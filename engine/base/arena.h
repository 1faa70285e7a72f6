/* arena: memory that is given back all at once.
 *
 *     struct arena arena = {0};
 *     uint8_t *copy = arena_copy(&arena, bytes).data;
 *     arena_clear(&arena);                 // every allocation is gone, the chunks are kept
 *     arena_deinit(&arena);
 */
#ifndef DUNLIN_BASE_ARENA_H
#define DUNLIN_BASE_ARENA_H

#include "engine/base/bytes.h"

struct arena_chunk;

/* The zero value is an empty arena. */
struct arena {
    struct arena_chunk *first;   /* chunks in use and spare, in order */
    struct arena_chunk *current; /* the chunk that allocations come from */
    size_t used;                 /* bytes handed out since the last clear */
};

/* 16-byte aligned, uninitialised; size 0 gives a valid pointer. */
void *arena_allocate(struct arena *arena, size_t size);
struct bytes arena_copy(struct arena *arena, struct bytes bytes);
void arena_clear(struct arena *arena);
void arena_deinit(struct arena *arena);

#endif
