#include "engine/store/block.h"

#include "engine/base/memory.h"

void block_pool_deinit(struct block_pool *pool) {
    CHECK(pool->count == 0 && pool->bytes == 0);
    for (uint32_t i = 0; i < pool->spare_count; i++)
        buffer_deinit(&pool->spares[i]);
    *pool = (struct block_pool){0};
}

struct buffer block_pool_spare(struct block_pool *pool) {
    return pool->spare_count == 0 ? (struct buffer){0} : pool->spares[--pool->spare_count];
}

/* Gives back what the buffer holds beyond its contents: from here on nothing may move it. */
static void trim(struct buffer *contents) {
    if (contents->capacity - contents->size <= BLOCK_SLACK || contents->size == 0)
        return;
    contents->data = memory_resize(contents->data, contents->size);
    contents->capacity = contents->size;
}

struct block *block_create(struct block_pool *pool, struct buffer *contents) {
    struct block *block = memory_allocate(sizeof *block);
    trim(contents);
    *block = (struct block){.contents = *contents, .pool = pool, .references = 1};
    *contents = (struct buffer){0};
    pool->count++;
    pool->bytes += block->contents.size;
    return block;
}

static void keep_spare(struct block_pool *pool, struct buffer *contents) {
    if (pool->spare_count == BLOCK_SPARES_MAX || contents->capacity > BLOCK_SPARE_BYTES_MAX) {
        buffer_deinit(contents);
        return;
    }
    buffer_clear(contents);
    pool->spares[pool->spare_count++] = *contents;
}

void block_free(struct block *block) {
    struct block_pool *pool = block->pool;
    pool->count--;
    pool->bytes -= block->contents.size;
    keep_spare(pool, &block->contents);
    memory_release(block);
}
