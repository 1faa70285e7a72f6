/* CLIENT: ID, SETNAME, GETNAME, SETINFO, LIST, INFO, REPLY, and an honest answer to what smart clients try. */
#include "engine/node/command_internal.h"

enum { SECOND_NANOSECONDS = 1000000000 };

static uint64_t seconds_since(const struct session *session, struct instant from) {
    return duration_between(from, node_now(session->node)).nanoseconds / SECOND_NANOSECONDS;
}

static void append_field(struct buffer *line, const char *name, struct bytes value) {
    text_append(line, name);
    buffer_append(line, value);
}

static void append_number(struct buffer *line, const char *name, uint64_t value) {
    text_append(line, name);
    text_append_u64(line, value);
}

static void append_lower_name(struct buffer *line, const struct command *command) {
    if (command == NULL) {
        text_append(line, "NULL");
        return;
    }
    for (const char *at = command->name; *at != 0; at++)
        buffer_put_u8(line, (uint8_t)(*at >= 'A' && *at <= 'Z' ? *at + ('a' - 'A') : *at));
}

/* One client as CLIENT LIST shows it. */
static void append_client(struct buffer *line, const struct session *session) {
    append_number(line, "id=", session->link.value);
    append_field(line, " addr=", buffer_bytes(&session->remote));
    append_field(line, " name=", buffer_bytes(&session->name));
    append_number(line, " age=", seconds_since(session, session->connected_at));
    append_number(line, " idle=", seconds_since(session, session->active_at));
    text_append(line, " flags=N db=0 sub=0 psub=0 multi=-1");
    append_number(line, " qbuf=", session->input.size - session->input_from);
    append_number(line, " oll=", reply_queue_count(&session->queue));
    append_number(line, " omem=", session->output_unsent + session->output_stored);
    text_append(line, " cmd=");
    append_lower_name(line, session->last_command);
    text_append(line, " user=default");
    append_number(line, " resp=", session->protocol);
    append_field(line, " lib-name=", buffer_bytes(&session->library_name));
    append_field(line, " lib-ver=", buffer_bytes(&session->library_version));
    text_append(line, "\n");
}

static void put_list(struct session *session, struct buffer *out) {
    struct buffer *text = &session->scratch;
    buffer_clear(text);
    struct link_id link = {0};
    const struct session *other;
    /* Ends: there are at most clients_max sessions. */
    while ((other = node_next_session(session->node, &link)) != NULL)
        append_client(text, other);
    resp_put_verbatim(out, session->protocol, buffer_bytes(text));
}

static void put_info(struct session *session, struct buffer *out) {
    struct buffer *text = &session->scratch;
    buffer_clear(text);
    append_client(text, session);
    resp_put_verbatim(out, session->protocol, buffer_bytes(text));
}

static void set_text(struct buffer *to, struct bytes text, struct buffer *out) {
    if (!command_name_is_valid(text)) {
        resp_put_error(out, "ERR Client names cannot contain spaces, newlines or special "
                            "characters, and have at most 64 of them.");
        return;
    }
    buffer_clear(to);
    buffer_append(to, text);
    resp_put_status(out, "OK");
}

static void set_info(struct session *session, const struct call *call, struct buffer *out) {
    if (command_word_is(call->words[2], "LIB-NAME"))
        set_text(&session->library_name, call->words[3], out);
    else if (command_word_is(call->words[2], "LIB-VER"))
        set_text(&session->library_version, call->words[3], out);
    else
        resp_put_error(out, "ERR Unrecognized option of CLIENT SETINFO");
}

/* OFF and SKIP have no reply themselves. */
static void set_reply(struct session *session, const struct call *call, struct buffer *out) {
    struct bytes mode = call->words[2];
    if (command_word_is(mode, "ON")) {
        session->replies_off = false;
        call->slot->is_silent = false;
        resp_put_status(out, "OK");
    } else if (command_word_is(mode, "OFF")) {
        session->replies_off = true;
    } else if (command_word_is(mode, "SKIP")) {
        session->skips_next = !session->replies_off;
    } else {
        resp_put_error(out, "ERR syntax error");
    }
}

void command_client(struct session *session, const struct call *call, struct buffer *out) {
    struct bytes what = call->words[1];
    if (command_word_is(what, "ID") && call->count == 2) {
        resp_put_integer(out, (int64_t)session->link.value);
    } else if (command_word_is(what, "SETNAME") && call->count == 3) {
        set_text(&session->name, call->words[2], out);
    } else if (command_word_is(what, "GETNAME") && call->count == 2) {
        if (session->name.size == 0)
            resp_put_null(out, session->protocol);
        else
            resp_put_bulk(out, buffer_bytes(&session->name));
    } else if (command_word_is(what, "SETINFO") && call->count == 4) {
        set_info(session, call, out);
    } else if (command_word_is(what, "LIST")) {
        put_list(session, out);
    } else if (command_word_is(what, "INFO") && call->count == 2) {
        put_info(session, out);
    } else if (command_word_is(what, "REPLY") && call->count == 3) {
        set_reply(session, call, out);
    } else if (command_word_is(what, "TRACKING") || command_word_is(what, "CACHING")) {
        resp_put_error(out, "ERR CLIENT TRACKING is not offered: a write may reach replicas that "
                            "no node tells of it");
    } else {
        command_put_unknown_subcommand(out, call);
    }
}
