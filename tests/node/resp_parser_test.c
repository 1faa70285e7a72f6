#include "engine/node/resp_parser.h"

#include "engine/base/prng.h"
#include "engine/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct resp_limits LIMITS = {
    .arguments_max = 8, .ask_bytes = 10, .request_bytes_max = 200};

/* Arguments of this size and more are refused when asked about. */
enum { REFUSED_FROM = 20 };

/* What the parser makes of the pieces, as text: "[SET][k][v] refused(4) malformed(problem)". */
struct listener {
    struct resp_parser parser;
    struct buffer input;
    struct buffer story;
    size_t held_most;
    bool ended;
};

static void tell_request(struct listener *listener) {
    for (uint32_t i = 0; i < listener->parser.argument_count; i++) {
        text_append(&listener->story, "[");
        text_append_quoted(&listener->story, listener->parser.arguments[i], 100);
        text_append(&listener->story, "]");
    }
    text_append(&listener->story, ";");
}

/* True while there may be more. */
static bool take(struct listener *listener) {
    size_t consumed;
    struct resp_parser *parser = &listener->parser;
    enum resp_status status =
        resp_parse(parser, &LIMITS, buffer_bytes(&listener->input), &consumed);
    switch (status) {
    case RESP_COMPLETE:
        tell_request(listener);
        break;
    case RESP_LARGE_ARGUMENT:
        if (parser->bulk_size >= REFUSED_FROM)
            resp_refuse(parser, RESP_VALUE_TOO_LARGE);
        break;
    case RESP_REFUSED:
        text_append(&listener->story, "refused(");
        text_append_u64(&listener->story, parser->refusal);
        text_append(&listener->story, ");");
        break;
    case RESP_MALFORMED:
        text_append(&listener->story, "malformed(");
        text_append(&listener->story, parser->problem);
        text_append(&listener->story, ")");
        listener->ended = true;
        break;
    case RESP_EMPTY:
    case RESP_PARTIAL:
        break;
    }
    buffer_consume(&listener->input, consumed);
    return status != RESP_PARTIAL && !listener->ended;
}

static void hear(struct listener *listener, struct bytes piece) {
    buffer_append(&listener->input, piece);
    while (!listener->ended && take(listener)) {
    }
    if (listener->input.size > listener->held_most)
        listener->held_most = listener->input.size;
}

static void listener_deinit(struct listener *listener) {
    resp_parser_deinit(&listener->parser);
    buffer_deinit(&listener->input);
    buffer_deinit(&listener->story);
}

static void assert_story(struct listener *listener, const char *expected) {
    buffer_put_u8(&listener->story, 0);
    assert_string_equal((const char *)listener->story.data, expected);
}

/* In one piece, cut in two at every position, and byte by byte. */
static void check(const char *stream, const char *expected) {
    struct bytes bytes = bytes_of_text(stream);
    for (size_t cut = 0; cut <= bytes.size; cut++) {
        struct listener listener = {0};
        hear(&listener, bytes_slice(bytes, 0, cut));
        hear(&listener, bytes_slice(bytes, cut, bytes.size - cut));
        assert_story(&listener, expected);
        listener_deinit(&listener);
    }
    struct listener listener = {0};
    for (size_t i = 0; i < bytes.size; i++)
        hear(&listener, bytes_slice(bytes, i, 1));
    assert_story(&listener, expected);
    listener_deinit(&listener);
}

static void requests_are_the_same_wherever_the_stream_is_cut(void **state) {
    (void)state;
    check("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nva\r\nl\r\n", "[SET][k][va\\x0d\\x0al];");
    check("*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n", "[PING];[GET][];");
    check("*0\r\n*-1\r\n\r\n*1\r\n$4\r\nPING\r\n", "[PING];");
    check("*2\r\n$4\r\nECHO\r\n$12\r\nabcdefghijkl\r\n", "[ECHO][abcdefghijkl];");
}

static void inline_words_may_be_quoted(void **state) {
    (void)state;
    check("PING\r\nSET k v\n  GET\t k \r\n", "[PING];[SET][k][v];[GET][k];");
    check("SET k \"a b\\n\\x41\\\"\" 'it\\'s'\r\n", "[SET][k][a b\\x0aA\"][it's];");
    check("ECHO \"\"\r\nPING\r\n", "[ECHO][];[PING];");
    check("ECHO \"open\r\n", "malformed(unbalanced quotes in request)");
    check("ECHO \"a\"b\r\n", "malformed(unbalanced quotes in request)");
}

static void what_is_no_request_ends_the_stream(void **state) {
    (void)state;
    check("*1\r\n$4\r\nPING\r\n*x\r\nPING\r\n", "[PING];malformed(invalid multibulk length)");
    check("*1048577\r\n", "malformed(invalid multibulk length)");
    check("*9999999999999999999\r\n", "malformed(invalid multibulk length)");
    check("*\r\n", "malformed(invalid multibulk length)");
    check("*1\r\rx", "malformed(invalid multibulk length)");
    check("*1\r\n:4\r\n", "malformed(expected '$', got ':')");
    check("*1\r\n\r\n", "malformed(expected '$', got '?')");
    check("*1\r\n$-1\r\n", "malformed(invalid bulk length)");
    check("*1\r\n$536870913\r\n", "malformed(invalid bulk length)");
    check("*1\r\n$4\r\nPINGPING\r\n", "malformed(bulk string without its line end)");
}

static void what_exceeds_a_limit_goes_by_and_the_stream_stays_in_step(void **state) {
    (void)state;
    check("*3\r\n$3\r\nSET\r\n$20\r\naaaaaaaaaaaaaaaaaaaa\r\n$1\r\nv\r\n*1\r\n$4\r\nPING\r\n",
          "refused(4);[PING];");
    check("*9\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n"
          "$1\r\na\r\n$1\r\na\r\nPING\r\n",
          "refused(1);[PING];");
    check("*2\r\n$1\r\na\r\n$20\r\naaaaaaaaaaaaaaaaaaaaXX",
          "malformed(bulk string without its line end)");
}

static void a_request_that_is_too_long_as_a_whole_is_refused(void **state) {
    (void)state;
    struct buffer stream = {0};
    text_append(&stream, "*8\r\n");
    for (int i = 0; i < 8; i++)
        text_append(&stream, "$19\r\naaaaaaaaaaaaaaaaaaa\r\n");
    text_append(&stream, "PING\r\n");
    buffer_put_u8(&stream, 0);
    check((const char *)stream.data, "refused(2);[PING];");
    buffer_deinit(&stream);
}

static void a_refused_payload_is_not_kept(void **state) {
    (void)state;
    struct listener listener = {0};
    hear(&listener, bytes_of_text("*2\r\n$4\r\nECHO\r\n$100000000\r\n"));
    static const uint8_t PIECE[1000];
    for (int i = 0; i < 100000; i++)
        hear(&listener, bytes_of(PIECE, sizeof PIECE));
    hear(&listener, bytes_of_text("\r\nPING\r\n"));
    assert_story(&listener, "refused(4);[PING];");
    assert_true(listener.held_most < 100);
    listener_deinit(&listener);
}

static void an_endless_line_is_malformed(void **state) {
    (void)state;
    struct listener listener = {0};
    static uint8_t line[RESP_INLINE_BYTES_MAX];
    memset(line, 'a', sizeof line);
    hear(&listener, bytes_of(line, sizeof line));
    assert_story(&listener, "malformed(too big inline request)");
    listener_deinit(&listener);
}

/* Whatever comes, the parser says the same however it is cut, and never holds more than a request. */
static void random_streams_are_cut_independent(void **state) {
    (void)state;
    static const char *const PARTS[] = {
        "*2\r\n", "$3\r\n", "GET\r\n",  "$1\r\n",
        "k\r\n",  "*1\r\n", "$25\r\n",  "aaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
        "\r\n",   "$0\r\n", "PING\r\n", "*",
        "$",      "-",      "\"",       "1"};
    for (uint32_t seed = 0; seed < 2000; seed++) {
        struct prng prng;
        prng_init(&prng, seed, 1);
        struct listener whole = {0};
        struct listener cut = {0};
        struct buffer stream = {0};
        uint32_t parts = 1 + prng_below(&prng, 20);
        for (uint32_t i = 0; i < parts; i++)
            text_append(&stream, PARTS[prng_below(&prng, sizeof PARTS / sizeof PARTS[0])]);
        hear(&whole, buffer_bytes(&stream));
        for (size_t at = 0; at < stream.size;) {
            size_t size = 1 + prng_below(&prng, 5);
            size = size > stream.size - at ? stream.size - at : size;
            hear(&cut, bytes_slice(buffer_bytes(&stream), at, size));
            at += size;
        }
        buffer_put_u8(&whole.story, 0);
        assert_story(&cut, (const char *)whole.story.data);
        listener_deinit(&whole);
        listener_deinit(&cut);
        buffer_deinit(&stream);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_the_same_wherever_the_stream_is_cut),
        cmocka_unit_test(inline_words_may_be_quoted),
        cmocka_unit_test(what_is_no_request_ends_the_stream),
        cmocka_unit_test(what_exceeds_a_limit_goes_by_and_the_stream_stays_in_step),
        cmocka_unit_test(a_request_that_is_too_long_as_a_whole_is_refused),
        cmocka_unit_test(a_refused_payload_is_not_kept),
        cmocka_unit_test(an_endless_line_is_malformed),
        cmocka_unit_test(random_streams_are_cut_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
