/* Inline requests: one line of words, as a person types it into a terminal.
 *
 *     SET key "two words\r\n" 'it\'s'
 *
 * Double quotes know the escapes \n \r \t \b \a \xNN and \<any>; single quotes only \'. A closing
 * quote must be followed by a blank or the end of the line. The words are copied into the parser,
 * without their quotes. Inline requests are rare and short, so the copy does not matter.
 */
#include "engine/node/resp_parser.h"

static bool is_blank(uint8_t byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* The value of a hexadecimal digit, or 16. */
static uint8_t hex_value(uint8_t digit) {
    if (digit >= '0' && digit <= '9')
        return (uint8_t)(digit - '0');
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? (uint8_t)(digit - 'a' + 10) : 16;
}

/* One escape behind a backslash in double quotes. Returns how many bytes it took. */
static size_t take_escape(struct bytes escape, uint8_t *byte) {
    if (escape.size >= 3 && escape.data[0] == 'x' && hex_value(escape.data[1]) < 16 &&
        hex_value(escape.data[2]) < 16) {
        *byte = (uint8_t)(hex_value(escape.data[1]) << 4 | hex_value(escape.data[2]));
        return 3;
    }
    switch (escape.data[0]) {
    case 'n':
        *byte = '\n';
        break;
    case 'r':
        *byte = '\r';
        break;
    case 't':
        *byte = '\t';
        break;
    case 'b':
        *byte = '\b';
        break;
    case 'a':
        *byte = '\a';
        break;
    default:
        *byte = escape.data[0];
        break;
    }
    return 1;
}

/* Takes what stands in quotes from line[*at], the opening one, on. False when they are not
 * balanced. */
static bool take_quoted(struct bytes line, size_t *at, struct buffer *word) {
    uint8_t quote = line.data[(*at)++];
    while (*at < line.size && line.data[*at] != quote) {
        uint8_t byte = line.data[(*at)++];
        bool more = *at < line.size;
        if (byte == '\\' && quote == '"' && more)
            *at += take_escape(bytes_slice(line, *at, line.size - *at), &byte);
        else if (byte == '\\' && quote == '\'' && more && line.data[*at] == '\'')
            byte = line.data[(*at)++];
        buffer_put_u8(word, byte);
    }
    if (*at == line.size)
        return false;
    *at += 1;
    return *at == line.size || is_blank(line.data[*at]);
}

/* Copies one word into the parser's words. */
static bool take_word(struct resp_parser *parser, struct bytes line, size_t *at) {
    size_t from = parser->words.size;
    while (*at < line.size && !is_blank(line.data[*at])) {
        if (line.data[*at] == '"' || line.data[*at] == '\'') {
            if (!take_quoted(line, at, &parser->words))
                return false;
        } else {
            buffer_put_u8(&parser->words, line.data[(*at)++]);
        }
    }
    resp_parser_grow(parser);
    parser->spans[parser->argument_count++] =
        (struct resp_span){.from = from, .size = parser->words.size - from};
    return true;
}

static enum resp_status split_line(struct resp_parser *parser, struct bytes line) {
    buffer_clear(&parser->words);
    buffer_reserve(&parser->words, line.size);
    for (size_t at = 0; at < line.size;) {
        if (is_blank(line.data[at]))
            at += 1;
        else if (!take_word(parser, line, &at))
            return resp_malformed(parser, "unbalanced quotes in request");
    }
    for (uint32_t i = 0; i < parser->argument_count; i++)
        parser->arguments[i] =
            bytes_of(parser->words.data + parser->spans[i].from, parser->spans[i].size);
    return parser->argument_count == 0 ? RESP_EMPTY : RESP_COMPLETE;
}

enum resp_status resp_parse_inline(struct resp_parser *parser, struct bytes input,
                                   size_t *consumed) {
    size_t end = parser->at;
    size_t searched = input.size < RESP_INLINE_BYTES_MAX ? input.size : RESP_INLINE_BYTES_MAX;
    while (end < searched && input.data[end] != '\n')
        end += 1;
    if (end == RESP_INLINE_BYTES_MAX)
        return resp_malformed(parser, "too big inline request");
    if (end == searched) {
        parser->at = end;
        return RESP_PARTIAL;
    }
    parser->at = 0;
    *consumed = end + 1;
    return split_line(parser, bytes_slice(input, 0, end));
}
