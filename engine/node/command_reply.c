#include "engine/node/command_internal.h"

enum { REASON_BYTES_MAX = 256, SHOWN_WORD_BYTES = 128 };

static const char *begin_of_failure(enum operation_status status, bool writes) {
    switch (status) {
    case OPERATION_REFUSED:
        return writes ? "REFUSED nothing was written" : "REFUSED nothing was read";
    case OPERATION_UNAVAILABLE:
        return writes ? "UNAVAILABLE nothing was written, too few replicas can be reached"
                      : "UNAVAILABLE too few replicas can be reached";
    case OPERATION_IN_DOUBT:
        return writes ? "INDOUBT the write may or may not have happened"
                      : "UNAVAILABLE too few replicas answered in time";
    case OPERATION_BUSY:
        return writes ? "BUSY nothing was written, ask again later" : "BUSY ask again later";
    case OPERATION_FULL:
        return "FULL nothing was written, no space is left on the disk";
    case OPERATION_FAILED:
        return "ERR the store of this node has failed";
    case OPERATION_OK:
    case OPERATION_STATUSES:
        break;
    }
    CHECK_UNREACHABLE("only a failure has an error");
}

void command_put_failure(struct buffer *out, enum operation_status status, const char *reason,
                         bool writes) {
    resp_open_error(out, begin_of_failure(status, writes));
    if (reason != NULL && reason[0] != 0) {
        text_append(out, ": ");
        resp_append_clean(out, bytes_of_text(reason), REASON_BYTES_MAX);
    }
    resp_close_error(out);
}

void command_put_siblings_error(struct buffer *out, uint32_t count) {
    resp_open_error(out, "SIBLINGS the key has ");
    text_append_u64(out, count);
    text_append(out, " concurrent values: read them with DGET, then write one with DSET and the "
                     "context");
    resp_close_error(out);
}

static void append_lower(struct buffer *to, struct bytes name) {
    size_t from = to->size;
    resp_append_clean(to, name, SHOWN_WORD_BYTES);
    for (size_t i = from; i < to->size; i++) {
        if (to->data[i] >= 'A' && to->data[i] <= 'Z')
            to->data[i] = (uint8_t)(to->data[i] + ('a' - 'A'));
    }
}

void command_put_arity_error(struct buffer *out, const struct call *call, bool has_subcommand) {
    resp_open_error(out, "ERR wrong number of arguments for '");
    append_lower(out, bytes_of_text(call->command->name));
    if (has_subcommand) {
        text_append(out, "|");
        append_lower(out, call->words[1]);
    }
    text_append(out, "' command");
    resp_close_error(out);
}

void command_put_unknown_subcommand(struct buffer *out, const struct call *call) {
    resp_open_error(out, "ERR unknown subcommand or wrong number of arguments for '");
    resp_append_clean(out, call->words[1], SHOWN_WORD_BYTES);
    text_append(out, "' of ");
    text_append(out, call->command->name);
    resp_close_error(out);
}

enum command_visible command_visible_value(const struct object *object,
                                           enum keyspace_siblings siblings, struct bytes *value) {
    if (siblings == KEYSPACE_ERROR) {
        uint32_t live = object_live_count(object);
        if (live > 1)
            return COMMAND_SEES_SIBLINGS;
        for (uint32_t i = 0; i < object->sibling_count; i++) {
            if ((object->siblings[i].flags & SIBLING_TOMBSTONE) == 0) {
                *value = object->siblings[i].value;
                return COMMAND_SEES_VALUE;
            }
        }
        return COMMAND_SEES_NOTHING;
    }
    const struct sibling *winner = object_winner(object);
    if (winner == NULL)
        return COMMAND_SEES_NOTHING;
    *value = winner->value;
    return COMMAND_SEES_VALUE;
}

uint8_t command_copies_of_write(const struct session *session, struct bytes key) {
    const struct keyspace_config *keyspace = node_keyspace_of(session->node, key);
    uint32_t replicas = node_ring(session->node)->list_size;
    return keyspace->w < replicas ? keyspace->w : (uint8_t)replicas;
}

void command_note_write(struct session *session, uint8_t copies) {
    if (session->was_waited_for || copies < session->write_copies)
        session->write_copies = copies;
    session->was_waited_for = false;
}
