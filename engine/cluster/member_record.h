/* member_record: what gossip says about one member, and the payload that carries many.
 *
 *     +--------------+   +---------+--------------------+------------------+-----------+
 *     | count varint | + | id u64  | incarnation varint | heartbeat varint | status u8 |  x count
 *     +--------------+   +---------+--------------------+------------------+-----------+
 *      ids ascend, incarnations are not 0, nothing follows
 *
 * Incarnation and heartbeat are the member's own and only it raises them, so the greater pair is the
 * later word. The status is the opinion of whoever gossips.
 *
 *     member_records_encode(records, count, &payload);
 *     if (!member_records_decode(payload, records, &count)) -> malformed
 */
#ifndef DUNLIN_CLUSTER_MEMBER_RECORD_H
#define DUNLIN_CLUSTER_MEMBER_RECORD_H

#include "engine/cluster/membership.h"

enum { MEMBER_RECORDS_MAX = 256 };

/* Leaves a member room to raise its heartbeat above any that it is accused with. */
static const uint64_t MEMBER_HEARTBEAT_MAX = (uint64_t)1 << 62;

struct member_record {
    uint64_t id;
    uint64_t incarnation;
    uint64_t heartbeat;
    enum member_status status; /* alive, suspect or dead */
};

/* < 0, 0 or > 0: by incarnation, then heartbeat. The opinion does not count. */
int member_record_compare(const struct member_record *left, const struct member_record *right);
void member_records_encode(const struct member_record *records, uint32_t count, struct buffer *to);
MUST_USE bool member_records_decode(struct bytes payload,
                                    struct member_record records[MEMBER_RECORDS_MAX],
                                    uint32_t *count);

#endif
