/* Commands about the connection itself: PING AUTH HELLO SELECT RESET. */
#include "engine/node/command_internal.h"

enum { HELLO_FIELDS = 7 };

bool command_name_is_valid(struct bytes name) {
    if (name.size > SESSION_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] <= ' ' || name.data[i] > '~')
            return false;
    }
    return true;
}

void command_ping(struct session *session, const struct call *call, struct buffer *out) {
    (void)session;
    if (call->count > 2)
        command_put_arity_error(out, call, false);
    else if (call->count == 2)
        resp_put_bulk(out, call->words[1]);
    else
        resp_put_status(out, "PONG");
}

/* Looks at every byte whatever the first ones are: the time taken tells nothing about the password. */
static bool passwords_equal(struct bytes given, struct bytes wanted) {
    uint8_t difference = given.size == wanted.size ? 0 : 1;
    for (size_t i = 0; i < given.size; i++)
        difference |= (uint8_t)(given.data[i] ^ (i < wanted.size ? wanted.data[i] : 0));
    return difference == 0;
}

/* Null, or the error. There is one user, as with a Redis that has a password only. */
static const char *authenticate(struct session *session, struct bytes user, struct bytes password) {
    struct bytes wanted = session->config->password;
    bool user_is_known = bytes_equal(user, bytes_of_text("default"));
    if (!user_is_known || (wanted.size > 0 && !passwords_equal(password, wanted)))
        return "WRONGPASS invalid username-password pair or user is disabled.";
    session->is_authenticated = true;
    return NULL;
}

void command_auth(struct session *session, const struct call *call, struct buffer *out) {
    if (call->count > 3) {
        resp_put_error(out, "ERR syntax error");
        return;
    }
    if (call->count == 2 && session->config->password.size == 0) {
        resp_put_error(out, "ERR AUTH <password> called without any password configured for the "
                            "default user. Are you sure your configuration is correct?");
        return;
    }
    struct bytes user = call->count == 3 ? call->words[1] : bytes_of_text("default");
    const char *error = authenticate(session, user, call->words[call->count - 1]);
    if (error != NULL)
        resp_put_error(out, error);
    else
        resp_put_status(out, "OK");
}

static void put_server(struct session *session, struct buffer *out) {
    resp_put_map(out, session->protocol, HELLO_FIELDS);
    resp_put_text(out, "server");
    resp_put_text(out, "redis");
    resp_put_text(out, "version");
    resp_put_text(out, "7.0.0");
    resp_put_text(out, "proto");
    resp_put_integer(out, session->protocol);
    resp_put_text(out, "id");
    resp_put_integer(out, (int64_t)session->link.value);
    resp_put_text(out, "mode");
    resp_put_text(out, "cluster");
    resp_put_text(out, "role");
    resp_put_text(out, "master");
    resp_put_text(out, "modules");
    resp_put_array(out, 0);
}

struct hello {
    enum resp_version protocol;
    bool has_name;
    struct bytes name;
    bool has_password;
    struct bytes user, password;
};

/* HELLO [version [AUTH user password] [SETNAME name]]. Null, or the error. */
static const char *read_hello(const struct session *session, const struct call *call,
                              struct hello *hello) {
    *hello = (struct hello){.protocol = session->protocol};
    if (call->count == 1)
        return NULL;
    uint64_t version;
    if (!text_parse_u64(call->words[1], &version))
        return "ERR Protocol version is not an integer or out of range";
    if (version != RESP_2 && version != RESP_3)
        return "NOPROTO unsupported protocol version";
    hello->protocol = (enum resp_version)version;
    for (uint32_t i = 2; i < call->count;) {
        uint32_t left = call->count - i - 1;
        if (command_word_is(call->words[i], "AUTH") && left >= 2) {
            hello->has_password = true;
            hello->user = call->words[i + 1];
            hello->password = call->words[i + 2];
            i += 3;
        } else if (command_word_is(call->words[i], "SETNAME") && left >= 1) {
            hello->has_name = true;
            hello->name = call->words[i + 1];
            i += 2;
        } else {
            return "ERR Syntax error in HELLO";
        }
    }
    if (hello->has_name && !command_name_is_valid(hello->name))
        return "ERR Client names cannot contain spaces, newlines or special characters.";
    return NULL;
}

void command_hello(struct session *session, const struct call *call, struct buffer *out) {
    struct hello hello;
    const char *error = read_hello(session, call, &hello);
    if (error == NULL && hello.has_password)
        error = authenticate(session, hello.user, hello.password);
    if (error == NULL && !session->is_authenticated)
        error = "NOAUTH HELLO must be called with the client already authenticated, otherwise the "
                "HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client "
                "and select the RESP protocol version at the same time";
    if (error != NULL) {
        resp_put_error(out, error);
        return;
    }
    session->protocol = hello.protocol;
    if (hello.has_name) {
        buffer_clear(&session->name);
        buffer_append(&session->name, hello.name);
    }
    put_server(session, out);
}

void command_select(const struct call *call, struct buffer *out) {
    uint64_t database;
    if (!text_parse_u64(call->words[1], &database))
        resp_put_error(out, "ERR value is not an integer or out of range");
    else if (database != 0)
        resp_put_error(out, "ERR DB index is out of range: Dunlin has database 0 only");
    else
        resp_put_status(out, "OK");
}

void command_reset(struct session *session, struct buffer *out) {
    session->protocol = RESP_2;
    session->is_authenticated = session->config->password.size == 0;
    session->replies_off = false;
    buffer_clear(&session->name);
    resp_put_status(out, "RESET");
}
