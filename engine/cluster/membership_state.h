/* membership_state: what a membership consists of. Only membership.c and its three parts look inside:
 *
 *     membership.c   the door: time, accessors            gossip.c    records in and out
 *     liveness.c     evidence, suspicion, reachability    probe.c     questions, ours and on behalf of others
 */
#ifndef DUNLIN_CLUSTER_MEMBERSHIP_STATE_H
#define DUNLIN_CLUSTER_MEMBERSHIP_STATE_H

#include "engine/base/prng.h"
#include "engine/cluster/arrival_window.h"
#include "engine/cluster/member_record.h"
#include "engine/cluster/outbox.h"

/* How far we are in finding out whether a silent member lives. */
enum probe_phase {
    PROBE_IDLE,
    PROBE_DIRECT,   /* asked it */
    PROBE_INDIRECT, /* asked others to ask it */
    PROBE_FAILED,   /* neither helped: it may be suspected */
};

struct member {
    struct member_record record; /* the latest word of its own that reached us, and our opinion */
    struct instant last_sign;    /* of life */
    struct instant last_advance; /* of its heartbeat; INSTANT_NEVER: none to measure from */
    struct instant suspected_at;
    struct arrival_window arrivals; /* of advances */

    enum probe_phase phase;
    struct instant phase_since;
    bool accused; /* somebody who knows no later word than we do suspects it */

    bool answers;                    /* to us, as far as we know */
    struct instant unanswered_since; /* the first thing sent after its last answer; INSTANT_NEVER */
    struct instant probed_at;        /* the last direct probe; INSTANT_NEVER */

    bool changed; /* and the node was not told yet */
    bool told;    /* while a gossip is read: its sender knows as much as we do */
};

/* Somebody waits for what we hear from `target`. */
struct probe_relay {
    uint32_t asker, target;
    uint64_t request;
    struct instant expires;
};

enum {
    PROBE_HELPERS_MAX = 3,
    PROBE_RELAYS_MAX = 64,
    PROBE_RELAY_INTERVALS = 4,
};

struct membership {
    struct member *members; /* by id */
    uint32_t count, self;
    struct duration interval, suspect_after_min, dead_after;
    struct prng prng;
    bool started;
    struct instant next_beat;

    uint32_t
        *order; /* in which the others are gossiped with: shuffled anew when all had their turn */
    uint32_t order_count, order_next;
    uint32_t window_first; /* the records that a gossip begins with, when not all fit */
    bool refuted;          /* in this beat: enough */
    uint64_t rival_incarnation;

    struct outbox outbox;
    struct buffer payload; /* of the gossip that is being made */
    struct member_record records[MEMBER_RECORDS_MAX];
    uint32_t changed_count;

    struct probe_relay relays[PROBE_RELAYS_MAX];
    uint32_t relay_count;
};

static inline struct duration intervals(const struct membership *membership, uint64_t count) {
    return (struct duration){membership->interval.nanoseconds * count};
}
static inline bool has_passed(struct duration duration, struct instant since, struct instant now) {
    return duration_between(since, now).nanoseconds >= duration.nanoseconds;
}
/* INSTANT_NEVER is longer ago than anything. */
static inline bool is_long_ago(struct instant then, struct duration duration, struct instant now) {
    return then.nanoseconds == INSTANT_NEVER.nanoseconds || has_passed(duration, then, now);
}

/* The member with this id; `count` when there is none. */
uint32_t membership_index_of(const struct membership *membership, uint64_t id);

/* --- liveness.c */

void liveness_begin(struct membership *membership, uint32_t member, struct instant now);
/* Any sign of life, our own or by hearsay. */
void liveness_sign(struct membership *membership, uint32_t member, struct instant now);
/* Its heartbeat or incarnation was raised and somebody believes it alive. */
void liveness_advanced(struct membership *membership, uint32_t member, bool new_life,
                       struct instant now);
void liveness_accused(struct membership *membership, uint32_t member, struct instant now);
void liveness_answered(struct membership *membership, uint32_t member, struct instant now);
/* Something that wants an answer goes out. */
void liveness_sent(struct membership *membership, uint32_t member, struct instant now);
void liveness_lost(struct membership *membership, uint32_t member);
void liveness_beat(struct membership *membership, uint32_t member, struct instant now);
/* It was us who slept: nobody else is to be blamed for this much silence. */
void liveness_forgive(struct membership *membership, struct duration pause, struct instant now);

/* --- probe.c */

/* Asks the member itself, and goes on from there with the beats. */
void probe_start(struct membership *membership, uint32_t member, struct instant now);
/* One direct question, whatever the phase, unless one went out within the last interval. */
void probe_once(struct membership *membership, uint32_t member, struct instant now);
void probe_beat(struct membership *membership, uint32_t member, struct instant now);
void probe_expire_relays(struct membership *membership, struct instant now);
void probe_receive(struct membership *membership, uint32_t from, const struct peer_message *message,
                   struct instant now);
void probe_receive_reply(struct membership *membership, uint32_t from,
                         const struct peer_message *message, struct instant now);

/* --- gossip.c */

void gossip_begin(struct membership *membership);
void gossip_beat(struct membership *membership, struct instant now);
MUST_USE bool gossip_receive(struct membership *membership, uint32_t from,
                             const struct peer_message *message, struct instant now);

#endif
