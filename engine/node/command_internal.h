/* command_internal: what the session calls, and what the files of commands share.
 *
 *     command_may_run --> command_footprint --> command_run --> command_complete (0 or more times)
 *
 * Each file has one kind of command: command_string.c single keys, command_multi.c many keys, command_causal.c contexts,
 * command_scan.c, and for those that answer at once command_connection.c, command_client.c, command_cluster.c,
 * command_info.c, command_server.c, command_catalogue.c.
 */
#ifndef DUNLIN_NODE_COMMAND_INTERNAL_H
#define DUNLIN_NODE_COMMAND_INTERNAL_H

#include "engine/base/text.h"
#include "engine/node/session_internal.h"

/* --- command_run.c: for the session -------------------------------------------------------------------------------- */

/* False when the call cannot run at all: then `problem` is its whole reply. call->command may be null. */
bool command_may_run(const struct session *session, const struct call *call,
                     struct buffer *problem);
void command_footprint(const struct call *call, struct footprint *footprint);
void command_run(struct session *session, const struct call *call);
void command_complete(struct session *session, uint64_t sequence, uint32_t index,
                      const struct operation_result *result);
/* The reply to a request that exceeded a limit and was never buffered. */
void command_put_refusal(struct buffer *out, const struct session *session,
                         enum resp_refusal refusal);

/* --- command_reply.c: replies that several commands share ------------------------------------------------------------ */

/* The error for a status that is not OPERATION_OK. */
void command_put_failure(struct buffer *out, enum operation_status status, const char *reason,
                         bool writes);
void command_put_siblings_error(struct buffer *out, uint32_t count);
/* "wrong number of arguments for 'client|setname' command" */
void command_put_arity_error(struct buffer *out, const struct call *call, bool has_subcommand);
void command_put_unknown_subcommand(struct buffer *out, const struct call *call);

enum command_visible { COMMAND_SEES_NOTHING, COMMAND_SEES_VALUE, COMMAND_SEES_SIBLINGS };
/* What a client that knows nothing of siblings sees of an object. */
enum command_visible command_visible_value(const struct object *object,
                                           enum keyspace_siblings siblings, struct bytes *value);
static inline bool command_word_is(struct bytes word, const char *name) {
    return word.size > 0 && word.size == strlen(name) && text_equal_ignoring_case(word, name);
}
/* Replicas whose acknowledgement a write to this key waits for, when nothing else was asked for. */
uint8_t command_copies_of_write(const struct session *session, struct bytes key);
/* A write has been acknowledged by this many replicas: WAIT wants to know. */
void command_note_write(struct session *session, uint8_t copies);

/* --- commands with operations ---------------------------------------------------------------------------------------- */

void command_string_run(struct session *session, const struct call *call);
void command_string_complete(struct session *session, struct reply_slot *slot,
                             const struct operation_result *result);
void command_multi_run(struct session *session, const struct call *call);
void command_multi_complete(struct session *session, uint64_t sequence, uint32_t index,
                            const struct operation_result *result);
void command_causal_run(struct session *session, const struct call *call);
void command_causal_complete(struct session *session, struct reply_slot *slot,
                             const struct operation_result *result);
void command_scan_run(struct session *session, const struct call *call);
void command_scan_complete(struct session *session, struct reply_slot *slot,
                           const struct operation_result *result);

void command_checkpoint_run(struct session *session, const struct call *call);
void command_checkpoint_complete(struct session *session, struct reply_slot *slot,
                                 const struct operation_result *result);

/* --- commands that answer at once ------------------------------------------------------------------------------------ */

void command_ping(struct session *session, const struct call *call, struct buffer *out);
void command_auth(struct session *session, const struct call *call, struct buffer *out);
void command_hello(struct session *session, const struct call *call, struct buffer *out);
void command_select(const struct call *call, struct buffer *out);
void command_reset(struct session *session, struct buffer *out);
void command_client(struct session *session, const struct call *call, struct buffer *out);
void command_cluster(struct session *session, const struct call *call, struct buffer *out);
void command_info(struct session *session, const struct call *call, struct buffer *out);
void command_config(struct session *session, const struct call *call, struct buffer *out);
void command_catalogue(struct session *session, const struct call *call, struct buffer *out);
void command_dbsize(struct session *session, struct buffer *out);
void command_lastsave(struct session *session, struct buffer *out);
void command_time(struct session *session, struct buffer *out);
void command_wait(struct session *session, const struct call *call, struct buffer *out);
/* True for a name that clients may give themselves: printable, without blanks, not too long. */
bool command_name_is_valid(struct bytes name);
/* The node id that Redis tools expect: 40 hexadecimal digits, always the same for one member id. */
void command_append_node_id(struct buffer *to, uint64_t member_id);

#endif
