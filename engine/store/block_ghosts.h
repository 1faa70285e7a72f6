/* block_ghosts: which blocks were in a cache until not long ago. Only their hashes are kept.
 *
 *     place by hash  [ hash, when | . | hash, when | ...]      two that share a place: the younger stays
 *
 * It may forget a ghost early, and takes one block in four thousand million for another: both only cost a little of the
 * cache's foresight.
 *
 *     block_ghosts_add(&ghosts, hash);
 *     if (block_ghosts_take(&ghosts, hash, 1000)) ...      // it was among the last 1000
 */
#ifndef DUNLIN_STORE_BLOCK_GHOSTS_H
#define DUNLIN_STORE_BLOCK_GHOSTS_H

#include "engine/base/bytes.h"

struct block_ghost {
    uint32_t mark; /* of the hash; 0: nobody */
    uint32_t when; /* number of ghosts before it */
};

/* The zero value is empty and has no room. */
struct block_ghosts {
    struct block_ghost *places;
    uint32_t size; /* a power of two, or 0 */
    uint32_t added;
};

void block_ghosts_deinit(struct block_ghosts *ghosts);
/* Makes room so that about `count` are remembered. */
void block_ghosts_reserve(struct block_ghosts *ghosts, uint32_t count);
void block_ghosts_add(struct block_ghosts *ghosts, uint64_t hash);
/* Takes the ghost away and tells whether it was among the last `recent`. */
bool block_ghosts_take(struct block_ghosts *ghosts, uint64_t hash, uint32_t recent);

#endif
