/* handoff: delivers the hints that this node keeps for others when they are back.
 *
 *     hints for n3, in key order:   a  b  c  d  e  f  g ...
 *                                   +--window--+
 *     each: PEER_WRITE, asked to be durable --> acknowledged --> removed here, if unchanged
 *
 * A hint leaves this node's store only after its target has it durably, so that no crash on either
 * side can lose it. Source: DeCandia et al., "Dynamo", SOSP 2007, section 4.6.
 */
#ifndef DUNLIN_NODE_HANDOFF_H
#define DUNLIN_NODE_HANDOFF_H

#include "engine/base/deadlines.h"
#include "engine/cluster/peer_message.h"

struct node;

enum { HANDOFF_WINDOW = 32 };

enum handoff_slot_state { HANDOFF_SLOT_FREE, HANDOFF_SLOT_SENT, HANDOFF_SLOT_REMOVING };

struct handoff_slot {
    enum handoff_slot_state state;
    struct buffer entry; /* the hint's key in the store */
    uint64_t hash;       /* of the value that was sent */
    uint64_t size;       /* bytes that its removal gives back */
};

enum handoff_phase { HANDOFF_IDLE, HANDOFF_RUNNING };

struct handoff {
    enum handoff_phase phase;
    uint32_t pass; /* replies to an earlier pass are told apart by it */
    struct deadline timer;
    struct buffer cursor;
    bool cursor_is_taken; /* the entry at the cursor was sent already */
    bool exhausted;
    uint32_t in_flight;
    uint64_t delivered;
    struct handoff_slot slots[HANDOFF_WINDOW];
};

/* The peer became usable: deliver now. */
void handoff_kick(struct node *node, uint32_t member);
/* A hint for it came in: see to it within an interval. */
void handoff_expect(struct node *node, uint32_t member);
void handoff_on_timer(struct node *node, uint32_t member);
void handoff_on_reply(struct node *node, uint32_t member, const struct peer_message *message);
void handoff_wake(struct node *node, uint64_t waiter);
/* Its link is gone: what was in flight stays a hint. */
void handoff_stop(struct node *node, uint32_t member);
void handoff_deinit(struct handoff *handoff);

#endif
