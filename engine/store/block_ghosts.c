#include "engine/store/block_ghosts.h"

#include "engine/base/memory.h"

enum { PLACES_MIN = 64 };

void block_ghosts_deinit(struct block_ghosts *ghosts) {
    memory_release(ghosts->places);
    *ghosts = (struct block_ghosts){0};
}

/* The mark does not tell the place, so a larger array begins empty. */
void block_ghosts_reserve(struct block_ghosts *ghosts, uint32_t count) {
    uint32_t size = ghosts->size == 0 ? PLACES_MIN : ghosts->size;
    while (size / 2 < count && size < UINT32_MAX / 2)
        size *= 2;
    if (size == ghosts->size)
        return;
    memory_release(ghosts->places);
    ghosts->places = memory_allocate_zeroed(size, sizeof *ghosts->places);
    ghosts->size = size;
}

static struct block_ghost *place_of(const struct block_ghosts *ghosts, uint64_t hash) {
    return &ghosts->places[(uint32_t)hash & (ghosts->size - 1)];
}

static uint32_t mark_of(uint64_t hash) {
    return (uint32_t)(hash >> 32) | 1;
}

void block_ghosts_add(struct block_ghosts *ghosts, uint64_t hash) {
    if (ghosts->size > 0)
        *place_of(ghosts, hash) = (struct block_ghost){mark_of(hash), ghosts->added++};
}

bool block_ghosts_take(struct block_ghosts *ghosts, uint64_t hash, uint32_t recent) {
    if (ghosts->size == 0)
        return false;
    struct block_ghost *ghost = place_of(ghosts, hash);
    if (ghost->mark != mark_of(hash))
        return false;
    ghost->mark = 0;
    return ghosts->added - ghost->when <= recent;
}
