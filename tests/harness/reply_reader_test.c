#include "harness/reply_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_whole_reply_is_found_and_every_cut_of_it_waits_for_more(void **state) {
    (void)state;
    static const char *const REPLIES[] = {"+OK\r\n",
                                          "-ERR no\r\n",
                                          ":42\r\n",
                                          "$5\r\nhello\r\n",
                                          "$-1\r\n",
                                          "$0\r\n\r\n",
                                          "*0\r\n",
                                          "*3\r\n$1\r\na\r\n:1\r\n*1\r\n$-1\r\n",
                                          "*2\r\n*2\r\n:1\r\n:2\r\n$4\r\n\r\n\r\n\r\n"};
    for (size_t i = 0; i < sizeof REPLIES / sizeof REPLIES[0]; i++) {
        struct bytes whole = bytes_of_text(REPLIES[i]);
        size_t size = 0;
        assert_int_equal(reply_is_complete(whole, &size), REPLY_WHOLE);
        assert_int_equal(size, whole.size);
        for (size_t cut = 0; cut < whole.size; cut++)
            assert_int_equal(reply_is_complete(bytes_slice(whole, 0, cut), &size), REPLY_CUT);
    }
}

static void what_is_no_reply_is_malformed(void **state) {
    (void)state;
    static const char *const BAD[] = {
        "hello\r\n", "\r\n",      ":x\r\n",           "$-2\r\n",
        "*-7\r\n",   "+a\rb\r\n", "$99999999999\r\n", "*2\r\n:1\r\n!\r\n"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        size_t size;
        assert_int_equal(reply_is_complete(bytes_of_text(BAD[i]), &size), REPLY_MALFORMED);
    }
}

static void elements_come_in_order(void **state) {
    (void)state;
    struct reply_reader reader = {.bytes = bytes_of_text("*2\r\n$3\r\nctx\r\n:7\r\n")};
    struct reply reply;
    assert_int_equal(reply_next(&reader, &reply), REPLY_WHOLE);
    assert_int_equal(reply.kind, REPLY_ARRAY);
    assert_int_equal(reply.integer, 2);
    assert_int_equal(reply_next(&reader, &reply), REPLY_WHOLE);
    assert_true(bytes_equal(reply.text, bytes_of_text("ctx")));
    assert_int_equal(reply_next(&reader, &reply), REPLY_WHOLE);
    assert_int_equal(reply.integer, 7);
    assert_int_equal(reply_next(&reader, &reply), REPLY_CUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_reply_is_found_and_every_cut_of_it_waits_for_more),
        cmocka_unit_test(what_is_no_reply_is_malformed),
        cmocka_unit_test(elements_come_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
