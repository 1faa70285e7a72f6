#include "engine/node/coordinator.h"

#include "engine/data/merkle.h"
#include "engine/data/slot.h"
#include "engine/node/node_state.h"

/* --- where a key lives -------------------------------------------------------------------------- */

static const struct keyspace *keyspace_of(const struct node *node, struct bytes key) {
    uint32_t last = node->keyspace_count - 1;
    for (uint32_t i = 0; i < last; i++) {
        if (bytes_start_with(key, node->keyspaces[i].config.prefix))
            return &node->keyspaces[i];
    }
    return &node->keyspaces[last]; /* the empty prefix */
}

const struct keyspace_config *node_keyspace_of(const struct node *node, struct bytes key) {
    return &keyspace_of(node, key)->config;
}

struct placement placement_of(const struct node *node, struct bytes key) {
    struct placement place = {
        .keyspace = keyspace_of(node, key),
        .partition = partition_of_slot(slot_of_key(key), node->config.partition_count),
        .leaf = merkle_leaf_of_key(key),
    };
    place.list = ring_preference(&node->ring, place.partition);
    place.list_size = node->ring.list_size;
    place.n = place.keyspace->n;
    for (uint32_t i = 0; i < place.n; i++)
        place.self_is_owner = place.self_is_owner || is_self(node, place.list[i]);
    return place;
}

/* --- what gets and puts share ------------------------------------------------------------------- */

static void complete(struct node *node, const struct request *request,
                     const struct operation_result *result) {
    struct node_link *link = link_find(node, request->link);
    if (link != NULL && link->session != NULL)
        session_complete(link->session, request->tag, result);
}

void coordinator_fail_operation(struct node *node, const struct operation *operation,
                                enum operation_status status, const char *reason) {
    struct operation_result result = {.status = status, .reason = reason};
    struct node_link *link = link_find(node, operation->link);
    if (link != NULL && link->session != NULL)
        session_complete(link->session, operation->tag, &result);
}

static enum peer_status peer_status_of(enum operation_status status) {
    switch (status) {
    case OPERATION_OK:
        return PEER_OK;
    case OPERATION_REFUSED:
        return PEER_REFUSED;
    case OPERATION_UNAVAILABLE:
        return PEER_UNAVAILABLE;
    case OPERATION_IN_DOUBT:
        return PEER_IN_DOUBT;
    case OPERATION_BUSY:
        return PEER_BUSY;
    case OPERATION_FULL:
        return PEER_NO_SPACE;
    case OPERATION_FAILED:
    case OPERATION_STATUSES:
        break;
    }
    return PEER_FAILED;
}

static void count_failure(struct node *node, const struct request *request,
                          enum operation_status status) {
    bool is_put = request->kind == REQUEST_PUT || request->kind == REQUEST_HANDED_PUT;
    if (!is_put)
        node->figures.reads_failed++;
    else if (status == OPERATION_IN_DOUBT)
        node->figures.writes_in_doubt++;
    else
        node->figures.writes_failed++;
}

void coordinator_fail(struct node *node, struct request *request, enum operation_status status,
                      const char *reason) {
    count_failure(node, request, status);
    if (request->from_peer) {
        struct peer_message reply = {
            .kind = PEER_PUT_REPLY, .request = request->tag, .status = peer_status_of(status)};
        peer_reply(node, request->link, &reply);
        return;
    }
    struct operation_result result = {.status = status, .reason = reason};
    complete(node, request, &result);
}

/* A default is cut to the replicas that there are; an explicit wish is not. */
static bool choose_quorum(uint8_t asked, uint8_t configured, uint8_t n, uint8_t *chosen) {
    if (asked == QUORUM_DEFAULT)
        *chosen = configured < n ? configured : n;
    else
        *chosen = asked;
    return *chosen <= n;
}

bool coordinator_prepare(struct node *node, const struct operation *operation,
                         struct request *plan) {
    struct placement place = placement_of(node, operation->key);
    const struct keyspace_config *config = &place.keyspace->config;
    plan->keyspace = place.keyspace;
    plan->list = place.list;
    plan->partition = place.partition;
    plan->self_is_owner = place.self_is_owner;
    plan->n = place.n;
    plan->next_fallback = place.n;
    bool fits = choose_quorum(operation->r, config->r, place.n, &plan->r) &&
                choose_quorum(operation->w, config->w, place.n, &plan->w) &&
                choose_quorum(operation->dw, config->dw, place.n, &plan->dw) &&
                choose_quorum(operation->pr, config->pr, place.n, &plan->pr) &&
                choose_quorum(operation->pw, config->pw, place.n, &plan->pw);
    const char *refusal = NULL;
    if (operation->key.size > node->config.key_bytes_max)
        refusal = "the key is too long";
    else if (operation->kind == OPERATION_PUT &&
             operation->value.size > node->config.value_bytes_max)
        refusal = "the value is too long";
    else if (!fits)
        refusal = "a quorum is greater than the number of replicas";
    else if (plan->r == 0 || plan->w == 0)
        refusal = "R and W must be at least 1";
    if (refusal != NULL)
        coordinator_fail_operation(node, operation, OPERATION_REFUSED, refusal);
    return refusal == NULL;
}

struct request *coordinator_acquire(struct node *node, const struct request *plan,
                                    enum request_kind kind, const struct operation *operation) {
    struct request *request = request_acquire(node, kind);
    if (request == NULL) {
        coordinator_fail_operation(node, operation, OPERATION_BUSY,
                                   "too many requests are under way");
        return NULL;
    }
    request->keyspace = plan->keyspace;
    request->list = plan->list;
    request->partition = plan->partition;
    request->self_is_owner = plan->self_is_owner;
    request->n = plan->n;
    request->r = plan->r;
    request->w = plan->w;
    request->dw = plan->dw;
    request->pr = plan->pr;
    request->pw = plan->pw;
    request->next_fallback = plan->n;
    request->link = operation->link;
    request->tag = operation->tag;
    buffer_append(&request->key, operation->key);
    return request;
}

static bool fallback_is_usable(struct node *node, const struct request *request, uint32_t member) {
    /* A read may be coordinated by a node that is itself a fallback. */
    if (is_self(node, member))
        return request->kind == REQUEST_GET;
    return peer_is_usable(node, member);
}

uint32_t coordinator_next_fallback(struct node *node, struct request *request) {
    if (!request->keyspace->config.sloppy || request->slot_count == REQUEST_SLOTS_MAX)
        return LINK_MEMBER_NONE;
    while (request->next_fallback < node->ring.list_size) {
        uint32_t member = request->list[request->next_fallback++];
        if (fallback_is_usable(node, request, member))
            return member;
    }
    return LINK_MEMBER_NONE;
}

uint32_t coordinator_fallback_count(struct node *node, const struct request *request) {
    uint32_t count = 0;
    if (!request->keyspace->config.sloppy)
        return 0;
    for (uint32_t i = request->n; i < node->ring.list_size; i++)
        count += fallback_is_usable(node, request, request->list[i]);
    return count;
}

/* --- events that find a request ----------------------------------------------------------------- */

void coordinator_member_lost(struct node *node, uint32_t member) {
    /* Requests that begin while this walks do not wait for the member: it is not usable. */
    uint32_t capacity = request_capacity(node);
    for (uint32_t i = 0; i < capacity; i++) {
        struct request *request = request_at(node, i);
        if (request == NULL)
            continue;
        switch (request->kind) {
        case REQUEST_GET:
            coordinator_get_lost(node, request, member);
            break;
        case REQUEST_PUT:
            coordinator_put_lost(node, request, member);
            break;
        case REQUEST_HANDED_PUT:
            coordinator_hand_lost(node, request, member);
            break;
        case REQUEST_LOCAL:
        case REQUEST_SCAN:
            break;
        }
    }
}

static void hedge(struct node *node, struct request *request) {
    request->hedged = true;
    deadlines_set(&node->deadlines, &request->timer, request->expires);
    if (request->kind == REQUEST_GET)
        coordinator_get_hedge(node, request);
    else if (request->kind == REQUEST_PUT)
        coordinator_put_hedge(node, request);
}

void coordinator_on_timer(struct node *node, struct request *request) {
    if (instant_reached(node->now, request->expires))
        coordinator_expire(node, request);
    else
        hedge(node, request);
}

void coordinator_expire(struct node *node, struct request *request) {
    switch (request->kind) {
    case REQUEST_GET:
        coordinator_get_expire(node, request);
        break;
    case REQUEST_PUT:
        coordinator_put_expire(node, request);
        break;
    case REQUEST_HANDED_PUT:
        coordinator_hand_expire(node, request);
        break;
    case REQUEST_LOCAL:
    case REQUEST_SCAN:
        coordinator_fail(node, request, OPERATION_UNAVAILABLE, "the disk did not answer in time");
        request_release(node, request);
        break;
    }
}

void coordinator_wake(struct node *node, uint64_t number) {
    struct request *request = request_find(node, number);
    if (request == NULL)
        return;
    switch (request->kind) {
    case REQUEST_PUT:
        coordinator_put_wake(node, request);
        break;
    case REQUEST_LOCAL:
        coordinator_local_wake(node, request);
        break;
    case REQUEST_SCAN:
        scan_wake(node, request);
        break;
    case REQUEST_GET:
    case REQUEST_HANDED_PUT:
        break;
    }
}

void coordinator_acknowledged(struct node *node, uint64_t number, enum peer_status status,
                              bool durable_part) {
    struct request *request = request_find(node, number);
    if (request == NULL)
        return;
    if (request->kind == REQUEST_PUT)
        coordinator_put_self(node, request, status, durable_part);
    else if (request->kind == REQUEST_GET)
        coordinator_get_repaired(node, request, node->self, status == PEER_OK);
}
