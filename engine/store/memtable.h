/* memtable: the newest entries in key order, as a skip list in an arena.
 *
 *     level 2  head ---------------------> [c] --------------> end
 *     level 1  head -------> [b] --------> [c] --------------> end
 *     level 0  head -> [a] -> [b] -------> [c] -> [d] --------> end
 *
 * There is one version of a key: a later write replaces the value, in place where it fits, so that
 * a key that is written over and over does not fill the budget. Nodes are never removed; a removed
 * key is an entry that says so. Heights come from a fixed stream, so that the same writes fill the
 * same memory everywhere.
 *
 *     struct memtable *table = memtable_create();
 *     memtable_put(table, key, value, false);
 *     for (node = memtable_seek(table, from); node != NULL; node = memtable_node_next(node)) ...
 *     memtable_destroy(table);
 *
 * Source: W. Pugh, "Skip lists: a probabilistic alternative to balanced trees", 1990.
 */
#ifndef DUNLIN_STORE_MEMTABLE_H
#define DUNLIN_STORE_MEMTABLE_H

#include "engine/base/arena.h"
#include "engine/base/prng.h"
#include "engine/store/memtable_index.h"

enum { MEMTABLE_HEIGHT_MAX = 12 };

struct memtable_node {
    uint64_t prefix; /* the key's first eight bytes as a big-endian number: most comparisons
                             end here */
    const uint8_t *key;
    uint8_t *value;
    uint32_t key_size;
    uint32_t value_size;
    uint32_t value_capacity;
    bool removed;
    struct memtable_node *next[]; /* as many as the node is high */
};

struct memtable {
    struct arena arena;
    struct prng heights;
    struct memtable_index index; /* exact keys; the list is for order */
    struct memtable_node *head[MEMTABLE_HEIGHT_MAX];
    uint32_t height; /* levels in use */
    uint64_t count;
    uint64_t last_sequence; /* of what was written into it; kept by the owner */
};

struct memtable *memtable_create(void);
void memtable_destroy(struct memtable *table);
void memtable_put(struct memtable *table, struct bytes key, struct bytes value, bool removed);
/* Null when the key is not here; a node that says removed when it was removed. */
const struct memtable_node *memtable_find(const struct memtable *table, struct bytes key);
/* The first node whose key is >= `key`; null at the end. */
const struct memtable_node *memtable_seek(const struct memtable *table, struct bytes key);
static inline const struct memtable_node *memtable_first(const struct memtable *table) {
    return table->head[0];
}
static inline const struct memtable_node *memtable_node_next(const struct memtable_node *node) {
    return node->next[0];
}
static inline struct bytes memtable_node_key(const struct memtable_node *node) {
    return bytes_of(node->key, node->key_size);
}
static inline struct bytes memtable_node_value(const struct memtable_node *node) {
    return bytes_of(node->value, node->value_size);
}
/* Bytes in use: of its arena and of its index. */
static inline uint64_t memtable_bytes(const struct memtable *table) {
    return table->arena.used + memtable_index_bytes(&table->index);
}

#endif
