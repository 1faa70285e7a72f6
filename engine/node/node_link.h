/* node_link: the links of a node, what has arrived on them and what waits to go out.
 *
 *     bytes in  --> input (only what is left of a half-received frame)
 *     bytes out <-- output: everything appended during a step leaves as one EFFECT_SEND at its end
 *
 * A link that was closed in a step lives until the next one, because the effects borrow its output.
 */
#ifndef DUNLIN_NODE_NODE_LINK_H
#define DUNLIN_NODE_NODE_LINK_H

#include "engine/base/id_map.h"
#include "engine/node/session.h"

enum {
    LINK_MEMBER_NONE = 0xffff,      /* more than members there can be */
    LINK_EARLY_BYTES_MAX = 1 << 20, /* what a link may send while the node still recovers */
    LINK_OUTPUT_KEPT_MAX = 1 << 20, /* an output buffer that grew larger is given back */
};

struct node_link {
    struct link_id id;
    enum link_role role;
    bool dialled; /* by this node */
    bool greeted; /* of a peer link: HELLO or WELCOME was accepted */
    bool closing, dirty;
    uint32_t member; /* of a peer link, once known */
    struct session *session;
    struct buffer input, output, remote;
    uint64_t queued; /* bytes given to the host since it last said that all had left */
};

struct link_list {
    struct node_link **items;
    size_t count, capacity;
};

/* The zero value is an empty table. */
struct link_table {
    struct id_map by_id;
    struct link_list ordered; /* all links, by number */
    struct link_list dirty;   /* to be flushed at the end of this step */
    struct link_list sent;    /* whose output the last step's effects borrow */
    struct link_list doomed;  /* to be freed when the next step begins */
    uint64_t next_dialled;
    uint32_t client_count;
};

struct node_link *link_add(struct node *node, struct link_id id, enum link_role role);
/* Asks the host for a link to a peer. */
struct node_link *link_dial(struct node *node, uint32_t member, struct bytes address);
/* Null when it is closed or closing. */
struct node_link *link_find(const struct node *node, struct link_id id);
/* Where to append; the link will be flushed at the end of the step. */
struct buffer *link_output(struct node *node, struct node_link *link);
/* Closes at the end of the step, after what was appended so far. */
void link_close(struct node *node, struct node_link *link);
/* The host said that it is closed: forgets it at once. */
void link_forget(struct node *node, struct node_link *link);

/* At the beginning and at the end of a step. */
void links_reclaim(struct node *node);
void links_flush(struct node *node);
/* For walks over all in order of their numbers; null past the end. */
struct node_link *link_at(const struct node *node, size_t position);
/* The first link whose number is greater; the count when there is none. */
size_t link_position_after(const struct node *node, struct link_id id);
void links_deinit(struct node *node);

#endif
