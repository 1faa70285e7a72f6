/* SCAN cursor [MATCH pattern] [COUNT n] [TYPE type]: keys that this node holds. */
#include "engine/node/command_internal.h"
#include "engine/node/glob.h"

enum { SCAN_COUNT_DEFAULT = 10, SCAN_COUNT_MAX = 1000 };

enum scan_detail { SCAN_HAS_PATTERN = 1, SCAN_OTHER_TYPE = 2 };

struct scan_options {
    struct bytes pattern;
    uint64_t count;
    uint64_t detail;
};

static const char SYNTAX_ERROR[] = "ERR syntax error";

/* Null, or the error. */
static const char *take_option(struct bytes name, struct bytes value,
                               struct scan_options *options) {
    if (command_word_is(name, "MATCH")) {
        if (value.size > GLOB_BYTES_MAX)
            return "ERR the pattern is too long";
        options->pattern = value;
        options->detail |= SCAN_HAS_PATTERN;
        return NULL;
    }
    if (command_word_is(name, "COUNT")) {
        if (!text_parse_u64(value, &options->count))
            return "ERR value is not an integer or out of range";
        if (options->count > SCAN_COUNT_MAX)
            options->count = SCAN_COUNT_MAX;
        return options->count == 0 ? SYNTAX_ERROR : NULL;
    }
    if (command_word_is(name, "TYPE")) {
        if (!command_word_is(value, "string"))
            options->detail |= SCAN_OTHER_TYPE;
        return NULL;
    }
    return SYNTAX_ERROR;
}

static const char *take_options(const struct call *call, struct scan_options *options) {
    for (uint32_t i = 2; i < call->count; i += 2) {
        const char *error = i + 1 == call->count
                                ? SYNTAX_ERROR
                                : take_option(call->words[i], call->words[i + 1], options);
        if (error != NULL)
            return error;
    }
    return NULL;
}

void command_scan_run(struct session *session, const struct call *call) {
    struct scan_options options = {.count = SCAN_COUNT_DEFAULT};
    uint64_t cursor = 0;
    const char *error = text_parse_u64(call->words[1], &cursor) ? take_options(call, &options)
                                                                : "ERR invalid cursor";
    if (error != NULL) {
        session_reply_error(session, call->slot, error);
        return;
    }
    buffer_append(&call->slot->key, options.pattern);
    call->slot->detail = options.detail;
    struct operation scan = session_operation(OPERATION_SCAN, (struct bytes){0});
    scan.cursor = cursor;
    scan.count = (uint32_t)options.count;
    session_submit(session, call->sequence, 0, &scan);
}

static bool is_wanted(const struct reply_slot *slot, struct bytes key) {
    if ((slot->detail & SCAN_OTHER_TYPE) != 0)
        return false;
    return (slot->detail & SCAN_HAS_PATTERN) == 0 ||
           glob_matches(buffer_bytes(&slot->key), key, false);
}

void command_scan_complete(struct session *session, struct reply_slot *slot,
                           const struct operation_result *result) {
    struct buffer *out = session_open_reply(session, slot);
    if (result->status != OPERATION_OK) {
        command_put_failure(out, result->status, result->reason, false);
        session_close_reply(session, slot);
        return;
    }
    uint64_t wanted = 0;
    struct buffer *keys = &session->scratch;
    buffer_clear(keys);
    for (uint32_t i = 0; i < result->key_count; i++) {
        if (!is_wanted(slot, result->keys[i]))
            continue;
        resp_put_bulk(keys, result->keys[i]);
        wanted += 1;
    }
    resp_put_array(out, 2);
    resp_put_number_text(out, result->cursor);
    resp_put_array(out, wanted);
    buffer_append(out, buffer_bytes(keys));
    session_close_reply(session, slot);
}
