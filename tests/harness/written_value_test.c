#include "harness/written_value.h"

#include "harness/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_value_names_its_write(void **state) {
    (void)state;
    for (size_t size = WRITTEN_VALUE_MIN; size < 200; size += 13) {
        struct buffer value = {0};
        uint32_t id;
        written_value_encode(77, 5, size, &value);
        assert_int_equal(value.size, size);
        assert_true(written_value_decode(buffer_bytes(&value), 5, &id));
        assert_int_equal(id, 77);
        assert_false(written_value_decode(buffer_bytes(&value), 6, &id));
        buffer_deinit(&value);
    }
}

static void a_value_that_was_changed_or_cut_is_nobodys(void **state) {
    (void)state;
    struct buffer value = {0};
    uint32_t id;
    written_value_encode(77, 5, 60, &value);
    for (size_t i = 0; i < value.size; i++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            value.data[i] ^= (uint8_t)(1u << bit);
            assert_false(written_value_decode(buffer_bytes(&value), 5, &id));
            value.data[i] ^= (uint8_t)(1u << bit);
        }
        assert_false(written_value_decode(bytes_of(value.data, i), 5, &id));
    }
    buffer_deinit(&value);
}

static void percentiles_are_right_to_an_eighth(void **state) {
    (void)state;
    struct histogram histogram = {0};
    assert_int_equal(histogram_percentile(&histogram, 500), 0);
    for (uint64_t i = 1; i <= 100000; i++)
        histogram_add(&histogram, i * 1000);
    for (uint32_t permille = 100; permille <= 1000; permille += 100) {
        uint64_t exact = (uint64_t)permille * 100000,
                 given = histogram_percentile(&histogram, permille);
        assert_true(given >= exact && given <= exact + exact / 8);
    }
}

static void every_duration_falls_into_a_bucket_that_ends_behind_it(void **state) {
    (void)state;
    for (uint64_t value = 0; value < UINT64_C(1) << 39; value = value * 9 / 8 + 1) {
        uint32_t bucket = histogram_bucket_of(value);
        assert_true(histogram_bucket_end(bucket) >= value);
        assert_true(bucket == 0 || histogram_bucket_end(bucket - 1) < value);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_names_its_write),
        cmocka_unit_test(a_value_that_was_changed_or_cut_is_nobodys),
        cmocka_unit_test(percentiles_are_right_to_an_eighth),
        cmocka_unit_test(every_duration_falls_into_a_bucket_that_ends_behind_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
