#include "engine/data/entry_key.h"
#include "engine/node/node_state.h"

static void complete_with_object(struct node *node, struct link_id id, uint64_t tag,
                                 struct bytes encoded) {
    struct node_link *link = link_find(node, id);
    if (link == NULL || link->session == NULL)
        return;
    struct operation_result result = {.status = OPERATION_OK, .object = &node->local};
    object_clear(&node->local);
    if (encoded.size > 0 && !object_decode(encoded, &node->local))
        result = (struct operation_result){.status = OPERATION_FAILED,
                                           .reason = "what is held cannot be read"};
    session_complete(link->session, tag, &result);
}

/* --- this node's own replica -------------------------------------------------------------------- */

/* One read of this node's own data; false when it waits for a block. */
static bool answer_locally(struct node *node, struct bytes key, struct link_id link, uint64_t tag,
                           uint64_t waiter) {
    struct placement place = placement_of(node, key);
    buffer_clear(&node->entry);
    struct entry_key entry = {
        .space = ENTRY_DATA, .partition = place.partition, .leaf = place.leaf, .key = key};
    entry_key_encode(&entry, &node->entry);
    struct bytes value = {0};
    enum store_status status =
        store_get(node->store, buffer_bytes(&node->entry), waiter, &value, node->effects);
    if (status == STORE_NEED_BLOCK)
        return false;
    bool known = status == STORE_OK || status == STORE_ABSENT ||
                 (status == STORE_CORRUPT && replica_has_all(node, &place));
    if (known) {
        complete_with_object(node, link, tag, status == STORE_ABSENT ? (struct bytes){0} : value);
        return true;
    }
    struct operation failed = {.link = link, .tag = tag};
    coordinator_fail_operation(node, &failed,
                               status == STORE_BUSY ? OPERATION_BUSY : OPERATION_FAILED,
                               "what is held cannot be read");
    return true;
}

static void read_locally(struct node *node, const struct operation *operation,
                         const struct request *plan) {
    struct request *request = coordinator_acquire(node, plan, REQUEST_LOCAL, operation);
    if (request == NULL)
        return;
    if (answer_locally(node, operation->key, operation->link, operation->tag, request->number)) {
        request_release(node, request);
        return;
    }
    request_move(node, request, REQUEST_READING);
    request_start_timer(node, request, node->config.request_timeout);
}

void coordinator_local_wake(struct node *node, struct request *request) {
    /* Answering may begin other requests, and the key must outlive that: release it last. */
    if (answer_locally(node, buffer_bytes(&request->key), request->link, request->tag,
                       request->number))
        request_release(node, request);
}

void coordinator_local(struct node *node, const struct operation *operation) {
    struct request plan = {0};
    if (coordinator_prepare(node, operation, &plan))
        read_locally(node, operation, &plan);
}

/* --- quorum reads ------------------------------------------------------------------------------- */

static bool must_repair_first(const struct request *request) {
    return request->keyspace->config.strict && request->r + request->w > request->n;
}

static bool can_be_asked(struct node *node, const struct request *request, uint32_t member) {
    return is_self(node, member) ? held_partition(node, request->partition)
                                 : peer_is_usable(node, member);
}

static bool send_read(struct node *node, struct request *request, const struct request_slot *slot) {
    struct peer_message message = {
        .kind = PEER_READ, .request = request->number, .key = buffer_bytes(&request->key)};
    if (!request_slot_is_primary(request, slot)) {
        message.flags = PEER_FLAG_HINT;
        message.member = node->member_ids[request->slots[slot->stands_for].member];
    }
    return peer_send(node, slot->member, &message);
}

/* Asks one member. This node itself is asked last, by ask_self(): its answer may end the request.
 */
static void ask(struct node *node, struct request *request, struct request_slot *slot) {
    slot->state = SLOT_ASKED;
    if (!is_self(node, slot->member) && !send_read(node, request, slot))
        slot->state = SLOT_FAILED;
}

/* Asks this node's own replica, where that is waiting to be asked. The request may be gone
 * afterwards. */
static void ask_self(struct node *node, struct request *request) {
    struct request_slot *slot = request_asked_slot(request, node->self);
    if (slot == NULL)
        return;
    struct replica_read read = {.key = buffer_bytes(&request->key),
                                .origin = {.kind = ORIGIN_REQUEST, .number = request->number}};
    if (!request_slot_is_primary(request, slot))
        read.target = node->member_ids[request->slots[slot->stands_for].member];
    replica_read(node, &read);
}

/* Another of the first n that was spared so far, or else a fallback that stands in for this slot.
 * True when it is this node that must now be asked. */
static bool ask_another(struct node *node, struct request *request, uint8_t for_slot,
                        bool fallbacks_too) {
    for (uint32_t i = 0; i < request->n; i++) {
        struct request_slot *spare = &request->slots[i];
        if (spare->state != SLOT_UNASKED)
            continue;
        ask(node, request, spare);
        if (spare->state == SLOT_ASKED)
            return is_self(node, spare->member);
    }
    uint8_t primary = request->slots[for_slot].stands_for;
    if (!fallbacks_too)
        return false;
    uint32_t member = coordinator_next_fallback(node, request);
    if (member == LINK_MEMBER_NONE)
        return false;
    request->slots[primary].has_stand_in = true;
    struct request_slot *slot = &request->slots[request->slot_count++];
    *slot = (struct request_slot){.member = (uint16_t)member, .stands_for = primary};
    ask(node, request, slot);
    return slot->state == SLOT_ASKED && is_self(node, member);
}

static void answer(struct node *node, struct request *request) {
    node->figures.reads++;
    request_move(node, request, REQUEST_ANSWERED);
    complete_with_object(node, request->link, request->tag, buffer_bytes(&request->object));
}

static void fail(struct node *node, struct request *request) {
    uint64_t number = request->number;
    coordinator_fail(node, request, OPERATION_UNAVAILABLE, "too few replicas answered the read");
    CHECK(request->number == number);
    request_release(node, request);
}

/* Everybody has answered, or nobody will any more: the rest is repair. */
static void finish(struct node *node, struct request *request) {
    if (node->config.read_repair)
        (void)read_repair_send(node, request, false);
    request_release(node, request);
}

/* A stand-in that holds nothing on behalf of the member also answers, so its answer must not make
 * an owner's superfluous: it counts once no owner is waited for, or the hedge has passed. */
static uint32_t counted_answers(const struct request *request) {
    bool waits_for_owner = false;
    for (uint32_t i = 0; i < request->n; i++)
        waits_for_owner = waits_for_owner || request->slots[i].state == SLOT_ASKED;
    bool all_count = !waits_for_owner || request->hedged;
    return all_count ? request->answers : request->primary_answers;
}

/* Looks at what has come in and does what follows from it. The request may be gone afterwards. */
static void judge(struct node *node, struct request *request) {
    uint64_t number = request->number;
    if (request->phase == REQUEST_COLLECTING && counted_answers(request) >= request->r &&
        request->primary_answers >= request->pr) {
        if (must_repair_first(request) && request->object.size > 0)
            request_move(node, request, REQUEST_REPAIRING);
        else
            answer(node, request);
    }
    uint32_t repairing = 0;
    if (request->number == number && request->phase == REQUEST_REPAIRING) {
        repairing = read_repair_send(node, request, true);
        if (request->number != number)
            return;
        if (read_repair_holders(request) >= request->w)
            answer(node, request);
    }
    if (request->number != number || request_asked_count(request) > 0)
        return;
    if (request->phase == REQUEST_ANSWERED)
        finish(node, request);
    else if (repairing == 0)
        fail(node, request);
}

void coordinator_get_take(struct node *node, struct request *request, uint32_t member,
                          enum peer_status status, struct bytes payload) {
    struct request_slot *slot = request_asked_slot(request, member);
    if (slot == NULL)
        return;
    bool counts = status == PEER_OK && read_merge(node, request, slot, payload);
    slot->state = counts ? SLOT_ANSWERED : SLOT_FAILED;
    bool self_next = false;
    if (counts) {
        request->answers++;
        request->primary_answers =
            (uint8_t)(request->primary_answers + request_slot_is_primary(request, slot));
    } else if (request->phase == REQUEST_COLLECTING) {
        /* Nobody can stand in for an owner that lost what it held: there are no hints for it. */
        self_next = ask_another(node, request, slot->stands_for, status != PEER_NOT_HELD);
    }
    if (self_next)
        ask_self(node, request);
    else
        judge(node, request);
}

void coordinator_get_repaired(struct node *node, struct request *request, uint32_t member,
                              bool done) {
    for (uint32_t i = 0; i < request->n; i++) {
        struct request_slot *slot = &request->slots[i];
        if (slot->member != member || slot->repairs_under_way == 0)
            continue;
        slot->repairs_under_way--;
        if (!done)
            slot->state = SLOT_FAILED;
        if (request->phase == REQUEST_REPAIRING)
            judge(node, request);
        return;
    }
}

void coordinator_get_lost(struct node *node, struct request *request, uint32_t member) {
    for (uint32_t i = 0; i < request->slot_count; i++) {
        struct request_slot *slot = &request->slots[i];
        if (slot->member != member)
            continue;
        if (slot->state == SLOT_ASKED) {
            coordinator_get_take(node, request, member, PEER_FAILED, (struct bytes){0});
            return;
        }
        if (slot->repairs_under_way > 0) {
            slot->repairs_under_way = 1;
            coordinator_get_repaired(node, request, member, false);
            return;
        }
    }
}

void coordinator_get_hedge(struct node *node, struct request *request) {
    if (request->phase != REQUEST_COLLECTING)
        return;
    bool self_next = false;
    for (uint8_t i = 0; i < request->n; i++) {
        struct request_slot *slot = &request->slots[i];
        if (slot->state == SLOT_ASKED && !slot->has_stand_in)
            self_next = ask_another(node, request, i, true) || self_next;
    }
    uint64_t number = request->number;
    if (self_next)
        ask_self(node, request);
    if (request->number == number)
        judge(node, request);
}

void coordinator_get_expire(struct node *node, struct request *request) {
    if (request->phase == REQUEST_ANSWERED)
        finish(node, request);
    else
        fail(node, request);
}

static bool enough_are_usable(struct node *node, const struct request *plan) {
    uint32_t primaries = 0;
    for (uint32_t i = 0; i < plan->n; i++)
        primaries += can_be_asked(node, plan, plan->list[i]);
    return primaries >= plan->pr && primaries + coordinator_fallback_count(node, plan) >= plan->r;
}

/* With read repair, all of the first n are asked, so that each is seen and can be repaired;
 * without, only as many as are needed. */
static uint32_t how_many_to_ask(const struct node *node, const struct request *request) {
    if (node->config.read_repair || must_repair_first(request))
        return request->n;
    return request->r > request->pr ? request->r : request->pr;
}

static void begin(struct node *node, struct request *request) {
    uint32_t wanted = how_many_to_ask(node, request);
    uint32_t asked = 0;
    request->slot_count = request->n;
    for (uint8_t i = 0; i < request->n; i++) {
        request->slots[i] = (struct request_slot){.member = request->list[i], .stands_for = i};
        if (!can_be_asked(node, request, request->list[i]))
            request->slots[i].state = SLOT_FAILED;
    }
    struct request_slot *own = NULL;
    for (uint32_t i = 0; i < request->n; i++) {
        if (is_self(node, request->slots[i].member) && request->slots[i].state == SLOT_UNASKED)
            own = &request->slots[i];
    }
    if (own != NULL) {
        ask(node, request, own);
        asked++;
    }
    for (uint32_t i = 0; i < request->n && asked < wanted; i++) {
        if (request->slots[i].state != SLOT_UNASKED)
            continue;
        ask(node, request, &request->slots[i]);
        asked += request->slots[i].state == SLOT_ASKED;
    }
    for (uint8_t i = 0; i < request->n && asked < wanted; i++) {
        bool failed = request->slots[i].state == SLOT_FAILED;
        if (failed && !is_self(node, request->slots[i].member)) {
            (void)ask_another(node, request, i, true);
            asked++;
        }
    }
}

/* One answer is enough and this node can give it: nothing need wait. */
static bool is_answered_here(struct node *node, const struct request *plan) {
    bool single = plan->r == 1 && plan->pr <= 1 && !(must_repair_first(plan) && plan->w > 1);
    return single && plan->self_is_owner && held_partition(node, plan->partition);
}

void coordinator_get(struct node *node, const struct operation *operation) {
    struct request plan = {.kind = REQUEST_GET};
    if (!coordinator_prepare(node, operation, &plan))
        return;
    if (is_answered_here(node, &plan)) {
        node->figures.reads++;
        read_locally(node, operation, &plan);
        return;
    }
    if (!enough_are_usable(node, &plan)) {
        node->figures.reads_failed++;
        coordinator_fail_operation(node, operation, OPERATION_UNAVAILABLE,
                                   "too few replicas can be reached");
        return;
    }
    struct request *request = coordinator_acquire(node, &plan, REQUEST_GET, operation);
    if (request == NULL)
        return;
    request_move(node, request, REQUEST_COLLECTING);
    request_start_timer(node, request, node->config.request_timeout);
    uint64_t number = request->number;
    begin(node, request);
    ask_self(node, request);
    if (request->number == number)
        judge(node, request);
}
