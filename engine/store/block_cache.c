#include "engine/store/block_cache.h"

#include "engine/base/hash.h"
#include "engine/base/id_map.h"
#include "engine/base/memory.h"

enum block_queue { QUEUE_SMALL, QUEUE_MAIN, QUEUE_GHOST, QUEUE_COUNT };

/* Small gets 1 / SMALL_DIVISOR of the budget. A block leaves small for main when it was asked for
 * more than PROMOTION_USES times; the one that follows its arrival, for which it was read, is no
 * sign of worth. */
enum { SMALL_DIVISOR = 10, PROMOTION_USES = 1, USES_MAX = 3, BUCKETS_MIN = 64 };

struct cached_block {
    uint64_t file;
    uint64_t offset;
    struct buffer contents; /* empty for a ghost */
    struct cached_block *next_in_bucket;
    struct cached_block *next, *previous;                 /* in its queue: towards newest, oldest */
    struct cached_block *next_of_file, *previous_of_file; /* not for ghosts */
    enum block_queue queue;
    uint32_t uses; /* since it entered its queue, up to USES_MAX */
};
_Static_assert(2 * sizeof(struct cached_block) <= BLOCK_CACHE_OVERHEAD,
               "a block's charge covers its ghost as well");

struct block_list {
    struct cached_block *oldest, *newest;
    uint64_t bytes; /* charged */
    size_t count;
};

struct block_cache {
    uint64_t budget;
    struct block_list queues[QUEUE_COUNT];
    struct cached_block **buckets;
    size_t bucket_count; /* a power of two */
    struct id_map files; /* file number to the first of its blocks */
    const struct cached_block *last_hit;
    struct buffer passing; /* a block that is larger than the budget */
};

struct block_cache *block_cache_create(uint64_t budget_bytes) {
    struct block_cache *cache = memory_allocate_zeroed(1, sizeof *cache);
    cache->budget = budget_bytes;
    cache->bucket_count = BUCKETS_MIN;
    cache->buckets = memory_allocate_zeroed(cache->bucket_count, sizeof *cache->buckets);
    return cache;
}

void block_cache_destroy(struct block_cache *cache) {
    if (cache == NULL)
        return;
    for (int queue = 0; queue < QUEUE_COUNT; queue++) {
        struct cached_block *block = cache->queues[queue].oldest;
        while (block != NULL) {
            struct cached_block *next = block->next;
            buffer_deinit(&block->contents);
            memory_release(block);
            block = next;
        }
    }
    id_map_deinit(&cache->files);
    buffer_deinit(&cache->passing);
    memory_release(cache->buckets);
    memory_release(cache);
}

uint64_t block_cache_bytes(const struct block_cache *cache) {
    return cache->queues[QUEUE_SMALL].bytes + cache->queues[QUEUE_MAIN].bytes;
}

static uint64_t charge_of(const struct cached_block *block) {
    return block->queue == QUEUE_GHOST ? 0 : block->contents.size + BLOCK_CACHE_OVERHEAD;
}

static void enqueue(struct block_cache *cache, struct cached_block *block, enum block_queue queue) {
    struct block_list *list = &cache->queues[queue];
    block->queue = queue;
    block->next = NULL;
    block->previous = list->newest;
    if (list->newest == NULL)
        list->oldest = block;
    else
        list->newest->next = block;
    list->newest = block;
    list->bytes += charge_of(block);
    list->count++;
}

static void dequeue(struct block_cache *cache, struct cached_block *block) {
    struct block_list *list = &cache->queues[block->queue];
    if (block->previous == NULL)
        list->oldest = block->next;
    else
        block->previous->next = block->next;
    if (block->next == NULL)
        list->newest = block->previous;
    else
        block->next->previous = block->previous;
    list->bytes -= charge_of(block);
    list->count--;
}

/* The link that points to the block, or the null at which it belongs. */
static struct cached_block **find_link(const struct block_cache *cache, uint64_t file,
                                       uint64_t offset) {
    size_t bucket = (size_t)hash_mix(file, offset) & (cache->bucket_count - 1);
    struct cached_block **link = &cache->buckets[bucket];
    while (*link != NULL && ((*link)->file != file || (*link)->offset != offset))
        link = &(*link)->next_in_bucket;
    return link;
}

static void grow_buckets(struct block_cache *cache) {
    struct cached_block **old = cache->buckets;
    size_t old_count = cache->bucket_count;
    cache->bucket_count *= 2;
    cache->buckets = memory_allocate_zeroed(cache->bucket_count, sizeof *cache->buckets);
    for (size_t i = 0; i < old_count; i++) {
        for (struct cached_block *block = old[i], *next; block != NULL; block = next) {
            next = block->next_in_bucket;
            block->next_in_bucket = NULL;
            *find_link(cache, block->file, block->offset) = block;
        }
    }
    memory_release(old);
}

static void join_file(struct block_cache *cache, struct cached_block *block) {
    struct cached_block *first = id_map_get(&cache->files, block->file);
    block->previous_of_file = NULL;
    block->next_of_file = first;
    if (first != NULL)
        first->previous_of_file = block;
    id_map_put(&cache->files, block->file, block);
}

static void leave_file(struct block_cache *cache, struct cached_block *block) {
    if (block->next_of_file != NULL)
        block->next_of_file->previous_of_file = block->previous_of_file;
    if (block->previous_of_file != NULL)
        block->previous_of_file->next_of_file = block->next_of_file;
    else if (block->next_of_file != NULL)
        id_map_put(&cache->files, block->file, block->next_of_file);
    else
        id_map_remove(&cache->files, block->file);
}

/* Takes the block out of everything but its file's list, and frees it. */
static void discard(struct block_cache *cache, struct cached_block *block) {
    struct cached_block **link = find_link(cache, block->file, block->offset);
    CHECK(*link == block);
    *link = block->next_in_bucket;
    dequeue(cache, block);
    if (cache->last_hit == block)
        cache->last_hit = NULL;
    buffer_deinit(&block->contents);
    memory_release(block);
}

static void forget_ghosts(struct block_cache *cache) {
    const struct block_list *queues = cache->queues;
    size_t allowed = queues[QUEUE_SMALL].count + queues[QUEUE_MAIN].count;
    while (queues[QUEUE_GHOST].count > allowed)
        discard(cache, queues[QUEUE_GHOST].oldest);
}

static void evict_from_small(struct block_cache *cache) {
    struct cached_block *block = cache->queues[QUEUE_SMALL].oldest;
    dequeue(cache, block);
    bool promoted = block->uses > PROMOTION_USES;
    block->uses = 0;
    if (promoted) {
        enqueue(cache, block, QUEUE_MAIN);
        return;
    }
    leave_file(cache, block);
    buffer_deinit(&block->contents);
    enqueue(cache, block, QUEUE_GHOST);
}

static void evict_from_main(struct block_cache *cache) {
    struct cached_block *block = cache->queues[QUEUE_MAIN].oldest;
    if (block->uses == 0) {
        leave_file(cache, block);
        discard(cache, block);
        return;
    }
    dequeue(cache, block);
    block->uses--;
    enqueue(cache, block, QUEUE_MAIN);
}

/* Bounded: a block goes round main at most USES_MAX times and leaves small once. */
static void make_room(struct block_cache *cache, uint64_t charge) {
    while (block_cache_bytes(cache) > cache->budget - charge) {
        const struct block_list *small = &cache->queues[QUEUE_SMALL];
        bool from_small = small->count > 0 && (small->bytes >= cache->budget / SMALL_DIVISOR ||
                                               cache->queues[QUEUE_MAIN].count == 0);
        if (from_small)
            evict_from_small(cache);
        else
            evict_from_main(cache);
    }
}

void block_cache_set_budget(struct block_cache *cache, uint64_t budget_bytes) {
    if (budget_bytes == cache->budget)
        return;
    cache->budget = budget_bytes;
    make_room(cache, 0);
    forget_ghosts(cache);
}

bool block_cache_get(struct block_cache *cache, uint64_t file, uint64_t offset,
                     struct bytes *contents) {
    struct cached_block *block = *find_link(cache, file, offset);
    if (block == NULL || block->queue == QUEUE_GHOST)
        return false;
    if (block != cache->last_hit && block->uses < USES_MAX)
        block->uses++;
    cache->last_hit = block;
    *contents = buffer_bytes(&block->contents);
    return true;
}

/* Gives back what the buffer holds beyond its contents, so that the charge is the truth. */
static void trim(struct buffer *contents) {
    if (contents->size == contents->capacity || contents->size == 0)
        return;
    contents->data = memory_resize(contents->data, contents->size);
    contents->capacity = contents->size;
}

static struct bytes lend(struct block_cache *cache, struct buffer *contents) {
    cache->passing = *contents;
    *contents = (struct buffer){0};
    return buffer_bytes(&cache->passing);
}

struct bytes block_cache_put(struct block_cache *cache, uint64_t file, uint64_t offset,
                             struct buffer *contents) {
    buffer_deinit(&cache->passing);
    struct cached_block *known = *find_link(cache, file, offset);
    enum block_queue queue = known == NULL ? QUEUE_SMALL : QUEUE_MAIN;
    if (known != NULL) {
        if (known->queue != QUEUE_GHOST) {
            queue = known->queue;
            leave_file(cache, known);
        }
        discard(cache, known);
    }
    uint64_t charge = contents->size + BLOCK_CACHE_OVERHEAD;
    if (charge > cache->budget)
        return lend(cache, contents);
    make_room(cache, charge);
    struct cached_block *block = memory_allocate_zeroed(1, sizeof *block);
    *block = (struct cached_block){.file = file, .offset = offset, .contents = *contents};
    *contents = (struct buffer){0};
    trim(&block->contents);
    enqueue(cache, block, queue);
    *find_link(cache, file, offset) = block;
    join_file(cache, block);
    forget_ghosts(cache);
    const struct block_list *queues = cache->queues;
    if (queues[QUEUE_SMALL].count + queues[QUEUE_MAIN].count + queues[QUEUE_GHOST].count >
        cache->bucket_count)
        grow_buckets(cache);
    return buffer_bytes(&block->contents);
}

void block_cache_forget_file(struct block_cache *cache, uint64_t file) {
    struct cached_block *block = id_map_remove(&cache->files, file);
    while (block != NULL) {
        struct cached_block *next = block->next_of_file;
        discard(cache, block);
        block = next;
    }
    forget_ghosts(cache);
}
