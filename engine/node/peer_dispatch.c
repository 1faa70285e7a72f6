#include "engine/node/node_state.h"

enum { PEER_KEY_MAX = 60000 }; /* bytes: with the entry's prefix it must fit the store */

/* Whether this node is among the owners of a key that it could keep. */
static bool is_owned(const struct node *node, struct bytes key) {
    return key.size <= PEER_KEY_MAX && placement_of(node, key).self_is_owner;
}

static void refuse_write(struct node *node, struct node_link *link,
                         const struct peer_message *message) {
    struct peer_message reply = {
        .kind = PEER_WRITE_REPLY, .request = message->request, .status = PEER_REFUSED};
    peer_reply(node, link->id, &reply);
}

/* A hint is for some other member of the cluster. */
static bool target_is_valid(const struct node *node, const struct peer_message *message) {
    uint32_t member = node_member_of_id(node, message->member);
    return member != LINK_MEMBER_NONE && !is_self(node, member) &&
           message->key.size <= PEER_KEY_MAX;
}

static void take_write(struct node *node, struct node_link *link,
                       const struct peer_message *message) {
    bool is_hint = (message->flags & PEER_FLAG_HINT) != 0;
    bool wanted = is_hint ? target_is_valid(node, message) : is_owned(node, message->key);
    if (!wanted || message->payload.size == 0) {
        refuse_write(node, link, message);
        return;
    }
    struct replica_write write = {
        .key = message->key,
        .object = message->payload,
        .target = is_hint ? message->member : 0,
        .origin = {.kind = ORIGIN_PEER,
                   .link = link->id,
                   .number = message->request,
                   .durable = (message->flags & PEER_FLAG_DURABLE) != 0},
    };
    replica_write(node, &write);
}

static void take_read(struct node *node, struct node_link *link,
                      const struct peer_message *message) {
    bool is_hint = (message->flags & PEER_FLAG_HINT) != 0;
    bool held = is_hint ? target_is_valid(node, message) : is_owned(node, message->key);
    if (!held) {
        struct peer_message reply = {
            .kind = PEER_READ_REPLY, .request = message->request, .status = PEER_REFUSED};
        peer_reply(node, link->id, &reply);
        return;
    }
    struct replica_read read = {
        .key = message->key,
        .target = is_hint ? message->member : 0,
        .digest_only = (message->flags & PEER_FLAG_DIGEST_ONLY) != 0,
        .origin = {.kind = ORIGIN_PEER, .link = link->id, .number = message->request},
    };
    replica_read(node, &read);
}

static void take_sync(struct node *node, struct node_link *link,
                      const struct peer_message *message) {
    if (!is_owned(node, message->key)) {
        struct peer_message reply = {
            .kind = PEER_TREE_SYNC_REPLY, .request = message->request, .status = PEER_REFUSED};
        peer_reply(node, link->id, &reply);
        return;
    }
    struct replica_write write = {
        .key = message->key,
        .object = message->payload,
        .origin = {.kind = ORIGIN_SYNC, .link = link->id, .number = message->request},
    };
    replica_write(node, &write);
}

bool peer_dispatch_request(struct node *node, struct node_link *link,
                           const struct peer_message *message) {
    switch (message->kind) {
    case PEER_GOSSIP:
    case PEER_PROBE:
        return membership_receive(node->membership, link->member, message, node->now);
    case PEER_PUT:
        coordinator_put_for_peer(node, link->id, message);
        return true;
    case PEER_WRITE:
        take_write(node, link, message);
        return true;
    case PEER_READ:
        take_read(node, link, message);
        return true;
    case PEER_TREE_ROOTS:
        tree_reply_roots(node, link->member, link->id.value, message);
        return true;
    case PEER_TREE_LEAVES:
        tree_reply_leaves(node, link->member, link->id.value, message);
        return true;
    case PEER_TREE_SYNC:
        take_sync(node, link, message);
        return true;
    case PEER_HELLO:
    case PEER_WELCOME:
    case PEER_GOSSIP_REPLY:
    case PEER_PROBE_REPLY:
    case PEER_PUT_REPLY:
    case PEER_WRITE_REPLY:
    case PEER_READ_REPLY:
    case PEER_TREE_BRANCHES:
    case PEER_TREE_KEYS:
    case PEER_TREE_SYNC_REPLY:
    case PEER_KIND_COUNT:
        break;
    }
    return false;
}

static void take_write_reply(struct node *node, uint32_t member,
                             const struct peer_message *message) {
    if (number_kind(message->request) == NUMBER_HANDOFF) {
        handoff_on_reply(node, member, message);
        return;
    }
    struct request *request = request_find(node, message->request);
    if (request == NULL)
        return;
    bool durable = (message->flags & PEER_FLAG_DURABLE) != 0;
    if (request->kind == REQUEST_PUT)
        coordinator_put_take(node, request, member, message->status, durable);
    else if (request->kind == REQUEST_GET)
        coordinator_get_repaired(node, request, member, message->status == PEER_OK);
}

/* The peer chose the reply's kind, so it must fit the kind of the request that it names. */
static void take_read_reply(struct node *node, uint32_t member,
                            const struct peer_message *message) {
    struct request *request = request_find(node, message->request);
    if (request != NULL && request->kind == REQUEST_GET)
        coordinator_get_take(node, request, member, message->status, message->payload);
}

static void take_put_reply(struct node *node, uint32_t member, const struct peer_message *message) {
    struct request *request = request_find(node, message->request);
    if (request != NULL && request->kind == REQUEST_HANDED_PUT)
        coordinator_hand_reply(node, request, member, message);
}

bool peer_dispatch_reply(struct node *node, struct node_link *link,
                         const struct peer_message *message) {
    switch (message->kind) {
    case PEER_GOSSIP_REPLY:
    case PEER_PROBE_REPLY:
        return membership_receive(node->membership, link->member, message, node->now);
    case PEER_PUT_REPLY:
        take_put_reply(node, link->member, message);
        return true;
    case PEER_WRITE_REPLY:
        take_write_reply(node, link->member, message);
        return true;
    case PEER_READ_REPLY:
        take_read_reply(node, link->member, message);
        return true;
    case PEER_TREE_BRANCHES:
        exchange_on_branches(node, link->member, message);
        return true;
    case PEER_TREE_KEYS:
        exchange_on_keys(node, link->member, message);
        return true;
    case PEER_TREE_SYNC_REPLY:
        exchange_on_sync_reply(node, link->member, message);
        return true;
    case PEER_HELLO:
    case PEER_WELCOME:
    case PEER_GOSSIP:
    case PEER_PROBE:
    case PEER_PUT:
    case PEER_WRITE:
    case PEER_READ:
    case PEER_TREE_ROOTS:
    case PEER_TREE_LEAVES:
    case PEER_TREE_SYNC:
    case PEER_KIND_COUNT:
        break;
    }
    return false;
}
