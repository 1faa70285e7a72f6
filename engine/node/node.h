/* node: the one door of the engine.
 *
 *     event --> node_step() --> effects --> the host performs them --> event ...
 *
 * A node is a pure state machine. It holds no thread, clock, socket or file; whatever it knows of the world came in as an
 * event, whatever it does to the world goes out as an effect. The same events give the same effects, byte for byte.
 *
 *     struct node *node = node_create(&config);        // copies what it keeps of the configuration
 *     struct effects effects = {0};
 *     node_step(node, &start, &effects);               // EVENT_START first, once
 *     for (;;) { ... perform effects; wait for the next event or node_deadline(); node_step(...); }
 *     node_destroy(node);
 *
 * node_step() clears `effects` first: effects and their bytes live until the node's next step. After EFFECT_HALT no further
 * event may be given.
 */
#ifndef DUNLIN_NODE_NODE_H
#define DUNLIN_NODE_NODE_H

#include "engine/base/effect.h"
#include "engine/cluster/membership.h"
#include "engine/data/ring.h"
#include "engine/store/store.h"

enum { NODE_NAME_MAX = 63, NODE_KEYSPACES_MAX = 32, NODE_REPLICAS_MAX = 8 };

/* How a keyspace shows several siblings to GET. */
enum keyspace_siblings {
    KEYSPACE_WINNER /* the deterministic winner */,
    KEYSPACE_ERROR /* -SIBLINGS */
};

/* A keyspace is the keys that begin with its prefix (the longest prefix wins; the empty one is the default). */
struct keyspace_config {
    struct bytes name;
    struct bytes prefix;
    uint8_t n;      /* replicas, 1 to NODE_REPLICAS_MAX; fewer when the cluster has fewer hosts */
    uint8_t r, w;   /* replies that a read, acknowledgements that a write waits for: 1 to n */
    uint8_t dw;     /* of the w, how many must be durable; 0: as the sync policy has it */
    uint8_t pr, pw; /* of r and w, how many must come from the first n of the preference list */
    bool sloppy;    /* fallbacks with hints stand in for replicas that cannot be reached */
    bool
        strict; /* with r + w > n: a read that saw replicas differ repairs them before it answers */
    enum keyspace_siblings siblings;
};

struct member_config {
    struct bytes name;                   /* unique; the member id is hash64(name) */
    struct bytes address;                /* "host:port" of its peer port */
    struct bytes client_address;         /* "host:port" that CLUSTER SLOTS shows */
    struct bytes host, rack, datacentre; /* names; empty host: the member's name */
    uint32_t weight;
};

struct node_config {
    struct bytes cluster;  /* peers of another cluster are refused */
    struct bytes name;     /* which of the members this node is */
    struct bytes password; /* of clients (AUTH) and peers (HELLO); empty: none asked for */
    const struct member_config *members;
    uint32_t member_count;
    uint32_t partition_count; /* Q, a power of two; fixed at the cluster's birth */
    uint32_t vnodes;
    const struct keyspace_config *keyspaces; /* the default (empty prefix) is among them */
    uint32_t keyspace_count;

    struct duration request_timeout;
    struct duration
        hedge_after; /* a replica that has not answered by then is helped by another; 0: never */
    struct duration gossip_interval;
    struct duration suspect_after_min;
    struct duration dead_after;
    struct duration reconnect_after;
    struct duration handoff_interval;      /* 0: hints are kept but never delivered */
    struct duration anti_entropy_interval; /* 0: never */
    bool read_repair;

    uint64_t key_bytes_max, value_bytes_max;
    uint32_t requests_max; /* under way at once; more answer BUSY */
    uint32_t clients_max;
    uint32_t pipeline_max; /* commands of one client under way at once */
    uint64_t client_output_bytes_max, peer_output_bytes_max;
    uint64_t hint_bytes_max;

    struct store_config store;
    enum note_level note_level;
};

/* Fills every field but cluster, name, members and keyspaces with what a production node uses. */
void node_config_default(struct node_config *config);
/* n = 3, r = w = 2, sloppy, not strict, winner. */
struct keyspace_config keyspace_config_default(void);
/* True when the configuration makes sense; otherwise appends one sentence that names the setting and the reason. */
MUST_USE bool node_config_is_valid(const struct node_config *config, struct buffer *problem);

struct node;

/* The configuration must be valid. */
struct node *node_create(const struct node_config *config);
void node_destroy(struct node *node);
void node_step(struct node *node, const struct event *event, struct effects *effects);
struct instant node_deadline(const struct node *node);
/* False while bytes from this link would only pile up inside the node: the host may stop reading it, and asks again after
 * later steps. True for a link that the node does not know. */
bool node_wants_bytes(const struct node *node, struct link_id link);

/* --- for those who look without touching: operators, narration, oracles ------------------------------------------- */

enum node_phase { NODE_NEW, NODE_RECOVERING, NODE_SERVING, NODE_STOPPING, NODE_HALTED };
enum node_phase node_phase(const struct node *node);
const struct ring *node_ring(const struct node *node);
const struct store *node_store(const struct node *node);
const struct membership *node_membership(const struct node *node);
/* Members in ring order (sorted by id); index of this node. */
const struct member_config *node_member(const struct node *node, uint32_t index);
uint32_t node_self(const struct node *node);
/* The Merkle root of a partition as this node has it; 0 when empty. */
uint64_t node_partition_root(const struct node *node, uint16_t partition);
bool node_holds_partition(const struct node *node, uint16_t partition);
const struct keyspace_config *node_keyspace_of(const struct node *node, struct bytes key);

struct node_figures {
    uint64_t reads, writes, reads_failed, writes_failed, writes_in_doubt;
    uint64_t read_repairs, hints_pending, hints_stored, hints_delivered, hint_bytes;
    uint64_t tree_exchanges, tree_keys_synced;
    uint64_t requests_under_way, clients, siblings_created;
    uint64_t incarnation, actor;
    uint64_t checkpoint_at; /* wall time in milliseconds; 0: none in this life */
    bool checkpoint_is_made, checkpoint_failed;
    uint64_t partitions_not_held;    /* owned, but reads do not count here yet */
    uint64_t partitions_recounted;   /* after damage */
    uint64_t damages_beyond_healing; /* nobody else has all that they concern */
};
void node_figures(const struct node *node, struct node_figures *figures);

#endif
