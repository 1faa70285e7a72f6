/* COMMAND, and its COUNT, LIST, INFO, DOCS: what this node offers, for clients that ask. */
#include "engine/node/command_internal.h"

enum { INFO_FIELDS = 10, DOCS_FIELDS = 3 };

static void put_lower(struct session *session, struct buffer *out, const char *name) {
    struct buffer *lower = &session->scratch;
    buffer_clear(lower);
    for (const char *at = name; *at != 0; at++)
        buffer_put_u8(lower, (uint8_t)(*at >= 'A' && *at <= 'Z' ? *at + ('a' - 'A') : *at));
    resp_put_bulk(out, buffer_bytes(lower));
}

static void put_flags(struct session *session, struct buffer *out, const struct command *command) {
    bool writes = (command->flags & COMMAND_WRITES) != 0;
    bool reads = (command->flags & COMMAND_READS) != 0;
    bool open = (command->flags & COMMAND_BEFORE_AUTH) != 0;
    resp_put_set(out, session->protocol, (uint64_t)writes + reads + open);
    if (writes)
        resp_put_status(out, "write");
    if (reads)
        resp_put_status(out, "readonly");
    if (open)
        resp_put_status(out, "no_auth");
}

static void put_categories(struct session *session, struct buffer *out,
                           const struct command *command) {
    resp_put_set(out, session->protocol, 1);
    if ((command->flags & COMMAND_WRITES) != 0)
        resp_put_status(out, "@write");
    else if ((command->flags & COMMAND_READS) != 0)
        resp_put_status(out, "@read");
    else
        resp_put_status(out, "@connection");
}

static void put_info(struct session *session, struct buffer *out, const struct command *command) {
    resp_put_array(out, INFO_FIELDS);
    put_lower(session, out, command->name);
    resp_put_integer(out, command->arity);
    put_flags(session, out, command);
    resp_put_integer(out, command->first_key);
    resp_put_integer(out, command->last_key);
    resp_put_integer(out, command->key_step);
    put_categories(session, out, command);
    resp_put_array(out, 0); /* tips */
    resp_put_array(out, 0); /* key specifications: the three numbers above say it all */
    resp_put_array(out, 0); /* subcommands */
}

static void put_docs(struct session *session, struct buffer *out, const struct command *command) {
    put_lower(session, out, command->name);
    resp_put_map(out, session->protocol, DOCS_FIELDS);
    resp_put_text(out, "summary");
    resp_put_text(out, command->summary);
    resp_put_text(out, "since");
    resp_put_text(out, command->since);
    resp_put_text(out, "group");
    resp_put_text(out, command->group);
}

static const struct command *offered(struct bytes name) {
    const struct command *command = command_find(name);
    return command == NULL || command->id == COMMAND_REFUSED ? NULL : command;
}

static void put_all(struct session *session, struct buffer *out) {
    resp_put_array(out, command_count());
    for (uint32_t i = 0; i < command_count(); i++)
        put_info(session, out, command_at(i));
}

static void put_list(struct session *session, struct buffer *out) {
    resp_put_array(out, command_count());
    for (uint32_t i = 0; i < command_count(); i++)
        put_lower(session, out, command_at(i)->name);
}

static void put_some_info(struct session *session, const struct call *call, struct buffer *out) {
    if (call->count == 2) {
        put_all(session, out);
        return;
    }
    resp_put_array(out, call->count - 2);
    for (uint32_t i = 2; i < call->count; i++) {
        const struct command *command = offered(call->words[i]);
        if (command != NULL)
            put_info(session, out, command);
        else
            resp_put_null(out, session->protocol);
    }
}

static void put_some_docs(struct session *session, const struct call *call, struct buffer *out) {
    if (call->count == 2) {
        resp_put_map(out, session->protocol, command_count());
        for (uint32_t i = 0; i < command_count(); i++)
            put_docs(session, out, command_at(i));
        return;
    }
    uint32_t known = 0;
    for (uint32_t i = 2; i < call->count; i++)
        known += offered(call->words[i]) != NULL;
    resp_put_map(out, session->protocol, known);
    for (uint32_t i = 2; i < call->count; i++) {
        const struct command *command = offered(call->words[i]);
        if (command != NULL)
            put_docs(session, out, command);
    }
}

void command_catalogue(struct session *session, const struct call *call, struct buffer *out) {
    if (call->count == 1)
        put_all(session, out);
    else if (command_word_is(call->words[1], "COUNT") && call->count == 2)
        resp_put_integer(out, command_count());
    else if (command_word_is(call->words[1], "LIST") && call->count == 2)
        put_list(session, out);
    else if (command_word_is(call->words[1], "INFO"))
        put_some_info(session, call, out);
    else if (command_word_is(call->words[1], "DOCS"))
        put_some_docs(session, call, out);
    else
        command_put_unknown_subcommand(out, call);
}
