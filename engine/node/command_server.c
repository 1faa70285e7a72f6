/* Commands about this node: CONFIG DBSIZE TIME WAIT. */
#include "engine/node/command_internal.h"
#include "engine/node/glob.h"

enum { SETTINGS_MAX = 32 };

/* What CONFIG GET shows: the names that tools ask a Redis for, and Dunlin's own limits. */
struct setting {
    const char *name;
    const char *text; /* null: the number */
    uint64_t number;
};

static const char *fsync_policy(enum store_sync sync) {
    switch (sync) {
    case STORE_SYNC_ALWAYS:
        return "always";
    case STORE_SYNC_INTERVAL:
        return "everysec";
    case STORE_SYNC_NEVER:
        return "no";
    }
    CHECK_UNREACHABLE("each policy has its name");
}

static uint32_t collect_settings(const struct node_config *config,
                                 struct setting settings[SETTINGS_MAX]) {
    const struct setting all[] = {
        {"appendfsync", fsync_policy(config->store.sync), 0},
        {"appendonly", "yes", 0},
        {"client-output-bytes-max", NULL, config->client_output_bytes_max},
        {"cluster-enabled", "yes", 0},
        {"databases", "1", 0},
        {"hint-bytes-max", NULL, config->hint_bytes_max},
        {"key-bytes-max", NULL, config->key_bytes_max},
        {"maxclients", NULL, config->clients_max},
        {"maxmemory", "0", 0},
        {"maxmemory-policy", "noeviction", 0},
        {"pipeline-max", NULL, config->pipeline_max},
        {"proto-max-bulk-len", NULL, config->value_bytes_max},
        {"requests-max", NULL, config->requests_max},
        {"save", "", 0},
        {"timeout", "0", 0},
        {"value-bytes-max", NULL, config->value_bytes_max},
    };
    _Static_assert(sizeof all / sizeof all[0] <= SETTINGS_MAX, "every setting has room");
    memcpy(settings, all, sizeof all);
    return sizeof all / sizeof all[0];
}

static bool is_asked_for(const struct call *call, const char *name) {
    for (uint32_t i = 2; i < call->count; i++) {
        if (glob_matches(call->words[i], bytes_of_text(name), true))
            return true;
    }
    return false;
}

static void put_settings(struct session *session, const struct call *call, struct buffer *out) {
    struct setting settings[SETTINGS_MAX];
    uint32_t count = collect_settings(session->config, settings);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (is_asked_for(call, settings[i].name))
            settings[kept++] = settings[i];
    }
    resp_put_map(out, session->protocol, kept);
    for (uint32_t i = 0; i < kept; i++) {
        resp_put_text(out, settings[i].name);
        if (settings[i].text != NULL)
            resp_put_text(out, settings[i].text);
        else
            resp_put_number_text(out, settings[i].number);
    }
}

void command_config(struct session *session, const struct call *call, struct buffer *out) {
    if (command_word_is(call->words[1], "GET") && call->count >= 3)
        put_settings(session, call, out);
    else if (command_word_is(call->words[1], "SET") || command_word_is(call->words[1], "REWRITE"))
        resp_put_error(out, "ERR CONFIG SET is not offered: settings stand in the configuration "
                            "file of the node");
    else
        command_put_unknown_subcommand(out, call);
}

void command_dbsize(struct session *session, struct buffer *out) {
    int64_t keys = store_count_total(node_store(session->node));
    resp_put_integer(out, keys < 0 ? 0 : keys);
}

void command_time(struct session *session, struct buffer *out) {
    uint64_t milliseconds = node_wall(session->node).milliseconds;
    resp_put_array(out, 2);
    resp_put_number_text(out, milliseconds / 1000);
    resp_put_number_text(out, milliseconds % 1000 * 1000);
}

/* Every write was acknowledged by so many replicas before its reply went out, so there is nothing to wait for. More
 * than that nobody knows. The count leaves out one replica, which takes the place of the master. */
void command_wait(struct session *session, const struct call *call, struct buffer *out) {
    uint64_t replicas;
    uint64_t timeout;
    if (!text_parse_u64(call->words[1], &replicas) || !text_parse_u64(call->words[2], &timeout)) {
        resp_put_error(out, "ERR value is not an integer or out of range");
        return;
    }
    if (session->write_copies == 0)
        session->write_copies = command_copies_of_write(session, (struct bytes){0});
    session->was_waited_for = true;
    resp_put_integer(out, session->write_copies > 0 ? session->write_copies - 1 : 0);
}
