#include "engine/cluster/membership_state.h"

enum { DIRECT_INTERVALS = 1, INDIRECT_INTERVALS = 2 };

static void ask(struct membership *membership, uint32_t whom, uint32_t about) {
    struct peer_message probe = {.kind = PEER_PROBE,
                                 .member = membership->members[about].record.id};
    (void)outbox_push(&membership->outbox, whom, &probe);
}

void probe_once(struct membership *membership, uint32_t index, struct instant now) {
    struct member *member = &membership->members[index];
    if (!is_long_ago(member->probed_at, intervals(membership, 1), now))
        return;
    member->probed_at = now;
    liveness_sent(membership, index, now);
    ask(membership, index, index);
}

static void enter_phase(struct member *member, enum probe_phase phase, struct instant now) {
    member->phase = phase;
    member->phase_since = now;
}

void probe_start(struct membership *membership, uint32_t index, struct instant now) {
    enter_phase(&membership->members[index], PROBE_DIRECT, now);
    probe_once(membership, index, now);
}

/* Asks up to three others, each set of them equally likely, by one pass of reservoir sampling. */
static void ask_helpers(struct membership *membership, uint32_t about) {
    uint32_t helpers[PROBE_HELPERS_MAX];
    uint32_t seen = 0;
    for (uint32_t i = 0; i < membership->count; i++) {
        const struct member *other = &membership->members[i];
        bool helpful = other->record.status == MEMBER_ALIVE && other->answers;
        if (i == about || i == membership->self || !helpful)
            continue;
        uint32_t place = seen < PROBE_HELPERS_MAX ? seen : prng_below(&membership->prng, seen + 1);
        if (place < PROBE_HELPERS_MAX)
            helpers[place] = i;
        seen++;
    }
    uint32_t count = seen < PROBE_HELPERS_MAX ? seen : PROBE_HELPERS_MAX;
    for (uint32_t i = 0; i < count; i++)
        ask(membership, helpers[i], about);
}

void probe_beat(struct membership *membership, uint32_t index, struct instant now) {
    struct member *member = &membership->members[index];
    switch (member->phase) {
    case PROBE_DIRECT:
        if (!has_passed(intervals(membership, DIRECT_INTERVALS), member->phase_since, now))
            break;
        enter_phase(member, PROBE_INDIRECT, now);
        probe_once(membership, index, now);
        ask_helpers(membership, index);
        break;
    case PROBE_INDIRECT:
        if (has_passed(intervals(membership, INDIRECT_INTERVALS), member->phase_since, now))
            enter_phase(member, PROBE_FAILED, now);
        break;
    case PROBE_IDLE:
    case PROBE_FAILED:
        break;
    }
}

/* --- on behalf of others */

static void reply(struct membership *membership, uint32_t to, uint64_t request, uint64_t about,
                  enum peer_status status) {
    struct peer_message message = {
        .kind = PEER_PROBE_REPLY, .request = request, .member = about, .status = status};
    (void)outbox_push(&membership->outbox, to, &message);
}

static void remove_relay(struct membership *membership, uint32_t at) {
    membership->relays[at] = membership->relays[--membership->relay_count];
}

void probe_expire_relays(struct membership *membership, struct instant now) {
    for (uint32_t i = membership->relay_count; i > 0; i--)
        if (instant_reached(now, membership->relays[i - 1].expires))
            remove_relay(membership, i - 1);
}

static void answer_relays(struct membership *membership, uint32_t target) {
    for (uint32_t i = membership->relay_count; i > 0; i--) {
        struct probe_relay relay = membership->relays[i - 1];
        if (relay.target != target)
            continue;
        remove_relay(membership, i - 1);
        reply(membership, relay.asker, relay.request, membership->members[target].record.id,
              PEER_OK);
    }
}

void probe_receive(struct membership *membership, uint32_t from, const struct peer_message *message,
                   struct instant now) {
    uint32_t about = membership_index_of(membership, message->member);
    if (about == membership->self) {
        reply(membership, from, message->request, message->member, PEER_OK);
        return;
    }
    if (about == membership->count || about == from) {
        reply(membership, from, message->request, message->member, PEER_REFUSED);
        return;
    }
    if (membership->relay_count == PROBE_RELAYS_MAX) {
        reply(membership, from, message->request, message->member, PEER_BUSY);
        return;
    }
    membership->relays[membership->relay_count++] = (struct probe_relay){
        .asker = from,
        .target = about,
        .request = message->request,
        .expires = instant_after(now, intervals(membership, PROBE_RELAY_INTERVALS)),
    };
    ask(membership, about, about);
}

void probe_receive_reply(struct membership *membership, uint32_t from,
                         const struct peer_message *message, struct instant now) {
    uint32_t about = membership_index_of(membership, message->member);
    if (about == membership->count || about == membership->self || message->status != PEER_OK)
        return;
    if (about != from) {
        liveness_sign(membership, about, now);
        return;
    }
    liveness_answered(membership, about, now);
    answer_relays(membership, about);
}
