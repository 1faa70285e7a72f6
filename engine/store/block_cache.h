/* block_cache: plain contents of blocks, by file number and offset, within a budget of bytes.
 *
 * Replacement resists scans: a block enters a small probation queue and moves to the main queue
 * only when it is asked for again (S3-FIFO: Yang et al., "FIFO queues are all you need for cache
 * eviction", SOSP 2023). Contents given out are borrowed until the next insertion or
 * block_cache_forget_file().
 *
 *     put --> [ small, a tenth ] --asked for again--> [ main, the rest ] --not asked for since-->
 * gone
 *                    \--not asked for again--> [ ghosts: only the names ]     a ghost that is put
 * again enters main
 *
 * A block is charged its contents and BLOCK_CACHE_OVERHEAD for what names it; block_cache_bytes()
 * never exceeds the budget. A block larger than the whole budget is lent until the next insertion
 * and never counted. Memory of blocks that went is kept for those that come, a few buffers of it.
 *
 *     struct bytes contents;
 *     if (!block_cache_get(cache, file, offset, &contents)) -> read the block, then
 *     contents = block_cache_put(cache, file, offset, &buffer);     // takes the buffer's memory
 * over
 */
#ifndef DUNLIN_STORE_BLOCK_CACHE_H
#define DUNLIN_STORE_BLOCK_CACHE_H

#include "engine/base/bytes.h"

/* Charged for each block: its slot, its places in the tables of slots and ghosts, and what its buffer is larger than it. */
enum { BLOCK_CACHE_OVERHEAD = 192, BLOCK_CACHE_SLACK = 64 };

struct block_cache;

struct block_cache *block_cache_create(uint64_t budget_bytes);
void block_cache_destroy(struct block_cache *cache);
/* Hits in a row on one block count as one: a scan that walks through a block asks for it once. */
bool block_cache_get(struct block_cache *cache, uint64_t file, uint64_t offset,
                     struct bytes *contents);
/* Takes the memory of `contents` over and leaves an empty buffer. A block that is here already is
 * replaced. */
struct bytes block_cache_put(struct block_cache *cache, uint64_t file, uint64_t offset,
                             struct buffer *contents);
/* A buffer for a block that is about to be put; empty, but it may have memory. */
struct buffer block_cache_spare(struct block_cache *cache);
/* Forgets every block of a file that was removed. */
void block_cache_forget_file(struct block_cache *cache, uint64_t file);
/* Evicts at once what is too much. */
void block_cache_set_budget(struct block_cache *cache, uint64_t budget_bytes);
uint64_t block_cache_bytes(const struct block_cache *cache);

#endif
