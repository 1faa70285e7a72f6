#include "engine/base/arena.h"
#include "engine/base/memory.h"

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_FREES_ON_CLEAR 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_FREES_ON_CLEAR 1
#endif
#endif
#ifndef ARENA_FREES_ON_CLEAR
#define ARENA_FREES_ON_CLEAR 0
#endif

/* Chunks double up to a limit, so that a small arena stays small and a large one makes few calls.
 */
static size_t next_capacity(const struct arena *arena, size_t rounded) {
    const struct arena_chunk *last = arena->current;
    size_t capacity = last == NULL ? ARENA_CHUNK_MIN : last->capacity * 2;
    if (capacity > ARENA_CHUNK_MAX)
        capacity = ARENA_CHUNK_MAX;
    if (capacity < ARENA_CHUNK_MIN)
        capacity = ARENA_CHUNK_MIN;
    if (arena->target > 0) {
        size_t taken = arena->held + sizeof(struct arena_chunk);
        size_t left = arena->target > taken ? arena->target - taken : 0;
        if (capacity > left)
            capacity = left;
    }
    return capacity < rounded ? rounded : capacity;
}

void *arena_allocate_from_next(struct arena *arena, size_t rounded) {
    struct arena_chunk *last = arena->current;
    struct arena_chunk *chunk = last == NULL ? arena->first : last->next;
    if (chunk == NULL || chunk->capacity < rounded) {
        /* A spare chunk that is too small makes way: the list never grows past what one round
         * needed. */
        struct arena_chunk *after = NULL;
        if (chunk != NULL) {
            after = chunk->next;
            arena->held -= sizeof *chunk + chunk->capacity;
            memory_release(chunk);
        }
        size_t capacity = next_capacity(arena, rounded);
        chunk = memory_allocate(sizeof *chunk + capacity);
        *chunk = (struct arena_chunk){.next = after, .capacity = capacity};
        arena->held += sizeof *chunk + capacity;
        if (last == NULL)
            arena->first = chunk;
        else
            last->next = chunk;
    }
    chunk->used = rounded;
    arena->current = chunk;
    arena->used += rounded;
    return chunk + 1;
}

struct bytes arena_copy(struct arena *arena, struct bytes bytes) {
    void *to = arena_allocate(arena, bytes.size);
    if (bytes.size > 0)
        memcpy(to, bytes.data, bytes.size);
    return bytes_of(to, bytes.size);
}

void arena_clear(struct arena *arena) {
    if (ARENA_FREES_ON_CLEAR) {
        arena_deinit(arena);
        return;
    }
    arena->current = arena->first;
    if (arena->first != NULL)
        arena->first->used = 0;
    arena->used = 0;
}

bool arena_release_some(struct arena *arena, uint32_t chunks) {
    for (uint32_t i = 0; i < chunks && arena->first != NULL; i++) {
        struct arena_chunk *chunk = arena->first;
        arena->first = chunk->next;
        memory_release(chunk);
    }
    arena->current = NULL;
    return arena->first == NULL;
}

void arena_deinit(struct arena *arena) {
    (void)arena_release_some(arena, UINT32_MAX);
    *arena = (struct arena){.target = arena->target};
}
