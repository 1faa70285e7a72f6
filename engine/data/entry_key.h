/* entry_key: how the node names what it keeps in the store.
 *
 *     data   'd' partition(2, big-endian) leaf(1) key
 *     hint   'h' target member id(8, big-endian) partition(2) leaf(1) key
 *     meta   'm' name
 *
 * The order makes a partition, and a Merkle leaf within it, one contiguous range; and all hints for
 * one member another. Keys that begin with a zero byte belong to the store itself.
 */
#ifndef DUNLIN_DATA_ENTRY_KEY_H
#define DUNLIN_DATA_ENTRY_KEY_H

#include "engine/base/bytes.h"

enum entry_space { ENTRY_DATA = 'd', ENTRY_HINT = 'h', ENTRY_META = 'm' };

struct entry_key {
    enum entry_space space;
    uint64_t target;    /* of a hint */
    uint16_t partition; /* of data and hints */
    uint8_t leaf;       /* of data and hints */
    struct bytes key;   /* the client's key, or a meta entry's name; borrowed */
};

void entry_key_encode(const struct entry_key *entry, struct buffer *to);
MUST_USE bool entry_key_decode(struct bytes from, struct entry_key *entry);
/* The bytes that all entries of a partition, of a leaf, or of a hint target begin with. */
void entry_key_partition_prefix(uint16_t partition, struct buffer *to);
void entry_key_leaf_prefix(uint16_t partition, uint8_t leaf, struct buffer *to);
void entry_key_hint_prefix(uint64_t target, struct buffer *to);

#endif
