#include "engine/data/merkle.h"
#include "engine/node/node_state.h"

/* --- what sessions are lent (operation.h) ------------------------------------------------------- */

void node_submit(struct node *node, const struct operation *operation) {
    if (node->phase != NODE_SERVING) {
        coordinator_fail_operation(node, operation, OPERATION_UNAVAILABLE, "this node is stopping");
        return;
    }
    switch (operation->kind) {
    case OPERATION_GET:
        coordinator_get(node, operation);
        return;
    case OPERATION_PUT:
    case OPERATION_DELETE:
        coordinator_put(node, operation);
        return;
    case OPERATION_LOCAL:
        coordinator_local(node, operation);
        return;
    case OPERATION_SCAN:
        scan_begin(node, operation);
        return;
    case OPERATION_CHECKPOINT_BEGIN:
    case OPERATION_CHECKPOINT:
    case OPERATION_CHECKPOINT_REMOVE:
        node_checkpoint_submit(node, operation);
        return;
    case OPERATION_KINDS:
        break;
    }
    CHECK_UNREACHABLE("an operation has one of the kinds");
}

struct buffer *node_output(struct node *node, struct link_id id) {
    struct node_link *link = link_find(node, id);
    return link == NULL ? NULL : link_output(node, link);
}

void node_close_link(struct node *node, struct link_id id) {
    struct node_link *link = link_find(node, id);
    if (link != NULL)
        link_close(node, link);
}

bool node_wants_bytes(const struct node *node, struct link_id id) {
    const struct node_link *link = link_find(node, id);
    return link == NULL || link->session == NULL || session_wants_bytes(link->session);
}

const struct node_config *node_configuration(const struct node *node) {
    return &node->config;
}

struct instant node_now(const struct node *node) {
    return node->now;
}

struct wall_time node_wall(const struct node *node) {
    return node->wall;
}

struct instant node_started_at(const struct node *node) {
    return node->started_at;
}

struct session *node_next_session(const struct node *node, struct link_id *id) {
    for (size_t position = link_position_after(node, *id);; position++) {
        struct node_link *link = link_at(node, position);
        if (link == NULL)
            return NULL;
        *id = link->id;
        if (link->session != NULL)
            return link->session;
    }
}

/* --- for those who look without touching (node.h) ----------------------------------------------- */

enum node_phase node_phase(const struct node *node) {
    return node->phase;
}

const struct ring *node_ring(const struct node *node) {
    return &node->ring;
}

const struct store *node_store(const struct node *node) {
    return node->store;
}

const struct membership *node_membership(const struct node *node) {
    return node->membership;
}

const struct member_config *node_member(const struct node *node, uint32_t index) {
    CHECK(index < node->config.member_count);
    return &node->members[index];
}

uint32_t node_self(const struct node *node) {
    return node->self;
}

uint32_t node_member_of_id(const struct node *node, uint64_t id) {
    uint32_t low = 0;
    uint32_t high = node->config.member_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (node->member_ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < node->config.member_count && node->member_ids[low] == id;
    return found ? low : LINK_MEMBER_NONE;
}

uint64_t node_partition_root(const struct node *node, uint16_t partition) {
    uint64_t root = 0;
    for (uint32_t row = 0; row < NODE_REPLICAS_MAX; row++)
        root ^= merkle_root(tree_leaves(node, row << TREE_PARTITION_BITS | partition));
    return root;
}

bool node_holds_partition(const struct node *node, uint16_t partition) {
    return held_partition(node, partition);
}

void node_figures(const struct node *node, struct node_figures *figures) {
    *figures = node->figures;
    figures->hints_pending = node->hint_count;
    figures->hint_bytes = node->hint_bytes;
    figures->requests_under_way = node->requests.under_way;
    figures->clients = node->links.client_count;
    figures->incarnation = node->incarnation;
    figures->actor = node->actor;
    figures->checkpoint_at = node->checkpoint.completed_at;
    figures->checkpoint_is_made = node->checkpoint.number != 0;
    figures->checkpoint_failed = node->checkpoint.failed;
    figures->partitions_not_held = node->held.missing;
    figures->partitions_recounted = node->healing.recounted;
    figures->damages_beyond_healing = node->healing.beyond;
}
