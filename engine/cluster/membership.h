/* membership: who belongs to the cluster, and who seems to be alive.
 *
 *     push-pull gossip of records (member, incarnation, heartbeat, status) with one peer every interval;
 *     heartbeats arrive late --> a direct probe, then indirect ones through others --> SUSPECT --> DEAD
 *     a fresher heartbeat or a higher incarnation --> ALIVE again
 *
 * The members themselves are given at the cluster's birth (the ring is a pure function of them); gossip spreads their life
 * signs. Suspicion comes from an integer accrual of arrival times, so that it adapts to slow networks, and only after
 * probes, ours and those of others, went unanswered.
 *
 * To be alive is not to be reachable: gossip relays the heartbeats of a member whose answers cannot come to us. So two
 * things are kept apart. Any message is a sign of life; only an answer to something that we sent proves that requests of
 * ours get through. A member is usable when it is alive and its link was not lost, nor our probes left
 * unanswered, since its last answer.
 *
 * The module sends nothing: messages wait in a queue that the node drains after each call. Time passes in beats, one
 * every gossip interval; all that is not an answer to a call happens on the beat.
 *
 * Source: Das, Gupta, Motivala, "SWIM", DSN 2002; Hayashibara et al., "The phi accrual failure detector", SRDS 2004.
 *
 *     struct membership *membership = membership_create(&options);
 *     membership_start(membership, incarnation, now);
 *     membership_tick(membership, now);            // when membership_deadline() is reached
 *     membership_receive(membership, from, &message, now);
 *     while (membership_next_message(membership, &target, &message)) -> send it to member `target`
 *     while (membership_next_change(membership, &member)) -> its status, or whether it is usable, has changed
 */
#ifndef DUNLIN_CLUSTER_MEMBERSHIP_H
#define DUNLIN_CLUSTER_MEMBERSHIP_H

#include "engine/cluster/peer_message.h"

enum member_status {
    MEMBER_UNKNOWN,
    MEMBER_ALIVE,
    MEMBER_SUSPECT,
    MEMBER_DEAD,
    MEMBER_LEAVING /* reserved */
};

struct membership_options {
    uint32_t member_count; /* members are numbered as in the ring: sorted by id */
    const uint64_t *member_ids;
    uint32_t self;
    struct duration gossip_interval;
    struct duration suspect_after_min; /* never suspects earlier than this */
    struct duration dead_after;        /* from suspicion to death */
    uint64_t seed;
};

enum {
    MEMBERSHIP_MEMBERS_MAX = 4096,
    /* However slow the network: silence of this many suspect_after_min is enough for suspicion. */
    MEMBERSHIP_SUSPECT_FACTOR_MAX = 4,
};

struct membership;

/* member_ids: ascending and distinct. The gossip interval is greater than 0. */
struct membership *membership_create(const struct membership_options *options);
void membership_destroy(struct membership *membership);
/* Begins gossip. `incarnation` is greater than 0 and than that of any earlier life of this member. What is called before
 * has no effect. */
void membership_start(struct membership *membership, uint64_t incarnation, struct instant now);
/* Nothing happens before membership_deadline(). */
void membership_tick(struct membership *membership, struct instant now);
struct instant membership_deadline(const struct membership *membership);
/* Kinds PEER_GOSSIP, PEER_GOSSIP_REPLY, PEER_PROBE, PEER_PROBE_REPLY. False when the payload is malformed. Counts as
 * membership_heard_from(), and a reply as membership_answered(). */
MUST_USE bool membership_receive(struct membership *membership, uint32_t from,
                                 const struct peer_message *message, struct instant now);
/* Any valid message from a member is a sign of life. */
void membership_heard_from(struct membership *membership, uint32_t member, struct instant now);
/* The member answered something that we sent (a welcome, a reply of any kind): requests of ours get through. Is a sign
 * of life, too. */
void membership_answered(struct membership *membership, uint32_t member, struct instant now);
/* A request of ours got no answer in time: probe the member at once. It stays usable until the probes fail as well. */
void membership_unanswered(struct membership *membership, uint32_t member, struct instant now);
/* The link to a member failed or was closed: not usable until it answers again. Probes it at once. */
void membership_link_lost(struct membership *membership, uint32_t member, struct instant now);

/* Payload bytes are borrowed until the next call. A reply carries the request number that it answers; in a request the
 * number is 0 and the node's to choose, because no reply is matched by it here. A message that cannot be sent is dropped. */
bool membership_next_message(struct membership *membership, uint32_t *target,
                             struct peer_message *message);
bool membership_next_change(struct membership *membership, uint32_t *member);

enum member_status membership_status(const struct membership *membership, uint32_t member);
/* Worth sending a request to: itself, or alive and answering. */
bool membership_is_usable(const struct membership *membership, uint32_t member);
/* 0 until gossip told it. */
uint64_t membership_incarnation(const struct membership *membership, uint32_t member);
uint64_t membership_heartbeat(const struct membership *membership, uint32_t member);
/* An incarnation of this very member that others know and that is greater than ours: somebody else runs under our
 * identity, or our disk is an old copy. 0: none. */
uint64_t membership_rival_incarnation(const struct membership *membership);
/* Begins a life that outlives every rival known: `incarnation` is greater than theirs and ours. */
void membership_outlive(struct membership *membership, uint64_t incarnation);
const char *member_status_name(enum member_status status);

#endif
