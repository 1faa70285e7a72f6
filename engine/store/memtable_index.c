#include "engine/store/memtable_index.h"

#include "engine/base/memory.h"
#include "engine/store/memtable.h"

enum { INDEX_CAPACITY_MIN = 64 };

void memtable_index_deinit(struct memtable_index *index) {
    memory_release(index->slots);
    *index = (struct memtable_index){0};
}

struct memtable_node *memtable_index_find(const struct memtable_index *index, uint64_t hash,
                                          struct bytes key) {
    if (index->count == 0)
        return NULL;
    /* Bound: an empty slot, of which a quarter are. */
    for (size_t at = hash & (index->capacity - 1);; at = (at + 1) & (index->capacity - 1)) {
        const struct memtable_index_slot *slot = &index->slots[at];
        if (slot->node == NULL)
            return NULL;
        if (slot->hash == hash && bytes_equal(memtable_node_key(slot->node), key))
            return slot->node;
    }
}

static void place(struct memtable_index *index, uint64_t hash, struct memtable_node *node) {
    size_t at = hash & (index->capacity - 1);
    while (index->slots[at].node != NULL)
        at = (at + 1) & (index->capacity - 1);
    index->slots[at] = (struct memtable_index_slot){.hash = hash, .node = node};
}

static void grow(struct memtable_index *index) {
    struct memtable_index old = *index;
    index->capacity = old.capacity == 0 ? INDEX_CAPACITY_MIN : 2 * old.capacity;
    index->slots = memory_allocate_zeroed(index->capacity, sizeof index->slots[0]);
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].node != NULL)
            place(index, old.slots[i].hash, old.slots[i].node);
    }
    memory_release(old.slots);
}

void memtable_index_add(struct memtable_index *index, uint64_t hash, struct memtable_node *node) {
    if (4 * (index->count + 1) > 3 * index->capacity)
        grow(index);
    place(index, hash, node);
    index->count++;
}
