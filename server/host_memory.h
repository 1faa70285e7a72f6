/* host_memory: the memory that this process lends to the engine, and what happens when there is
 * none.
 *
 *     allocation fails --> the reserve is given up, tried again --> fails again --> the end
 *                                                                     |
 *          no pool is entered: says so and exits with HOST_MEMORY_EXIT <-+-> a pool is: jumps out
 *
 * A daemon lends the whole process's memory: with a reserve it outlives the one large request that
 * came at the wrong time, and host_memory_is_short() tells it to take no new work until the reserve
 * is there again. When even that is spent it exits; all that was acknowledged as durable is found at
 * the next start.
 *
 * A library may not end its caller's process. It puts all blocks of one store into a pool, enters
 * it around each call into the store, and when the engine has to be left in the middle of a step it
 * frees the pool: the store is gone, its files are as a crash leaves them.
 *
 *     host_memory_pool_init(&pool, 1 << 20);
 *     host_memory_enter(&pool);
 *     if (setjmp(pool.door) == 0) {
 *         status = store_write(store, &batch, now, &sequence);
 *         host_memory_leave();
 *     } else {                          // pool.wanted bytes were not to be had; already left
 *         host_memory_pool_drop(&pool); // every block of it, the store too
 *     }
 *
 * A block knows its pool, so it may be released and resized whatever is entered. Pools are entered
 * by thread; one pool serves one thread at a time.
 */
#ifndef DUNLIN_SERVER_HOST_MEMORY_H
#define DUNLIN_SERVER_HOST_MEMORY_H

#include "engine/base/bytes.h"
#include "engine/base/memory.h"

#include <setjmp.h>
#include <stdbool.h>

enum { HOST_MEMORY_EXIT = 71 }; /* the exit code: an operating system resource is spent */

/* Lies before each block. */
struct host_memory_block {
    struct host_memory_block *previous, *next; /* of the same pool; null outside of pools */
};

struct host_memory_pool {
    struct host_memory_block blocks; /* a ring, with this as its seam */
    void *reserve;                   /* null while it is given up */
    size_t reserve_bytes;
    size_t wanted; /* what could not be had, when the door was taken */
    jmp_buf door;  /* set by whoever enters */
};

/* The reserve may not be to be had at once: host_memory_pool_is_short() tells. */
void host_memory_pool_init(struct host_memory_pool *pool, size_t reserve_bytes);
/* Frees every block of the pool, and keeps the pool. */
void host_memory_pool_drop(struct host_memory_pool *pool);
/* Drops it and frees the reserve. */
void host_memory_pool_deinit(struct host_memory_pool *pool);
/* True when no block of the pool is lent. */
bool host_memory_pool_is_empty(const struct host_memory_pool *pool);
/* True while the reserve is given up. Tries to get it back first. */
bool host_memory_pool_is_short(struct host_memory_pool *pool);

/* Zeroed memory of no pool, for what must outlive this one; its reserve is given up for it. Null when there is none. Not
 * while a pool is entered. */
void *host_memory_pool_try(struct host_memory_pool *pool, size_t size);
/* Room for `more` bytes in a buffer of the caller's, who is in no pool; false when there is no memory for it. */
MUST_USE bool host_memory_make_room(struct buffer *buffer, size_t more);

void host_memory_enter(struct host_memory_pool *pool);
void host_memory_leave(void);

/* The same for a process without pools: keeps so much in reserve from now on. */
void host_memory_reserve(size_t bytes);
bool host_memory_is_short(void);

#endif
