/* ring: who holds what, as a pure function of the membership.
 *
 *      Q partitions lie evenly on the circle of 64-bit tokens; the circle is cut into `vnodes`
 *      arcs, and each member has `weight` tokens in every arc: vnodes x weight in all.
 *      A partition's preference list is the clockwise walk from its position.
 *
 *               p0 . a . p1 . c . b . p2 . a . p3 . c .      p1 -> c, b, a
 *
 * Where a token lies in its arc is drawn from XXH3(member id, i) and depends on nothing else. The
 * draws of one member are stratified: over all arcs its offsets are a shuffle of 0/vnodes,
 * 1/vnodes, 2/vnodes ... (plus a random rest), so that no member is lucky or unlucky as a whole.
 * Independent tokens leave a newcomer's share to chance by 10 % and more; these by 7 % for one
 * copy, 4 % for two and 3 % for three.
 *
 * The walk takes each *host* once and prefers, while there is a choice, a data centre not yet
 * taken, then a rack not yet taken. Lists nest: the list for N = 2 is the start of the list for
 * N = 3, and the members behind the first N are the fallbacks of a sloppy quorum, in order.
 *
 * What moves: a joining member only takes places, a leaving one only gives them up; a place never
 * passes between two members that both stay, whatever the racks, data centres, shared hosts and
 * weights. The price of this guarantee is that the newcomer's share is bounded by probability
 * alone. Of 2,000 random memberships that grew from 10 to 11 equal members (Q = 1024, default
 * vnodes), more than 1.1/11 of the places moved in 8.5 % for one copy, 1 % for two and 0.05 % for
 * three; the mean is 1/11. A cap on each member's load would bound the share, but to obey it
 * stayers must pass partitions to one another, and counted over all moves that proved worse.
 *
 * The default number of vnodes is the smallest of 256, 512 and 1024, which do equally well over
 * random memberships. For members named n1 to n11 it moves 1.01/11, 1.00/11 and 1.00/11 with one,
 * two and three copies; chance is at work here too: 1024 would have moved 1.15/11 with two.
 *
 * Source: DeCandia et al., "Dynamo", SOSP 2007, sections 4.2, 4.3 and 6.2 (strategy 3); McKay,
 * Beckman and Conover, "A comparison of three methods for selecting values of input variables",
 * 1979, for the stratified draws.
 *
 *     struct ring ring = {0};
 *     ring_build(&ring, members, 5, 1024, RING_VNODES_DEFAULT);
 *     const uint16_t *list = ring_preference(&ring, partition);   // ring.list_size member indexes
 *     ring_deinit(&ring);
 */
#ifndef DUNLIN_DATA_RING_H
#define DUNLIN_DATA_RING_H

#include "engine/base/bytes.h"

enum { RING_MEMBERS_MAX = 1024, RING_LIST_MAX = 16, RING_WEIGHT_MAX = 64 };

/* Use a power of two: other numbers put arcs across partitions. Fewer than Q/4 make shares less
 * even; more, up to Q, do not make them more so; beyond Q they get less even again. */
enum { RING_VNODES_DEFAULT = 256, RING_VNODES_MAX = 16384 };

/* What placement needs to know of a member. Host, rack and data centre are hashes of their names;
 * members that share a host never appear twice in one list. Racks of one name in two data centres
 * are two racks. */
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

/* Members are sorted by id, ids distinct. partition_count is a power of two up to 16384, vnodes 1
 * to RING_VNODES_MAX. Rebuilds in place when the ring was built before. Costs memory of 16 bytes
 * per token while it works. */
void ring_build(struct ring *ring, const struct ring_member *members, uint32_t member_count,
                uint32_t partition_count, uint32_t vnodes);
void ring_deinit(struct ring *ring);

static inline const uint16_t *ring_preference(const struct ring *ring, uint16_t partition) {
    CHECK(partition < ring->partition_count);
    return ring->preference + (size_t)partition * ring->list_size;
}

#endif
