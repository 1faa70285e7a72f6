#include "engine/store/block_cache.h"

#include "engine/base/id_map.h"
#include "engine/base/memory.h"
#include "engine/store/block_ghosts.h"
#include "engine/store/block_slots.h"

enum block_queue { QUEUE_SMALL, QUEUE_MAIN, QUEUE_COUNT };

/* Small gets 1 / SMALL_DIVISOR of the budget. A block leaves small for main when it was asked for
 * more than PROMOTION_USES times; the one that follows its arrival, for which it was read, is no
 * sign of worth. */
enum { SMALL_DIVISOR = 10, PROMOTION_USES = 1, USES_MAX = 3 };
/* Tables are made for blocks of so many bytes; smaller ones make them grow. */
enum { EXPECTED_BLOCK_BYTES = 4096, EXPECTED_BLOCKS_MAX = 1 << 20 };

_Static_assert(sizeof(struct block_slot) + 4 * sizeof(uint32_t) + 4 * sizeof(struct block_ghost) +
                       sizeof(struct block) + BLOCK_SLACK <=
                   BLOCK_CACHE_OVERHEAD,
               "a block's charge covers what names it");

struct block_list {
    uint32_t oldest, newest;
    uint32_t count;
    uint64_t bytes; /* charged */
};

/* The blocks of one file. */
struct cached_file {
    uint32_t first;
};

struct block_cache {
    uint64_t budget;
    struct block_slots slots;
    struct block_list queues[QUEUE_COUNT];
    struct block_ghosts ghosts;
    struct id_map files; /* file number to its struct cached_file */
    uint32_t last_hit;   /* number of a slot */
};

struct block_cache *block_cache_create(uint64_t budget_bytes) {
    struct block_cache *cache = memory_allocate_zeroed(1, sizeof *cache);
    uint64_t expected = budget_bytes / EXPECTED_BLOCK_BYTES;
    uint32_t count = (uint32_t)(expected < EXPECTED_BLOCKS_MAX ? expected : EXPECTED_BLOCKS_MAX);
    cache->budget = budget_bytes;
    block_slots_init(&cache->slots, count);
    block_ghosts_reserve(&cache->ghosts, count);
    return cache;
}

void block_cache_destroy(struct block_cache *cache) {
    if (cache == NULL)
        return;
    for (int queue = 0; queue < QUEUE_COUNT; queue++) {
        uint32_t next;
        for (uint32_t number = cache->queues[queue].oldest; number != BLOCK_SLOT_NONE;
             number = next) {
            struct block_slot *slot = block_slots_at(&cache->slots, number);
            next = slot->next;
            block_release(slot->block);
        }
    }
    size_t position = 0;
    uint64_t file;
    struct cached_file *cached;
    while ((cached = id_map_next(&cache->files, &position, &file)) != NULL)
        memory_release(cached);
    id_map_deinit(&cache->files);
    block_ghosts_deinit(&cache->ghosts);
    block_slots_deinit(&cache->slots);
    memory_release(cache);
}

uint64_t block_cache_bytes(const struct block_cache *cache) {
    return cache->queues[QUEUE_SMALL].bytes + cache->queues[QUEUE_MAIN].bytes;
}

static struct block_slot *slot_at(const struct block_cache *cache, uint32_t number) {
    return block_slots_at(&cache->slots, number);
}

static uint64_t charge_of(const struct block_slot *slot) {
    return slot->contents.size + BLOCK_CACHE_OVERHEAD;
}

static void enqueue(struct block_cache *cache, uint32_t number, enum block_queue queue) {
    struct block_list *list = &cache->queues[queue];
    struct block_slot *slot = slot_at(cache, number);
    slot->queue = (uint8_t)queue;
    slot->next = BLOCK_SLOT_NONE;
    slot->previous = list->newest;
    if (list->newest == BLOCK_SLOT_NONE)
        list->oldest = number;
    else
        slot_at(cache, list->newest)->next = number;
    list->newest = number;
    list->bytes += charge_of(slot);
    list->count++;
}

static void dequeue(struct block_cache *cache, uint32_t number) {
    struct block_slot *slot = slot_at(cache, number);
    struct block_list *list = &cache->queues[slot->queue];
    if (slot->previous == BLOCK_SLOT_NONE)
        list->oldest = slot->next;
    else
        slot_at(cache, slot->previous)->next = slot->next;
    if (slot->next == BLOCK_SLOT_NONE)
        list->newest = slot->previous;
    else
        slot_at(cache, slot->next)->previous = slot->previous;
    list->bytes -= charge_of(slot);
    list->count--;
}

static void join_file(struct block_cache *cache, uint32_t number) {
    struct block_slot *slot = slot_at(cache, number);
    struct cached_file *file = id_map_get(&cache->files, slot->file);
    if (file == NULL) {
        file = memory_allocate_zeroed(1, sizeof *file);
        id_map_put(&cache->files, slot->file, file);
    }
    slot->previous_of_file = BLOCK_SLOT_NONE;
    slot->next_of_file = file->first;
    if (file->first != BLOCK_SLOT_NONE)
        slot_at(cache, file->first)->previous_of_file = number;
    file->first = number;
}

static void leave_file(struct block_cache *cache, uint32_t number) {
    const struct block_slot *slot = slot_at(cache, number);
    if (slot->next_of_file != BLOCK_SLOT_NONE)
        slot_at(cache, slot->next_of_file)->previous_of_file = slot->previous_of_file;
    if (slot->previous_of_file != BLOCK_SLOT_NONE) {
        slot_at(cache, slot->previous_of_file)->next_of_file = slot->next_of_file;
        return;
    }
    struct cached_file *file = id_map_get(&cache->files, slot->file);
    file->first = slot->next_of_file;
    if (file->first == BLOCK_SLOT_NONE)
        memory_release(id_map_remove(&cache->files, slot->file));
}

/* Takes the block out of everything but its file's list, and lets go of it. */
static void discard(struct block_cache *cache, uint32_t number) {
    dequeue(cache, number);
    if (cache->last_hit == number)
        cache->last_hit = BLOCK_SLOT_NONE;
    block_release(slot_at(cache, number)->block);
    block_slots_remove(&cache->slots, number);
}

static void evict_from_small(struct block_cache *cache) {
    uint32_t number = cache->queues[QUEUE_SMALL].oldest;
    struct block_slot *slot = slot_at(cache, number);
    if (slot->uses > PROMOTION_USES) {
        dequeue(cache, number);
        slot->uses = 0;
        enqueue(cache, number, QUEUE_MAIN);
        return;
    }
    block_ghosts_add(&cache->ghosts, block_slots_hash(slot->file, slot->offset));
    leave_file(cache, number);
    discard(cache, number);
}

static void evict_from_main(struct block_cache *cache) {
    uint32_t number = cache->queues[QUEUE_MAIN].oldest;
    struct block_slot *slot = slot_at(cache, number);
    if (slot->uses == 0) {
        leave_file(cache, number);
        discard(cache, number);
        return;
    }
    dequeue(cache, number);
    slot->uses--;
    enqueue(cache, number, QUEUE_MAIN);
}

/* Bounded: a block goes round main at most USES_MAX times and leaves small once. */
static void make_room(struct block_cache *cache, uint64_t charge) {
    while (block_cache_bytes(cache) > cache->budget - charge ||
           cache->slots.count == BLOCK_SLOTS_MAX) {
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
}

bool block_cache_get(struct block_cache *cache, uint64_t file, uint64_t offset,
                     struct lent_block *lent) {
    uint32_t number = block_slots_find(&cache->slots, file, offset);
    if (number == BLOCK_SLOT_NONE)
        return false;
    struct block_slot *slot = slot_at(cache, number);
    if (number != cache->last_hit && slot->uses < USES_MAX)
        slot->uses++;
    cache->last_hit = number;
    *lent = (struct lent_block){.block = slot->block, .contents = slot->contents};
    return true;
}

void block_cache_expect(const struct block_cache *cache, uint64_t file, uint64_t offset) {
    block_slots_expect(&cache->slots, file, offset);
}

void block_cache_expect_later(const struct block_cache *cache, uint64_t file, uint64_t offset) {
    block_slots_expect_later(&cache->slots, file, offset);
}

/* The queue that a block enters: main when it was here until not long ago. */
static enum block_queue queue_for(struct block_cache *cache, uint64_t file, uint64_t offset) {
    uint32_t known = block_slots_find(&cache->slots, file, offset);
    if (known != BLOCK_SLOT_NONE) {
        enum block_queue queue = slot_at(cache, known)->queue;
        leave_file(cache, known);
        discard(cache, known);
        return queue;
    }
    uint32_t recent = cache->slots.count;
    return block_ghosts_take(&cache->ghosts, block_slots_hash(file, offset), recent) ? QUEUE_MAIN
                                                                                     : QUEUE_SMALL;
}

void block_cache_put(struct block_cache *cache, uint64_t file, uint64_t offset,
                     struct block *block) {
    enum block_queue queue = queue_for(cache, file, offset);
    uint64_t charge = block->contents.size + BLOCK_CACHE_OVERHEAD;
    if (charge > cache->budget) {
        block_release(block);
        return;
    }
    make_room(cache, charge);
    uint32_t number = block_slots_add(&cache->slots, file, offset);
    struct block_slot *slot = slot_at(cache, number);
    slot->block = block;
    slot->contents = buffer_bytes(&block->contents);
    enqueue(cache, number, queue);
    join_file(cache, number);
    block_ghosts_reserve(&cache->ghosts, cache->slots.count);
}

void block_cache_forget_file(struct block_cache *cache, uint64_t file) {
    struct cached_file *cached = id_map_remove(&cache->files, file);
    if (cached == NULL)
        return;
    for (uint32_t number = cached->first, next; number != BLOCK_SLOT_NONE; number = next) {
        next = slot_at(cache, number)->next_of_file;
        discard(cache, number);
    }
    memory_release(cached);
}
