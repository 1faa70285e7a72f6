#include "engine/node/resp_parser.h"
#include "engine/base/memory.h"

enum { ARGUMENTS_MIN = 16, TERMINATOR_BYTES = 2 };

enum line { LINE_WHOLE, LINE_PARTIAL, LINE_BAD };

void resp_parser_deinit(struct resp_parser *parser) {
    memory_release(parser->arguments);
    memory_release(parser->spans);
    buffer_deinit(&parser->words);
    *parser = (struct resp_parser){0};
}

static void resize(struct resp_parser *parser, uint32_t capacity) {
    parser->arguments = memory_resize(parser->arguments, capacity * sizeof *parser->arguments);
    parser->spans = memory_resize(parser->spans, capacity * sizeof *parser->spans);
    parser->capacity = capacity;
}

void resp_parser_grow(struct resp_parser *parser) {
    if (parser->argument_count == parser->capacity)
        resize(parser, parser->capacity == 0 ? ARGUMENTS_MIN : 2 * parser->capacity);
}

enum resp_status resp_malformed(struct resp_parser *parser, const char *problem) {
    size_t size = strlen(problem);
    CHECK(size < sizeof parser->problem);
    memcpy(parser->problem, problem, size + 1);
    return RESP_MALFORMED;
}

/* Reads "<number>\r\n". Every prefix of a line that cannot become one is bad at once. */
static enum line take_number(struct bytes line, int64_t *number, size_t *used) {
    size_t at = line.size > 0 && line.data[0] == '-' ? 1 : 0;
    size_t first = at;
    int64_t sum = 0;
    while (at < line.size && (uint8_t)(line.data[at] - '0') <= 9) {
        if (at - first >= 18)
            return LINE_BAD;
        sum = sum * 10 + (line.data[at++] - '0');
    }
    if (at == line.size)
        return LINE_PARTIAL;
    if (line.data[at] != '\r' || at == first)
        return LINE_BAD;
    if (at + 1 == line.size)
        return LINE_PARTIAL;
    if (line.data[at + 1] != '\n')
        return LINE_BAD;
    *number = first == 1 ? -sum : sum;
    *used = at + 2;
    return LINE_WHOLE;
}

static struct bytes rest_of(const struct resp_parser *parser, struct bytes input, size_t skip) {
    return bytes_slice(input, parser->at + skip, input.size - parser->at - skip);
}

/* Nothing more can be done: a refused request lets go of what was looked at, any other keeps it
 * all. */
static enum resp_status partial(struct resp_parser *parser, size_t *consumed) {
    if (parser->refusal != RESP_NOT_REFUSED) {
        *consumed = parser->at;
        parser->at = 0;
    }
    return RESP_PARTIAL;
}

static void begin_request(struct resp_parser *parser) {
    parser->argument_count = 0;
    parser->refusal = RESP_NOT_REFUSED;
    parser->bulk_asked = false;
    if (parser->capacity > RESP_ARGUMENTS_KEPT)
        resize(parser, RESP_ARGUMENTS_KEPT);
}

static enum resp_status end_request(struct resp_parser *parser, struct bytes input,
                                    size_t *consumed) {
    *consumed = parser->at;
    parser->at = 0;
    parser->phase = RESP_AT_START;
    if (parser->refusal != RESP_NOT_REFUSED)
        return RESP_REFUSED;
    for (uint32_t i = 0; i < parser->argument_count; i++) {
        struct resp_span span = parser->spans[i];
        parser->arguments[i] = bytes_of(input.data + span.from, span.size);
    }
    return RESP_COMPLETE;
}

/* "*n": RESP_COMPLETE stands for going on. */
static enum resp_status take_count(struct resp_parser *parser, const struct resp_limits *limits,
                                   struct bytes input, size_t *consumed) {
    int64_t count;
    size_t used;
    switch (take_number(rest_of(parser, input, 1), &count, &used)) {
    case LINE_PARTIAL:
        return RESP_PARTIAL;
    case LINE_BAD:
        return resp_malformed(parser, "invalid multibulk length");
    case LINE_WHOLE:
        break;
    }
    if (count > RESP_ARGUMENTS_LIMIT)
        return resp_malformed(parser, "invalid multibulk length");
    if (count <= 0) {
        *consumed = 1 + used;
        return RESP_EMPTY;
    }
    parser->expected = (uint32_t)count;
    parser->at = 1 + used;
    parser->phase = RESP_AT_BULK_HEADER;
    if (count > limits->arguments_max)
        parser->refusal = RESP_TOO_MANY_ARGUMENTS;
    return RESP_COMPLETE;
}

static enum resp_status expected_dollar(struct resp_parser *parser, uint8_t got) {
    char problem[] = "expected '$', got '?'";
    if (got >= ' ' && got <= '~')
        problem[sizeof problem - 3] = (char)got;
    return resp_malformed(parser, problem);
}

/* "$size" */
static enum resp_status take_bulk_header(struct resp_parser *parser, struct bytes input,
                                         size_t *consumed) {
    if (parser->at == input.size)
        return partial(parser, consumed);
    if (input.data[parser->at] != '$')
        return expected_dollar(parser, input.data[parser->at]);
    int64_t size;
    size_t used;
    enum line line = take_number(rest_of(parser, input, 1), &size, &used);
    if (line == LINE_PARTIAL)
        return partial(parser, consumed);
    if (line == LINE_BAD || size < 0 || size > RESP_BULK_BYTES_LIMIT)
        return resp_malformed(parser, "invalid bulk length");
    parser->at += 1 + used;
    parser->bulk_size = (size_t)size;
    parser->bulk_left = (size_t)size + TERMINATOR_BYTES;
    parser->bulk_asked = false;
    parser->phase = RESP_IN_BULK;
    return RESP_COMPLETE;
}

/* The bytes of a refused bulk string go by as they come; its line end still has to be one. */
static enum resp_status pass_bulk(struct resp_parser *parser, struct bytes input,
                                  size_t *consumed) {
    while (parser->bulk_left > 0) {
        size_t have = input.size - parser->at;
        if (have == 0)
            return partial(parser, consumed);
        if (parser->bulk_left > TERMINATOR_BYTES) {
            size_t payload = parser->bulk_left - TERMINATOR_BYTES;
            size_t passed = have < payload ? have : payload;
            parser->at += passed;
            parser->bulk_left -= passed;
            continue;
        }
        if (input.data[parser->at] != (parser->bulk_left == TERMINATOR_BYTES ? '\r' : '\n'))
            return resp_malformed(parser, "bulk string without its line end");
        parser->at += 1;
        parser->bulk_left -= 1;
    }
    return RESP_COMPLETE;
}

/* Stops before a large bulk string, once. */
static bool has_to_ask(struct resp_parser *parser, const struct resp_limits *limits,
                       struct bytes input) {
    if (parser->bulk_size <= limits->ask_bytes || parser->bulk_asked)
        return false;
    parser->bulk_asked = true;
    if (parser->argument_count > 0)
        parser->arguments[0] = bytes_of(input.data + parser->spans[0].from, parser->spans[0].size);
    return true;
}

static enum resp_status keep_bulk(struct resp_parser *parser, struct bytes input) {
    if (input.size - parser->at < parser->bulk_left)
        return RESP_PARTIAL;
    const uint8_t *end = input.data + parser->at + parser->bulk_size;
    if (end[0] != '\r' || end[1] != '\n')
        return resp_malformed(parser, "bulk string without its line end");
    resp_parser_grow(parser);
    parser->spans[parser->argument_count] =
        (struct resp_span){.from = parser->at, .size = parser->bulk_size};
    parser->at += parser->bulk_left;
    return RESP_COMPLETE;
}

void resp_refuse(struct resp_parser *parser, enum resp_refusal refusal) {
    CHECK(parser->phase == RESP_IN_BULK && refusal != RESP_NOT_REFUSED);
    parser->refusal = refusal;
}

static enum resp_status take_bulk(struct resp_parser *parser, const struct resp_limits *limits,
                                  struct bytes input, size_t *consumed) {
    if (parser->refusal == RESP_NOT_REFUSED && has_to_ask(parser, limits, input))
        return RESP_LARGE_ARGUMENT;
    if (parser->refusal == RESP_NOT_REFUSED &&
        parser->at + parser->bulk_left > limits->request_bytes_max)
        parser->refusal = RESP_REQUEST_TOO_LARGE;
    enum resp_status status = parser->refusal != RESP_NOT_REFUSED
                                  ? pass_bulk(parser, input, consumed)
                                  : keep_bulk(parser, input);
    if (status == RESP_COMPLETE) {
        parser->phase = RESP_AT_BULK_HEADER;
        parser->argument_count += 1;
    }
    return status;
}

static enum resp_status parse_array(struct resp_parser *parser, const struct resp_limits *limits,
                                    struct bytes input, size_t *consumed) {
    /* Ends: two rounds for each of the arguments that were announced. */
    for (;;) {
        enum resp_status status;
        if (parser->phase == RESP_AT_START)
            status = take_count(parser, limits, input, consumed);
        else if (parser->phase == RESP_AT_BULK_HEADER)
            status = take_bulk_header(parser, input, consumed);
        else
            status = take_bulk(parser, limits, input, consumed);
        if (status != RESP_COMPLETE)
            return status;
        if (parser->argument_count == parser->expected)
            return end_request(parser, input, consumed);
    }
}

enum resp_status resp_parse(struct resp_parser *parser, const struct resp_limits *limits,
                            struct bytes input, size_t *consumed) {
    *consumed = 0;
    if (parser->phase == RESP_AT_START) {
        begin_request(parser);
        if (input.size == 0)
            return RESP_PARTIAL;
        if (input.data[0] != '*')
            return resp_parse_inline(parser, input, consumed);
    }
    return parse_array(parser, limits, input, consumed);
}
