#include "engine/base/quantity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static uint64_t duration(const char *text) {
    struct duration parsed;
    assert_true(quantity_parse_duration(bytes_of_text(text), &parsed));
    return parsed.nanoseconds;
}

static uint64_t size(const char *text) {
    uint64_t parsed;
    assert_true(quantity_parse_size(bytes_of_text(text), &parsed));
    return parsed;
}

static void durations_read_as_people_write_them(void **state) {
    (void)state;
    assert_int_equal(duration("0"), 0);
    assert_int_equal(duration("250us"), 250000);
    assert_int_equal(duration("20ms"), 20000000);
    assert_int_equal(duration("1.5s"), 1500000000);
    assert_int_equal(duration("2m"), 120000000000);
    assert_int_equal(duration("1h"), 3600000000000);
}

static void sizes_read_as_people_write_them(void **state) {
    (void)state;
    assert_int_equal(size("512"), 512);
    assert_int_equal(size("64KiB"), 65536);
    assert_int_equal(size("1.5MiB"), 1572864);
    assert_int_equal(size("2GiB"), 2147483648);
}

static void what_is_no_quantity_is_refused(void **state) {
    (void)state;
    static const char *const WRONG[] = {
        "",      "s",    "5",  "5 s", "-1s", "1.s", "1..5s", "1.5ns", "9999999999999h",
        "1week", "0x1s", "1s "};
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        struct duration parsed;
        if (quantity_parse_duration(bytes_of_text(WRONG[i]), &parsed))
            fail_msg("accepted '%s'", WRONG[i]);
    }
    uint64_t bytes;
    assert_false(quantity_parse_size(bytes_of_text("1KB"), &bytes));
    assert_false(quantity_parse_size(bytes_of_text("99999999999999GiB"), &bytes));
}

static void what_is_written_reads_back_the_same(void **state) {
    (void)state;
    static const uint64_t VALUES[] = {0,          1,           999,           1000,
                                      1500000000, 60000000000, 3600000000000, 1048576};
    for (size_t i = 0; i < sizeof VALUES / sizeof VALUES[0]; i++) {
        struct buffer text = {0};
        quantity_append_duration(&text, (struct duration){VALUES[i]});
        struct duration parsed;
        assert_true(quantity_parse_duration(buffer_bytes(&text), &parsed));
        assert_int_equal(parsed.nanoseconds, VALUES[i]);
        buffer_clear(&text);
        quantity_append_size(&text, VALUES[i]);
        uint64_t bytes;
        assert_true(quantity_parse_size(buffer_bytes(&text), &bytes));
        assert_int_equal(bytes, VALUES[i]);
        buffer_deinit(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_read_as_people_write_them),
        cmocka_unit_test(sizes_read_as_people_write_them),
        cmocka_unit_test(what_is_no_quantity_is_refused),
        cmocka_unit_test(what_is_written_reads_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
