#include "sim/host_clock.h"

#include "engine/base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct wall_time EPOCH = {1767225600000u};

static struct instant seconds(uint64_t count) {
    return (struct instant){count * 1000000000u};
}

static void a_perfect_clock_shows_virtual_time(void **state) {
    (void)state;
    struct host_clock clock;
    host_clock_init(&clock, &(struct clock_settings){0}, EPOCH);
    host_clock_start_process(&clock, seconds(5), (struct duration){77});
    assert_int_equal(host_clock_monotonic(&clock, seconds(5)).nanoseconds, 77);
    assert_int_equal(host_clock_monotonic(&clock, seconds(6)).nanoseconds, 1000000077);
    assert_int_equal(host_clock_wall(&clock, seconds(6)).milliseconds, EPOCH.milliseconds + 6000);
}

static void drift_moves_both_clocks(void **state) {
    (void)state;
    struct host_clock clock;
    host_clock_init(&clock, &(struct clock_settings){.drift_per_million = 100}, EPOCH);
    host_clock_start_process(&clock, seconds(0), (struct duration){0});
    assert_int_equal(host_clock_monotonic(&clock, seconds(1000)).nanoseconds, 1000100000000u);
    assert_int_equal(host_clock_wall(&clock, seconds(1000)).milliseconds,
                     EPOCH.milliseconds + 1000100);
    host_clock_set(
        &clock, seconds(1000),
        &(struct clock_settings){.drift_per_million = -100, .offset_milliseconds = -5000});
    assert_int_equal(host_clock_monotonic(&clock, seconds(2000)).nanoseconds, 2000000000000u);
    assert_int_equal(host_clock_wall(&clock, seconds(2000)).milliseconds,
                     EPOCH.milliseconds + 2000000 - 5000);
}

static void the_wall_clock_steps_and_the_monotonic_clock_does_not(void **state) {
    (void)state;
    struct host_clock clock;
    host_clock_init(&clock, &(struct clock_settings){0}, EPOCH);
    struct instant before = host_clock_monotonic(&clock, seconds(9));
    host_clock_step_wall(&clock, -60000);
    assert_int_equal(host_clock_monotonic(&clock, seconds(9)).nanoseconds, before.nanoseconds);
    assert_int_equal(host_clock_wall(&clock, seconds(9)).milliseconds,
                     EPOCH.milliseconds + 9000 - 60000);
    host_clock_step_wall(&clock, 61000);
    assert_int_equal(host_clock_wall(&clock, seconds(9)).milliseconds,
                     EPOCH.milliseconds + 9000 + 1000);
}

static void a_frozen_wall_clock_stands_and_then_catches_up(void **state) {
    (void)state;
    struct host_clock clock;
    host_clock_init(&clock, &(struct clock_settings){0}, EPOCH);
    host_clock_freeze_wall(&clock, seconds(10), true);
    host_clock_freeze_wall(&clock, seconds(15), true);
    assert_int_equal(host_clock_wall(&clock, seconds(20)).milliseconds, EPOCH.milliseconds + 10000);
    assert_int_equal(host_clock_monotonic(&clock, seconds(20)).nanoseconds, 20000000000u);
    host_clock_freeze_wall(&clock, seconds(30), false);
    assert_int_equal(host_clock_wall(&clock, seconds(30)).milliseconds, EPOCH.milliseconds + 30000);
}

static void a_wall_clock_before_the_epoch_of_time_shows_zero(void **state) {
    (void)state;
    struct host_clock clock;
    host_clock_init(&clock, &(struct clock_settings){.offset_milliseconds = -2000000000000}, EPOCH);
    assert_int_equal(host_clock_wall(&clock, seconds(1)).milliseconds, 0);
}

/* The virtual instant found for a monotonic one is the first that shows it. */
static void deadlines_convert_to_the_first_instant_that_shows_them(void **state) {
    (void)state;
    static const int32_t DRIFTS[] = {0,    1,    -1,      37,     -37,    500,
                                     -500, 9999, -100000, 100000, 999999, 1000000};
    struct prng prng;
    prng_init(&prng, 1, 1);
    for (size_t i = 0; i < sizeof DRIFTS / sizeof DRIFTS[0]; i++) {
        struct host_clock clock;
        host_clock_init(&clock, &(struct clock_settings){.drift_per_million = DRIFTS[i]}, EPOCH);
        host_clock_start_process(&clock, seconds(3), (struct duration){prng_u32(&prng)});
        for (uint32_t j = 0; j < 2000; j++) {
            uint64_t now = 3000000001u + prng_below_u64(&prng, (uint64_t)1 << (10 + j % 40));
            struct instant shown = host_clock_monotonic(&clock, (struct instant){now});
            uint64_t found = host_clock_virtual(&clock, shown).nanoseconds;
            assert_true(found <= now);
            assert_true(host_clock_monotonic(&clock, (struct instant){found}).nanoseconds >=
                        shown.nanoseconds);
            if (found > 3000000000u)
                assert_true(host_clock_monotonic(&clock, (struct instant){found - 1}).nanoseconds <
                            shown.nanoseconds);
        }
    }
}

static void a_late_start_with_a_small_offset_keeps_its_deadlines(void **state) {
    (void)state;
    struct host_clock clock;
    host_clock_init(&clock, &(struct clock_settings){0}, EPOCH);
    host_clock_start_process(&clock, seconds(5000), (struct duration){1000});
    assert_int_equal(host_clock_virtual(&clock, (struct instant){1001}).nanoseconds,
                     seconds(5000).nanoseconds + 1);
    assert_int_equal(host_clock_virtual(&clock, (struct instant){0}).nanoseconds,
                     seconds(5000).nanoseconds);
}

static void never_stays_never(void **state) {
    (void)state;
    struct host_clock clock;
    host_clock_init(&clock, &(struct clock_settings){.drift_per_million = -999999}, EPOCH);
    assert_int_equal(host_clock_virtual(&clock, INSTANT_NEVER).nanoseconds, UINT64_MAX);
    assert_int_equal(host_clock_virtual(&clock, (struct instant){UINT64_MAX - 1}).nanoseconds,
                     UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_perfect_clock_shows_virtual_time),
        cmocka_unit_test(drift_moves_both_clocks),
        cmocka_unit_test(the_wall_clock_steps_and_the_monotonic_clock_does_not),
        cmocka_unit_test(a_frozen_wall_clock_stands_and_then_catches_up),
        cmocka_unit_test(a_wall_clock_before_the_epoch_of_time_shows_zero),
        cmocka_unit_test(deadlines_convert_to_the_first_instant_that_shows_them),
        cmocka_unit_test(a_late_start_with_a_small_offset_keeps_its_deadlines),
        cmocka_unit_test(never_stays_never),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
