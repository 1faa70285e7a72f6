/* host: one node on real sockets and files, on a libuv loop.
 *
 *      libuv poll: bytes, connects, timers --> node_step() --> effects
 *                                                               |
 *      sends are gathered per link, log writes are done at once, |  their completions and all sends
 * are delivered reads and syncs go to the thread pool                     v  once per turn of the
 * loop (host_settle)
 *
 * Gathering is what makes the server fast: with many clients, one turn of the loop takes requests
 * from all of them, and then makes one log write, one send per peer and one send per client.
 *
 *     struct host *host = host_create(&options);     // null with a sentence in `problem`
 *     int code = host_run(host);                     // until SIGTERM, SIGINT or a failure
 *     host_destroy(host);
 */
#ifndef DUNLIN_SERVER_HOST_H
#define DUNLIN_SERVER_HOST_H

#include "engine/node/node.h"

struct host_options {
    const struct node_config *node;
    const char *directory;      /* created when it does not exist */
    const char *client_address; /* "host:port" to listen on for clients */
    const char *peer_address;   /* "host:port" to listen on for peers */
};

struct host;

struct host *host_create(const struct host_options *options, struct buffer *problem);
/* 0 after a graceful stop, 1 when the node halted for another reason. */
int host_run(struct host *host);
void host_destroy(struct host *host);

#endif
