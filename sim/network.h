/* network: the connections between hosts, and what partitions, crashes and impatience do to them.
 *
 *     connect    A: connect ->                 B: accepted; accept ->          A: opened
 *                   (what A sends meanwhile waits until it is open)
 *     refused    A: connect ->                 B is down; reset ->             A: closed
 *     close      A: bytes, close ->            B: bytes, then closed
 *     killed     A's system: reset ->          B: bytes that were under way, then closed
 *     no power   A: nothing                    B notices when what it sends stays
 *                                              unacknowledged for the connection timeout, or
 *                                              when A's restarted system answers with a reset
 *     blocked    bytes wait; after the timeout each end that has waiting bytes gives up by itself.
 *                An end that sends nothing notices nothing: the connection is half open until then
 *
 * Bytes are acknowledged when they arrive and the way back is open. Blocking stops what has not
 * left; what is in flight arrives.
 */
#ifndef DUNLIN_SIM_NETWORK_H
#define DUNLIN_SIM_NETWORK_H

#include "engine/base/id_map.h"
#include "sim/connection.h"

enum {
    /* A program is told of a drained link when its bytes had to wait, or when as many as this went
     * out unnoticed: production does the same, for a word about each send would cost more than it
     * helps. */
    NETWORK_DRAINED_BYTES = 1 << 16,
    NETWORK_UNKNOWN_HOST_MICROSECONDS =
        1000, /* until a connect to a name that is not there fails */
};

#define NETWORK_NO_HOST UINT32_MAX /* the target of a connect to a name that nobody has */

/* What the network knows of a host. */
struct network_port {
    struct network_path **paths; /* to each host; null until first used */
    uint32_t path_count;
    struct id_map links; /* link id -> link_end, while known */
    uint64_t accepted;   /* links so far; numbers are never used again */
    bool powered;
    bool listening;
};

struct network {
    struct timeline *timeline;
    struct link_settings settings; /* of paths not used so far */
    struct duration connection_timeout;
    struct network_port *ports;
    uint32_t port_count;
    struct object_pool connections, segments;
    struct connection *first, *last;
};

void network_init(struct network *network, struct timeline *timeline,
                  const struct link_settings *settings, struct duration connection_timeout);
void network_deinit(struct network *network);
/* The next host, powered but not listening. */
void network_add_host(struct network *network);
/* Stays where it is until network_deinit(). */
struct network_path *network_path_between(struct network *network, uint32_t from, uint32_t to);

/* --- what programs ask for; `at` is when their step ends -------------------------------------- */

void network_connect(struct network *network, uint32_t host, struct link_id link, uint32_t target,
                     enum link_role role, struct instant at);
void network_send(struct network *network, uint32_t host, struct link_id link, struct bytes bytes,
                  struct instant at);
void network_close(struct network *network, uint32_t host, struct link_id link, struct instant at);

/* --- what happens ----------------------------------------------------------------------------- */

void network_process_started(struct network *network, uint32_t host);
void network_process_killed(struct network *network, uint32_t host);
void network_power_lost(struct network *network, uint32_t host);
void network_settings_changed(struct network *network);
void network_cut(struct network *network, uint32_t left, uint32_t right);
/* HAPPENING_ARRIVAL, _DRAIN, _PATIENCE and _DEATH. */
void network_perform(struct network *network, const struct happening *happening);

/* Whether the program may hear of this event; fills the event's link and role. After a closed link
 * the end is no longer known. */
MUST_USE bool network_take(struct network *network, const struct delivery *delivery,
                           struct event *event);

#endif
