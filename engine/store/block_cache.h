/* block_cache: plain contents of blocks, by file number and offset, within a budget of bytes.
 *
 * Replacement resists scans: a block enters a small probation queue and moves to the main queue
 * only when it is asked for again (S3-FIFO: Yang et al., "FIFO queues are all you need for cache
 * eviction", SOSP 2023). Blocks are lent (see block.h): whoever acquires one keeps it when it is
 * evicted or its file forgotten; then it is not the cache's any more, and not counted here.
 *
 *     put --> [ small, a tenth ] --asked for again--> [ main, the rest ] --not asked for since-->
 * gone
 *                    \--not asked for again--> [ ghosts: only the names ]     a ghost that is put
 * again enters main
 *
 * A block is charged its contents and BLOCK_CACHE_OVERHEAD for what names it; block_cache_bytes()
 * never exceeds the budget. A block larger than the whole budget does not enter.
 *
 *     struct lent_block lent;
 *     if (!block_cache_get(cache, file, offset, &lent)) -> read the block, then
 *     block_cache_put(cache, file, offset, block);     // takes the caller's reference over
 */
#ifndef DUNLIN_STORE_BLOCK_CACHE_H
#define DUNLIN_STORE_BLOCK_CACHE_H

#include "engine/store/block.h"

/* Charged for each block: its slot, its places in the tables of slots and ghosts, its header, and what its memory is larger
 * than its contents. */
enum { BLOCK_CACHE_OVERHEAD = 224 };

struct block_cache;

struct block_cache *block_cache_create(uint64_t budget_bytes);
void block_cache_destroy(struct block_cache *cache);
/* Hits in a row on one block count as one: a scan that walks through a block asks for it once. */
bool block_cache_get(struct block_cache *cache, uint64_t file, uint64_t offset,
                     struct lent_block *lent);
/* The block will be asked for soon: a hint, which is no use of it. */
void block_cache_expect(const struct block_cache *cache, uint64_t file, uint64_t offset);
/* The one behind that. */
void block_cache_expect_later(const struct block_cache *cache, uint64_t file, uint64_t offset);
/* Takes the caller's reference over. A block that is here already is replaced. */
void block_cache_put(struct block_cache *cache, uint64_t file, uint64_t offset,
                     struct block *block);
/* Forgets every block of a file that was removed. */
void block_cache_forget_file(struct block_cache *cache, uint64_t file);
/* Evicts at once what is too much. */
void block_cache_set_budget(struct block_cache *cache, uint64_t budget_bytes);
uint64_t block_cache_bytes(const struct block_cache *cache);

#endif
