/* memtable_index: finds a memtable's node by its key in about two cache misses, where the skip list needs twenty.
 *
 *     slot of hash(key):  [hash, node] [hash, node] [ empty ] ...      linear probing, at most three quarters full
 *
 * The skip list keeps the order; this only answers "is exactly this key here?", which is what every write asks (twice: once for
 * what it supersedes, once for its own place) and every read. Nodes are never removed, so neither are entries.
 *
 *     struct memtable_index index = {0};
 *     memtable_index_add(&index, hash, node);
 *     node = memtable_index_find(&index, hash, key);     // null when absent
 *     memtable_index_deinit(&index);
 */
#ifndef DUNLIN_STORE_MEMTABLE_INDEX_H
#define DUNLIN_STORE_MEMTABLE_INDEX_H

#include "engine/base/bytes.h"

struct memtable_node;

struct memtable_index_slot {
    uint64_t hash;
    struct memtable_node *node; /* null marks an empty slot */
};

/* The zero value is an empty index. */
struct memtable_index {
    struct memtable_index_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

void memtable_index_deinit(struct memtable_index *index);
struct memtable_node *memtable_index_find(const struct memtable_index *index, uint64_t hash,
                                          struct bytes key);
/* The key must not be there yet. */
void memtable_index_add(struct memtable_index *index, uint64_t hash, struct memtable_node *node);
static inline uint64_t memtable_index_bytes(const struct memtable_index *index) {
    return index->capacity * sizeof(struct memtable_index_slot);
}

#endif
