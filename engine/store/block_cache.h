/* block_cache: plain contents of blocks, by file number and offset, within a budget of bytes.
 *
 * Replacement resists scans: a block enters a small probation queue and moves to the main queue only when it is asked for
 * again (S3-FIFO: Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023). Contents given out are borrowed
 * until the next insertion.
 *
 *     struct bytes contents;
 *     if (!block_cache_get(cache, file, offset, &contents)) -> read the block, then
 *     contents = block_cache_put(cache, file, offset, &buffer);     // takes the buffer's memory over
 */
#ifndef DUNLIN_STORE_BLOCK_CACHE_H
#define DUNLIN_STORE_BLOCK_CACHE_H

#include "engine/base/bytes.h"

struct block_cache;

struct block_cache *block_cache_create(uint64_t budget_bytes);
void block_cache_destroy(struct block_cache *cache);
bool block_cache_get(struct block_cache *cache, uint64_t file, uint64_t offset, struct bytes *contents);
struct bytes block_cache_put(struct block_cache *cache, uint64_t file, uint64_t offset,
                             struct buffer *contents);
/* Forgets every block of a file that was removed. */
void block_cache_forget_file(struct block_cache *cache, uint64_t file);
uint64_t block_cache_bytes(const struct block_cache *cache);

#endif
