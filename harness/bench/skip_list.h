/* skip_list: the memtable that the radix tree was measured against. Not part of the store.
 *
 *     level 2  head ---------------------> [c] --------------> end
 *     level 1  head -------> [b] --------> [c] --------------> end
 *     level 0  head -> [a] -> [b] -------> [c] -> [d] --------> end
 *
 * A skip list in an arena for the order, and a hash index for exact keys, which it finds in about
 * two cache misses where the list needs twenty.
 *
 *     struct skip_list *list = skip_list_create();
 *     skip_list_put(list, key, value, false);
 *     for (node = skip_list_seek(list, from); node != NULL; node = skip_node_next(node)) ...
 *     skip_list_destroy(list);
 *
 * Source: W. Pugh, "Skip lists: a probabilistic alternative to balanced trees", 1990.
 */
#ifndef DUNLIN_HARNESS_SKIP_LIST_H
#define DUNLIN_HARNESS_SKIP_LIST_H

#include "engine/base/arena.h"
#include "engine/base/prng.h"

struct skip_node;

struct skip_index_slot {
    uint64_t hash;
    struct skip_node *node; /* null marks an empty slot */
};

/* The zero value is an empty index. */
struct skip_index {
    struct skip_index_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

enum { SKIP_LIST_HEIGHT_MAX = 12 };

struct skip_node {
    uint64_t prefix; /* the key's first eight bytes as a big-endian number: most comparisons
                             end here */
    const uint8_t *key;
    uint8_t *value;
    uint32_t key_size;
    uint32_t value_size;
    uint32_t value_capacity;
    bool removed;
    struct skip_node *next[]; /* as many as the node is high */
};

struct skip_list {
    struct arena arena;
    struct prng heights;
    struct skip_index index; /* exact keys; the list is for order */
    struct skip_node *head[SKIP_LIST_HEIGHT_MAX];
    uint32_t height; /* levels in use */
    uint64_t count;
    uint64_t last_sequence; /* of what was written into it; kept by the owner */
};

struct skip_list *skip_list_create(void);
void skip_list_destroy(struct skip_list *list);
void skip_list_put(struct skip_list *list, struct bytes key, struct bytes value, bool removed);
/* Null when the key is not here; a node that says removed when it was removed. */
const struct skip_node *skip_list_find(const struct skip_list *list, struct bytes key);
/* The first node whose key is >= `key`; null at the end. */
const struct skip_node *skip_list_seek(const struct skip_list *list, struct bytes key);
static inline const struct skip_node *skip_list_first(const struct skip_list *list) {
    return list->head[0];
}
static inline const struct skip_node *skip_node_next(const struct skip_node *node) {
    return node->next[0];
}
static inline struct bytes skip_node_key(const struct skip_node *node) {
    return bytes_of(node->key, node->key_size);
}
static inline struct bytes skip_node_value(const struct skip_node *node) {
    return bytes_of(node->value, node->value_size);
}
/* All memory: of its arena and of its index. */
static inline uint64_t skip_list_bytes(const struct skip_list *list) {
    return list->arena.held + list->index.capacity * sizeof(struct skip_index_slot);
}

#endif
