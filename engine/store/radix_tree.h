/* radix_tree: finds a memtable's entry by its key, or the place in key order where it belongs.
 *
 *     "ab", "abc1", "abc2", "x"           root --'a'--> (path "b") ended: "ab"
 *                                          |                 \--'c'--> () --'1'--> "abc1"
 *                                          \--'x'--> "x"                \---'2'--> "abc2"
 *
 * A descent looks at each byte of the key at most once and touches one node per byte by which keys
 * differ; the bytes that all keys below share are passed over in one comparison.
 *
 *     if (!radix_tree_descend(&tree, key, &place)) {
 *         neighbour = radix_tree_neighbour(&place, key, &follows);   // its next in order
 *         radix_tree_add(&tree, &place, entry);
 *     }
 */
#ifndef DUNLIN_STORE_RADIX_TREE_H
#define DUNLIN_STORE_RADIX_TREE_H

#include "engine/store/radix_node.h"

/* The zero value with an arena is an empty tree. */
struct radix_tree {
    struct radix_space space;
    struct radix_link root;
};

/* Where a descent ended. */
struct radix_place {
    struct radix_link *link;      /* to what it met last */
    struct memtable_entry *entry; /* the key's own; null when there is none */
    size_t depth;                 /* bytes of the key that lead to the link */
    size_t same; /* bytes behind these that agree with the node's path, or with the entry's key */
};

/* True when the key is there. */
bool radix_tree_descend(struct radix_tree *tree, struct bytes key, struct radix_place *place);
/* The entry next to the place of a key that is not there, and whether the key comes after it. Null
 * when the tree is empty. */
struct memtable_entry *radix_tree_neighbour(const struct radix_place *place, struct bytes key,
                                            bool *key_is_after);
/* Adds the entry at the place that the descent with its key found. */
void radix_tree_add(struct radix_tree *tree, const struct radix_place *place,
                    struct memtable_entry *entry);

#endif
