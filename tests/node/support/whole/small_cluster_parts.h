/* small_cluster_parts: what a small_cluster is made of, for the files that make it up and nobody else.
 *
 *     small_cluster.c ----step----> small_links.c: connections, and the events that wait
 *            |                      small_disks.c: files in memory, written and durable
 *     small_clients.c: commands and replies          small_views.c: what a test may see of the nodes
 */
#ifndef DUNLIN_TESTS_SMALL_CLUSTER_PARTS_H
#define DUNLIN_TESTS_SMALL_CLUSTER_PARTS_H

#include "engine/base/prng.h"
#include "tests/node/support/whole/small_cluster.h"

enum { FILES_MAX = 512, CONNECTIONS_MAX = 4096, REPLIES_KEPT = 4 };

struct memory_file {
    bool exists, durable_exists;
    struct file_id file;
    struct buffer bytes, durable;
};

struct queued_event {
    struct event event;
    struct buffer bytes, remote;
    struct file_entry *files;
    uint32_t node, life;
    bool is_disk;
    enum effect_kind performed; /* of a disk operation */
    struct file_id file;
    uint64_t synced_size; /* of a sync: what the file held when it was asked for */
    uint32_t sender;      /* of link bytes: node, or none */
    struct queued_event *next;
};

struct connection {
    bool open;
    uint32_t ends[2]; /* nodes; NO_NODE for a client of the driver */
    uint32_t lives[2];
    struct link_id links[2];
};

static const uint32_t NO_NODE = UINT32_MAX;

struct small_node {
    struct node *node;
    struct node_config config;
    uint32_t life;
    uint64_t links_accepted;
    bool disk_is_held, disk_is_broken, memory_is_short;
    struct memory_file files[FILES_MAX], saved[FILES_MAX];
    char halt_reason[256];
    struct link_id client; /* of small_cluster_send() */
    struct buffer client_output;
};

struct small_cluster {
    struct small_cluster_options options;
    struct member_config members[SMALL_CLUSTER_NODES_MAX];
    struct keyspace_config keyspace;
    char names[SMALL_CLUSTER_NODES_MAX][4], addresses[SMALL_CLUSTER_NODES_MAX][12];
    struct small_node nodes[SMALL_CLUSTER_NODES_MAX];
    struct connection connections[CONNECTIONS_MAX];
    uint32_t connection_count;
    bool cut[SMALL_CLUSTER_NODES_MAX][SMALL_CLUSTER_NODES_MAX];
    bool stalled[SMALL_CLUSTER_NODES_MAX][SMALL_CLUSTER_NODES_MAX];
    struct queued_event *first, **last;
    struct instant now;
    bool cuts_bytes;
    struct prng prng;
    uint64_t entropy;
    char replies[REPLIES_KEPT][65536];
    uint32_t reply_count;
};

/* A new event at the end of the queue, for this life of the node. */
struct queued_event *small_queue_add(struct small_cluster *cluster, uint32_t node,
                                     enum event_kind kind);
/* The first event that need not wait; null when there is none. */
struct queued_event *small_queue_take(struct small_cluster *cluster);
void small_queue_free(struct queued_event *queued);

/* The open connection that has this link at this node; *end says which end. Null when there is none. */
struct connection *small_links_find(struct small_cluster *cluster, uint32_t node,
                                    struct link_id link, uint32_t *end);
void small_links_connect(struct small_cluster *cluster, uint32_t from, const struct effect *effect);
void small_links_send(struct small_cluster *cluster, uint32_t from, const struct effect *effect);
/* `closer`: the end that knows already; -1: neither. */
void small_links_close(struct small_cluster *cluster, struct connection *connection, int closer);
void small_links_close_all(struct small_cluster *cluster, uint32_t node);

void small_disk_perform(struct small_cluster *cluster, uint32_t node, const struct effect *effect);
/* Makes durable what a sync was asked for. */
void small_disk_finish_sync(struct small_node *small, const struct queued_event *queued);
void small_disk_crash(struct small_node *small, enum crash_mode mode);
void small_disk_free(struct small_node *small);

/* One event, or the next timeout up to `until`; false when nothing is left to do before it. */
bool small_cluster_advance(struct small_cluster *cluster, struct instant until);
/* All nodes serve, believe in each other and hold what they own. */
bool small_cluster_is_ready(struct small_cluster *cluster);

#endif
