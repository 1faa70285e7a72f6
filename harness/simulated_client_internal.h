/* simulated_client_internal: what the parts of a simulated client share.
 *
*     simulated_client.c            links, timers, the order of things
 *     simulated_client_draw.c       what to do next: action, key, node, size
 *     simulated_client_requests.c   commands out, replies in, and what the history is told
 */
#ifndef DUNLIN_HARNESS_SIMULATED_CLIENT_INTERNAL_H
#define DUNLIN_HARNESS_SIMULATED_CLIENT_INTERNAL_H

#include "engine/base/event.h"
#include "harness/simulated_client.h"

enum client_phase { CLIENT_IDLE, CLIENT_CONNECTING, CLIENT_READING, CLIENT_WRITING };
enum client_link_state { CLIENT_LINK_NONE, CLIENT_LINK_CONNECTING, CLIENT_LINK_OPEN };

/* What a client last learned of a key; direct-mapped by key. */
enum { KNOWN_CONTEXTS = 64 };
struct known_context {
    uint32_t key_and_one;
    struct buffer context;
    struct id_set seen;
};

struct client_link {
    enum client_link_state state;
    struct link_id id;
    struct buffer input;
};

struct client {
    struct client_setup *setup;
    const struct client_group *group;
    struct history *history;
    struct prng prng;
    uint64_t links_made;
    struct client_link links[SCENARIO_NODES_MAX];
    uint32_t node; /* the one that it speaks to, an index into the setup's nodes */

    enum client_phase phase;
    struct instant zero;      /* what its clock said when the world began */
    struct instant due;       /* of the next operation, or of this one's end */
    struct instant scheduled; /* when the last one was to begin: at a rate, gaps count from there */
    enum client_action action;
    uint32_t key, retries_left, sequence;
    struct read_record read;
    uint32_t write; /* id of the write under way */
    struct id_set seen;
    struct buffer context; /* that the write will carry */
    struct buffer scratch, command;
    struct id_set ids; /* of the last reply */
    struct known_context known[KNOWN_CONTEXTS];
};

/* --- simulated_client_draw.c ------------------------------------------------------------------------------------------------- */

void client_draw_operation(struct client *client);
/* When the next operation begins, seen from `now`. */
struct instant client_draw_due(struct client *client, struct instant now);
void client_change_node(struct client *client);
uint32_t client_draw_value_size(struct client *client);

/* --- simulated_client_requests.c --------------------------------------------------------------------------------------------- */

/* The link to the client's node is open: sends the operation's first command. */
void client_send_first(struct client *client, struct effects *effects);
/* Takes one whole reply. True when the operation is over; `failed` then says whether it may be tried again. */
bool client_take_reply(struct client *client, struct bytes reply, struct effects *effects,
                       bool *failed);
/* The link broke or the time is over. */
void client_give_up(struct client *client);
struct known_context *client_known(struct client *client, uint32_t key);

#endif
