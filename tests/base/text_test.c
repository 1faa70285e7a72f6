#include "engine/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define assert_text(buffer, expected)                                                              \
    do {                                                                                           \
        assert_int_equal((buffer)->size, strlen(expected));                                        \
        assert_memory_equal((buffer)->data, expected, strlen(expected));                           \
        buffer_clear(buffer);                                                                      \
    } while (0)

static void numbers_are_written_in_decimal(void **state) {
    (void)state;
    struct buffer line = {0};
    text_append_u64(&line, 0);
    assert_text(&line, "0");
    text_append_u64(&line, UINT64_MAX);
    assert_text(&line, "18446744073709551615");
    text_append_i64(&line, INT64_MIN);
    assert_text(&line, "-9223372036854775808");
    text_append_i64(&line, INT64_MAX);
    assert_text(&line, "9223372036854775807");
    text_append_hex64(&line, 0x0123456789abcdef);
    assert_text(&line, "0123456789abcdef");
    buffer_deinit(&line);
}

static void strange_bytes_are_escaped_and_long_ones_cut(void **state) {
    (void)state;
    struct buffer line = {0};
    text_append_quoted(&line, bytes_of("a\n\xff~", 4), 10);
    assert_text(&line, "a\\x0a\\xff~");
    text_append_quoted(&line, bytes_of_text("abcdef"), 3);
    assert_text(&line, "abc...");
    text_append_quoted(&line, bytes_of_text("abc"), 3);
    assert_text(&line, "abc");
    buffer_deinit(&line);
}

static bool parses_u64(const char *text, uint64_t expected) {
    uint64_t value = 1;
    return text_parse_u64(bytes_of_text(text), &value) && value == expected;
}

static bool parses_i64(const char *text, int64_t expected) {
    int64_t value = 1;
    return text_parse_i64(bytes_of_text(text), &value) && value == expected;
}

static void whole_numbers_are_read_and_nothing_else(void **state) {
    (void)state;
    assert_true(parses_u64("0", 0));
    assert_true(parses_u64("18446744073709551615", UINT64_MAX));
    assert_true(parses_i64("-9223372036854775808", INT64_MIN));
    assert_true(parses_i64("9223372036854775807", INT64_MAX));
    static const char *const wrong[] = {"",    "-",
                                        "+1",  " 1",
                                        "1 ",  "0x10",
                                        "1.0", "18446744073709551616",
                                        "--1", "99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint64_t unsigned_value;
        int64_t signed_value;
        assert_false(text_parse_u64(bytes_of_text(wrong[i]), &unsigned_value));
        assert_false(text_parse_i64(bytes_of_text(wrong[i]), &signed_value));
    }
    assert_false(parses_u64("-1", 0));
    assert_false(parses_i64("9223372036854775808", 0));
    assert_false(parses_i64("-9223372036854775809", 0));
}

static void case_is_ignored_in_ascii_only(void **state) {
    (void)state;
    assert_true(text_equal_ignoring_case(bytes_of_text("GeT"), "get"));
    assert_false(text_equal_ignoring_case(bytes_of_text("get"), "gets"));
    assert_false(text_equal_ignoring_case(bytes_of_text("gets"), "get"));
    assert_false(text_equal_ignoring_case(bytes_of_text("@"), "`"));
    assert_false(text_equal_ignoring_case(bytes_of("a\0", 2), "a"));
    assert_true(text_equal_ignoring_case((struct bytes){0}, ""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_in_decimal),
        cmocka_unit_test(strange_bytes_are_escaped_and_long_ones_cut),
        cmocka_unit_test(whole_numbers_are_read_and_nothing_else),
        cmocka_unit_test(case_is_ignored_in_ascii_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
