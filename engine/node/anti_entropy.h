/* anti_entropy: finds what two replicas hold differently, and merges it both ways.
 *
 *     initiator                                   responder
 *     ROOTS   (tree, root) of all that both share ------>
 *             <------ BRANCHES: 16 digests of each tree whose root differs
 *     LEAVES  16 digests of each branch that differs --->
 *             <------ KEYS: (key, digest) of each leaf that differs, in pages
 *     SYNC    one key: my object, or nothing ------------>  merges it
 *             <------ SYNC_REPLY: the merged object, when mine was less
 *
 * A tree belongs to a partition and to a number of replicas: keyspaces with different n share
 * partitions but not owners, so a digest over all keys of a partition would differ for ever between
 * two members that own different subsets. Position of a tree: (n - 1) << 14 | partition; of a
 * branch: tree << 4 | branch; of a leaf: tree << 8 | leaf.
 *
 * KEYS payload: (position u32, key, digest u64)*, where an entry with digest 0 and an empty key
 * opens a leaf. A page that ends early carries PEER_FLAG_MORE, and the initiator goes on with LEAVES
 * that carries PEER_FLAG_MORE and the last key it has seen of its first leaf.
 *
 * Source: DeCandia et al., "Dynamo", SOSP 2007, section 4.7.
 */
#ifndef DUNLIN_NODE_ANTI_ENTROPY_H
#define DUNLIN_NODE_ANTI_ENTROPY_H

#include "engine/base/deadlines.h"
#include "engine/cluster/peer_message.h"
#include "engine/data/merkle.h"

struct node;

enum {
    EXCHANGE_WINDOW = 16,       /* keys under way at once */
    EXCHANGE_TREES_MAX = 256,   /* in one ROOTS: the branches of all must fit in one answer */
    EXCHANGE_BRANCHES_MAX = 32, /* in one LEAVES */
    EXCHANGE_LEAVES_MAX = EXCHANGE_BRANCHES_MAX * MERKLE_LEAVES_PER_BRANCH,
    EXCHANGE_PAGE_BYTES = 64 * 1024,
    EXCHANGE_PAGE_KEYS = 512,
    EXCHANGE_SLICE = 256, /* keys compared in one step */
    TREE_PARTITION_BITS = 14,
};

enum exchange_phase {
    EXCHANGE_IDLE,
    EXCHANGE_ROOTS,     /* BRANCHES are awaited */
    EXCHANGE_LEAVES,    /* KEYS are awaited */
    EXCHANGE_COMPARING, /* walks one page of KEYS along its own keys */
    EXCHANGE_DRAINING,  /* everything was compared, some keys are still under way */
};

struct exchange_sync {
    bool in_use;
    bool merging; /* the reply came, and its object is being merged here */
    struct buffer key;
};

struct tree_entry {
    uint32_t position;
    struct bytes key; /* borrowed from the page */
    uint64_t digest;
    bool opens_leaf;
};

struct exchange {
    enum exchange_phase phase;
    uint32_t generation; /* replies to an earlier message are told apart by it */
    struct deadline timer;
    struct deadline slice_timer; /* a comparison that is more than one step's work */
    bool eager;                  /* to learn what this node should hold */

    uint32_t *trees; /* all that this exchange is about */
    uint32_t tree_count, tree_capacity;
    uint32_t tree_next, tree_batch;
    uint32_t *branches; /* that differ, of the present batch */
    uint32_t branch_count, branch_capacity, branch_next;

    uint32_t leaves[EXCHANGE_LEAVES_MAX]; /* positions in the last LEAVES */
    uint32_t leaf_count;

    struct buffer page;
    struct reader reader; /* over the page */
    bool page_has_more;
    struct tree_entry theirs;
    bool has_theirs;
    bool leaf_is_open;
    uint32_t leaf;
    struct buffer cursor; /* the last own entry that was compared, or the leaf's prefix */
    bool cursor_is_taken;
    struct buffer last_key; /* of the open leaf, in the last page */

    struct exchange_sync syncs[EXCHANGE_WINDOW];
    uint32_t in_flight;
    uint64_t synced;
};

/* What this node still owes a peer that asked for keys: at most one page at a time. */
struct tree_reply {
    bool in_use;
    uint64_t link;
    uint64_t request;
    uint32_t generation;
    uint32_t leaves[EXCHANGE_LEAVES_MAX];
    uint32_t leaf_count, leaf_next;
    bool leaf_is_open;
    struct buffer cursor;
    bool cursor_is_taken;
    struct buffer payload;
    uint32_t keys;
};

/* --- initiator (anti_entropy.c, anti_entropy_compare.c) */

/* The peer became usable. */
void exchange_kick(struct node *node, uint32_t member);
void exchange_on_timer(struct node *node, uint32_t member);
void exchange_on_branches(struct node *node, uint32_t member, const struct peer_message *message);
void exchange_on_keys(struct node *node, uint32_t member, const struct peer_message *message);
void exchange_on_sync_reply(struct node *node, uint32_t member, const struct peer_message *message);
/* An object that came back was merged into the store; false when it could not be. */
void exchange_on_merged(struct node *node, uint64_t number, bool merged);
/* Goes on with a comparison that is more than one step's work. */
void exchange_continue(struct node *node, uint32_t member);
void exchange_wake(struct node *node, uint64_t waiter);
void exchange_stop(struct node *node, uint32_t member);
void exchange_deinit(struct exchange *exchange);
/* Shared by the two files of the initiator. */
void exchange_fail(struct node *node, uint32_t member);
void exchange_touch(struct node *node, uint32_t member);
void exchange_next_leaves(struct node *node, uint32_t member);
void exchange_more_keys(struct node *node, uint32_t member);
void exchange_compare(struct node *node, uint32_t member);

/* --- responder (anti_entropy_reply.c) */

void tree_reply_roots(struct node *node, uint32_t member, uint64_t link,
                      const struct peer_message *message);
void tree_reply_leaves(struct node *node, uint32_t member, uint64_t link,
                       const struct peer_message *message);
void tree_reply_wake(struct node *node, uint64_t waiter);
void tree_reply_stop(struct node *node, uint32_t member);
void tree_reply_deinit(struct tree_reply *reply);

/* --- both */

bool tree_is_valid(const struct node *node, uint32_t tree);
const uint64_t *tree_leaves(const struct node *node, uint32_t tree);
/* True when the key belongs to the tree's class of keyspaces. */
bool tree_has_key(const struct node *node, uint32_t tree, struct bytes key);

#endif
