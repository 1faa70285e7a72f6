/* object: what a replica keeps under a key: its siblings, and the version vector of everything it
 * has known.
 *
 *     +------------+----------------------------------+-----------------------+
 *     | version u8 | vector: n, (actor u64, counter)* | siblings: n, sibling* |
 *     +------------+----------------------------------+-----------------------+
 *     sibling = actor's place in the vector, counter, timestamp u64, flags u8
 *               [, expiry if flags & 0x80] [, length, value if not a tombstone]
 *
 * Numbers without a width are varints. There is one encoding of an object, and only that is read.
 *
 * Invariants: every sibling's dot is covered by the vector; siblings are sorted by dot and
 * distinct; a dot that the vector covers and no sibling carries has been superseded. Objects form a
 * join semilattice under object_merge(): the same set of writes gives the same bytes on every
 * replica, whatever the order.
 *
 *     struct object object;
 *     object_clear(&object);
 *     object_write(&object, actor, &context, &write, &dot);  // by a client that had seen `context`
 *     object_merge(&object, &received);
 *     object_encode(&object, &buffer);
 */
#ifndef DUNLIN_DATA_OBJECT_H
#define DUNLIN_DATA_OBJECT_H

#include "engine/data/causal.h"

enum {
    OBJECT_SIBLINGS_MAX = 128,      /* an object never holds more */
    OBJECT_SIBLINGS_WRITE_MAX = 64, /* a write that would leave more is refused */
};

enum { SIBLING_TOMBSTONE = 1, SIBLING_BLIND = 2 };

struct sibling {
    struct dot dot;
    struct timestamp at;
    uint8_t flags;                    /* SIBLING_... */
    uint64_t expires_at_milliseconds; /* wall time; 0 never (reserved for expiry) */
    struct bytes value;               /* borrowed; empty for a tombstone */
};

/* Values are borrowed from what the object was decoded from or written with. */
struct object {
    struct version_vector vector;
    uint32_t sibling_count;
    struct sibling siblings[OBJECT_SIBLINGS_MAX];
};

enum object_status { OBJECT_OK, OBJECT_FULL /* too many siblings or actors */ };

struct object_write {
    struct bytes value; /* ignored for a tombstone */
    struct timestamp at;
    bool tombstone;
    bool blind; /* the writer gave no context: it supersedes what the replica holds */
};

void object_clear(struct object *object);
/* No write was ever seen. */
bool object_is_empty(const struct object *object);
/* The new write supersedes the siblings that `context` covers (all of them when write->blind), gets
 * the next dot of `actor`, and stands beside the others. On OBJECT_FULL the object is unchanged. */
MUST_USE enum object_status object_write(struct object *object, uint64_t actor,
                                         const struct version_vector *context,
                                         const struct object_write *write, struct dot *dot);
/* object := join of both. A sibling survives when both have it, or when the side without it has not
 * known its dot. On OBJECT_FULL the object is unchanged. */
MUST_USE enum object_status object_merge(struct object *object, const struct object *other);
/* What a replica does with a blind write after merging it: siblings that are older than the blind
 * sibling with this dot (by timestamp, then dot) are superseded, as if the writer had seen them
 * here. The newest sibling of all is never dropped, so replicas that see writes in different orders
 * cannot drop both. */
void object_settle_blind(struct object *object, struct dot blind);

void object_encode(const struct object *object, struct buffer *to);
/* Values borrow from `from`. False on bytes that object_encode() cannot have made; every invariant
 * is checked. */
MUST_USE bool object_decode(struct bytes from, struct object *object);

/* The digest of (key, clock): equal exactly when vector and sibling dots are. Never 0 for a
 * non-empty object; 0 for an empty one. It is what Merkle leaves are the XOR of, and what digest
 * reads compare. */
uint64_t object_digest(const struct object *object, struct bytes key);

/* The deterministic winner for clients who want one value: the live sibling with the greatest
 * (timestamp, dot); null when the greatest of all is a tombstone or there is no sibling. */
const struct sibling *object_winner(const struct object *object);
/* Siblings that are not tombstones. */
uint32_t object_live_count(const struct object *object);

#endif
