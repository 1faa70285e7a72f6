#include "engine/cluster/arrival_window.h"

#include "engine/base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static uint64_t patience_milliseconds(const struct arrival_window *window) {
    return arrival_window_patience(window).nanoseconds / 1000000;
}

static void add(struct arrival_window *window, uint64_t milliseconds) {
    arrival_window_add(window, duration_of_milliseconds(milliseconds));
}

static void an_empty_window_has_no_patience(void **state) {
    (void)state;
    struct arrival_window window = {0};
    assert_int_equal(arrival_window_patience(&window).nanoseconds, 0);
}

static void regular_arrivals_still_leave_two_intervals_of_slack(void **state) {
    (void)state;
    struct arrival_window window = {0};
    for (uint32_t i = 0; i < 100; i++)
        add(&window, 1000);
    /* The deviation is 0 but counts as a quarter of the mean: 1 + 8 / 4. */
    assert_int_equal(patience_milliseconds(&window), 3000);
}

static void irregular_arrivals_earn_eight_deviations(void **state) {
    (void)state;
    struct arrival_window window = {0};
    for (uint32_t i = 0; i < ARRIVAL_WINDOW_SIZE; i++)
        add(&window, i % 2 == 0 ? 500 : 1500);
    assert_int_equal(patience_milliseconds(&window), 1000 + 8 * 500);
}

static void only_the_last_intervals_count(void **state) {
    (void)state;
    struct arrival_window window = {0};
    struct arrival_window fresh = {0};
    struct prng prng;
    prng_init(&prng, 3, 4);
    for (uint32_t i = 0; i < 1000; i++)
        add(&window, prng_below(&prng, 100000));
    for (uint32_t i = 0; i < ARRIVAL_WINDOW_SIZE; i++) {
        uint64_t interval = prng_below(&prng, 2000);
        add(&window, interval);
        add(&fresh, interval);
    }
    assert_int_equal(patience_milliseconds(&window), patience_milliseconds(&fresh));
}

static void the_longest_intervals_do_not_overflow(void **state) {
    (void)state;
    struct arrival_window window = {0};
    for (uint32_t i = 0; i < 2 * ARRIVAL_WINDOW_SIZE; i++) {
        arrival_window_add(&window, (struct duration){UINT64_MAX});
        assert_true(patience_milliseconds(&window) >= ARRIVAL_INTERVAL_MAX / 1000);
        assert_true(patience_milliseconds(&window) <= 10 * (ARRIVAL_INTERVAL_MAX / 1000));
    }
    for (uint32_t i = 0; i < ARRIVAL_WINDOW_SIZE; i++)
        arrival_window_add(&window, (struct duration){0});
    assert_int_equal(patience_milliseconds(&window), 0);
}

static void square_roots_are_exact(void **state) {
    (void)state;
    struct prng prng;
    prng_init(&prng, 1, 1);
    for (uint32_t i = 0; i < 10000; i++) {
        uint64_t root = prng_u64(&prng) >> (32 + prng_below(&prng, 31));
        assert_int_equal(integer_square_root(root * root), root);
        assert_int_equal(integer_square_root(root * root + 2 * root), root);
        if (root > 0)
            assert_int_equal(integer_square_root(root * root - 1), root - 1);
    }
    assert_int_equal(integer_square_root(UINT64_MAX), UINT32_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_window_has_no_patience),
        cmocka_unit_test(regular_arrivals_still_leave_two_intervals_of_slack),
        cmocka_unit_test(irregular_arrivals_earn_eight_deviations),
        cmocka_unit_test(only_the_last_intervals_count),
        cmocka_unit_test(the_longest_intervals_do_not_overflow),
        cmocka_unit_test(square_roots_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
