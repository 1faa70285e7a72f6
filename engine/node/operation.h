/* operation: what a client session asks of the coordinator, and what comes back.
 *
 *     session --node_submit(node, &operation)--> coordinator ... replicas ... --session_complete(...)--> session
 *
 * node_submit() may complete the operation before it returns. Bytes in an operation are borrowed for the call; bytes in a
 * result are borrowed for the call of session_complete(). Every operation submitted completes exactly once, unless its
 * link closes first (then it may go on in the cluster, but nobody is told).
 */
#ifndef DUNLIN_NODE_OPERATION_H
#define DUNLIN_NODE_OPERATION_H

#include "engine/data/object.h"
#include "engine/node/node.h"

enum operation_kind {
    OPERATION_GET,
    OPERATION_PUT,
    OPERATION_DELETE,
    OPERATION_LOCAL,            /* what this node's own replica holds, without asking anybody */
    OPERATION_SCAN,             /* keys that this node holds, from a cursor on */
    OPERATION_CHECKPOINT_BEGIN, /* of this node's store: completes when it has begun */
    OPERATION_CHECKPOINT,       /* completes when it has ended; the result's cursor is its number */
    OPERATION_CHECKPOINT_REMOVE, /* of the number in `cursor` */
    OPERATION_KINDS,
};

enum { QUORUM_DEFAULT = 0xff }; /* as the key's keyspace has it */

struct operation {
    enum operation_kind kind;
    struct link_id link; /* whose session */
    uint64_t tag;        /* the session's own number for it */
    struct bytes key;
    struct bytes value;
    const struct version_vector *context; /* of a causal put or delete; null: blind */
    uint8_t r, w, dw, pr, pw;             /* or QUORUM_DEFAULT */
    uint64_t cursor;                      /* of a scan; 0 begins. Of a checkpoint: its number */
    uint32_t count;                       /* of a scan: about how many keys */
};

enum operation_status {
    OPERATION_OK,
    OPERATION_REFUSED, /* nothing was written; asking again in the same way will not help: `reason` */
    OPERATION_UNAVAILABLE, /* nothing was written: too few replicas can be reached */
    OPERATION_IN_DOUBT,    /* some replica may have the write, too few said so in time */
    OPERATION_BUSY,        /* nothing was written: overloaded, ask again later */
    OPERATION_FULL,        /* nothing was written: no space is left on a disk */
    OPERATION_FAILED,      /* this node's store failed */
    OPERATION_STATUSES,
};

struct operation_result {
    enum operation_status status;
    const char *reason; /* one sentence for people when status is not OPERATION_OK */
    const struct object
        *object; /* of get and local: merged siblings, never null when OK (may be empty) */
    const struct version_vector
        *context;             /* of put and delete: covers the new write and what it superseded */
    bool existed;             /* of put and delete: the key had a live value */
    uint64_t cursor;          /* of a scan: where to go on; 0 at the end */
    const struct bytes *keys; /* of a scan */
    uint32_t key_count;
};

/* --- what the node lends its sessions (node_services.c) ----------------------------------------------------------- */

void node_submit(struct node *node, const struct operation *operation);
/* Bytes appended here go out on the link at the end of this step. Null when the link is gone. */
struct buffer *node_output(struct node *node, struct link_id link);
/* Closes after what was appended so far has gone out. The session is destroyed at the end of the step. */
void node_close_link(struct node *node, struct link_id link);
const struct node_config *node_configuration(const struct node *node);
struct instant node_now(const struct node *node);
struct wall_time node_wall(const struct node *node);
struct instant node_started_at(const struct node *node);
/* Sessions in order of their links: start with link.value = 0; null at the end. */
struct session *node_next_session(const struct node *node, struct link_id *link);

#endif
