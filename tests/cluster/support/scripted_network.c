#include "tests/cluster/support/scripted_network.h"

#include "engine/base/text.h"

#include <stdlib.h>

static const uint64_t MILLISECOND = 1000000;

static struct instant instant_now(const struct network *network) {
    return (struct instant){network->now};
}

uint64_t network_milliseconds(const struct network *network) {
    return network->now / MILLISECOND;
}

/* --- what is written down */

static void write_down(struct network *network, uint32_t who, uint32_t about, const char *what) {
    struct buffer *to = &network->transcript;
    text_append(to, "[");
    text_append_u64(to, network_milliseconds(network));
    text_append(to, " ms] ");
    text_append_u64(to, who);
    text_append(to, " > ");
    text_append_u64(to, about);
    text_append(to, " is ");
    text_append(to, what);
    text_append(to, "\n");
}

static void note_changes(struct network *network, uint32_t who) {
    struct membership *membership = network->members[who];
    uint32_t about;
    while (membership_next_change(membership, &about)) {
        enum member_status status = membership_status(membership, about);
        if (status != network->status[who][about]) {
            write_down(network, who, about, member_status_name(status));
            network->suspicions += status == MEMBER_SUSPECT;
        }
        network->status[who][about] = status;
        bool usable = membership_is_usable(membership, about);
        if (usable != network->usable[who][about])
            write_down(network, who, about, usable ? "usable" : "unusable");
        network->usable[who][about] = usable;
    }
    /* Whoever is told of every change knows as much as whoever asks every time. */
    for (uint32_t i = 0; i < network->options.members; i++) {
        CHECK(i == who || membership_status(membership, i) == network->status[who][i]);
        CHECK(i == who || membership_is_usable(membership, i) == network->usable[who][i]);
    }
}

const char *network_transcript(struct network *network) {
    buffer_put_u8(&network->transcript, 0);
    network->transcript.size--;
    return (const char *)network->transcript.data;
}

/* --- what travels */

static void dispatch(struct network *network, uint32_t from, uint32_t to,
                     const struct peer_message *message) {
    network->sent++;
    bool lost = prng_below(&network->prng, 100) < network->options.loss_percent;
    uint64_t jitter = prng_below_u64(&network->prng, network->options.jitter * MILLISECOND + 1);
    if (lost || network->cut[from][to] || network->crashed[to])
        return;
    CHECK(network->flight_count < NETWORK_FLIGHTS_MAX);
    struct flight *flight = &network->flights[network->flight_count++];
    uint64_t arrives = network->now + network->options.delay * MILLISECOND + jitter;
    if (arrives < network->last_arrival[from][to])
        arrives = network->last_arrival[from][to];
    network->last_arrival[from][to] = arrives;
    *flight =
        (struct flight){.arrives = arrives, .order = network->orders++, .from = from, .to = to};
    peer_message_encode(message, &flight->frame);
    network->sent_bytes += flight->frame.size;
}

static void drain(struct network *network, uint32_t member) {
    uint32_t target;
    struct peer_message message;
    while (membership_next_message(network->members[member], &target, &message))
        dispatch(network, member, target, &message);
    note_changes(network, member);
}

static void deliver(struct network *network, uint32_t index) {
    struct flight flight = network->flights[index];
    network->flights[index] = network->flights[--network->flight_count];
    if (!network->crashed[flight.to] && !network->cut[flight.from][flight.to]) {
        struct peer_message message;
        size_t used;
        enum peer_frame_status status =
            peer_message_decode(buffer_bytes(&flight.frame), &used, &message);
        CHECK(status == PEER_FRAME_OK);
        bool well_formed = membership_receive(network->members[flight.to], flight.from, &message,
                                              instant_now(network));
        CHECK(well_formed);
        drain(network, flight.to);
    }
    buffer_deinit(&flight.frame);
}

/* --- time */

static uint64_t later(uint64_t left, uint64_t right) {
    return left > right ? left : right;
}

/* Messages come before beats of the same instant. False when nothing happens until `end`. */
static bool step(struct network *network, uint64_t end) {
    uint64_t next = end;
    uint64_t order = UINT64_MAX;
    uint32_t flight = UINT32_MAX;
    for (uint32_t i = 0; i < network->flight_count; i++) {
        const struct flight *at = &network->flights[i];
        uint64_t due = later(at->arrives, network->paused_until[at->to]);
        if (due < next || (due == next && due < end && at->order < order)) {
            next = due;
            order = at->order;
            flight = i;
        }
    }
    uint32_t member = UINT32_MAX;
    for (uint32_t i = 0; i < network->options.members; i++) {
        if (network->crashed[i])
            continue;
        uint64_t due = membership_deadline(network->members[i]).nanoseconds;
        due = later(due, network->paused_until[i]);
        if (due < next) {
            next = due;
            member = i;
        }
    }
    if (next >= end)
        return false;
    network->now = later(network->now, next);
    if (member != UINT32_MAX) {
        membership_tick(network->members[member], instant_now(network));
        drain(network, member);
    } else {
        deliver(network, flight);
    }
    return true;
}

void network_run(struct network *network, uint64_t milliseconds) {
    uint64_t end = network->now + milliseconds * MILLISECOND;
    while (step(network, end))
        ;
    network->now = end;
}

/* --- members */

static void start(struct network *network, uint32_t member) {
    uint64_t ids[NETWORK_MEMBERS_MAX];
    for (uint32_t i = 0; i < network->options.members; i++)
        ids[i] = 1000 + i * (uint64_t)0x123456789abcd;
    struct membership_options options = {
        .member_count = network->options.members,
        .member_ids = ids,
        .self = member,
        .gossip_interval = duration_of_milliseconds(network->options.gossip_interval),
        .suspect_after_min = duration_of_milliseconds(network->options.suspect_after),
        .dead_after = duration_of_milliseconds(network->options.dead_after),
        .seed = network->options.seed,
    };
    network->members[member] = membership_create(&options);
    membership_start(network->members[member], ++network->incarnations[member],
                     instant_now(network));
    network->crashed[member] = false;
    for (uint32_t i = 0; i < network->options.members; i++) {
        network->status[member][i] = MEMBER_UNKNOWN;
        network->usable[member][i] = false;
    }
}

struct network *network_create(const struct network_options *options) {
    CHECK(options->members <= NETWORK_MEMBERS_MAX);
    struct network *network = calloc(1, sizeof *network);
    CHECK(network != NULL);
    network->options = *options;
    if (options->gossip_interval == 0)
        network->options.gossip_interval = 1000;
    if (options->suspect_after == 0)
        network->options.suspect_after = 5000;
    if (options->dead_after == 0)
        network->options.dead_after = 5000;
    prng_init(&network->prng, options->seed, 77);
    for (uint32_t i = 0; i < options->members; i++)
        start(network, i);
    return network;
}

void network_destroy(struct network *network) {
    for (uint32_t i = 0; i < network->options.members; i++)
        membership_destroy(network->members[i]);
    for (uint32_t i = 0; i < network->flight_count; i++)
        buffer_deinit(&network->flights[i].frame);
    buffer_deinit(&network->transcript);
    free(network);
}

void network_crash(struct network *network, uint32_t member) {
    network->crashed[member] = true;
}

void network_restart(struct network *network, uint32_t member) {
    CHECK(network->crashed[member]);
    membership_destroy(network->members[member]);
    start(network, member);
}

void network_split(struct network *network, uint32_t set_of_bits, bool cut) {
    for (uint32_t i = 0; i < network->options.members; i++)
        for (uint32_t j = 0; j < network->options.members; j++)
            if ((set_of_bits >> i & 1) != (set_of_bits >> j & 1))
                network->cut[i][j] = cut;
}

void network_lose_link(struct network *network, uint32_t of, uint32_t to) {
    membership_link_lost(network->members[of], to, instant_now(network));
    drain(network, of);
}

bool network_all_think(const struct network *network, uint32_t about, enum member_status status) {
    bool all = true;
    for (uint32_t i = 0; i < network->options.members; i++)
        if (i != about && !network->crashed[i])
            all &= membership_status(network->members[i], about) == status;
    return all;
}

bool network_is_whole(const struct network *network) {
    bool whole = true;
    for (uint32_t i = 0; i < network->options.members; i++)
        for (uint32_t j = 0; j < network->options.members; j++)
            if (!network->crashed[i] && !network->crashed[j])
                whole &= membership_is_usable(network->members[i], j);
    return whole;
}
