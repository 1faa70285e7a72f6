#include "engine/node/session_internal.h"

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "engine/data/context.h"
#include "engine/node/command_internal.h"

static uint64_t larger(uint64_t left, uint64_t right) {
    return left > right ? left : right;
}

struct session *session_create(struct node *node, struct link_id link, struct bytes remote) {
    struct session *session = memory_allocate_zeroed(1, sizeof *session);
    const struct node_config *config = node_configuration(node);
    session->node = node;
    session->link = link;
    session->config = config;
    session->protocol = RESP_2;
    session->is_authenticated = config->password.size == 0;
    session->limits = (struct resp_limits){
        .arguments_max = SESSION_ARGUMENTS_MAX,
        .ask_bytes = config->key_bytes_max < config->value_bytes_max ? config->key_bytes_max
                                                                     : config->value_bytes_max,
        .request_bytes_max =
            larger(SESSION_REQUEST_BYTES_MIN, SESSION_REQUEST_VALUES * config->value_bytes_max),
    };
    reply_queue_init(&session->queue, config->pipeline_max == 0 ? 1 : config->pipeline_max);
    buffer_append(&session->remote, remote);
    session->connected_at = session->active_at = node_now(node);
    session->was_waited_for = true;
    return session;
}

void session_destroy(struct session *session) {
    resp_parser_deinit(&session->parser);
    reply_queue_deinit(&session->queue);
    buffer_deinit(&session->input);
    buffer_deinit(&session->remote);
    buffer_deinit(&session->name);
    buffer_deinit(&session->library_name);
    buffer_deinit(&session->library_version);
    buffer_deinit(&session->scratch);
    memory_release(session);
}

/* --- replies ------------------------------------------------------------------------------------------------------- */

static struct buffer *link_output(struct session *session) {
    return session->phase == SESSION_CLOSED ? NULL : node_output(session->node, session->link);
}

struct buffer *session_open_reply(struct session *session, struct reply_slot *slot) {
    CHECK(session->direct == NULL);
    if (slot != reply_queue_head(&session->queue) || slot->is_silent)
        return &slot->reply;
    struct buffer *output = link_output(session);
    if (output == NULL)
        return &slot->reply;
    session->direct = output;
    session->direct_before = output->size;
    return output;
}

/* Replies leave in the order of their commands, as far as they are known. */
static void flush(struct session *session) {
    struct reply_slot *slot;
    while ((slot = reply_queue_head(&session->queue)) != NULL && slot->is_done) {
        session->output_stored -= slot->reply.size;
        struct buffer *output =
            slot->is_silent || slot->reply.size == 0 ? NULL : link_output(session);
        if (output != NULL) {
            buffer_append(output, buffer_bytes(&slot->reply));
            session->output_unsent += slot->reply.size;
        }
        reply_queue_pop(&session->queue);
    }
    if (session->phase == SESSION_CLOSING && slot == NULL) {
        session->phase = SESSION_CLOSED;
        node_close_link(session->node, session->link);
    }
}

void session_close_reply(struct session *session, struct reply_slot *slot) {
    if (session->direct != NULL)
        session->output_unsent += session->direct->size - session->direct_before;
    session->direct = NULL;
    session->output_stored += slot->reply.size;
    reply_queue_done(&session->queue, slot);
    if (slot == reply_queue_head(&session->queue))
        flush(session);
}

void session_reply_error(struct session *session, struct reply_slot *slot, const char *sentence) {
    resp_put_error(session_open_reply(session, slot), sentence);
    session_close_reply(session, slot);
}

void session_close_soon(struct session *session) {
    if (session->phase == SESSION_OPEN)
        session->phase = SESSION_CLOSING;
}

/* --- operations ---------------------------------------------------------------------------------------------------- */

struct operation session_operation(enum operation_kind kind, struct bytes key) {
    return (struct operation){
        .kind = kind,
        .key = key,
        .r = QUORUM_DEFAULT,
        .w = QUORUM_DEFAULT,
        .dw = QUORUM_DEFAULT,
        .pr = QUORUM_DEFAULT,
        .pw = QUORUM_DEFAULT,
    };
}

void session_submit(struct session *session, uint64_t sequence, uint32_t index,
                    struct operation *operation) {
    operation->link = session->link;
    operation->tag = sequence << SESSION_TAG_BITS | index;
    node_submit(session->node, operation);
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

/* A slot for a request that has no keys or will not run. */
static struct reply_slot *open_plain_slot(struct session *session) {
    static const struct footprint NO_KEYS = {0};
    uint64_t sequence;
    struct reply_slot *slot = reply_queue_open(&session->queue, NULL, &NO_KEYS, &sequence);
    slot->is_silent = session->replies_off || session->skips_next;
    session->skips_next = false;
    return slot;
}

static void reply_to_malformed(struct session *session) {
    struct reply_slot *slot = open_plain_slot(session);
    session_close_soon(session);
    struct buffer *out = session_open_reply(session, slot);
    resp_open_error(out, "ERR Protocol error: ");
    text_append(out, session->parser.problem);
    resp_close_error(out);
    session_close_reply(session, slot);
}

static void reply_to_refused(struct session *session) {
    struct reply_slot *slot = open_plain_slot(session);
    struct buffer *out = session_open_reply(session, slot);
    command_put_refusal(out, session,
                        session->is_authenticated ? session->parser.refusal : RESP_NOT_ALLOWED_YET);
    session_close_reply(session, slot);
}

/* A bulk string of some size is announced: may it be buffered? */
static void judge_large_argument(struct session *session) {
    struct resp_parser *parser = &session->parser;
    const struct command *command =
        parser->argument_count == 0 ? NULL : command_find(parser->arguments[0]);
    bool is_key =
        command != NULL && command_word_is_key(command, parser->argument_count, parser->expected);
    uint64_t word_max = larger(session->config->value_bytes_max, CONTEXT_TEXT_MAX);
    if (!session->is_authenticated)
        resp_refuse(parser, RESP_NOT_ALLOWED_YET);
    else if (is_key && parser->bulk_size > session->config->key_bytes_max)
        resp_refuse(parser, RESP_KEY_TOO_LARGE);
    else if (!is_key && parser->bulk_size > word_max)
        resp_refuse(parser, RESP_VALUE_TOO_LARGE);
}

/* Begins a command unless it has to wait for an earlier one. */
static bool begin_command(struct session *session, struct call *call) {
    struct footprint footprint;
    command_footprint(call, &footprint);
    struct reply_queue *queue = &session->queue;
    if ((call->command->flags & COMMAND_WAITS) != 0 && reply_queue_count(queue) > 0) {
        session->wait = SESSION_WAITS_FOR_ALL;
        return false;
    }
    if (reply_queue_find_conflict(queue, &footprint, &session->wait_sequence)) {
        session->wait = SESSION_WAITS_FOR_ONE;
        return false;
    }
    call->slot = reply_queue_open(queue, call->command, &footprint, &call->sequence);
    call->slot->is_silent = session->replies_off || session->skips_next;
    session->skips_next = false;
    session->last_command = call->command;
    command_run(session, call);
    return true;
}

/* False when the request has to be given again later. */
static bool begin_request(struct session *session) {
    struct call call = {
        .words = session->parser.arguments,
        .count = session->parser.argument_count,
    };
    call.command = command_find(call.words[0]);
    struct buffer *problem = &session->scratch;
    buffer_clear(problem);
    if (command_may_run(session, &call, problem))
        return begin_command(session, &call);
    struct reply_slot *slot = open_plain_slot(session);
    buffer_append(session_open_reply(session, slot), buffer_bytes(problem));
    session_close_reply(session, slot);
    return true;
}

static bool has_to_wait(const struct session *session) {
    switch (session->wait) {
    case SESSION_WAITS_FOR_NOTHING:
        return false;
    case SESSION_WAITS_FOR_ONE:
        return !reply_queue_is_done(&session->queue, session->wait_sequence);
    case SESSION_WAITS_FOR_ALL:
        return reply_queue_count(&session->queue) > 0;
    }
    CHECK_UNREACHABLE("every reason to wait has its case");
}

static bool owes_too_much(const struct session *session) {
    return session->output_unsent + session->output_stored >
           larger(SESSION_OUTPUT_MIN, session->config->client_output_bytes_max);
}

static bool may_go_on(const struct session *session) {
    return session->phase == SESSION_OPEN && !reply_queue_is_full(&session->queue) &&
           !has_to_wait(session) && !owes_too_much(session);
}

/* A stranger is kept less for. */
static const struct resp_limits *limits_of(const struct session *session) {
    static const struct resp_limits STRANGER = {.arguments_max = SESSION_STRANGER_ARGUMENTS_MAX,
                                                .ask_bytes = SESSION_STRANGER_BYTES_MAX,
                                                .request_bytes_max = SESSION_STRANGER_BYTES_MAX};
    return session->is_authenticated ? &session->limits : &STRANGER;
}

/* Runs the requests of the input as far as they may run; returns how many bytes are done with. */
static size_t run(struct session *session, struct bytes input) {
    size_t done = 0;
    session->is_running = true;
    /* Ends: each round takes bytes, asks about one argument, or is the last. */
    for (bool more = true; more && may_go_on(session);) {
        session->wait = SESSION_WAITS_FOR_NOTHING;
        size_t consumed;
        switch (resp_parse(&session->parser, limits_of(session),
                           bytes_slice(input, done, input.size - done), &consumed)) {
        case RESP_COMPLETE:
            if (!begin_request(session))
                consumed = 0;
            break;
        case RESP_EMPTY:
            break;
        case RESP_LARGE_ARGUMENT:
            judge_large_argument(session);
            break;
        case RESP_REFUSED:
            reply_to_refused(session);
            break;
        case RESP_MALFORMED:
            reply_to_malformed(session);
            break;
        case RESP_PARTIAL:
            more = false;
            break;
        }
        done += consumed;
    }
    session->is_running = false;
    return done;
}

/* --- input --------------------------------------------------------------------------------------------------------- */

static size_t input_left(const struct session *session) {
    return session->input.size - session->input_from;
}

/* Room at the front is given back when it is at least half: each byte is moved once, on average. */
static void tidy_input(struct session *session) {
    if (input_left(session) == 0) {
        session->input_from = 0;
        if (session->input.capacity > SESSION_INPUT_KEPT)
            buffer_deinit(&session->input);
        buffer_clear(&session->input);
    } else if (session->input_from >= session->input.size / 2) {
        buffer_consume(&session->input, session->input_from);
        session->input_from = 0;
    }
}

static void run_buffered(struct session *session) {
    if (input_left(session) == 0)
        return;
    struct bytes rest =
        bytes_slice(buffer_bytes(&session->input), session->input_from, input_left(session));
    session->input_from += run(session, rest);
    tidy_input(session);
}

static uint64_t input_max(const struct session *session) {
    return session->limits.request_bytes_max + SESSION_INPUT_EXTRA;
}

/* A client that sends on and on while its replies are not taken, to a host that does not hold it back. */
static void give_up(struct session *session) {
    session->phase = SESSION_CLOSED;
    buffer_deinit(&session->input);
    session->input_from = 0;
    node_close_link(session->node, session->link);
}

void session_receive(struct session *session, struct bytes bytes) {
    if (session->phase != SESSION_OPEN)
        return;
    session->active_at = node_now(session->node);
    if (input_left(session) == 0) {
        size_t done = run(session, bytes);
        if (session->phase != SESSION_OPEN)
            return;
        bytes = bytes_slice(bytes, done, bytes.size - done);
        buffer_append(&session->input, bytes);
    } else if (input_left(session) + bytes.size > input_max(session)) {
        give_up(session);
    } else {
        buffer_append(&session->input, bytes);
        run_buffered(session);
    }
}

bool session_wants_bytes(const struct session *session) {
    return session->phase == SESSION_OPEN &&
           (may_go_on(session) || input_left(session) < SESSION_INPUT_KEPT);
}

void session_complete(struct session *session, uint64_t tag,
                      const struct operation_result *result) {
    if (session->phase == SESSION_CLOSED)
        return;
    bool is_inner = session->is_running;
    session->is_running = true;
    command_complete(session, tag >> SESSION_TAG_BITS,
                     (uint32_t)(tag & ((1u << SESSION_TAG_BITS) - 1)), result);
    session->is_running = is_inner;
    if (!is_inner)
        run_buffered(session);
}

void session_drained(struct session *session) {
    session->output_unsent = 0;
    if (!session->is_running)
        run_buffered(session);
}
