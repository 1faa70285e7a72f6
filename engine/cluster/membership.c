#include "engine/cluster/membership.h"

#include "engine/base/memory.h"
#include "engine/cluster/membership_state.h"

static void check_options(const struct membership_options *options) {
    CHECK(options->member_count > 0 && options->member_count <= MEMBERSHIP_MEMBERS_MAX);
    CHECK(options->self < options->member_count && options->gossip_interval.nanoseconds > 0);
    for (uint32_t i = 1; i < options->member_count; i++)
        CHECK(options->member_ids[i - 1] < options->member_ids[i]);
}

struct membership *membership_create(const struct membership_options *options) {
    check_options(options);
    struct membership *membership = memory_allocate_zeroed(1, sizeof *membership);
    membership->count = options->member_count;
    membership->self = options->self;
    membership->interval = options->gossip_interval;
    membership->suspect_after_min = options->suspect_after_min;
    membership->dead_after = options->dead_after;
    membership->next_beat = INSTANT_NEVER;
    membership->members = memory_allocate_zeroed(membership->count, sizeof *membership->members);
    membership->order = memory_allocate_zeroed(membership->count, sizeof *membership->order);
    for (uint32_t i = 0; i < membership->count; i++)
        membership->members[i].record.id = options->member_ids[i];
    /* Every member may be asked about by its probe and three helpers in one beat. */
    outbox_init(&membership->outbox, (1 + PROBE_HELPERS_MAX) * membership->count + 16);
    prng_init(&membership->prng, options->seed, options->member_ids[options->self]);
    return membership;
}

void membership_destroy(struct membership *membership) {
    if (membership == NULL)
        return;
    outbox_deinit(&membership->outbox);
    buffer_deinit(&membership->payload);
    memory_release(membership->order);
    memory_release(membership->members);
    memory_release(membership);
}

void membership_start(struct membership *membership, uint64_t incarnation, struct instant now) {
    CHECK(!membership->started && incarnation > 0);
    membership->started = true;
    for (uint32_t i = 0; i < membership->count; i++)
        liveness_begin(membership, i, now);
    struct member_record *own = &membership->members[membership->self].record;
    own->incarnation = incarnation;
    own->heartbeat = 1;
    own->status = MEMBER_ALIVE;
    gossip_begin(membership);
    /* Members that start together must not beat together. */
    uint64_t offset = prng_below_u64(&membership->prng, membership->interval.nanoseconds);
    membership->next_beat = instant_after(now, (struct duration){offset});
}

void membership_tick(struct membership *membership, struct instant now) {
    if (!membership->started || !instant_reached(now, membership->next_beat))
        return;
    struct duration late = duration_between(membership->next_beat, now);
    membership->next_beat = instant_after(membership->next_beat, membership->interval);
    if (late.nanoseconds >= membership->interval.nanoseconds) {
        liveness_forgive(membership, late, now);
        membership->next_beat = instant_after(now, membership->interval);
    }
    struct member_record *own = &membership->members[membership->self].record;
    if (own->heartbeat < MEMBER_HEARTBEAT_MAX)
        own->heartbeat++;
    for (uint32_t i = 0; i < membership->count; i++)
        if (i != membership->self)
            liveness_beat(membership, i, now);
    gossip_beat(membership, now);
    probe_expire_relays(membership, now);
}

struct instant membership_deadline(const struct membership *membership) {
    return membership->next_beat;
}

/* Whether there is anything to do with what was heard about this member. */
static bool concerns(const struct membership *membership, uint32_t member) {
    CHECK(member < membership->count);
    return membership->started && member != membership->self;
}

bool membership_receive(struct membership *membership, uint32_t from,
                        const struct peer_message *message, struct instant now) {
    if (!concerns(membership, from))
        return true;
    bool is_gossip = message->kind == PEER_GOSSIP || message->kind == PEER_GOSSIP_REPLY;
    if (is_gossip && !gossip_receive(membership, from, message, now))
        return false;
    if (message->kind == PEER_GOSSIP_REPLY)
        liveness_answered(membership, from, now);
    else
        liveness_sign(membership, from, now);
    if (message->kind == PEER_PROBE)
        probe_receive(membership, from, message, now);
    else if (message->kind == PEER_PROBE_REPLY)
        probe_receive_reply(membership, from, message, now);
    else
        CHECK(is_gossip);
    return true;
}

void membership_heard_from(struct membership *membership, uint32_t member, struct instant now) {
    if (concerns(membership, member))
        liveness_sign(membership, member, now);
}

void membership_answered(struct membership *membership, uint32_t member, struct instant now) {
    if (concerns(membership, member))
        liveness_answered(membership, member, now);
}

void membership_unanswered(struct membership *membership, uint32_t member, struct instant now) {
    if (concerns(membership, member))
        probe_once(membership, member, now);
}

void membership_link_lost(struct membership *membership, uint32_t member, struct instant now) {
    if (!concerns(membership, member))
        return;
    liveness_lost(membership, member);
    if (membership->members[member].phase == PROBE_IDLE)
        probe_start(membership, member, now);
}

bool membership_next_message(struct membership *membership, uint32_t *target,
                             struct peer_message *message) {
    return outbox_pop(&membership->outbox, target, message);
}

bool membership_next_change(struct membership *membership, uint32_t *member) {
    if (membership->changed_count == 0)
        return false;
    uint32_t index = 0;
    while (!membership->members[index].changed)
        index++;
    membership->members[index].changed = false;
    membership->changed_count--;
    *member = index;
    return true;
}

uint32_t membership_index_of(const struct membership *membership, uint64_t id) {
    uint32_t low = 0;
    uint32_t high = membership->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (membership->members[middle].record.id < id)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < membership->count && membership->members[low].record.id == id;
    return found ? low : membership->count;
}

static const struct member *member_at(const struct membership *membership, uint32_t member) {
    CHECK(member < membership->count);
    return &membership->members[member];
}

enum member_status membership_status(const struct membership *membership, uint32_t member) {
    return member_at(membership, member)->record.status;
}

bool membership_is_usable(const struct membership *membership, uint32_t member) {
    const struct member *looked_at = member_at(membership, member);
    return member == membership->self ||
           (looked_at->record.status == MEMBER_ALIVE && looked_at->answers);
}

uint64_t membership_incarnation(const struct membership *membership, uint32_t member) {
    return member_at(membership, member)->record.incarnation;
}

uint64_t membership_heartbeat(const struct membership *membership, uint32_t member) {
    return member_at(membership, member)->record.heartbeat;
}

uint64_t membership_rival_incarnation(const struct membership *membership) {
    return membership->rival_incarnation;
}

void membership_outlive(struct membership *membership, uint64_t incarnation) {
    struct member_record *own = &membership->members[membership->self].record;
    CHECK(incarnation > own->incarnation && incarnation > membership->rival_incarnation);
    own->incarnation = incarnation;
    own->heartbeat = 1;
    membership->rival_incarnation = 0;
}

const char *member_status_name(enum member_status status) {
    switch (status) {
    case MEMBER_UNKNOWN:
        return "unknown";
    case MEMBER_ALIVE:
        return "alive";
    case MEMBER_SUSPECT:
        return "suspect";
    case MEMBER_DEAD:
        return "dead";
    case MEMBER_LEAVING:
        return "leaving";
    }
    return "unknown";
}
