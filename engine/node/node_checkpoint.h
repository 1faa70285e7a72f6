/* node_checkpoint: checkpoints of this node's store, as clients ask for them.
 *
 *     BGSAVE              begins one and answers
 *     SAVE, DCHECKPOINT   begin one and answer when it is complete, or has failed
 *
 * One is made at a time, so one operation waits at the most.
 *
 *     node_checkpoint_submit(node, &operation);
 *     node_checkpoint_settle(node);                // in every step: answers whoever waits
 */
#ifndef DUNLIN_NODE_NODE_CHECKPOINT_H
#define DUNLIN_NODE_NODE_CHECKPOINT_H

#include "engine/node/operation.h"

struct node_checkpoint {
    uint32_t number; /* of the one that is being made; 0: none */
    bool is_awaited; /* by the operation of this link and tag */
    struct link_id link;
    uint64_t tag;
    uint64_t completed_at; /* wall time in milliseconds of the last one in this life; 0: none */
    bool failed;           /* the last one */
};

/* Takes an operation of one of the checkpoint kinds. */
void node_checkpoint_submit(struct node *node, const struct operation *operation);
void node_checkpoint_settle(struct node *node);

#endif
