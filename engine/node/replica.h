/* replica: what this node holds itself: read it, merge into it, mint new writes, and say when it
 * is safe.
 *
 *     write --> store_get --> merge --> store_write --> waits for the watermark --> answer
 *                  |                        |
 *              NEED_BLOCK                 BUSY          both park the job; woken, it begins anew
 *
 * A job that was woken reads the key again, so that two merges of one key that waited side by side
 * cannot lose one another: from reading to writing there is no gap in which anything else could
 * happen.
 *
 *     replica_write(node, &(struct replica_write){.key = key, .object = object, .origin = origin});
 *     replica_read(node, &(struct replica_read){.key = key, .origin = origin});
 *
 * The answer goes to the origin: a peer's link, a request of this node, an exchange, or nobody.
 */
#ifndef DUNLIN_NODE_REPLICA_H
#define DUNLIN_NODE_REPLICA_H

#include "engine/node/operation.h"

enum origin_kind {
    ORIGIN_NONE,
    ORIGIN_PEER,     /* PEER_WRITE or PEER_READ: link, number */
    ORIGIN_SYNC,     /* PEER_TREE_SYNC: link, number */
    ORIGIN_REQUEST,  /* this node coordinates: number */
    ORIGIN_EXCHANGE, /* this node's exchange: number */
};

struct placement;

struct origin {
    enum origin_kind kind;
    struct link_id link;
    uint64_t number;
    bool durable; /* answer when durable, not already when written */
};

/* Merge an object into what is held under the key. */
struct replica_write {
    struct bytes key;
    struct bytes object; /* encoded */
    uint64_t target;     /* not 0: keep it as a hint for this member id */
    struct origin origin;
};

struct replica_read {
    struct bytes key;
    uint64_t target; /* not 0: what is held on behalf of this member id */
    bool digest_only;
    struct origin origin;
};

/* A put by a client. */
struct replica_mint {
    struct bytes key;
    struct bytes value;
    const struct version_vector *context; /* null exactly when blind */
    bool tombstone, blind;
    uint64_t waiter; /* comes back when a block has arrived */

    /* What came of it. */
    struct timestamp at;
    struct dot dot;
    uint64_t sequence;
    bool existed;
    struct buffer *object;        /* appended to: the object as it is now */
    struct buffer *context_after; /* appended to: what the client may claim to have seen */
};

enum mint_outcome {
    MINT_DONE,
    MINT_NEEDS_BLOCK,
    MINT_BUSY,
    MINT_FULL,     /* too many siblings: nothing was written */
    MINT_NO_SPACE, /* on the disk: nothing was written */
    MINT_CORRUPT,  /* what is held cannot be read: nothing was written */
    MINT_FAILED,
};

/* A job that waits for a block or for room. */
struct replica_job {
    uint64_t number;
    bool in_use, is_write, digest_only;
    struct buffer key, object;
    uint64_t target;
    struct origin origin;
    uint32_t next_free; /* index + 1 */
};

/* An answer that waits until a sequence number is safe. */
struct acknowledgement {
    uint64_t sequence;
    struct origin origin;
    bool durable_part; /* the second answer of a write that counts for W and for DW */
};

/* First in, first out: sequence numbers only grow. */
struct acknowledgement_queue {
    struct acknowledgement *items;
    size_t first, count, capacity; /* capacity is a power of two */
};

struct number_queue {
    uint64_t *items;
    size_t first, count, capacity;
};

struct replica_state {
    struct replica_job **jobs;
    uint32_t job_count, job_capacity, job_free, jobs_in_use;
    struct acknowledgement_queue written, durable;
    struct number_queue busy; /* who waits for room in the store, in order */
    uint64_t last_sequence;
};

void replica_write(struct node *node, const struct replica_write *write);
void replica_read(struct node *node, const struct replica_read *read);
MUST_USE enum mint_outcome replica_mint(struct node *node, struct replica_mint *mint);

/* Answers the origin of a write when this sequence number is safe: durable where it asks for that
 * or the sync policy has it so, else written. */
void replica_acknowledge(struct node *node, const struct origin *origin, uint64_t sequence);
/* Answers REQUEST origin `number` when the sequence number is safe as the sync policy has it, and
 * when `durable`, once more when it is durable. */
void replica_acknowledge_request(struct node *node, uint64_t number, uint64_t sequence,
                                 bool durable);
/* Gives the answers whose watermark was reached. */
void replica_settle_acknowledgements(struct node *node);
/* A block for this job has arrived, or there may be room again. */
void replica_wake(struct node *node, uint64_t number);
/* Puts a waiter at the end of the queue for room in the store. */
void replica_wait_for_room(struct node *node, uint64_t waiter);
bool replica_next_for_room(struct node *node, uint64_t *waiter);
/* Writes a batch and notes its sequence number. */
MUST_USE enum store_status replica_store_write(struct node *node, const struct store_batch *batch,
                                               uint64_t *sequence);
/* What a write is to be merged with: where the key may be lost, what older sources have, or nothing. Never STORE_CORRUPT. */
MUST_USE enum store_status replica_get(struct node *node, struct bytes entry, uint64_t waiter,
                                       struct bytes *value);
/* True when what may be lost of a key was given back by its other owners, whatever the store says of it. */
bool replica_has_all(const struct node *node, const struct placement *place);
/* Blind siblings supersede older ones wherever they meet. */
void replica_settle_object(struct object *object);

void replica_deinit(struct replica_state *replica);
void replica_queues_deinit(struct replica_state *replica);

#endif
