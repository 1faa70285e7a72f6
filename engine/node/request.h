/* request: one operation that waits for somebody, and the pool that it lives in.
 *
 *                    +--> MINTING --+     (when its own disk is full: --> HANDED)
 *     FREE --------->+--> HANDED    +--> COLLECTING --> REPAIRING --> ANSWERED --> FREE
 *                    +--> READING   |         |                         ^
 *                    +--------------+         +-------------------------+
 *
 * Requests are numbered (kind, generation, index in the pool), so a reply finds its request without
 * a search, and a reply to a request that is gone finds nothing. A request that has answered its
 * client stays until every replica has answered or its deadline: that tail is what read repair and
 * hints live on. Tails are bounded too: the oldest ends early when there are too many.
 *
 *     struct request *request = request_acquire(node, REQUEST_PUT);   // null: overloaded
 *     request_move(node, request, REQUEST_COLLECTING);
 *     ... struct request *found = request_find(node, message->request);
 *     request_release(node, request);
 */
#ifndef DUNLIN_NODE_REQUEST_H
#define DUNLIN_NODE_REQUEST_H

#include "engine/base/deadlines.h"
#include "engine/node/operation.h"

enum request_kind { REQUEST_GET, REQUEST_PUT, REQUEST_HANDED_PUT, REQUEST_LOCAL, REQUEST_SCAN };

enum request_phase {
    REQUEST_FREE,
    REQUEST_READING,    /* of a local read or a scan: waits for a block */
    REQUEST_MINTING,    /* waits for a block, or for room in the store; nothing is written yet */
    REQUEST_HANDED,     /* a replica coordinates; its answer is awaited */
    REQUEST_COLLECTING, /* replicas were asked, too few have answered */
    REQUEST_REPAIRING,  /* a strict read: enough have answered, too few hold the result */
    REQUEST_ANSWERED,   /* the client has its answer, some replicas still owe theirs */
    REQUEST_PHASES,
};

enum slot_state { SLOT_UNASKED, SLOT_ASKED, SLOT_ANSWERED, SLOT_FAILED };

/* One member that a request deals with. Slots 0 to n - 1 are the first n of the preference list,
 * those behind them stand in for one of these. */
struct request_slot {
    uint16_t member;
    uint8_t stands_for; /* the slot whose work it does; its own index for the first n */
    bool has_stand_in;
    bool is_full; /* its disk has no space: nothing was done */
    enum slot_state state;
    uint32_t revision;        /* of a read: which revision of the merged object it held; 0 less */
    uint32_t repair_revision; /* of a read: which revision was last sent to it */
    uint8_t repairs_under_way;
};

enum { REQUEST_SLOTS_MAX = RING_LIST_MAX, REQUEST_KEPT_BYTES_MAX = 4096 };

struct keyspace;

struct request {
    uint64_t number; /* what replies and waiting reads carry */
    enum request_kind kind;
    enum request_phase phase;

    /* Who asked: a session by its tag, or a peer by its request number. */
    bool from_peer;
    struct link_id link;
    uint64_t tag;

    const struct keyspace *keyspace;
    const uint16_t *list; /* the preference list */
    uint16_t partition;
    uint8_t n, r, w, dw, pr, pw;
    bool self_is_owner, tombstone, blind, existed, hedged;
    bool awaits_own_durability; /* of a put whose DW this node counts for */

    uint8_t slot_count;
    uint8_t next_fallback; /* the place in the preference list to look at next */
    uint8_t answers, durable_answers, primary_answers;
    struct request_slot slots[REQUEST_SLOTS_MAX];
    uint32_t revision; /* of a read: raised whenever the merged object grows */

    struct deadline timer;
    struct instant expires;
    uint32_t tail_previous, tail_next; /* indexes + 1 of the neighbours among answered requests */
    uint32_t next_free;

    struct dot dot;
    struct buffer key;
    struct buffer value;   /* of a put that waits */
    struct buffer context; /* encoded: of a put that waits, then of its result */
    bool has_context;
    struct buffer object; /* encoded: what is written, or what was merged so far */
    uint64_t cursor;      /* of a scan */
    uint32_t wanted, found;
};

enum { REQUEST_CHUNK = 64 };

/* The zero value is an empty pool. */
struct request_pool {
    struct request **chunks;
    uint32_t chunk_count, chunk_capacity;
    uint32_t free_first; /* index + 1 */
    uint32_t under_way;  /* not yet answered */
    uint32_t tails;
    uint32_t tail_first, tail_last; /* indexes + 1, oldest first */
};

/* Null when requests_max are under way. */
struct request *request_acquire(struct node *node, enum request_kind kind);
void request_release(struct node *node, struct request *request);
/* Null when the number belongs to a request that is gone. */
struct request *request_find(struct node *node, uint64_t number);
void request_move(struct node *node, struct request *request, enum request_phase phase);
/* For walks over all: null for a free place. */
struct request *request_at(struct node *node, uint32_t index);
uint32_t request_capacity(const struct node *node);
/* The oldest answered request, when there are more of them than there may be; else null. */
struct request *request_surplus_tail(struct node *node);
/* Sets the deadline from now on, and the hedge before it. */
void request_start_timer(struct node *node, struct request *request, struct duration timeout);

/* The slot in which this member was asked and has not answered; null when there is none. */
struct request_slot *request_asked_slot(struct request *request, uint32_t member);
bool request_slot_is_primary(const struct request *request, const struct request_slot *slot);
uint32_t request_asked_count(const struct request *request);

void request_pool_deinit(struct request_pool *pool);

#endif
