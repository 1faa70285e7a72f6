/* ring: who holds what, as a pure function of the membership.
 *
 *      Q partitions lie evenly on the circle of 64-bit tokens; each member has vnodes x weight tokens,
 *      XXH3(member id, i). A partition's preference list is the clockwise walk from its position.
 *
 *               p0 . a . p1 . c . b . p2 . a . p3 . c .      p1 -> c, b, a
 *
 * The walk takes each *host* once and prefers, while there is a choice, a data centre not yet taken, then a rack not
 * yet taken. Lists nest: the list for N = 2 is the start of the list for N = 3, and the members behind the first N are
 * the fallbacks of a sloppy quorum, in order.
 * Source: DeCandia et al., "Dynamo", SOSP 2007, sections 4.2, 4.3 and 6.2 (strategy 3).
 *
 *     struct ring ring = {0};
 *     ring_build(&ring, members, 5, 1024, 64);
 *     const uint16_t *list = ring_preference(&ring, partition);   // member indexes, ring.list_size of them
 *     ring_deinit(&ring);
 */
#ifndef DUNLIN_DATA_RING_H
#define DUNLIN_DATA_RING_H

#include "engine/base/bytes.h"

enum { RING_MEMBERS_MAX = 1024, RING_LIST_MAX = 16, RING_WEIGHT_MAX = 64 };

/* What placement needs to know of a member. Host, rack and data centre are hashes of their names; members that share a
 * host never appear twice in one list's first places. */
struct ring_member {
    uint64_t id;
    uint32_t weight; /* 1 to RING_WEIGHT_MAX */
    uint64_t host;
    uint64_t rack;
    uint64_t datacentre;
};

struct ring {
    uint32_t partition_count;
    uint32_t member_count;
    uint32_t list_size;   /* min(RING_LIST_MAX, distinct hosts) */
    uint16_t *preference; /* partition_count x list_size member indexes */
};

/* Members are sorted by id, ids distinct. partition_count is a power of two up to 16384, vnodes at least 1.
 * Rebuilds in place when the ring was built before. */
void ring_build(struct ring *ring, const struct ring_member *members, uint32_t member_count,
                uint32_t partition_count, uint32_t vnodes);
void ring_deinit(struct ring *ring);

static inline const uint16_t *ring_preference(const struct ring *ring, uint16_t partition) {
    CHECK(partition < ring->partition_count);
    return ring->preference + (size_t)partition * ring->list_size;
}

#endif
