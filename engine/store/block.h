/* block: the plain contents of one block, lent to whoever needs them and never changed: cache, arrivals, cursors.
 *
 *     read --> buffer --block_create--> [ block | references ] <-- cache       until it is evicted
 *                 ^                            ^   ^
 *                 |                  arrivals -/   \- a cursor                 until it goes on
 *                 \--- memory of the last that somebody let go of
 *
 * Nobody copies what he only reads. A block that leaves the cache while a cursor stands in it lives until the cursor goes on;
 * the pool counts all blocks there are, so that what is lent beyond the cache's budget can be told: a cursor holds at most one
 * block and one partition of an index for each of its sources.
 *
 *     struct buffer contents = block_pool_spare(&pool);       // empty, but it may have memory
 *     status = table_block_unpack(table, &handle, raw, &contents);
 *     struct block *block = block_create(&pool, &contents);   // takes the memory over; one reference, the caller's
 *     block_acquire(block); ... block_release(block);         // whoever keeps it; the last one frees it
 */
#ifndef DUNLIN_STORE_BLOCK_H
#define DUNLIN_STORE_BLOCK_H

#include "engine/base/bytes.h"

enum { BLOCK_SPARES_MAX = 8, BLOCK_SPARE_BYTES_MAX = 64 * 1024 };
/* What a block's memory may be larger than its contents. */
enum { BLOCK_SLACK = 64 };

/* The zero value is empty. It outlives its blocks. */
struct block_pool {
    uint64_t count, bytes; /* of all blocks, the bytes as their contents have them */
    struct buffer spares[BLOCK_SPARES_MAX];
    uint32_t spare_count;
};

struct block {
    struct buffer contents; /* never changed, and never moved */
    struct block_pool *pool;
    uint32_t references;
};

/* A block and where its contents lie, for those who look at once: borrowed until the next call, or until block_acquire(). Who
 * only reads the contents need not touch the block. */
struct lent_block {
    struct block *block;
    struct bytes contents;
};

/* Every block has been let go of. */
void block_pool_deinit(struct block_pool *pool);
struct buffer block_pool_spare(struct block_pool *pool);
struct block *block_create(struct block_pool *pool, struct buffer *contents);
void block_free(struct block *block);

static inline struct block *block_acquire(struct block *block) {
    block->references++;
    return block;
}

/* `block` may be null. */
static inline void block_release(struct block *block) {
    if (block == NULL)
        return;
    CHECK(block->references > 0);
    if (--block->references == 0)
        block_free(block);
}

static inline struct lent_block block_lend(struct block *block) {
    return (struct lent_block){.block = block, .contents = buffer_bytes(&block->contents)};
}

#endif
