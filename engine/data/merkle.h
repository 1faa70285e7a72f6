/* merkle: a partition's tree, two levels over 256 leaves, each the XOR of its entries' digests.
 *
 *     root = XOR of 16 branches;  branch b = XOR of leaves 16 b .. 16 b + 15;
 *     leaf = XOR of its objects' digests
 *
 * A write changes a leaf by (old digest XOR new digest), so keeping the tree up to date is O(1).
 * The leaves themselves live in the store's tallies (they are durable together with the writes that
 * they sum up); this module is the arithmetic over 256 of them. Equal roots mean, but for a 2^-64
 * chance, equal partitions.
 * Source: Merkle 1987; DeCandia et al., "Dynamo", SOSP 2007, section 4.7.
 */
#ifndef DUNLIN_DATA_MERKLE_H
#define DUNLIN_DATA_MERKLE_H

#include "engine/base/bytes.h"

enum { MERKLE_BRANCHES = 16, MERKLE_LEAVES_PER_BRANCH = 16, MERKLE_LEAVES = 256 };

/* Which leaf a key falls into: from its XXH3 hash, so evenly, and independently of its slot. */
uint8_t merkle_leaf_of_key(struct bytes key);
static inline uint8_t merkle_branch_of_leaf(uint8_t leaf) {
    return leaf / MERKLE_LEAVES_PER_BRANCH;
}
/* `leaves` has MERKLE_LEAVES entries, or is null for a partition without any data. */
uint64_t merkle_root(const uint64_t *leaves);
void merkle_branches(const uint64_t *leaves, uint64_t branches[MERKLE_BRANCHES]);

#endif
