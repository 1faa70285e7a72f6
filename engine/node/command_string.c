/* Commands with one key and no context: GET SET STRLEN TYPE TTL PTTL. */
#include "engine/node/command_internal.h"

static void run_set(struct session *session, const struct call *call) {
    if (call->count > 3) {
        struct buffer *out = session_open_reply(session, call->slot);
        resp_open_error(out, "ERR SET does not offer the option '");
        resp_append_clean(out, call->words[3], SESSION_NAME_MAX);
        text_append(out, "': Dunlin has no expiry, and no write that depends on what it replaces; "
                         "see DGET and DSET");
        resp_close_error(out);
        session_close_reply(session, call->slot);
        return;
    }
    call->slot->detail = command_copies_of_write(session, call->words[1]);
    struct operation put = session_operation(OPERATION_PUT, call->words[1]);
    put.value = call->words[2];
    session_submit(session, call->sequence, 0, &put);
}

void command_string_run(struct session *session, const struct call *call) {
    if (call->command->id == COMMAND_SET) {
        run_set(session, call);
        return;
    }
    call->slot->detail = node_keyspace_of(session->node, call->words[1])->siblings;
    struct operation get = session_operation(OPERATION_GET, call->words[1]);
    session_submit(session, call->sequence, 0, &get);
}

static void put_read_reply(struct session *session, enum command_id id, struct buffer *out,
                           const struct object *object, enum keyspace_siblings siblings) {
    struct bytes value = {0};
    enum command_visible visible = command_visible_value(object, siblings, &value);
    bool exists = visible != COMMAND_SEES_NOTHING;
    switch ((int)id) {
    case COMMAND_TYPE:
        resp_put_status(out, exists ? "string" : "none");
        return;
    case COMMAND_TTL:
    case COMMAND_PTTL:
        resp_put_integer(out, exists ? -1 : -2);
        return;
    default:
        break;
    }
    if (visible == COMMAND_SEES_SIBLINGS)
        command_put_siblings_error(out, object_live_count(object));
    else if (id == COMMAND_STRLEN)
        resp_put_integer(out, (int64_t)value.size);
    else if (exists)
        resp_put_bulk(out, value);
    else
        resp_put_null(out, session->protocol);
}

void command_string_complete(struct session *session, struct reply_slot *slot,
                             const struct operation_result *result) {
    bool writes = slot->command->id == COMMAND_SET;
    struct buffer *out = session_open_reply(session, slot);
    if (result->status != OPERATION_OK)
        command_put_failure(out, result->status, result->reason, writes);
    else if (writes)
        resp_put_status(out, "OK");
    else
        put_read_reply(session, slot->command->id, out, result->object,
                       (enum keyspace_siblings)slot->detail);
    if (writes)
        command_note_write(session, result->status == OPERATION_OK ? (uint8_t)slot->detail : 1);
    session_close_reply(session, slot);
}
