#include "engine/node/peer.h"

#include "engine/node/narration.h"
#include "engine/node/node_state.h"

/* --- dialling ----------------------------------------------------------------------------------- */

/* Jitter keeps nodes that started together from dialling in step. */
static void dial_later(struct node *node, struct peer *peer) {
    uint64_t pause = node->config.reconnect_after.nanoseconds;
    struct duration after = {prng_between(&node->prng, pause / 2, pause + pause / 2)};
    deadlines_set(&node->deadlines, &peer->timer, instant_after(node->now, after));
}

static void dial(struct node *node, struct peer *peer) {
    CHECK(peer->phase == PEER_AWAY && peer->dialled == NULL);
    peer->dialled = link_dial(node, peer->member, node->members[peer->member].address);
    peer->phase = PEER_DIALLING;
    deadlines_set(&node->deadlines, &peer->timer,
                  instant_after(node->now, node->config.request_timeout));
}

void peers_start(struct node *node) {
    for (uint32_t member = 0; member < node->config.member_count; member++) {
        if (!is_self(node, member))
            dial(node, &node->peers[member]);
    }
}

/* The dialled link is gone. Whatever waits for the peer is told at once. */
static void lose(struct node *node, struct peer *peer) {
    bool was_ready = peer->phase == PEER_READY;
    peer->dialled = NULL;
    peer->phase = PEER_AWAY;
    if (node->phase == NODE_SERVING)
        dial_later(node, peer);
    handoff_stop(node, peer->member);
    exchange_stop(node, peer->member);
    if (!was_ready)
        return;
    narrate_member(node, NOTE_INFO, peer->member, "is no longer linked");
    membership_link_lost(node->membership, peer->member, node->now);
    coordinator_member_lost(node, peer->member);
}

void peer_drop(struct node *node, uint32_t member) {
    struct peer *peer = &node->peers[member];
    if (peer->dialled == NULL)
        return;
    link_close(node, peer->dialled);
    lose(node, peer);
}

void peer_watch(struct node *node, uint32_t member) {
    struct peer *peer = &node->peers[member];
    if (peer->phase != PEER_READY)
        return;
    if (membership_is_usable(node->membership, member))
        deadlines_cancel(&node->deadlines, &peer->timer);
    else if (peer->timer.position == 0)
        deadlines_set(&node->deadlines, &peer->timer,
                      instant_after(node->now, node->config.dead_after));
}

void peer_on_timer(struct node *node, uint32_t member) {
    struct peer *peer = &node->peers[member];
    switch (peer->phase) {
    case PEER_AWAY:
        if (node->phase == NODE_SERVING)
            dial(node, peer);
        break;
    case PEER_DIALLING:
    case PEER_GREETING:
        peer_drop(node, member);
        break;
    case PEER_READY:
        if (!membership_is_usable(node->membership, member))
            peer_drop(node, member);
        break;
    }
}

void peer_on_opened(struct node *node, struct node_link *link) {
    struct peer *peer = &node->peers[link->member];
    CHECK(peer->dialled == link && peer->phase == PEER_DIALLING);
    peer->phase = PEER_GREETING;
    struct peer_message hello = {
        .kind = PEER_HELLO,
        .clock = node->clock.last,
        .version = PEER_PROTOCOL_VERSION,
        .cluster = node->config.cluster,
        .secret = node->config.password,
        .member = node->member_ids[node->self],
        .incarnation = node->incarnation,
    };
    peer_message_encode(&hello, link_output(node, link));
}

void peer_on_closed(struct node *node, struct node_link *link) {
    if (link->member == LINK_MEMBER_NONE)
        return;
    struct peer *peer = &node->peers[link->member];
    if (peer->accepted == link) {
        peer->accepted = NULL;
        tree_reply_stop(node, link->member);
    }
    if (peer->dialled == link)
        lose(node, peer);
}

/* --- greeting ----------------------------------------------------------------------------------- */

/* Takes the same time wherever the two differ. */
static bool secrets_are_equal(struct bytes left, struct bytes right) {
    uint32_t difference = left.size != right.size;
    for (size_t i = 0; i < left.size; i++)
        difference |= (uint32_t)left.data[i] ^ (right.size == 0 ? 1 : right.data[i % right.size]);
    return difference == 0;
}

/* Also tells the dialling member which life of it is remembered here: its own disk may be an old copy. */
static void welcome(struct node *node, struct node_link *link, enum peer_status status) {
    struct peer_message message = {
        .kind = PEER_WELCOME,
        .clock = node->clock.last,
        .status = status,
        .version = PEER_PROTOCOL_VERSION,
        .member = node->member_ids[node->self],
        .incarnation = node->incarnation,
    };
    if (link->member != LINK_MEMBER_NONE)
        message.digest = membership_incarnation(node->membership, link->member);
    peer_message_encode(&message, link_output(node, link));
}

static bool take_hello(struct node *node, struct node_link *link,
                       const struct peer_message *message) {
    if (message->kind != PEER_HELLO)
        return false;
    uint32_t member = node_member_of_id(node, message->member);
    bool known = member != LINK_MEMBER_NONE && !is_self(node, member);
    bool trusted = secrets_are_equal(message->secret, node->config.password);
    bool ours = message->version == PEER_PROTOCOL_VERSION &&
                bytes_equal(message->cluster, node->config.cluster);
    if (!known || !trusted || !ours) {
        welcome(node, link, PEER_REFUSED);
        narrate(node, NOTE_WARNING, "refuses a peer: another cluster, secret or member");
        return false;
    }
    struct peer *peer = &node->peers[member];
    if (peer->accepted != NULL)
        link_close(node, peer->accepted);
    tree_reply_stop(node, member);
    peer->accepted = link;
    link->member = member;
    link->greeted = true;
    welcome(node, link, PEER_OK);
    return true;
}

static bool take_welcome(struct node *node, struct node_link *link,
                         const struct peer_message *message) {
    bool accepted = message->kind == PEER_WELCOME && message->status == PEER_OK &&
                    message->version == PEER_PROTOCOL_VERSION &&
                    message->member == node->member_ids[link->member];
    if (!accepted) {
        narrate_member(node, NOTE_WARNING, link->member, "refuses this node");
        return false;
    }
    struct peer *peer = &node->peers[link->member];
    node_start_check(node, message->digest);
    link->greeted = true;
    peer->phase = PEER_READY;
    deadlines_cancel(&node->deadlines, &peer->timer);
    membership_answered(node->membership, link->member, node->now);
    peer_watch(node, link->member);
    narrate_member(node, NOTE_INFO, link->member, "is linked");
    handoff_kick(node, link->member);
    exchange_kick(node, link->member);
    return true;
}

/* --- receiving ---------------------------------------------------------------------------------- */

static bool take_message(struct node *node, struct node_link *link,
                         const struct peer_message *message) {
    logical_clock_observe(&node->clock, message->clock, node->wall);
    if (!link->greeted)
        return link->dialled ? take_welcome(node, link, message) : take_hello(node, link, message);
    return link->dialled ? peer_dispatch_reply(node, link, message)
                         : peer_dispatch_request(node, link, message);
}

static void give_up(struct node *node, struct node_link *link) {
    link_close(node, link);
    peer_on_closed(node, link);
}

/* Takes all whole frames; returns how many bytes they were. */
static size_t take_frames(struct node *node, struct node_link *link, struct bytes bytes) {
    size_t taken = 0;
    while (!link->closing) {
        struct peer_message message;
        size_t used = 0;
        struct bytes rest = bytes_slice(bytes, taken, bytes.size - taken);
        enum peer_frame_status status = peer_message_decode(rest, &used, &message);
        if (status == PEER_FRAME_PARTIAL)
            break;
        if (status == PEER_FRAME_CORRUPT || !take_message(node, link, &message)) {
            if (!link->closing)
                give_up(node, link);
            break;
        }
        taken += used;
    }
    return taken;
}

void peer_receive(struct node *node, struct node_link *link, struct bytes bytes) {
    bool is_continued = link->input.size > 0;
    if (is_continued)
        buffer_append(&link->input, bytes);
    struct bytes all = is_continued ? buffer_bytes(&link->input) : bytes;
    size_t taken = take_frames(node, link, all);
    if (link->closing)
        return;
    if (taken > 0 && link->greeted && link->dialled)
        membership_answered(node->membership, link->member, node->now);
    else if (taken > 0 && link->greeted)
        membership_heard_from(node->membership, link->member, node->now);
    if (is_continued)
        buffer_consume(&link->input, taken);
    else
        buffer_append(&link->input, bytes_slice(bytes, taken, bytes.size - taken));
}

/* --- sending ------------------------------------------------------------------------------------ */

static bool has_room(const struct node *node, const struct node_link *link) {
    return link->queued + link->output.size <= node->config.peer_output_bytes_max;
}

bool peer_is_usable(struct node *node, uint32_t member) {
    const struct peer *peer = &node->peers[member];
    return peer->phase == PEER_READY && membership_is_usable(node->membership, member) &&
           has_room(node, peer->dialled);
}

bool peer_send(struct node *node, uint32_t member, struct peer_message *message) {
    struct peer *peer = &node->peers[member];
    if (peer->phase != PEER_READY)
        return false;
    message->clock = node->clock.last;
    peer_message_encode(message, link_output(node, peer->dialled));
    return true;
}

void peer_send_frame(struct node *node, uint32_t member, struct bytes frame) {
    struct peer *peer = &node->peers[member];
    CHECK(peer->phase == PEER_READY);
    buffer_append(link_output(node, peer->dialled), frame);
}

void peer_reply(struct node *node, struct link_id id, struct peer_message *message) {
    struct node_link *link = link_find(node, id);
    if (link == NULL || link->role != LINK_PEER)
        return;
    message->clock = node->clock.last;
    peer_message_encode(message, link_output(node, link));
    /* A peer that asks and does not read its answers must not fill this node's memory. */
    if (link->queued + link->output.size > 2 * node->config.peer_output_bytes_max) {
        narrate_member(node, NOTE_WARNING, link->member, "does not read its replies");
        give_up(node, link);
    }
}

void peer_deinit(struct peer *peer) {
    handoff_deinit(&peer->handoff);
    exchange_deinit(&peer->exchange);
    tree_reply_deinit(&peer->tree_reply);
}
