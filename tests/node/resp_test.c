#include "engine/node/resp.h"

#include "engine/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void assert_text(struct buffer *out, const char *expected) {
    buffer_put_u8(out, 0);
    assert_string_equal((const char *)out->data, expected);
    buffer_clear(out);
}

static void numbers_and_strings_have_one_form_in_both_versions(void **state) {
    (void)state;
    struct buffer out = {0};
    resp_put_status(&out, "OK");
    resp_put_error(&out, "ERR no");
    resp_put_integer(&out, 0);
    resp_put_integer(&out, INT64_MAX);
    resp_put_integer(&out, INT64_MIN);
    assert_text(&out, "+OK\r\n-ERR no\r\n:0\r\n:9223372036854775807\r\n:-9223372036854775808\r\n");
    resp_put_bulk(&out, (struct bytes){0});
    resp_put_text(&out, "ab");
    resp_put_number_text(&out, 120);
    resp_put_array(&out, 3);
    assert_text(&out, "$0\r\n\r\n$2\r\nab\r\n$3\r\n120\r\n*3\r\n");
    buffer_deinit(&out);
}

static void version_two_makes_do_with_arrays_and_bulk_strings(void **state) {
    (void)state;
    struct buffer out = {0};
    for (int version = RESP_2; version <= RESP_3; version++) {
        resp_put_null(&out, (enum resp_version)version);
        resp_put_map(&out, (enum resp_version)version, 2);
        resp_put_set(&out, (enum resp_version)version, 2);
        resp_put_verbatim(&out, (enum resp_version)version, bytes_of_text("hi"));
        assert_text(&out, version == RESP_2 ? "$-1\r\n*4\r\n*2\r\n$2\r\nhi\r\n"
                                            : "_\r\n%2\r\n~2\r\n=6\r\ntxt:hi\r\n");
    }
    buffer_deinit(&out);
}

static void what_a_client_sent_cannot_break_out_of_an_error(void **state) {
    (void)state;
    struct buffer out = {0};
    resp_open_error(&out, "ERR unknown command '");
    resp_append_clean(&out, bytes_of_text("a\r\n+OK\x7f"), 6);
    text_append(&out, "'");
    resp_close_error(&out);
    assert_text(&out, "-ERR unknown command 'a??+OK'\r\n");
    buffer_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_strings_have_one_form_in_both_versions),
        cmocka_unit_test(version_two_makes_do_with_arrays_and_bulk_strings),
        cmocka_unit_test(what_a_client_sent_cannot_break_out_of_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
