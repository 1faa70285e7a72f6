#include "engine/cluster/membership_state.h"

/* Which opinion may follow which. A member is never unknown again, and dies only as a suspect. */
static const uint8_t MAY_FOLLOW[] = {
    [MEMBER_UNKNOWN] = 1 << MEMBER_ALIVE | 1 << MEMBER_SUSPECT,
    [MEMBER_ALIVE] = 1 << MEMBER_SUSPECT,
    [MEMBER_SUSPECT] = 1 << MEMBER_ALIVE | 1 << MEMBER_DEAD,
    [MEMBER_DEAD] = 1 << MEMBER_ALIVE,
    [MEMBER_LEAVING] = 0,
};

enum {
    REPROBE_INTERVALS = 2,        /* between probes of a member that owes us an answer */
    REPROBE_SILENT_INTERVALS = 4, /* and of one that has owed it for long */
};

static void note_change(struct membership *membership, struct member *member) {
    membership->changed_count += !member->changed;
    member->changed = true;
}

static void set_status(struct membership *membership, struct member *member,
                       enum member_status status) {
    CHECK((MAY_FOLLOW[member->record.status] & 1u << status) != 0);
    member->record.status = status;
    note_change(membership, member);
}

static void set_answers(struct membership *membership, struct member *member, bool answers) {
    if (member->answers == answers)
        return;
    member->answers = answers;
    if (member->record.status == MEMBER_ALIVE)
        note_change(membership, member);
}

void liveness_begin(struct membership *membership, uint32_t index, struct instant now) {
    struct member *member = &membership->members[index];
    member->last_sign = now;
    member->last_advance = INSTANT_NEVER;
    member->unanswered_since = INSTANT_NEVER;
    member->probed_at = INSTANT_NEVER;
}

void liveness_sign(struct membership *membership, uint32_t index, struct instant now) {
    struct member *member = &membership->members[index];
    member->last_sign = now;
    member->phase = PROBE_IDLE;
    member->accused = false;
    if (member->record.status != MEMBER_ALIVE) {
        /* The gap of an outage says nothing about how heartbeats arrive when all is well. */
        member->last_advance = INSTANT_NEVER;
        set_status(membership, member, MEMBER_ALIVE);
    }
    /* It lives, but is of no use before it answers. */
    if (!member->answers)
        probe_once(membership, index, now);
}

static struct duration patience_max(const struct membership *membership) {
    return (struct duration){membership->suspect_after_min.nanoseconds *
                             MEMBERSHIP_SUSPECT_FACTOR_MAX};
}

void liveness_advanced(struct membership *membership, uint32_t index, bool new_life,
                       struct instant now) {
    struct member *member = &membership->members[index];
    if (new_life)
        member->arrivals = (struct arrival_window){0};
    bool regular = member->record.status == MEMBER_ALIVE && !new_life &&
                   member->last_advance.nanoseconds != INSTANT_NEVER.nanoseconds;
    if (regular) {
        struct duration interval = duration_between(member->last_advance, now);
        struct duration limit = patience_max(membership);
        bool longer = interval.nanoseconds > limit.nanoseconds;
        arrival_window_add(&member->arrivals, longer ? limit : interval);
    }
    liveness_sign(membership, index, now);
    member->last_advance = now;
}

void liveness_accused(struct membership *membership, uint32_t index, struct instant now) {
    struct member *member = &membership->members[index];
    bool trusted = member->record.status == MEMBER_ALIVE || member->record.status == MEMBER_UNKNOWN;
    if (!trusted || member->accused)
        return;
    /* An accusation is a reason to look, not to believe: the accuser may be the one cut off. */
    member->accused = true;
    if (member->phase == PROBE_IDLE)
        probe_start(membership, index, now);
}

void liveness_answered(struct membership *membership, uint32_t index, struct instant now) {
    struct member *member = &membership->members[index];
    member->unanswered_since = INSTANT_NEVER;
    set_answers(membership, member, true);
    liveness_sign(membership, index, now);
}

void liveness_sent(struct membership *membership, uint32_t index, struct instant now) {
    struct member *member = &membership->members[index];
    if (member->unanswered_since.nanoseconds == INSTANT_NEVER.nanoseconds)
        member->unanswered_since = now;
}

void liveness_lost(struct membership *membership, uint32_t index) {
    set_answers(membership, &membership->members[index], false);
}

static struct duration patience_of(const struct membership *membership,
                                   const struct member *member) {
    struct duration least = membership->suspect_after_min;
    struct duration most = patience_max(membership);
    if (member->accused)
        return least;
    struct duration patience = arrival_window_patience(&member->arrivals);
    if (patience.nanoseconds < least.nanoseconds)
        return least;
    return patience.nanoseconds > most.nanoseconds ? most : patience;
}

static void watch(struct membership *membership, uint32_t index, struct instant now) {
    struct member *member = &membership->members[index];
    struct duration silence = duration_between(member->last_sign, now);
    /* Patience is never less than this; most members are heard from often. */
    if (silence.nanoseconds < membership->suspect_after_min.nanoseconds / 2)
        return;
    struct duration patience = patience_of(membership, member);
    if (member->phase == PROBE_IDLE && silence.nanoseconds >= patience.nanoseconds / 2)
        probe_start(membership, index, now);
    if (member->phase == PROBE_FAILED && silence.nanoseconds >= patience.nanoseconds) {
        member->suspected_at = now;
        set_status(membership, member, MEMBER_SUSPECT);
    }
}

/* Whether requests of ours get through. Not asked of the dead: gossip now and then tries those. */
static void watch_answers(struct membership *membership, uint32_t index, struct instant now) {
    struct member *member = &membership->members[index];
    bool owes = member->unanswered_since.nanoseconds != INSTANT_NEVER.nanoseconds;
    if (owes && has_passed(membership->suspect_after_min, member->unanswered_since, now))
        set_answers(membership, member, false);
    bool late = owes && has_passed(intervals(membership, 1), member->unanswered_since, now);
    uint64_t pause = member->answers ? REPROBE_INTERVALS : REPROBE_SILENT_INTERVALS;
    if ((late || !member->answers) &&
        is_long_ago(member->probed_at, intervals(membership, pause), now))
        probe_once(membership, index, now);
}

void liveness_beat(struct membership *membership, uint32_t index, struct instant now) {
    struct member *member = &membership->members[index];
    switch (member->record.status) {
    case MEMBER_UNKNOWN:
    case MEMBER_ALIVE:
        probe_beat(membership, index, now);
        watch(membership, index, now);
        watch_answers(membership, index, now);
        break;
    case MEMBER_SUSPECT:
        watch_answers(membership, index, now);
        if (has_passed(membership->dead_after, member->suspected_at, now))
            set_status(membership, member, MEMBER_DEAD);
        break;
    case MEMBER_DEAD:
        break;
    case MEMBER_LEAVING:
        CHECK_UNREACHABLE("nobody leaves yet");
    }
}

static struct instant forgiven(struct instant then, struct duration pause, struct instant now) {
    if (then.nanoseconds == INSTANT_NEVER.nanoseconds)
        return then;
    return instant_earlier(instant_after(then, pause), now);
}

void liveness_forgive(struct membership *membership, struct duration pause, struct instant now) {
    for (uint32_t i = 0; i < membership->count; i++) {
        struct member *member = &membership->members[i];
        member->last_sign = forgiven(member->last_sign, pause, now);
        member->last_advance = forgiven(member->last_advance, pause, now);
        member->suspected_at = forgiven(member->suspected_at, pause, now);
        member->phase_since = forgiven(member->phase_since, pause, now);
        member->unanswered_since = forgiven(member->unanswered_since, pause, now);
        member->probed_at = forgiven(member->probed_at, pause, now);
    }
}
