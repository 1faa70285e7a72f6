/* host_internal: what the parts of the host share: the loop, the node, its links and its files. */
#ifndef DUNLIN_SERVER_HOST_INTERNAL_H
#define DUNLIN_SERVER_HOST_INTERNAL_H

#include "engine/base/id_map.h"
#include "server/host.h"
#include "server/store_directory.h"

#include <uv.h>

enum {
    HOST_READ_BYTES = 1 << 18,   /* taken from a socket at once */
    HOST_SETTLE_ROUNDS_MAX = 64, /* of completions that lead to further writes, in one turn */
    HOST_DRAINED_BYTES =
        1 << 16, /* telling the node of less than this would cost more than it helps */
};

/* A disk completion that waits for the end of the turn. */
struct host_completion {
    uint64_t ticket;
    enum disk_status status;
    struct buffer bytes; /* of a read */
};

struct host_link {
    uv_tcp_t socket; /* first: its address is the link's */
    struct host *host;
    struct link_id id;
    struct buffer output;  /* gathered in this turn */
    struct buffer writing; /* what libuv is still writing */
    uv_write_t write;
    uv_connect_t connect;
    bool connected;
    bool is_dirty; /* in the host's list of links to flush */
    bool is_writing;
    bool close_after_output;
    uint64_t undrained; /* bytes sent since the node was last told that they are gone */
    bool is_paused;     /* not read: the node has enough of it for now */
    bool is_closed;     /* uv_close() was called */
};

struct host {
    uv_loop_t loop;
    struct node *node;
    struct effects effects;
    struct store_directory directory;

    uv_tcp_t client_listener, peer_listener;
    uv_timer_t timer;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_signal_t terminate, interrupt;

    struct id_map links;
    uint64_t links_accepted;
    struct host_link **dirty;
    size_t dirty_count, dirty_capacity;
    struct link_id *paused;
    size_t paused_count, paused_capacity;
    uint8_t *read_buffer;

    struct host_completion *completions;
    size_t completion_count, completion_capacity;

    struct instant timer_due;
    bool halted;
    int exit_code;
};

/* Gives one event to the node, with the time filled in, and performs its effects. */
void host_step(struct host *host, struct event *event);

/* --- host_links.c */
MUST_USE bool host_listen(struct host *host, uv_tcp_t *listener, const char *address,
                          struct buffer *problem);
void host_connect(struct host *host, struct link_id id, struct bytes address);
void host_send(struct host *host, struct link_id id, struct bytes bytes);
void host_close_link(struct host *host, struct link_id id);
void host_flush_links(struct host *host);
void host_close_all_links(struct host *host);

/* --- host_files.c */
void host_perform_disk(struct host *host, const struct effect *effect);
/* Delivers the completions that are waiting; false when there were none. */
bool host_deliver_completions(struct host *host);
void host_close_files(struct host *host);

#endif
