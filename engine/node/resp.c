#include "engine/node/resp.h"

#include "engine/base/text.h"

enum { HEADER_BYTES_MAX = 24 /* mark, sign, 20 digits, line end */ };

/* Writes the mark, the number and the line end; returns how many bytes that took. */
static size_t write_header(uint8_t *to, char mark, uint64_t value) {
    uint8_t digits[20];
    size_t from = sizeof digits;
    do {
        digits[--from] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    size_t count = sizeof digits - from;
    to[0] = (uint8_t)mark;
    memcpy(to + 1, digits + from, count);
    to[1 + count] = '\r';
    to[2 + count] = '\n';
    return count + 3;
}

static void put_header(struct buffer *to, char mark, uint64_t value) {
    to->size += write_header(buffer_reserve(to, HEADER_BYTES_MAX), mark, value);
}

void resp_put_status(struct buffer *to, const char *text) {
    buffer_put_u8(to, '+');
    text_append(to, text);
    text_append(to, "\r\n");
}

void resp_open_error(struct buffer *to, const char *begin) {
    buffer_put_u8(to, '-');
    text_append(to, begin);
}

void resp_close_error(struct buffer *to) {
    text_append(to, "\r\n");
}

void resp_put_error(struct buffer *to, const char *sentence) {
    resp_open_error(to, sentence);
    resp_close_error(to);
}

void resp_append_clean(struct buffer *to, struct bytes bytes, size_t limit) {
    size_t shown = bytes.size < limit ? bytes.size : limit;
    uint8_t *into = buffer_reserve(to, shown);
    for (size_t i = 0; i < shown; i++) {
        uint8_t byte = bytes.data[i];
        into[i] = byte >= ' ' && byte <= '~' ? byte : (uint8_t)'?';
    }
    to->size += shown;
}

void resp_put_integer(struct buffer *to, int64_t value) {
    if (value >= 0) {
        put_header(to, ':', (uint64_t)value);
        return;
    }
    buffer_put_u8(to, ':');
    text_append_i64(to, value);
    text_append(to, "\r\n");
}

void resp_put_bulk(struct buffer *to, struct bytes bytes) {
    uint8_t *into = buffer_reserve(to, HEADER_BYTES_MAX + bytes.size + 2);
    size_t size = write_header(into, '$', bytes.size);
    if (bytes.size > 0)
        memcpy(into + size, bytes.data, bytes.size);
    size += bytes.size;
    into[size++] = '\r';
    into[size++] = '\n';
    to->size += size;
}

void resp_put_text(struct buffer *to, const char *text) {
    resp_put_bulk(to, bytes_of_text(text));
}

void resp_put_number_text(struct buffer *to, uint64_t value) {
    uint8_t text[HEADER_BYTES_MAX];
    size_t size = write_header(text, '$', value);
    resp_put_bulk(to, bytes_of(text + 1, size - 3));
}

void resp_put_verbatim(struct buffer *to, enum resp_version version, struct bytes text) {
    if (version == RESP_2) {
        resp_put_bulk(to, text);
        return;
    }
    put_header(to, '=', text.size + 4);
    text_append(to, "txt:");
    buffer_append(to, text);
    text_append(to, "\r\n");
}

void resp_put_null(struct buffer *to, enum resp_version version) {
    text_append(to, version == RESP_2 ? "$-1\r\n" : "_\r\n");
}

void resp_put_array(struct buffer *to, uint64_t count) {
    put_header(to, '*', count);
}

void resp_put_set(struct buffer *to, enum resp_version version, uint64_t count) {
    put_header(to, version == RESP_2 ? '*' : '~', count);
}

void resp_put_map(struct buffer *to, enum resp_version version, uint64_t pairs) {
    if (version == RESP_2)
        put_header(to, '*', 2 * pairs);
    else
        put_header(to, '%', pairs);
}
