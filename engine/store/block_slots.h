/* block_slots: the blocks of a cache, found by file number and offset.
 *
 *     table   [ . | 7 | . | 3 | 9 | ...]      numbers of slots, by hash, each with eight more bits of the hash
 *     slots   chunks of one cache line each; they stay where they are
 *
 * A lookup touches one line of the table and one slot, and a wrong slot is seldom touched: the bits beside its number tell.
 *
 *     uint32_t number = block_slots_find(&slots, file, offset);      // BLOCK_SLOT_NONE when it is not there
 *     number = block_slots_add(&slots, file, offset);               // zeroed, but for its name
 *     struct block_slot *slot = block_slots_at(&slots, number);
 *     block_slots_remove(&slots, number);
 */
#ifndef DUNLIN_STORE_BLOCK_SLOTS_H
#define DUNLIN_STORE_BLOCK_SLOTS_H

#include "engine/store/block.h"

enum {
    BLOCK_SLOT_NONE = 0,
    BLOCK_SLOTS_MAX = (1 << 24) - 1,
    BLOCK_SLOTS_CHUNK_LOG2 = 10,
    BLOCK_SLOTS_CHUNK = 1 << BLOCK_SLOTS_CHUNK_LOG2,
};

struct block_slot {
    uint64_t file, offset;
    struct block *block;                     /* referenced */
    struct bytes contents;                   /* its own */
    uint32_t next, previous;                 /* in the queue: towards newest, oldest */
    uint32_t next_of_file, previous_of_file; /* among the blocks of one file */
    uint8_t queue;
    uint8_t uses; /* since it entered its queue */
};
_Static_assert(sizeof(struct block_slot) == 64, "a slot is one cache line");

struct block_slots {
    uint32_t *table;     /* a slot's number, and the top bits of its name's hash; 0: empty */
    uint32_t table_size; /* a power of two, more than twice the count */
    uint32_t count;
    void **chunks;             /* as they were allocated */
    struct block_slot **lines; /* the same, moved to whole cache lines */
    uint32_t chunk_count, chunk_capacity;
    uint32_t free; /* the first of a list through `next` */
};

/* Well mixed in every bit. */
uint64_t block_slots_hash(uint64_t file, uint64_t offset);

/* Makes room for about so many at once. */
void block_slots_init(struct block_slots *slots, uint32_t expected);
/* The blocks are the caller's to let go of, before. */
void block_slots_deinit(struct block_slots *slots);
static inline struct block_slot *block_slots_at(const struct block_slots *slots, uint32_t number) {
    return &slots->lines[number >> BLOCK_SLOTS_CHUNK_LOG2][number & (BLOCK_SLOTS_CHUNK - 1)];
}
uint32_t block_slots_find(const struct block_slots *slots, uint64_t file, uint64_t offset);
/* It will be looked for soon: asks the processor for what a lookup touches. */
void block_slots_expect(const struct block_slots *slots, uint64_t file, uint64_t offset);
/* The same some time before that. */
static inline void block_slots_expect_later(const struct block_slots *slots, uint64_t file,
                                            uint64_t offset) {
    __builtin_prefetch(
        &slots->table[(uint32_t)block_slots_hash(file, offset) & (slots->table_size - 1)]);
}
/* Not there yet, and fewer than BLOCK_SLOTS_MAX are. */
uint32_t block_slots_add(struct block_slots *slots, uint64_t file, uint64_t offset);
void block_slots_remove(struct block_slots *slots, uint32_t number);

#endif
