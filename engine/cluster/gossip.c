#include "engine/cluster/membership_state.h"

/* Now and then a dead one is tried, so that the halves of a healed partition find each other: with
 * this chance in a beat. */
enum { DEAD_CHANCE = 1, DEAD_CHANCES = 4 };

/* --- out */

/* When not all records fit, each message carries the next ones, and always our own. */
static bool is_in_window(const struct membership *membership, uint32_t index) {
    if (index == membership->self || membership->count <= MEMBER_RECORDS_MAX)
        return true;
    uint32_t distance = (index + membership->count - membership->window_first) % membership->count;
    return distance < MEMBER_RECORDS_MAX - 1;
}

static void advance_window(struct membership *membership) {
    if (membership->count > MEMBER_RECORDS_MAX)
        membership->window_first =
            (membership->window_first + MEMBER_RECORDS_MAX - 1) % membership->count;
}

/* Sends what we know; of a reply, without what its receiver has just told us itself. */
static void send_records(struct membership *membership, enum peer_message_kind kind,
                         uint32_t target, uint64_t request) {
    struct member_record *records = membership->records;
    uint32_t count = 0;
    for (uint32_t i = 0; i < membership->count; i++) {
        const struct member *member = &membership->members[i];
        bool known = member->record.incarnation != 0 && member->record.status != MEMBER_UNKNOWN;
        bool needless = kind == PEER_GOSSIP_REPLY && member->told;
        if (known && !needless && is_in_window(membership, i))
            records[count++] = member->record;
    }
    advance_window(membership);
    buffer_clear(&membership->payload);
    member_records_encode(records, count, &membership->payload);
    struct peer_message message = {
        .kind = kind, .request = request, .payload = buffer_bytes(&membership->payload)};
    (void)outbox_push(&membership->outbox, target, &message);
}

static void push_to(struct membership *membership, uint32_t target, struct instant now) {
    send_records(membership, PEER_GOSSIP, target, 0);
    liveness_sent(membership, target, now);
}

/* --- whom to gossip with */

static void shuffle(struct membership *membership) {
    for (uint32_t left = membership->order_count; left > 1; left--) {
        uint32_t pick = prng_below(&membership->prng, left);
        uint32_t last = membership->order[left - 1];
        membership->order[left - 1] = membership->order[pick];
        membership->order[pick] = last;
    }
    membership->order_next = 0;
}

void gossip_begin(struct membership *membership) {
    membership->order_count = 0;
    for (uint32_t i = 0; i < membership->count; i++)
        if (i != membership->self)
            membership->order[membership->order_count++] = i;
    shuffle(membership);
}

/* Takes turns in random order: every two members speak within two rounds. False: all are dead. */
static bool next_partner(struct membership *membership, uint32_t *partner) {
    for (uint32_t tries = 0; tries < membership->order_count; tries++) {
        if (membership->order_next == membership->order_count)
            shuffle(membership);
        *partner = membership->order[membership->order_next++];
        if (membership->members[*partner].record.status != MEMBER_DEAD)
            return true;
    }
    return false;
}

static bool random_dead(struct membership *membership, uint32_t *chosen) {
    uint32_t seen = 0;
    for (uint32_t i = 0; i < membership->count; i++) {
        if (membership->members[i].record.status != MEMBER_DEAD)
            continue;
        seen++;
        if (prng_below(&membership->prng, seen) == 0)
            *chosen = i;
    }
    return seen > 0;
}

void gossip_beat(struct membership *membership, struct instant now) {
    membership->refuted = false;
    uint32_t partner = membership->self;
    bool alone = !next_partner(membership, &partner);
    if (!alone)
        push_to(membership, partner, now);
    bool tries_dead = prng_chance(&membership->prng, DEAD_CHANCE, DEAD_CHANCES);
    if ((alone || tries_dead) && random_dead(membership, &partner))
        push_to(membership, partner, now);
}

/* --- in */

static uint64_t above(uint64_t heartbeat) {
    return heartbeat < MEMBER_HEARTBEAT_MAX ? heartbeat + 1 : MEMBER_HEARTBEAT_MAX;
}

/* Hears what others say of us, and contradicts. Returns whether it has to. */
static bool hear_about_self(struct membership *membership, const struct member_record *said) {
    struct member_record *own = &membership->members[membership->self].record;
    if (said->incarnation > own->incarnation && said->incarnation > membership->rival_incarnation)
        membership->rival_incarnation = said->incarnation;
    if (said->incarnation != own->incarnation)
        return false;
    if (said->heartbeat > own->heartbeat)
        own->heartbeat = said->heartbeat;
    if (said->status == MEMBER_ALIVE)
        return false;
    own->heartbeat = above(own->heartbeat);
    return true;
}

static void hear_about(struct membership *membership, uint32_t index,
                       const struct member_record *said, struct instant now) {
    struct member *member = &membership->members[index];
    int order = member_record_compare(said, &member->record);
    member->told = order >= 0;
    if (order < 0)
        return;
    bool new_life = said->incarnation > member->record.incarnation;
    member->record.incarnation = said->incarnation;
    member->record.heartbeat = said->heartbeat;
    /* News of a heartbeat that its bearer holds for the last one is no sign of life. */
    if (said->status != MEMBER_ALIVE)
        liveness_accused(membership, index, now);
    else if (order > 0)
        liveness_advanced(membership, index, new_life, now);
}

bool gossip_receive(struct membership *membership, uint32_t from,
                    const struct peer_message *message, struct instant now) {
    uint32_t count;
    if (!member_records_decode(message->payload, membership->records, &count))
        return false;
    for (uint32_t i = 0; i < membership->count; i++)
        membership->members[i].told = false;
    bool accused = false;
    for (uint32_t i = 0; i < count; i++) {
        const struct member_record *said = &membership->records[i];
        uint32_t index = membership_index_of(membership, said->id);
        if (index == membership->self)
            accused = hear_about_self(membership, said);
        else if (index < membership->count)
            hear_about(membership, index, said, now);
    }
    if (message->kind == PEER_GOSSIP) {
        send_records(membership, PEER_GOSSIP_REPLY, from, message->request);
    } else if (accused && !membership->refuted) {
        /* Once a beat: whoever does not listen must not keep us shouting. */
        membership->refuted = true;
        push_to(membership, from, now);
    }
    return true;
}
