#include "engine/store/block_slots.h"

#include "engine/base/memory.h"

enum {
    NUMBER_BITS = 24,
    NUMBER_MASK = (1 << NUMBER_BITS) - 1,
    TABLE_SIZE_MIN = 64,
    LINE_SIZE = sizeof(struct block_slot),
};
_Static_assert((int)BLOCK_SLOTS_MAX <= (int)NUMBER_MASK, "a number leaves room for eight bits");

uint64_t block_slots_hash(uint64_t file, uint64_t offset) {
    uint64_t mixed = (offset ^ file * 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;
    mixed = (mixed ^ mixed >> 32) * 0xd6e8feb86659fd93u;
    return mixed ^ mixed >> 32;
}

void block_slots_init(struct block_slots *slots, uint32_t expected) {
    *slots = (struct block_slots){.table_size = TABLE_SIZE_MIN};
    while (slots->table_size / 2 <= expected && slots->table_size <= BLOCK_SLOTS_MAX)
        slots->table_size *= 2;
    slots->table = memory_allocate_zeroed(slots->table_size, sizeof *slots->table);
}

void block_slots_deinit(struct block_slots *slots) {
    for (uint32_t i = 0; i < slots->chunk_count; i++)
        memory_release(slots->chunks[i]);
    memory_release(slots->chunks);
    memory_release(slots->lines);
    memory_release(slots->table);
    *slots = (struct block_slots){0};
}

static inline uint32_t entry_of(uint64_t hash, uint32_t number) {
    return (uint32_t)(hash >> 56) << NUMBER_BITS | number;
}

uint32_t block_slots_find(const struct block_slots *slots, uint64_t file, uint64_t offset) {
    uint64_t hash = block_slots_hash(file, offset);
    uint32_t mask = slots->table_size - 1;
    /* Ends: the table is never full. */
    for (uint32_t at = (uint32_t)hash & mask; slots->table[at] != 0; at = (at + 1) & mask) {
        uint32_t number = slots->table[at] & NUMBER_MASK;
        if (slots->table[at] != entry_of(hash, number))
            continue;
        const struct block_slot *slot = block_slots_at(slots, number);
        if (slot->offset == offset && slot->file == file)
            return number;
    }
    return BLOCK_SLOT_NONE;
}

void block_slots_expect(const struct block_slots *slots, uint64_t file, uint64_t offset) {
    uint64_t hash = block_slots_hash(file, offset);
    uint32_t mask = slots->table_size - 1;
    for (uint32_t at = (uint32_t)hash & mask; slots->table[at] != 0; at = (at + 1) & mask) {
        uint32_t number = slots->table[at] & NUMBER_MASK;
        if (slots->table[at] != entry_of(hash, number))
            continue;
        __builtin_prefetch(block_slots_at(slots, number));
        return;
    }
}

static void enter(struct block_slots *slots, uint64_t hash, uint32_t number) {
    uint32_t mask = slots->table_size - 1;
    uint32_t at = (uint32_t)hash & mask;
    while (slots->table[at] != 0)
        at = (at + 1) & mask;
    slots->table[at] = entry_of(hash, number);
}

static uint64_t hash_of(const struct block_slots *slots, uint32_t number) {
    const struct block_slot *slot = block_slots_at(slots, number);
    return block_slots_hash(slot->file, slot->offset);
}

static void grow_table(struct block_slots *slots) {
    uint32_t *old = slots->table;
    uint32_t old_size = slots->table_size;
    slots->table_size *= 2;
    slots->table = memory_allocate_zeroed(slots->table_size, sizeof *slots->table);
    for (uint32_t i = 0; i < old_size; i++) {
        uint32_t number = old[i] & NUMBER_MASK;
        if (old[i] != 0)
            enter(slots, hash_of(slots, number), number);
    }
    memory_release(old);
}

static void add_chunk(struct block_slots *slots) {
    if (slots->chunk_count == slots->chunk_capacity) {
        slots->chunk_capacity = slots->chunk_capacity == 0 ? 16 : slots->chunk_capacity * 2;
        slots->chunks = memory_resize(slots->chunks, slots->chunk_capacity * sizeof *slots->chunks);
        slots->lines = memory_resize(slots->lines, slots->chunk_capacity * sizeof *slots->lines);
    }
    uint8_t *chunk = memory_allocate((BLOCK_SLOTS_CHUNK + 1) * sizeof(struct block_slot));
    size_t gap = (LINE_SIZE - (uintptr_t)chunk % LINE_SIZE) % LINE_SIZE;
    uint32_t first = slots->chunk_count << BLOCK_SLOTS_CHUNK_LOG2;
    slots->chunks[slots->chunk_count] = chunk;
    slots->lines[slots->chunk_count++] = (struct block_slot *)(void *)(chunk + gap);
    /* Number 0 stands for none. */
    for (uint32_t i = BLOCK_SLOTS_CHUNK; i-- > (first == 0 ? 1 : 0);) {
        block_slots_at(slots, first + i)->next = slots->free;
        slots->free = first + i;
    }
}

uint32_t block_slots_add(struct block_slots *slots, uint64_t file, uint64_t offset) {
    CHECK(slots->count < BLOCK_SLOTS_MAX);
    if (slots->count >= slots->table_size / 2)
        grow_table(slots);
    if (slots->free == BLOCK_SLOT_NONE)
        add_chunk(slots);
    uint32_t number = slots->free;
    struct block_slot *slot = block_slots_at(slots, number);
    slots->free = slot->next;
    *slot = (struct block_slot){.file = file, .offset = offset};
    enter(slots, block_slots_hash(file, offset), number);
    slots->count++;
    return number;
}

/* What lies behind moves up, so that no lookup stops at a hole before it. */
static void close_hole(struct block_slots *slots, uint32_t hole) {
    uint32_t mask = slots->table_size - 1;
    for (uint32_t at = (hole + 1) & mask; slots->table[at] != 0; at = (at + 1) & mask) {
        uint32_t home = (uint32_t)hash_of(slots, slots->table[at] & NUMBER_MASK) & mask;
        /* Stays when its home lies between the hole and itself. */
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        slots->table[hole] = slots->table[at];
        hole = at;
    }
    slots->table[hole] = 0;
}

void block_slots_remove(struct block_slots *slots, uint32_t number) {
    uint32_t mask = slots->table_size - 1;
    uint32_t at = (uint32_t)hash_of(slots, number) & mask;
    while ((slots->table[at] & NUMBER_MASK) != number) {
        CHECK(slots->table[at] != 0);
        at = (at + 1) & mask;
    }
    close_hole(slots, at);
    block_slots_at(slots, number)->next = slots->free;
    slots->free = number;
    slots->count--;
}
