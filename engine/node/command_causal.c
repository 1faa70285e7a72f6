/* Causal commands: DGET DSET DDEL DLOCAL.
 *
 *     DGET key [R n] [PR n]                         -> [context, value...]
 *     DSET key context value [W n] [DW n] [PW n]    -> the new context
 *     DDEL key context [W n] [DW n] [PW n]          -> the new context
 *     DLOCAL key                                    -> [[actor, counter, timestamp, kind, value]...]
 *
 * The context is opaque to clients. An empty one says "I have seen nothing".
 */
#include "engine/data/context.h"
#include "engine/node/command_internal.h"

/* Reads one option and its number into `quorum`. `least` is the smallest number that makes sense. */
static bool take_quorum(struct bytes name, struct bytes number, const char *option, uint8_t least,
                        uint8_t n, uint8_t *quorum, bool *is_good) {
    if (!command_word_is(name, option))
        return false;
    uint64_t value;
    *is_good =
        *quorum == QUORUM_DEFAULT && text_parse_u64(number, &value) && value >= least && value <= n;
    if (*is_good)
        *quorum = (uint8_t)value;
    return true;
}

static void put_option_error(struct buffer *out, struct bytes name, uint8_t n) {
    resp_open_error(out, "ERR the option '");
    resp_append_clean(out, name, SESSION_NAME_MAX);
    text_append(out, "' is unknown here, given twice, or its number is not within the ");
    text_append_u64(out, n);
    text_append(out, " replicas of this keyspace");
    resp_close_error(out);
}

/* The options from word `from` on. False after an error has been put. */
static bool take_options(struct session *session, const struct call *call, uint32_t from,
                         struct operation *operation) {
    uint8_t n = node_keyspace_of(session->node, operation->key)->n;
    bool reads = operation->kind == OPERATION_GET;
    for (uint32_t i = from; i < call->count; i += 2) {
        struct bytes name = call->words[i];
        struct bytes number = i + 1 < call->count ? call->words[i + 1] : (struct bytes){0};
        bool is_good = false;
        bool known = reads ? take_quorum(name, number, "R", 1, n, &operation->r, &is_good) ||
                                 take_quorum(name, number, "PR", 0, n, &operation->pr, &is_good)
                           : take_quorum(name, number, "W", 1, n, &operation->w, &is_good) ||
                                 take_quorum(name, number, "DW", 0, n, &operation->dw, &is_good) ||
                                 take_quorum(name, number, "PW", 0, n, &operation->pw, &is_good);
        if (!known || !is_good) {
            put_option_error(session_open_reply(session, call->slot), name, n);
            session_close_reply(session, call->slot);
            return false;
        }
    }
    return true;
}

static void run_write(struct session *session, const struct call *call) {
    bool puts = call->command->id == COMMAND_DSET;
    struct bytes key = call->words[1];
    struct operation write = session_operation(puts ? OPERATION_PUT : OPERATION_DELETE, key);
    if (puts)
        write.value = call->words[3];
    if (!take_options(session, call, puts ? 4 : 3, &write))
        return;
    struct version_vector context;
    context.count = 0;
    if (call->words[2].size > 0 && !context_decode(call->words[2], key, &context)) {
        session_reply_error(session, call->slot,
                            "BADCONTEXT the context was changed, cut, or belongs to another key: "
                            "nothing was written");
        return;
    }
    write.context = &context;
    call->slot->detail =
        write.w == QUORUM_DEFAULT ? command_copies_of_write(session, key) : write.w;
    buffer_append(&call->slot->key, key);
    session_submit(session, call->sequence, 0, &write);
}

void command_causal_run(struct session *session, const struct call *call) {
    switch ((int)call->command->id) {
    case COMMAND_DGET: {
        struct operation get = session_operation(OPERATION_GET, call->words[1]);
        if (!take_options(session, call, 2, &get))
            return;
        buffer_append(&call->slot->key, call->words[1]);
        session_submit(session, call->sequence, 0, &get);
        return;
    }
    case COMMAND_DLOCAL: {
        struct operation local = session_operation(OPERATION_LOCAL, call->words[1]);
        session_submit(session, call->sequence, 0, &local);
        return;
    }
    default:
        run_write(session, call);
        return;
    }
}

/* Nothing seen is the empty context, as a client would give it. */
static void put_context(struct session *session, struct buffer *out,
                        const struct version_vector *vector, struct bytes key) {
    struct buffer *text = &session->scratch;
    buffer_clear(text);
    if (vector->count > 0)
        context_encode(vector, key, text);
    resp_put_bulk(out, buffer_bytes(text));
}

static void put_siblings(struct session *session, struct buffer *out, const struct object *object,
                         struct bytes key) {
    resp_put_array(out, 1 + object_live_count(object));
    put_context(session, out, &object->vector, key);
    for (uint32_t i = 0; i < object->sibling_count; i++) {
        if ((object->siblings[i].flags & SIBLING_TOMBSTONE) == 0)
            resp_put_bulk(out, object->siblings[i].value);
    }
}

static void put_local(struct session *session, struct buffer *out, const struct object *object) {
    struct buffer *actor = &session->scratch;
    resp_put_array(out, object->sibling_count);
    for (uint32_t i = 0; i < object->sibling_count; i++) {
        const struct sibling *sibling = &object->siblings[i];
        bool is_tombstone = (sibling->flags & SIBLING_TOMBSTONE) != 0;
        resp_put_array(out, 5);
        buffer_clear(actor);
        text_append_hex64(actor, sibling->dot.actor);
        resp_put_bulk(out, buffer_bytes(actor));
        resp_put_integer(out, (int64_t)sibling->dot.counter);
        resp_put_integer(out, (int64_t)sibling->at.value);
        resp_put_text(out, is_tombstone ? "tombstone" : "value");
        resp_put_bulk(out, is_tombstone ? (struct bytes){0} : sibling->value);
    }
}

void command_causal_complete(struct session *session, struct reply_slot *slot,
                             const struct operation_result *result) {
    enum command_id id = slot->command->id;
    bool writes = (slot->command->flags & COMMAND_WRITES) != 0;
    struct buffer *out = session_open_reply(session, slot);
    struct bytes key = buffer_bytes(&slot->key);
    if (result->status != OPERATION_OK)
        command_put_failure(out, result->status, result->reason, writes);
    else if (writes)
        put_context(session, out, result->context, key);
    else if (id == COMMAND_DLOCAL)
        put_local(session, out, result->object);
    else
        put_siblings(session, out, result->object, key);
    if (writes)
        command_note_write(session, result->status == OPERATION_OK ? (uint8_t)slot->detail : 1);
    session_close_reply(session, slot);
}
