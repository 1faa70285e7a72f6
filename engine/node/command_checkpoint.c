/* BGSAVE SAVE LASTSAVE, as Redis users know them, and DCHECKPOINT CREATE | LIST | REMOVE number: checkpoints of this
 * node's store. */
#include "engine/node/command_internal.h"

enum { SECOND_MILLISECONDS = 1000 };

static void submit(struct session *session, const struct call *call, enum operation_kind kind,
                   uint64_t number) {
    struct operation operation = session_operation(kind, (struct bytes){0});
    operation.cursor = number;
    session_submit(session, call->sequence, 0, &operation);
}

static void put_list(struct session *session, struct buffer *out) {
    const struct store *store = node_store(session->node);
    uint32_t count = store_checkpoint_count(store);
    resp_put_array(out, count);
    for (uint32_t i = 0; i < count; i++) {
        struct store_checkpoint checkpoint = store_checkpoint_at(store, i);
        resp_put_map(out, session->protocol, 3);
        resp_put_text(out, "number");
        resp_put_integer(out, checkpoint.number);
        resp_put_text(out, "tables");
        resp_put_integer(out, (int64_t)checkpoint.tables);
        resp_put_text(out, "bytes");
        resp_put_integer(out, (int64_t)checkpoint.bytes);
    }
}

static void run_checkpoint(struct session *session, const struct call *call) {
    struct bytes what = call->words[1];
    uint64_t number;
    if (command_word_is(what, "CREATE") && call->count == 2) {
        submit(session, call, OPERATION_CHECKPOINT, 0);
    } else if (command_word_is(what, "REMOVE") && call->count == 3) {
        if (text_parse_u64(call->words[2], &number))
            submit(session, call, OPERATION_CHECKPOINT_REMOVE, number);
        else
            session_reply_error(session, call->slot, "ERR value is not an integer or out of range");
    } else {
        struct buffer *out = session_open_reply(session, call->slot);
        if (command_word_is(what, "LIST") && call->count == 2)
            put_list(session, out);
        else
            command_put_unknown_subcommand(out, call);
        session_close_reply(session, call->slot);
    }
}

void command_checkpoint_run(struct session *session, const struct call *call) {
    switch ((int)call->command->id) {
    case COMMAND_BGSAVE:
        submit(session, call, OPERATION_CHECKPOINT_BEGIN, 0);
        return;
    case COMMAND_SAVE:
        submit(session, call, OPERATION_CHECKPOINT, 0);
        return;
    case COMMAND_DCHECKPOINT:
        run_checkpoint(session, call);
        return;
    default:
        CHECK_UNREACHABLE("a command about checkpoints has its case");
    }
}

static void put_failure(struct buffer *out, const struct operation_result *result) {
    if (result->status == OPERATION_BUSY)
        resp_put_error(out, "ERR Background save already in progress");
    else if (result->status == OPERATION_REFUSED || result->status == OPERATION_FAILED) {
        resp_open_error(out, "ERR ");
        text_append(out, result->reason != NULL && result->reason[0] != 0
                             ? result->reason
                             : "the store of this node has failed");
        resp_close_error(out);
    } else {
        command_put_failure(out, result->status, result->reason, false);
    }
}

void command_checkpoint_complete(struct session *session, struct reply_slot *slot,
                                 const struct operation_result *result) {
    struct buffer *out = session_open_reply(session, slot);
    if (result->status != OPERATION_OK)
        put_failure(out, result);
    else if (slot->command->id == COMMAND_BGSAVE)
        resp_put_status(out, "Background saving started");
    else if (slot->command->id == COMMAND_DCHECKPOINT && result->cursor != 0)
        resp_put_integer(out, (int64_t)result->cursor);
    else
        resp_put_status(out, "OK");
    session_close_reply(session, slot);
}

/* Before the first one, the time of the start: clients wait for it to change. */
void command_lastsave(struct session *session, struct buffer *out) {
    struct node_figures figures;
    node_figures(session->node, &figures);
    uint64_t seconds = figures.checkpoint_at / SECOND_MILLISECONDS;
    if (seconds == 0) {
        struct duration up =
            duration_between(node_started_at(session->node), node_now(session->node));
        seconds = node_wall(session->node).milliseconds / SECOND_MILLISECONDS -
                  up.nanoseconds / duration_of_seconds(1).nanoseconds;
    }
    resp_put_integer(out, (int64_t)seconds);
}
