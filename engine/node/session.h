/* session: one client's connection: RESP in, replies out, in order.
 *
 *     bytes --> resp parser --> command table --> operation(s) --> node_submit
 *                                                                      |
 *     bytes <-- replies, strictly in the order of the commands <-- session_complete
 *
 * Pipelined commands run side by side up to pipeline_max, except that a command waits for an earlier one of the same session
 * that touches the same key when either writes (so SET k, GET k in one pipeline reads what it wrote). What one client
 * sends can never harm another: every limit has its error, and a protocol error closes only this link.
 */
#ifndef DUNLIN_NODE_SESSION_H
#define DUNLIN_NODE_SESSION_H

#include "engine/node/operation.h"

struct session;

struct session *session_create(struct node *node, struct link_id link, struct bytes remote);
void session_destroy(struct session *session);
/* Takes bytes from the link; may submit operations, append replies and close the link. */
void session_receive(struct session *session, struct bytes bytes);
void session_complete(struct session *session, uint64_t tag, const struct operation_result *result);
/* The host's queue for this link is empty again: go on reading commands if output had grown too large. */
void session_drained(struct session *session);
/* False while more bytes would only wait: replies are not taken, or the pipeline is full, and enough requests to go on with
 * are here. A host that can stop reading a link does so then; a client whose host goes on loses its link at a further bound. */
bool session_wants_bytes(const struct session *session);

#endif
