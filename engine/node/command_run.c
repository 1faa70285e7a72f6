#include "engine/node/command_internal.h"

#include "engine/base/hash.h"

enum { SHOWN_NAME_BYTES = 128 };

/* --- before a command runs ----------------------------------------------------------------------------------------- */

static void put_unknown_command(struct buffer *out, const struct call *call) {
    resp_open_error(out, "ERR unknown command '");
    resp_append_clean(out, call->words[0], SHOWN_NAME_BYTES);
    text_append(out, "', with args beginning with: ");
    size_t until = out->size + SHOWN_NAME_BYTES;
    for (uint32_t i = 1; i < call->count && out->size < until; i++) {
        text_append(out, "'");
        resp_append_clean(out, call->words[i], until - out->size);
        text_append(out, "' ");
    }
    resp_close_error(out);
}

static void put_not_offered(struct buffer *out, const struct command *command) {
    resp_open_error(out, "ERR ");
    text_append(out, command->name);
    text_append(out, " is not offered: ");
    text_append(out, command->summary);
    resp_close_error(out);
}

static bool has_good_arity(const struct call *call) {
    int8_t arity = call->command->arity;
    return arity >= 0 ? call->count == (uint32_t)arity : call->count >= (uint32_t)-arity;
}

static void put_too_large(struct buffer *out, const char *what, uint64_t bytes_max) {
    resp_open_error(out, "REFUSED nothing was done: the ");
    text_append(out, what);
    text_append(out, " has more than ");
    text_append_u64(out, bytes_max);
    text_append(out, " bytes");
    resp_close_error(out);
}

void command_put_refusal(struct buffer *out, const struct session *session,
                         enum resp_refusal refusal) {
    switch (refusal) {
    case RESP_NOT_REFUSED:
        break;
    case RESP_TOO_MANY_ARGUMENTS:
        resp_open_error(out, "REFUSED nothing was done: the request has more than ");
        text_append_u64(out, SESSION_ARGUMENTS_MAX);
        text_append(out, " words");
        resp_close_error(out);
        return;
    case RESP_REQUEST_TOO_LARGE:
        put_too_large(out, "request", session->limits.request_bytes_max);
        return;
    case RESP_KEY_TOO_LARGE:
        put_too_large(out, "key", session->config->key_bytes_max);
        return;
    case RESP_VALUE_TOO_LARGE:
        put_too_large(out, "value", session->config->value_bytes_max);
        return;
    case RESP_NOT_ALLOWED_YET:
        resp_put_error(out, "NOAUTH Authentication required.");
        return;
    }
    CHECK_UNREACHABLE("a refusal has its sentence");
}

/* Small ones got past the parser, which asks only about what is large. */
static bool has_large_key(const struct session *session, const struct call *call) {
    const struct command *command = call->command;
    uint32_t keys = command_key_count(command, call->count);
    for (uint32_t i = 0; i < keys; i++) {
        if (call->words[command->first_key + i * command->key_step].size >
            session->config->key_bytes_max)
            return true;
    }
    return false;
}

static bool has_large_value(const struct session *session, const struct call *call) {
    uint64_t value_max = session->config->value_bytes_max;
    switch ((int)call->command->id) {
    case COMMAND_SET:
        return call->words[2].size > value_max;
    case COMMAND_DSET:
        return call->words[3].size > value_max;
    case COMMAND_MSET:
        for (uint32_t i = 2; i < call->count; i += 2) {
            if (call->words[i].size > value_max)
                return true;
        }
        return false;
    default:
        return false;
    }
}

bool command_may_run(const struct session *session, const struct call *call,
                     struct buffer *problem) {
    const struct command *command = call->command;
    if (!session->is_authenticated &&
        (command == NULL || (command->flags & COMMAND_BEFORE_AUTH) == 0))
        command_put_refusal(problem, session, RESP_NOT_ALLOWED_YET);
    else if (command == NULL)
        put_unknown_command(problem, call);
    else if (command->id == COMMAND_REFUSED)
        put_not_offered(problem, command);
    else if (!has_good_arity(call))
        command_put_arity_error(problem, call, false);
    else if (has_large_key(session, call))
        command_put_refusal(problem, session, RESP_KEY_TOO_LARGE);
    else if (has_large_value(session, call))
        command_put_refusal(problem, session, RESP_VALUE_TOO_LARGE);
    else
        return true;
    return false;
}

void command_footprint(const struct call *call, struct footprint *footprint) {
    const struct command *command = call->command;
    uint32_t keys = command_key_count(command, call->count);
    footprint->writes = (command->flags & COMMAND_WRITES) != 0;
    footprint->every_key = keys > REPLY_KEYS_MAX;
    footprint->count = footprint->every_key ? 0 : keys;
    for (uint32_t i = 0; i < footprint->count; i++)
        footprint->hashes[i] = hash64(call->words[command->first_key + i * command->key_step]);
}

/* --- running ------------------------------------------------------------------------------------------------------- */

static void answer_at_once(struct session *session, const struct call *call, struct buffer *out) {
    switch ((int)call->command->id) {
    case COMMAND_AUTH:
        command_auth(session, call, out);
        return;
    case COMMAND_CLIENT:
        command_client(session, call, out);
        return;
    case COMMAND_CLUSTER:
        command_cluster(session, call, out);
        return;
    case COMMAND_COMMAND:
        command_catalogue(session, call, out);
        return;
    case COMMAND_CONFIG:
        command_config(session, call, out);
        return;
    case COMMAND_DBSIZE:
        command_dbsize(session, out);
        return;
    case COMMAND_ECHO:
        resp_put_bulk(out, call->words[1]);
        return;
    case COMMAND_HELLO:
        command_hello(session, call, out);
        return;
    case COMMAND_INFO:
        command_info(session, call, out);
        return;
    case COMMAND_LASTSAVE:
        command_lastsave(session, out);
        return;
    case COMMAND_PING:
        command_ping(session, call, out);
        return;
    case COMMAND_QUIT:
        session_close_soon(session);
        resp_put_status(out, "OK");
        return;
    case COMMAND_READONLY:
    case COMMAND_READWRITE:
        resp_put_status(out, "OK");
        return;
    case COMMAND_RESET:
        command_reset(session, out);
        return;
    case COMMAND_SELECT:
        command_select(call, out);
        return;
    case COMMAND_TIME:
        command_time(session, out);
        return;
    case COMMAND_WAIT:
        command_wait(session, call, out);
        return;
    default:
        CHECK_UNREACHABLE("a command that answers at once has its case");
    }
}

void command_run(struct session *session, const struct call *call) {
    if ((call->command->flags & COMMAND_ANSWERS_AT_ONCE) != 0) {
        answer_at_once(session, call, session_open_reply(session, call->slot));
        session_close_reply(session, call->slot);
        return;
    }
    switch ((int)call->command->id) {
    case COMMAND_GET:
    case COMMAND_SET:
    case COMMAND_STRLEN:
    case COMMAND_TYPE:
    case COMMAND_TTL:
    case COMMAND_PTTL:
        command_string_run(session, call);
        return;
    case COMMAND_DGET:
    case COMMAND_DSET:
    case COMMAND_DDEL:
    case COMMAND_DLOCAL:
        command_causal_run(session, call);
        return;
    case COMMAND_DEL:
    case COMMAND_UNLINK:
    case COMMAND_EXISTS:
    case COMMAND_MGET:
    case COMMAND_MSET:
        command_multi_run(session, call);
        return;
    case COMMAND_SCAN:
        command_scan_run(session, call);
        return;
    case COMMAND_BGSAVE:
    case COMMAND_SAVE:
    case COMMAND_DCHECKPOINT:
        command_checkpoint_run(session, call);
        return;
    default:
        CHECK_UNREACHABLE("a command with operations has its case");
    }
}

void command_complete(struct session *session, uint64_t sequence, uint32_t index,
                      const struct operation_result *result) {
    struct reply_slot *slot = reply_queue_slot(&session->queue, sequence);
    CHECK(!slot->is_done);
    switch ((int)slot->command->id) {
    case COMMAND_DGET:
    case COMMAND_DSET:
    case COMMAND_DDEL:
    case COMMAND_DLOCAL:
        command_causal_complete(session, slot, result);
        return;
    case COMMAND_DEL:
    case COMMAND_UNLINK:
    case COMMAND_EXISTS:
    case COMMAND_MGET:
    case COMMAND_MSET:
        command_multi_complete(session, sequence, index, result);
        return;
    case COMMAND_SCAN:
        command_scan_complete(session, slot, result);
        return;
    case COMMAND_BGSAVE:
    case COMMAND_SAVE:
    case COMMAND_DCHECKPOINT:
        command_checkpoint_complete(session, slot, result);
        return;
    default:
        command_string_complete(session, slot, result);
        return;
    }
}
