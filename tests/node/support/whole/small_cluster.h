/* small_cluster: a few nodes in one process, on instant links and disks in memory, for transcripts.
 *
 *     struct small_cluster *cluster = small_cluster_create(&options);
 *     small_cluster_start_all(cluster);
 *     assert_string_equal(small_cluster_ask(cluster, 0, "SET", "k", "v", NULL), "+OK");
 *     small_cluster_crash(cluster, 1, LOSE_UNSYNCED);
 *     small_cluster_run(cluster, duration_of_seconds(5));
 *     small_cluster_destroy(cluster);
 *
 * Time stands still unless small_cluster_run() or an answer that is waited for moves it. Replies are
 * shown as text: +OK, -ERR ..., :3, a bulk string as it is, nil as (nil), arrays as [a, b].
 */
#ifndef DUNLIN_TESTS_SMALL_CLUSTER_H
#define DUNLIN_TESTS_SMALL_CLUSTER_H

#include "engine/node/node.h"

enum { SMALL_CLUSTER_NODES_MAX = 8 };

enum crash_mode { KEEP_WRITTEN, LOSE_UNSYNCED, LOSE_DISK };

struct small_cluster_options {
    uint32_t nodes;
    uint8_t n, r, w;
    bool sloppy, strict;
    enum store_sync sync;
    /* When set, changes a node's configuration before the node is created. */
    void (*configure)(struct node_config *config);
};

struct small_cluster;

struct small_cluster *small_cluster_create(const struct small_cluster_options *options);
void small_cluster_destroy(struct small_cluster *cluster);

void small_cluster_start(struct small_cluster *cluster, uint32_t node);
/* Starts all and waits until they serve, are linked and hold what they own. */
void small_cluster_start_all(struct small_cluster *cluster);
void small_cluster_crash(struct small_cluster *cluster, uint32_t node, enum crash_mode mode);
/* EVENT_STOP, and runs until it has halted. */
void small_cluster_stop(struct small_cluster *cluster, uint32_t node);
/* Keeps the disk as it is now, and puts it back later. The node must be down for the latter. */
void small_cluster_save_disk(struct small_cluster *cluster, uint32_t node);
/* Both must be down. */
void small_cluster_swap_disks(struct small_cluster *cluster, uint32_t left, uint32_t right);
void small_cluster_restore_disk(struct small_cluster *cluster, uint32_t node);

/* Open links between the two close, and none opens, until they are joined again. */
void small_cluster_cut(struct small_cluster *cluster, uint32_t left, uint32_t right);
void small_cluster_join(struct small_cluster *cluster, uint32_t left, uint32_t right);
/* Bytes from one to the other wait, and nobody is told, until the stall is over. */
void small_cluster_stall(struct small_cluster *cluster, uint32_t from, uint32_t to, bool stalled);
/* Disk operations of the node wait until released. */
void small_cluster_hold_disk(struct small_cluster *cluster, uint32_t node, bool held);
/* Flips a bit in every `distance` bytes of the node's files of this kind, from `from` on. Returns how many files there were. */
uint32_t small_cluster_damage(struct small_cluster *cluster, uint32_t node, enum file_kind kind,
                              size_t from, size_t distance);
/* Whether the node's host has used up what memory it had in reserve. */
void small_cluster_short_of_memory(struct small_cluster *cluster, uint32_t node, bool is_short);
/* Every disk write of the node fails from now on. */
void small_cluster_break_disk(struct small_cluster *cluster, uint32_t node);

/* From now on bytes are delivered in pieces of random size. */
void small_cluster_cut_bytes(struct small_cluster *cluster, uint64_t seed);

void small_cluster_run(struct small_cluster *cluster, struct duration duration);
/* Delivers so many events, or fewer when none is left. Time does not pass. */
void small_cluster_run_events(struct small_cluster *cluster, uint32_t count);

/* Sends a command (words, then a null) on a connection of its own, and waits for the reply.
 * The text is valid until the next call but three. */
const char *small_cluster_ask(struct small_cluster *cluster, uint32_t node, ...);
/* The same without waiting; take the reply later. */
void small_cluster_send(struct small_cluster *cluster, uint32_t node, ...);
const char *small_cluster_reply(struct small_cluster *cluster, uint32_t node);
/* The first element of an array reply: DGET's context. */
const char *small_cluster_context(struct small_cluster *cluster, uint32_t node, const char *key);
/* Everything behind the context, as text: "[a, b]". */
const char *small_cluster_values(struct small_cluster *cluster, uint32_t node, const char *key);

/* A link of the driver's own, and bytes on it; what the node answers is thrown away. */
struct link_id small_cluster_open(struct small_cluster *cluster, uint32_t node,
                                  enum link_role role);
void small_cluster_send_raw(struct small_cluster *cluster, uint32_t node, struct link_id link,
                            struct bytes bytes);
/* False once the node has closed it. */
bool small_cluster_is_open(struct small_cluster *cluster, uint32_t node, struct link_id link);

/* True when `node` believes that `other` is worth a request. */
bool small_cluster_believes_in(struct small_cluster *cluster, uint32_t node, uint32_t other);

struct node *small_cluster_node(struct small_cluster *cluster, uint32_t node);
/* The node with this place in the key's preference list. */
uint32_t small_cluster_owner(struct small_cluster *cluster, const char *key, uint32_t place);
/* True when all running nodes have equal roots for every partition that they share. */
bool small_cluster_has_converged(struct small_cluster *cluster);
struct node_figures small_cluster_figures(struct small_cluster *cluster, uint32_t node);
/* Why it halted; empty while it has not. */
const char *small_cluster_halt_reason(struct small_cluster *cluster, uint32_t node);

#endif
