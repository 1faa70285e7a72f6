#include "harness/simulated_client_internal.h"

#include "engine/base/text.h"
#include "harness/reply_reader.h"
#include "harness/written_value.h"

enum { WORDS_MAX = 12 };

struct known_context *client_known(struct client *client, uint32_t key) {
    struct known_context *known = &client->known[key % KNOWN_CONTEXTS];
    if (known->key_and_one != key + 1) {
        known->key_and_one = key + 1;
        known->seen.count = 0;
        buffer_clear(&known->context);
    }
    return known;
}

static struct instant now_of(const struct client *client) {
    return world_now(client->setup->world);
}

/* --- commands ------------------------------------------------------------------------------------------------------ */

struct words {
    struct bytes words[WORDS_MAX];
    uint32_t count;
    char digits[4][4];
    uint32_t digits_used;
};

static void add_word(struct words *words, const char *text) {
    words->words[words->count++] = bytes_of_text(text);
}

static void add_option(struct words *words, const char *name, uint8_t number) {
    if (number == 0)
        return;
    char *digits = words->digits[words->digits_used++];
    digits[0] = (char)('0' + number % 10);
    digits[1] = 0;
    add_word(words, name);
    add_word(words, digits);
}

static void send_words(struct client *client, const struct words *words, struct effects *effects) {
    buffer_clear(&client->command);
    reply_put_command(&client->command, words->words, words->count);
    effects_send(effects, client->links[client->node].id,
                 arena_copy(&effects->arena, buffer_bytes(&client->command)));
}

static void send_read(struct client *client, struct effects *effects) {
    struct words words = {0};
    buffer_clear(&client->scratch);
    history_key_text(client->history, client->key, &client->scratch);
    add_word(&words, client->action == ACTION_GET ? "GET" : "DGET");
    words.words[words.count++] = buffer_bytes(&client->scratch);
    if (client->action != ACTION_GET) {
        add_option(&words, "R", client->group->r);
        add_option(&words, "PR", client->group->pr);
    }
    client->phase = CLIENT_READING;
    history_begin_read(client->history, &client->read, client->setup->client, client->key,
                       now_of(client));
    client->read.one_winner = client->action == ACTION_GET;
    send_words(client, &words, effects);
}

static const struct keyspace_config *keyspace_of(const struct client *client) {
    const struct scenario *scenario = client->history->scenario;
    const struct keyspace_config *found = &scenario->cluster.keyspaces[0];
    struct bytes key = bytes_of_text(client->group->key_prefix);
    for (uint32_t i = 1; i < scenario->cluster.node.keyspace_count; i++) {
        const struct keyspace_config *keyspace = &scenario->cluster.keyspaces[i];
        if (bytes_start_with(key, keyspace->prefix) && keyspace->prefix.size >= found->prefix.size)
            found = keyspace;
    }
    return found;
}

static bool action_is_blind(enum client_action action) {
    return action == ACTION_SET || action == ACTION_REMOVE;
}

static bool action_deletes(enum client_action action) {
    return action == ACTION_DELETE || action == ACTION_REMOVE;
}

static void begin_write(struct client *client) {
    const struct keyspace_config *keyspace = keyspace_of(client);
    const struct client_group *group = client->group;
    uint32_t node_count = client->history->scenario->cluster.node_count;
    bool blind = action_is_blind(client->action);
    uint8_t w = group->w != 0 && !blind ? group->w : keyspace->w;
    uint8_t dw = group->dw != 0 && !blind ? group->dw : keyspace->dw;
    struct write_request request = {.client = client->setup->client,
                                    .key = client->key,
                                    .deletes = action_deletes(client->action),
                                    .blind = blind,
                                    .copies = w < node_count ? w : (uint8_t)node_count,
                                    .durable_copies = dw};
    client->write = history_begin_write(client->history, &request, &client->seen, now_of(client));
    client->phase = CLIENT_WRITING;
}

static void send_write(struct client *client, struct effects *effects) {
    static const char *const COMMANDS[ACTION_COUNT] = {[ACTION_PUT] = "DSET",
                                                       [ACTION_MERGE] = "DSET",
                                                       [ACTION_DELETE] = "DDEL",
                                                       [ACTION_SET] = "SET",
                                                       [ACTION_REMOVE] = "DEL"};
    struct words words = {0};
    begin_write(client);
    buffer_clear(&client->scratch);
    history_key_text(client->history, client->key, &client->scratch);
    size_t key_size = client->scratch.size;
    if (!action_deletes(client->action))
        written_value_encode(client->write, client->key, client_draw_value_size(client),
                             &client->scratch);
    add_word(&words, COMMANDS[client->action]);
    words.words[words.count++] = bytes_of(client->scratch.data, key_size);
    if (!action_is_blind(client->action))
        words.words[words.count++] = buffer_bytes(&client->context);
    if (!action_deletes(client->action))
        words.words[words.count++] =
            bytes_of(client->scratch.data + key_size, client->scratch.size - key_size);
    if (!action_is_blind(client->action)) {
        add_option(&words, "W", client->group->w);
        add_option(&words, "DW", client->group->dw);
        add_option(&words, "PW", client->group->pw);
    }
    send_words(client, &words, effects);
}

void client_send_first(struct client *client, struct effects *effects) {
    client->seen.count = 0;
    buffer_clear(&client->context);
    bool causal = client->action == ACTION_PUT || client->action == ACTION_DELETE;
    if (causal && client->group->context == CONTEXT_LAST) {
        const struct known_context *known = client_known(client, client->key);
        id_set_copy(&client->seen, &known->seen);
        buffer_append(&client->context, buffer_bytes(&known->context));
    }
    bool reads = client->action == ACTION_GET || client->action == ACTION_READ ||
                 client->action == ACTION_MERGE ||
                 (causal && client->group->context == CONTEXT_FRESH);
    if (reads)
        send_read(client, effects);
    else
        send_write(client, effects);
}

/* --- replies ------------------------------------------------------------------------------------------------------- */

static bool add_value(struct client *client, struct bytes value) {
    uint32_t id;
    if (!written_value_decode(value, client->key, &id)) {
        history_saw_phantom(client->history, client->key, value, now_of(client));
        return false;
    }
    return id_set_add(&client->ids, id);
}

/* DGET: [context, value...]; GET: a value or nothing. False when the reply is none of these. */
static bool decode_read(struct client *client, struct bytes bytes, struct bytes *context) {
    struct reply_reader reader = {.bytes = bytes};
    struct reply reply;
    client->ids.count = 0;
    if (reply_next(&reader, &reply) != REPLY_WHOLE)
        return false;
    if (reply.kind == REPLY_NULL)
        return true;
    if (reply.kind == REPLY_BULK)
        return add_value(client, reply.text);
    if (reply.kind != REPLY_ARRAY || reply.integer < 1)
        return false;
    for (int64_t i = 0, count = reply.integer; i < count; i++) {
        if (reply_next(&reader, &reply) != REPLY_WHOLE || reply.kind != REPLY_BULK)
            return false;
        if (i == 0)
            *context = reply.text;
        else if (!add_value(client, reply.text))
            return false;
    }
    return true;
}

static void remember(struct client *client, struct bytes context, const struct id_set *seen) {
    if (client->group->context != CONTEXT_LAST)
        return;
    struct known_context *known = client_known(client, client->key);
    buffer_clear(&known->context);
    buffer_append(&known->context, context);
    id_set_copy(&known->seen, seen);
}

static bool reply_begins_with(struct bytes reply, const char *text) {
    return bytes_start_with(reply, bytes_of_text(text));
}

/* The key has siblings, and its keyspace answers GET with an error then: an answer all the same. */
static bool says_siblings(struct bytes reply) {
    return reply_begins_with(reply, "-SIBLINGS");
}

static bool take_read(struct client *client, struct bytes reply, struct effects *effects,
                      bool *failed) {
    struct bytes context = {0};
    if (says_siblings(reply)) {
        history_count(client->history, client->setup->client, FIGURE_READS, 1);
        return true;
    }
    if (reply.data[0] == '-') {
        history_read_failed(client->history, &client->read, now_of(client));
        *failed = true;
        return true;
    }
    if (!decode_read(client, reply, &context)) {
        history_fail(client->history, ORACLE_PHANTOM_VALUES, now_of(client),
                     "a read was answered with what is no reply to it");
        return true;
    }
    history_end_read(client->history, &client->read, &client->ids, now_of(client));
    if (client->action != ACTION_GET)
        remember(client, context, &client->ids);
    bool merges = client->action == ACTION_MERGE && client->ids.count > 1;
    if (!merges && client->action != ACTION_PUT && client->action != ACTION_DELETE)
        return true;
    id_set_copy(&client->seen, &client->ids);
    buffer_clear(&client->context);
    buffer_append(&client->context, context);
    send_write(client, effects);
    return false;
}

static enum write_outcome outcome_of(struct bytes reply) {
    static const char *const NOTHING_WRITTEN[] = {"-REFUSED", "-UNAVAILABLE", "-BUSY",
                                                  "-FULL",    "-BADCONTEXT",  "-SIBLINGS"};
    if (reply.data[0] != '-')
        return WRITE_ACKNOWLEDGED;
    for (size_t i = 0; i < sizeof NOTHING_WRITTEN / sizeof NOTHING_WRITTEN[0]; i++) {
        if (reply_begins_with(reply, NOTHING_WRITTEN[i]))
            return WRITE_NOT_WRITTEN;
    }
    return WRITE_IN_DOUBT;
}

static void take_write(struct client *client, struct bytes reply, bool *failed) {
    enum write_outcome outcome = outcome_of(reply);
    history_end_write(client->history, client->write, outcome, now_of(client));
    *failed = outcome != WRITE_ACKNOWLEDGED;
    struct reply_reader reader = {.bytes = reply};
    struct reply parsed;
    if (*failed || action_is_blind(client->action) || reply_next(&reader, &parsed) != REPLY_WHOLE ||
        parsed.kind != REPLY_BULK)
        return;
    /* The new context covers the write too, unless no context could say that without claiming what the client has not
     * seen: then it comes back as it was. */
    bool covers_write = !bytes_equal(parsed.text, buffer_bytes(&client->context));
    if (parsed.text.size == 0)
        client->seen.count = 0;
    else if (covers_write && !action_deletes(client->action) &&
             !id_set_add(&client->seen, client->write))
        return;
    remember(client, parsed.text, &client->seen);
}

bool client_take_reply(struct client *client, struct bytes reply, struct effects *effects,
                       bool *failed) {
    *failed = false;
    if (client->phase == CLIENT_READING)
        return take_read(client, reply, effects, failed);
    take_write(client, reply, failed);
    return true;
}

void client_give_up(struct client *client) {
    struct instant now = now_of(client);
    switch (client->phase) {
    case CLIENT_IDLE:
        return;
    case CLIENT_CONNECTING:
        history_begin_read(client->history, &client->read, client->setup->client, client->key, now);
        history_read_failed(client->history, &client->read, now);
        return;
    case CLIENT_READING:
        history_read_failed(client->history, &client->read, now);
        return;
    case CLIENT_WRITING:
        history_end_write(client->history, client->write, WRITE_IN_DOUBT, now);
        return;
    }
}
