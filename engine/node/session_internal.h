/* session_internal: what the commands see of a session.
 *
 *     OPEN --QUIT or a protocol error--> CLOSING --last reply has gone out--> CLOSED
 *
 * A reply is written between session_open_reply() and session_close_reply(), with nothing submitted in between. At the
 * head of the queue it goes straight into the link's output; behind a command that is still under way it waits in its
 * slot.
 */
#ifndef DUNLIN_NODE_SESSION_INTERNAL_H
#define DUNLIN_NODE_SESSION_INTERNAL_H

#include "engine/node/reply_queue.h"
#include "engine/node/resp.h"
#include "engine/node/resp_parser.h"
#include "engine/node/session.h"

enum {
    SESSION_ARGUMENTS_MAX = 65536, /* words of one request */
    SESSION_REQUEST_VALUES = 4,    /* a request may hold this many values of the greatest size */
    SESSION_STRANGER_ARGUMENTS_MAX = 16, /* before the password: HELLO needs 7 */
    SESSION_STRANGER_BYTES_MAX = 16 << 10,
    SESSION_REQUEST_BYTES_MIN = 256 << 10,
    SESSION_INPUT_EXTRA = 16 << 20, /* requests that wait may hold this much beyond one request */
    SESSION_INPUT_KEPT = 64 << 10,  /* an input buffer that grew beyond this is freed when empty */
    SESSION_OUTPUT_MIN = 128 << 10, /* less than a host tells the draining of would never drain */
    SESSION_NAME_MAX = 64,          /* of what a client calls itself */
    SESSION_TAG_BITS = 20,          /* of a tag, for the operation within its command */
};
_Static_assert(SESSION_ARGUMENTS_MAX <= 1 << SESSION_TAG_BITS, "each word can have an operation");

enum session_phase { SESSION_OPEN, SESSION_CLOSING, SESSION_CLOSED };
enum session_wait { SESSION_WAITS_FOR_NOTHING, SESSION_WAITS_FOR_ONE, SESSION_WAITS_FOR_ALL };

struct session {
    struct node *node;
    struct link_id link;
    const struct node_config *config;
    enum session_phase phase;
    enum resp_version protocol;
    bool is_authenticated;
    bool is_running;  /* commands are being read or completed: do not begin again */
    bool replies_off; /* CLIENT REPLY OFF */
    bool skips_next;  /* CLIENT REPLY SKIP */

    struct resp_parser parser;
    struct resp_limits limits;
    struct buffer input; /* what has not been understood or may not run yet */
    size_t input_from;

    struct reply_queue queue;
    enum session_wait wait; /* why the next command has not begun */
    uint64_t wait_sequence;
    struct buffer *direct; /* the open reply goes straight to the link; null: into its slot */
    size_t direct_before;
    uint64_t output_unsent; /* bytes that the host has not said to be gone */
    uint64_t output_stored; /* bytes that wait in slots */

    uint8_t write_copies; /* fewest copies that a write has been acknowledged by since a WAIT */
    bool was_waited_for;

    struct buffer remote, name, library_name, library_version;
    struct buffer scratch;
    const struct command *last_command;
    struct instant connected_at, active_at;
};

/* One command with its words, while it is being run. Words are borrowed. */
struct call {
    const struct command *command;
    const struct bytes *words;
    uint32_t count;
    struct reply_slot *slot;
    uint64_t sequence;
};

struct buffer *session_open_reply(struct session *session, struct reply_slot *slot);
void session_close_reply(struct session *session, struct reply_slot *slot);
/* A whole reply that is this error. */
void session_reply_error(struct session *session, struct reply_slot *slot, const char *sentence);

/* As the keyspace has it in everything. */
struct operation session_operation(enum operation_kind kind, struct bytes key);
/* `index` counts the operations of one command. */
void session_submit(struct session *session, uint64_t sequence, uint32_t index,
                    struct operation *operation);
/* Closes once the replies so far have gone out; no further command is read. */
void session_close_soon(struct session *session);

#endif
