#include "engine/node/node_state.h"

/* A put is handed to one replica at a time. The next one is tried only when the former said that
 * nothing was done; when its link closes instead, nobody knows, and the put is in doubt. An owner
 * whose own disk is full hands on what it was asked to coordinate. */

static void complete_put(struct node *node, struct request *request,
                         const struct peer_message *message) {
    node->figures.writes++;
    struct node_link *link = link_find(node, request->link);
    if (link == NULL || link->session == NULL)
        return;
    struct operation_result result = {.status = OPERATION_OK,
                                      .context = &node->vector,
                                      .existed = (message->flags & PEER_FLAG_EXISTED) != 0};
    struct reader reader = reader_of(message->context_bytes);
    if (message->context_bytes.size == 0 || !vector_decode(&reader, &node->vector))
        node->vector.count = 0;
    session_complete(link->session, request->tag, &result);
}

static void fail(struct node *node, struct request *request, enum operation_status status,
                 const char *reason) {
    coordinator_fail(node, request, status, reason);
    request_release(node, request);
}

static uint32_t milliseconds_left(const struct node *node, const struct request *request) {
    uint64_t left = duration_between(node->now, request->expires).nanoseconds / 1000000;
    return left == 0 ? 1 : left > UINT32_MAX ? UINT32_MAX : (uint32_t)left;
}

static bool send_put(struct node *node, struct request *request, uint32_t member,
                     const struct version_vector *context) {
    struct peer_message message = {
        .kind = PEER_PUT,
        .request = request->number,
        .key = buffer_bytes(&request->key),
        .payload = buffer_bytes(&request->value),
        .flags = (request->blind ? (uint32_t)PEER_FLAG_BLIND : 0) |
                 (request->tombstone ? (uint32_t)PEER_FLAG_TOMBSTONE : 0),
        .quorum = {.w = request->w,
                   .dw = request->dw,
                   .pw = request->pw,
                   .timeout_milliseconds = milliseconds_left(node, request)},
        .context = context,
    };
    return peer_is_usable(node, member) && peer_send(node, member, &message);
}

/* Hands the put to the next replica that can be reached; false when there is none left. */
static bool hand_on(struct node *node, struct request *request) {
    struct version_vector context;
    struct reader reader = reader_of(buffer_bytes(&request->context));
    if (request->has_context) {
        bool valid = vector_decode(&reader, &context);
        CHECK(valid);
    }
    while (request->slot_count < request->n) {
        struct request_slot *slot = &request->slots[request->slot_count];
        *slot = (struct request_slot){.member = request->list[request->slot_count],
                                      .stands_for = request->slot_count};
        request->slot_count++;
        slot->is_full = is_self(node, slot->member);
        if (!slot->is_full &&
            send_put(node, request, slot->member, request->has_context ? &context : NULL)) {
            slot->state = SLOT_ASKED;
            return true;
        }
        slot->state = SLOT_FAILED;
    }
    return false;
}

void coordinator_hand(struct node *node, struct request *request,
                      const struct operation *operation) {
    request_move(node, request, REQUEST_HANDED);
    buffer_append(&request->value, operation->value);
    request->has_context = operation->context != NULL;
    if (request->has_context)
        vector_encode(operation->context, &request->context);
    /* A fallback cannot take the replicas' part here: it would mint dots from a hint that is gone
     * once it was delivered, and so mint the same ones again. */
    if (!hand_on(node, request))
        fail(node, request, OPERATION_UNAVAILABLE, "no replica of the key can be reached");
}

bool coordinator_hand_over(struct node *node, struct request *request) {
    if (request->from_peer)
        return false;
    request->kind = REQUEST_HANDED_PUT;
    request_move(node, request, REQUEST_HANDED);
    if (!hand_on(node, request))
        fail(node, request, OPERATION_FULL, coordinator_full_nodes(node, request));
    return true;
}

static void fail_by_status(struct node *node, struct request *request, enum peer_status status) {
    switch (status) {
    case PEER_BUSY:
        fail(node, request, OPERATION_BUSY, "the replicas are overloaded");
        break;
    case PEER_UNAVAILABLE:
        fail(node, request, OPERATION_UNAVAILABLE, "too few replicas can be reached");
        break;
    case PEER_NO_SPACE:
        fail(node, request, OPERATION_FULL, coordinator_full_nodes(node, request));
        break;
    case PEER_FULL:
        fail(node, request, OPERATION_REFUSED, "the key has too many siblings");
        break;
    case PEER_REFUSED:
        fail(node, request, OPERATION_REFUSED, "the replica refused the write");
        break;
    case PEER_OK:
    case PEER_FAILED:
    case PEER_IN_DOUBT:
    case PEER_NOT_HELD:
    case PEER_STATUS_COUNT:
        fail(node, request, OPERATION_IN_DOUBT, "the replica does not know whether it was done");
        break;
    }
}

void coordinator_hand_reply(struct node *node, struct request *request, uint32_t member,
                            const struct peer_message *message) {
    struct request_slot *slot = request_asked_slot(request, member);
    if (slot == NULL)
        return;
    if (message->status == PEER_OK) {
        complete_put(node, request, message);
        request_release(node, request);
        return;
    }
    slot->state = SLOT_FAILED;
    slot->is_full = message->status == PEER_NO_SPACE;
    bool nothing_was_done = message->status == PEER_BUSY || message->status == PEER_UNAVAILABLE ||
                            message->status == PEER_NO_SPACE;
    if (!nothing_was_done || !hand_on(node, request))
        fail_by_status(node, request, message->status);
}

void coordinator_hand_lost(struct node *node, struct request *request, uint32_t member) {
    if (request_asked_slot(request, member) != NULL)
        fail(node, request, OPERATION_IN_DOUBT, "the replica that took the write was lost");
}

void coordinator_hand_expire(struct node *node, struct request *request) {
    fail(node, request, OPERATION_IN_DOUBT, "the replica that took the write did not answer");
}
