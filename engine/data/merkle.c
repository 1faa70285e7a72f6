#include "engine/data/merkle.h"

#include "engine/base/hash.h"

uint8_t merkle_leaf_of_key(struct bytes key) {
    return (uint8_t)(hash64(key) >> 56);
}

uint64_t merkle_root(const uint64_t *leaves) {
    uint64_t root = 0;
    for (size_t leaf = 0; leaves != NULL && leaf < MERKLE_LEAVES; leaf++)
        root ^= leaves[leaf];
    return root;
}

void merkle_branches(const uint64_t *leaves, uint64_t branches[MERKLE_BRANCHES]) {
    memset(branches, 0, MERKLE_BRANCHES * sizeof branches[0]);
    for (size_t leaf = 0; leaves != NULL && leaf < MERKLE_LEAVES; leaf++)
        branches[merkle_branch_of_leaf((uint8_t)leaf)] ^= leaves[leaf];
}
