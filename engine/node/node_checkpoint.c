#include "engine/node/node_checkpoint.h"

#include "engine/node/narration.h"
#include "engine/node/node_state.h"

static void answer(struct node *node, struct link_id id, uint64_t tag,
                   const struct operation_result *result) {
    struct node_link *link = link_find(node, id);
    if (link != NULL && link->session != NULL)
        session_complete(link->session, tag, result);
}

static struct operation_result result_of(enum store_status status) {
    if (status == STORE_OK)
        return (struct operation_result){.status = OPERATION_OK};
    if (status == STORE_ABSENT)
        return (struct operation_result){.status = OPERATION_REFUSED,
                                         .reason = "there is no such checkpoint"};
    if (status == STORE_BUSY)
        return (struct operation_result){
            .status = OPERATION_BUSY,
            .reason = "another checkpoint is being made or removed on this node"};
    if (status == STORE_FULL)
        return (struct operation_result){.status = OPERATION_FULL, .reason = "of this node"};
    return (struct operation_result){.status = OPERATION_FAILED, .reason = ""};
}

static void begin(struct node *node, const struct operation *operation) {
    struct node_checkpoint *checkpoint = &node->checkpoint;
    uint32_t number = 0;
    enum store_status status = store_checkpoint(node->store, &number);
    struct operation_result result = result_of(status);
    if (status == STORE_OK) {
        checkpoint->number = number;
        checkpoint->is_awaited = operation->kind == OPERATION_CHECKPOINT;
        checkpoint->link = operation->link;
        checkpoint->tag = operation->tag;
        narrate(node, NOTE_INFO, "begins a checkpoint");
        if (checkpoint->is_awaited)
            return;
    }
    answer(node, operation->link, operation->tag, &result);
}

void node_checkpoint_submit(struct node *node, const struct operation *operation) {
    if (operation->kind != OPERATION_CHECKPOINT_REMOVE) {
        begin(node, operation);
        return;
    }
    bool fits = operation->cursor <= UINT32_MAX;
    struct operation_result result = result_of(
        fits ? store_checkpoint_remove(node->store, (uint32_t)operation->cursor) : STORE_ABSENT);
    answer(node, operation->link, operation->tag, &result);
}

void node_checkpoint_settle(struct node *node) {
    struct node_checkpoint *checkpoint = &node->checkpoint;
    if (checkpoint->number == 0)
        return;
    enum checkpoint_state state = store_checkpoint_state(node->store, checkpoint->number);
    if (state == CHECKPOINT_MAKING)
        return;
    struct operation_result result = {.status = OPERATION_OK, .cursor = checkpoint->number};
    checkpoint->failed = state == CHECKPOINT_ABSENT;
    if (checkpoint->failed) {
        result.status = OPERATION_FAILED;
        result.reason = "the checkpoint could not be made: the node's log says why";
    } else {
        checkpoint->completed_at = node->wall.milliseconds;
    }
    narrate(node, checkpoint->failed ? NOTE_WARNING : NOTE_INFO,
            checkpoint->failed ? "could not make the checkpoint" : "has made the checkpoint");
    checkpoint->number = 0;
    if (checkpoint->is_awaited)
        answer(node, checkpoint->link, checkpoint->tag, &result);
}
