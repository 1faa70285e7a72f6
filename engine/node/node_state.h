/* node_state: what a node consists of. Only engine/node looks inside. */
#ifndef DUNLIN_NODE_NODE_STATE_H
#define DUNLIN_NODE_NODE_STATE_H

#include "engine/base/arena.h"
#include "engine/base/deadlines.h"
#include "engine/base/prng.h"
#include "engine/node/coordinator.h"
#include "engine/node/healing.h"
#include "engine/node/held.h"
#include "engine/node/node_checkpoint.h"
#include "engine/node/node_start.h"
#include "engine/node/peer.h"
#include "engine/node/replica.h"

/* The highest byte of every number that this node gives away: to a peer with a request, to the
 * store with a read. It says whom the answer is for. */
enum number_kind {
    NUMBER_NOBODY = 0,
    NUMBER_REQUEST = 1,  /* generation 28 | index 28 */
    NUMBER_JOB = 2,      /* generation 28 | index 28 */
    NUMBER_EXCHANGE = 3, /* generation 24 | member 16 | window place 16 */
    NUMBER_HANDOFF = 4,
    NUMBER_TREE_REPLY = 5,
    NUMBER_START = 6,
    NUMBER_HEALING = 7,
};
enum { NUMBER_INDEX_BITS = 28, NUMBER_PLACE_NONE = 0xffff };

static inline enum number_kind number_kind(uint64_t number) {
    return (enum number_kind)(number >> 56);
}
static inline uint64_t number_of_pool(enum number_kind kind, uint64_t generation, uint32_t index) {
    return (uint64_t)kind << 56 | (generation & 0xfffffff) << NUMBER_INDEX_BITS | index;
}
static inline uint32_t number_index(uint64_t number) {
    return (uint32_t)(number & ((1u << NUMBER_INDEX_BITS) - 1));
}
static inline uint64_t number_of_member(enum number_kind kind, uint32_t generation, uint32_t member,
                                        uint32_t place) {
    return (uint64_t)kind << 56 | (uint64_t)(generation & 0xffffff) << 32 | (uint64_t)member << 16 |
           place;
}
static inline uint32_t number_member(uint64_t number) {
    return (uint32_t)(number >> 16) & 0xffff;
}
static inline uint32_t number_place(uint64_t number) {
    return (uint32_t)number & 0xffff;
}
static inline uint32_t number_generation(uint64_t number) {
    return (uint32_t)(number >> 32) & 0xffffff;
}

enum timer_kind {
    TIMER_REQUEST,
    TIMER_PEER,
    TIMER_HANDOFF,
    TIMER_EXCHANGE,
    TIMER_EXCHANGE_SLICE,
    TIMER_STOP,
    TIMER_HEALING,
};

struct keyspace {
    struct keyspace_config config;
    uint8_t n; /* as far as the cluster has hosts */
};

struct node {
    struct arena memory; /* for what is copied of the configuration */
    struct node_config config;
    struct member_config *members; /* sorted by id */
    uint64_t *member_ids;
    uint32_t self;
    struct keyspace keyspaces[NODE_KEYSPACES_MAX]; /* longest prefix first */
    uint32_t keyspace_count;
    uint8_t n_most;            /* the largest n of all keyspaces */
    uint8_t n_most_configured; /* the same, however many hosts there are */
    uint32_t class_mask;       /* which n there are: bit n - 1 */
    struct ring ring;

    enum node_phase phase;
    struct node_start start;
    struct instant now, started_at;
    struct wall_time wall;
    bool memory_is_short;    /* as the last event said: no write is taken in */
    struct effects *effects; /* of the step that is under way */
    bool close_began;
    struct deadline stop_timer;

    struct store *store;
    struct membership *membership;
    struct logical_clock clock;
    struct prng prng;
    uint64_t entropy, actor, incarnation;
    struct deadlines deadlines;

    struct link_table links;
    struct peer *peers; /* by member index; the one at self is unused */
    struct request_pool requests;
    struct replica_state replica;
    struct held held;
    struct node_checkpoint checkpoint;
    struct healing healing;
    uint64_t hint_count, hint_bytes;

    /* Room for what a call works on; nothing here outlives the call. */
    struct object local, received;
    struct version_vector vector;
    struct buffer frame, encoded, entry, line;
    struct bytes *scan_keys;
    size_t scan_key_capacity;

    struct node_figures figures;
};

static inline bool is_self(const struct node *node, uint32_t member) {
    return member == node->self;
}

/* The tally that counts a key: a Merkle leaf per (n, partition, leaf). */
static inline uint32_t tally_of(const struct node *node, const struct placement *place) {
    uint32_t tree =
        (uint32_t)(place->keyspace->config.n - 1) * node->config.partition_count + place->partition;
    return tree * STORE_TALLIES_PER_PAGE + place->leaf;
}

/* node_services.c: the member with this id; LINK_MEMBER_NONE when there is none. */
uint32_t node_member_of_id(const struct node *node, uint64_t id);
/* node.c: continues whatever waited for this number. */
void node_wake(struct node *node, uint64_t number);
/* node.c: says why, answers whoever waits, and halts. */
void node_fail(struct node *node, struct bytes why);
/* Bytes of one entry in the store, as the bound on hints counts them. */
static inline uint64_t hint_size(struct bytes entry, struct bytes value) {
    return entry.size + value.size;
}

#endif
