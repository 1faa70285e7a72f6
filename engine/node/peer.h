/* peer: one other member: the link that this node dialled to it, the one that it accepted from it,
 * and what is under way between the two.
 *
 *     AWAY --dial--> DIALLING --opened, HELLO--> GREETING --WELCOME--> READY
 *       ^                                                                |
 *       +------------------ closed, refused, silent ---------------------+
 *
 * Requests go out on the dialled link, replies come back on it. When it closes, every request that
 * waits for this peer is told at once.
 */
#ifndef DUNLIN_NODE_PEER_H
#define DUNLIN_NODE_PEER_H

#include "engine/node/anti_entropy.h"
#include "engine/node/handoff.h"
#include "engine/node/node_link.h"

enum peer_phase { PEER_AWAY, PEER_DIALLING, PEER_GREETING, PEER_READY };

struct peer {
    uint32_t member;
    enum peer_phase phase;
    struct node_link *dialled;
    struct node_link *accepted;
    struct deadline timer; /* when to dial again, or to give up on a greeting or a silent link */
    uint64_t hint_count, hint_bytes;
    struct handoff handoff;
    struct exchange exchange;
    struct tree_reply tree_reply;
};

/* Dials all; when the node begins to serve. */
void peers_start(struct node *node);
void peer_on_timer(struct node *node, uint32_t member);
void peer_on_opened(struct node *node, struct node_link *link);
void peer_on_closed(struct node *node, struct node_link *link);
/* Bytes of a peer's link, dialled or accepted. */
void peer_receive(struct node *node, struct node_link *link, struct bytes bytes);
/* The failure detector gave it up: a link that hangs must not stand in the way of a new one. */
void peer_drop(struct node *node, uint32_t member);
/* Whether the member answers has changed. A link on which it does not, although it lives, may be half open: the other side
 * has forgotten it and nothing says so. After dead_after such a link is given up for a new one. */
void peer_watch(struct node *node, uint32_t member);

/* Worth sending a request to: alive, linked, and not behind on what it was sent. Not for self. */
bool peer_is_usable(struct node *node, uint32_t member);
/* Sends on the dialled link. False when there is none. */
bool peer_send(struct node *node, uint32_t member, struct peer_message *message);
/* Appends a frame that was encoded before. The peer must be usable. */
void peer_send_frame(struct node *node, uint32_t member, struct bytes frame);
/* Answers on the link that the request came by, if it is still there. */
void peer_reply(struct node *node, struct link_id link, struct peer_message *message);
void peer_deinit(struct peer *peer);

/* peer_dispatch.c: what is done with each kind of message. False: the link must be closed. */
MUST_USE bool peer_dispatch_request(struct node *node, struct node_link *link,
                                    const struct peer_message *message);
MUST_USE bool peer_dispatch_reply(struct node *node, struct node_link *link,
                                  const struct peer_message *message);

#endif
