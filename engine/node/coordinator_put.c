#include "engine/node/narration.h"
#include "engine/node/node_state.h"

/* --- answering ---------------------------------------------------------------------------------- */

static void answer_peer(struct node *node, const struct request *request,
                        const struct version_vector *context) {
    struct peer_message reply = {
        .kind = PEER_PUT_REPLY,
        .request = request->tag,
        .status = PEER_OK,
        .flags = request->existed ? PEER_FLAG_EXISTED : 0,
        .context = context,
    };
    peer_reply(node, request->link, &reply);
}

static void answer(struct node *node, struct request *request) {
    node->figures.writes++;
    request_move(node, request, REQUEST_ANSWERED);
    struct version_vector *context = &node->vector;
    struct reader reader = reader_of(buffer_bytes(&request->context));
    bool decoded = request->has_context && vector_decode(&reader, context);
    CHECK(decoded);
    if (request->from_peer) {
        answer_peer(node, request, context);
        return;
    }
    struct node_link *link = link_find(node, request->link);
    if (link == NULL || link->session == NULL)
        return;
    struct operation_result result = {
        .status = OPERATION_OK, .context = context, .existed = request->existed};
    session_complete(link->session, request->tag, &result);
}

static void answer_in_doubt(struct node *node, struct request *request) {
    request_move(node, request, REQUEST_ANSWERED);
    coordinator_fail(node, request, OPERATION_IN_DOUBT, coordinator_doubt(node, request));
}

/* Nothing was written. */
static void refuse(struct node *node, struct request *request, enum operation_status status,
                   const char *reason) {
    coordinator_fail(node, request, status, reason);
    request_release(node, request);
}

/* --- the tail ----------------------------------------------------------------------------------- */

static bool slot_is_covered(const struct request *request, uint32_t primary) {
    for (uint32_t i = 0; i < request->slot_count; i++) {
        const struct request_slot *slot = &request->slots[i];
        if (slot->stands_for == primary && slot->state == SLOT_ANSWERED)
            return true;
    }
    return false;
}

void coordinator_put_finish(struct node *node, struct request *request) {
    bool sloppy = request->keyspace->config.sloppy;
    for (uint32_t i = 0; sloppy && i < request->n; i++) {
        uint32_t member = request->slots[i].member;
        if (is_self(node, member) || slot_is_covered(request, i))
            continue;
        struct replica_write hint = {.key = buffer_bytes(&request->key),
                                     .object = buffer_bytes(&request->object),
                                     .target = node->member_ids[member]};
        replica_write(node, &hint);
    }
    request_release(node, request);
}

static bool is_satisfied(const struct request *request) {
    return request->answers >= request->w && request->durable_answers >= request->dw &&
           request->primary_answers >= request->pw;
}

/* Whether those that still owe an answer could bring it about. */
static bool can_be_satisfied(const struct request *request) {
    uint32_t asked = 0;
    uint32_t primaries = 0;
    for (uint32_t i = 0; i < request->slot_count; i++) {
        asked += request->slots[i].state == SLOT_ASKED;
        primaries += i < request->n && request->slots[i].state == SLOT_ASKED;
    }
    /* An own write that is written and not yet durable owes its durability. */
    uint32_t own_durability = request->awaits_own_durability;
    return request->answers + asked >= request->w &&
           request->durable_answers + asked + own_durability >= request->dw &&
           request->primary_answers + primaries >= request->pw;
}

/* The request may be gone afterwards. */
static void judge(struct node *node, struct request *request) {
    if (request->phase == REQUEST_COLLECTING) {
        if (is_satisfied(request))
            answer(node, request);
        else if (!can_be_satisfied(request))
            answer_in_doubt(node, request);
    }
    if (request->phase == REQUEST_ANSWERED && request_asked_count(request) == 0)
        coordinator_put_finish(node, request);
}

/* --- asking replicas ---------------------------------------------------------------------------- */

static struct peer_message write_message(const struct request *request) {
    return (struct peer_message){
        .kind = PEER_WRITE,
        .request = request->number,
        .key = buffer_bytes(&request->key),
        .payload = buffer_bytes(&request->object),
        .flags = (request->blind ? (uint32_t)PEER_FLAG_BLIND : 0) |
                 (request->dw > 0 ? (uint32_t)PEER_FLAG_DURABLE : 0),
        .dot = request->dot,
    };
}

/* The next usable fallback takes the write with a hint for the member that it stands in for. */
static void ask_stand_in(struct node *node, struct request *request, uint8_t primary) {
    if (request->slots[primary].has_stand_in)
        return;
    uint32_t member = coordinator_next_fallback(node, request);
    if (member == LINK_MEMBER_NONE)
        return;
    struct peer_message message = write_message(request);
    message.flags |= PEER_FLAG_HINT;
    message.member = node->member_ids[request->slots[primary].member];
    struct request_slot *slot = &request->slots[request->slot_count++];
    *slot = (struct request_slot){.member = (uint16_t)member, .stands_for = primary};
    bool sent = peer_send(node, member, &message);
    slot->state = sent ? SLOT_ASKED : SLOT_FAILED;
    request->slots[primary].has_stand_in = sent;
}

/* The object is encoded once, and the same frame goes to every replica. */
static void ask_replicas(struct node *node, struct request *request) {
    buffer_clear(&node->frame);
    for (uint32_t i = 0; i < request->n; i++) {
        uint32_t member = request->list[i];
        struct request_slot *slot = &request->slots[i];
        *slot = (struct request_slot){.member = (uint16_t)member, .stands_for = (uint8_t)i};
        slot->state = SLOT_ASKED;
        if (is_self(node, member))
            continue;
        if (!peer_is_usable(node, member)) {
            slot->state = SLOT_FAILED;
            continue;
        }
        if (node->frame.size == 0) {
            struct peer_message message = write_message(request);
            message.clock = node->clock.last;
            peer_message_encode(&message, &node->frame);
        }
        peer_send_frame(node, member, buffer_bytes(&node->frame));
    }
    request->slot_count = request->n;
    for (uint8_t i = 0; i < request->n; i++) {
        if (request->slots[i].state == SLOT_FAILED)
            ask_stand_in(node, request, i);
    }
}

/* --- minting ------------------------------------------------------------------------------------ */

/* Keeps what a waiting put needs: the operation's bytes are borrowed. */
static void keep(struct request *request, struct bytes value,
                 const struct version_vector *context) {
    if (request->phase == REQUEST_MINTING)
        return;
    buffer_append(&request->value, value);
    request->has_context = context != NULL;
    if (context != NULL)
        vector_encode(context, &request->context);
}

static void take_minted(struct node *node, struct request *request,
                        const struct replica_mint *mint) {
    request->dot = mint->dot;
    request->existed = mint->existed;
    request->has_context = true;
    buffer_clear(&request->context);
    buffer_append(&request->context, buffer_bytes(&node->line));
    request_move(node, request, REQUEST_COLLECTING);
    request->awaits_own_durability = request->dw > 0;
    ask_replicas(node, request);
    replica_acknowledge_request(node, request->number, mint->sequence, request->dw > 0);
    judge(node, request);
}

/* Another owner may have space, and asks a fallback to stand in for this one. */
static void pass_on_for_space(struct node *node, struct request *request) {
    if (!coordinator_hand_over(node, request))
        refuse(node, request, OPERATION_FULL, "");
}

void coordinator_put_mint(struct node *node, struct request *request, struct bytes value,
                          const struct version_vector *context) {
    buffer_clear(&node->line);
    struct replica_mint mint = {
        .key = buffer_bytes(&request->key),
        .value = value,
        .context = context,
        .tombstone = request->tombstone,
        .blind = request->blind,
        .waiter = request->number,
        .object = &request->object,
        .context_after = &node->line,
    };
    switch (replica_mint(node, &mint)) {
    case MINT_DONE:
        take_minted(node, request, &mint);
        return;
    case MINT_BUSY:
        replica_wait_for_room(node, request->number);
        keep(request, value, context);
        break;
    case MINT_NEEDS_BLOCK:
        keep(request, value, context);
        break;
    case MINT_FULL:
        refuse(node, request, OPERATION_REFUSED, "the key has too many siblings");
        return;
    case MINT_NO_SPACE:
        keep(request, value, context);
        pass_on_for_space(node, request);
        return;
    case MINT_CORRUPT:
        refuse(node, request, OPERATION_FAILED, "what is held cannot be read");
        return;
    case MINT_FAILED:
        refuse(node, request, OPERATION_FAILED, "the store has failed");
        return;
    }
    if (request->phase != REQUEST_MINTING)
        request_move(node, request, REQUEST_MINTING);
}

void coordinator_put_wake(struct node *node, struct request *request) {
    if (request->phase != REQUEST_MINTING)
        return;
    const struct version_vector *context = NULL;
    struct reader reader = reader_of(buffer_bytes(&request->context));
    struct version_vector decoded;
    if (request->has_context) {
        bool valid = vector_decode(&reader, &decoded);
        CHECK(valid);
        context = &decoded;
    }
    coordinator_put_mint(node, request, buffer_bytes(&request->value), context);
}

/* --- beginning ---------------------------------------------------------------------------------- */

static bool enough_are_usable(struct node *node, const struct request *plan) {
    uint32_t primaries = 0;
    for (uint32_t i = 0; i < plan->n; i++)
        primaries += is_self(node, plan->list[i]) || peer_is_usable(node, plan->list[i]);
    uint32_t all = primaries + coordinator_fallback_count(node, plan);
    return primaries >= plan->pw && all >= plan->w && all >= plan->dw;
}

static void begin(struct node *node, struct request *request, const struct operation *operation,
                  struct duration timeout) {
    request->tombstone = operation->kind == OPERATION_DELETE;
    request->blind = operation->context == NULL;
    request_start_timer(node, request, timeout);
    if (request->kind == REQUEST_HANDED_PUT)
        coordinator_hand(node, request, operation);
    else if (enough_are_usable(node, request))
        coordinator_put_mint(node, request, operation->value, operation->context);
    else
        refuse(node, request, OPERATION_UNAVAILABLE, "too few replicas can be reached");
}

void coordinator_put(struct node *node, const struct operation *operation) {
    struct request plan = {0};
    if (!coordinator_prepare(node, operation, &plan))
        return;
    if (node->memory_is_short) {
        coordinator_fail_operation(node, operation, OPERATION_BUSY, "this node is short of memory");
        return;
    }
    enum request_kind kind = plan.self_is_owner ? REQUEST_PUT : REQUEST_HANDED_PUT;
    struct request *request = coordinator_acquire(node, &plan, kind, operation);
    if (request != NULL)
        begin(node, request, operation, node->config.request_timeout);
}

static void refuse_peer(struct node *node, struct link_id link, const struct peer_message *message,
                        enum peer_status status) {
    struct peer_message reply = {
        .kind = PEER_PUT_REPLY, .request = message->request, .status = status};
    peer_reply(node, link, &reply);
}

/* False when the message cannot be carried out here. */
static bool operation_of_message(const struct peer_message *message, struct operation *operation,
                                 struct version_vector *context) {
    *operation = (struct operation){
        .kind = (message->flags & PEER_FLAG_TOMBSTONE) != 0 ? OPERATION_DELETE : OPERATION_PUT,
        .link = {UINT64_MAX},
        .tag = message->request,
        .key = message->key,
        .value = message->payload,
        .r = QUORUM_DEFAULT,
        .w = message->quorum.w,
        .dw = message->quorum.dw,
        .pr = QUORUM_DEFAULT,
        .pw = message->quorum.pw,
    };
    if ((message->flags & PEER_FLAG_BLIND) != 0)
        return true;
    context->count = 0;
    struct reader reader = reader_of(message->context_bytes);
    if (message->context_bytes.size > 0 &&
        (!vector_decode(&reader, context) || !reader_finished(&reader)))
        return false;
    operation->context = context;
    return true;
}

void coordinator_put_for_peer(struct node *node, struct link_id link,
                              const struct peer_message *message) {
    struct operation operation;
    struct version_vector context;
    struct request plan = {0};
    /* Refusals before there is a request go to a session, and no session has this link. */
    bool valid = operation_of_message(message, &operation, &context) &&
                 coordinator_prepare(node, &operation, &plan) && plan.self_is_owner;
    if (!valid) {
        refuse_peer(node, link, message, PEER_REFUSED);
        return;
    }
    struct request *request =
        node->memory_is_short ? NULL : coordinator_acquire(node, &plan, REQUEST_PUT, &operation);
    if (request == NULL) {
        refuse_peer(node, link, message, PEER_BUSY);
        return;
    }
    request->from_peer = true;
    request->link = link;
    struct duration timeout = duration_of_milliseconds(message->quorum.timeout_milliseconds);
    if (timeout.nanoseconds == 0 || timeout.nanoseconds > node->config.request_timeout.nanoseconds)
        timeout = node->config.request_timeout;
    begin(node, request, &operation, timeout);
}

/* --- answers ------------------------------------------------------------------------------------ */

void coordinator_put_take(struct node *node, struct request *request, uint32_t member,
                          enum peer_status status, bool durable) {
    struct request_slot *slot = request_asked_slot(request, member);
    if (slot == NULL)
        return;
    bool done = status == PEER_OK;
    slot->state = done ? SLOT_ANSWERED : SLOT_FAILED;
    slot->is_full = status == PEER_NO_SPACE;
    if (done) {
        request->answers++;
        request->durable_answers = (uint8_t)(request->durable_answers + durable);
        request->primary_answers =
            (uint8_t)(request->primary_answers + request_slot_is_primary(request, slot));
    } else {
        request->slots[slot->stands_for].has_stand_in = false;
        ask_stand_in(node, request, slot->stands_for);
    }
    judge(node, request);
}

void coordinator_put_self(struct node *node, struct request *request, enum peer_status status,
                          bool durable_part) {
    if (durable_part) {
        request->durable_answers++;
        request->awaits_own_durability = false;
        judge(node, request);
        return;
    }
    coordinator_put_take(node, request, node->self, status, false);
}

void coordinator_put_lost(struct node *node, struct request *request, uint32_t member) {
    if (request->phase != REQUEST_MINTING)
        coordinator_put_take(node, request, member, PEER_FAILED, false);
}

void coordinator_put_hedge(struct node *node, struct request *request) {
    if (request->phase == REQUEST_MINTING)
        return;
    for (uint8_t i = 0; i < request->n; i++) {
        if (request->slots[i].state == SLOT_ASKED && !is_self(node, request->slots[i].member))
            ask_stand_in(node, request, i);
    }
}

void coordinator_put_expire(struct node *node, struct request *request) {
    switch (request->phase) {
    case REQUEST_MINTING:
        refuse(node, request, OPERATION_BUSY, "this node's store did not answer in time");
        return;
    case REQUEST_COLLECTING:
        answer_in_doubt(node, request);
        break;
    case REQUEST_ANSWERED:
        break;
    case REQUEST_FREE:
    case REQUEST_READING:
    case REQUEST_HANDED:
    case REQUEST_REPAIRING:
    case REQUEST_PHASES:
        CHECK_UNREACHABLE("a put is never in this phase");
    }
    coordinator_put_finish(node, request);
}
