#include "harness/reply_reader.h"

#include "engine/base/text.h"

enum { LINE_MAX_BYTES = 4096 };

static enum reply_state take_line(struct reply_reader *reader, struct bytes *line) {
    const uint8_t *from = reader->bytes.data + reader->at;
    size_t left = reader->bytes.size - reader->at;
    const uint8_t *end = left == 0 ? NULL : memchr(from, '\r', left);
    if (end == NULL)
        return left > LINE_MAX_BYTES ? REPLY_MALFORMED : REPLY_CUT;
    size_t size = (size_t)(end - from);
    if (size + 1 == left)
        return REPLY_CUT;
    if (end[1] != '\n' || size == 0)
        return REPLY_MALFORMED;
    *line = bytes_of(from, size);
    reader->at += size + 2;
    return REPLY_WHOLE;
}

static enum reply_state take_bulk(struct reply_reader *reader, int64_t size, struct reply *reply) {
    if (size == -1) {
        reply->kind = REPLY_NULL;
        return REPLY_WHOLE;
    }
    if (size < 0 || size > REPLY_BULK_MAX)
        return REPLY_MALFORMED;
    if (reader->bytes.size - reader->at < (size_t)size + 2)
        return REPLY_CUT;
    reply->kind = REPLY_BULK;
    reply->text = bytes_slice(reader->bytes, reader->at, (size_t)size);
    reader->at += (size_t)size + 2;
    return REPLY_WHOLE;
}

enum reply_state reply_next(struct reply_reader *reader, struct reply *reply) {
    struct bytes line;
    enum reply_state state = take_line(reader, &line);
    if (state != REPLY_WHOLE)
        return state;
    *reply = (struct reply){.text = bytes_slice(line, 1, line.size - 1)};
    uint8_t kind = line.data[0];
    if (kind == '+' || kind == '-') {
        reply->kind = kind == '+' ? REPLY_STATUS : REPLY_ERROR;
        return REPLY_WHOLE;
    }
    if ((kind != ':' && kind != '$' && kind != '*') ||
        !text_parse_i64(reply->text, &reply->integer))
        return REPLY_MALFORMED;
    if (kind == '$')
        return take_bulk(reader, reply->integer, reply);
    reply->kind = kind == ':' ? REPLY_INTEGER : REPLY_ARRAY;
    if (kind == '*' && reply->integer == -1)
        reply->kind = REPLY_NULL;
    else if (kind == '*' && (reply->integer < 0 || reply->integer > REPLY_ELEMENTS_MAX))
        return REPLY_MALFORMED;
    return REPLY_WHOLE;
}

enum reply_state reply_is_complete(struct bytes bytes, size_t *size) {
    struct reply_reader reader = {.bytes = bytes};
    int64_t due = 1;
    while (due > 0) {
        struct reply reply;
        enum reply_state state = reply_next(&reader, &reply);
        if (state != REPLY_WHOLE)
            return state;
        due += reply.kind == REPLY_ARRAY ? reply.integer - 1 : -1;
        if (due > REPLY_ELEMENTS_MAX)
            return REPLY_MALFORMED;
    }
    *size = reader.at;
    return REPLY_WHOLE;
}

void reply_put_command(struct buffer *to, const struct bytes *words, uint32_t count) {
    text_append(to, "*");
    text_append_u64(to, count);
    text_append(to, "\r\n");
    for (uint32_t i = 0; i < count; i++) {
        text_append(to, "$");
        text_append_u64(to, words[i].size);
        text_append(to, "\r\n");
        buffer_append(to, words[i]);
        text_append(to, "\r\n");
    }
}
