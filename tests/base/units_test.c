#include "engine/base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void instants_saturate_at_never(void **state) {
    (void)state;
    struct instant late = {UINT64_MAX - 5};
    assert_int_equal(instant_after(late, duration_of_seconds(1)).nanoseconds, UINT64_MAX);
    assert_false(instant_reached(INSTANT_NEVER, INSTANT_NEVER));
    assert_true(instant_reached(late, late));
    assert_int_equal(instant_earlier(late, INSTANT_NEVER).nanoseconds, late.nanoseconds);
}

static void a_distance_is_never_negative(void **state) {
    (void)state;
    struct instant early = {10};
    struct instant late = {25};
    assert_int_equal(duration_between(early, late).nanoseconds, 15);
    assert_int_equal(duration_between(late, early).nanoseconds, 0);
    assert_int_equal(duration_of_milliseconds(3).nanoseconds, 3000000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instants_saturate_at_never),
        cmocka_unit_test(a_distance_is_never_negative),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
