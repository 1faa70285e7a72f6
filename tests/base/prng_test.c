#include "engine/base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void the_published_vectors_hold(void **state) {
    (void)state;
    static const uint32_t expected[] = {0xa15c02b7, 0x7b47f409, 0xba1d3330,
                                        0x83d2f293, 0xbfa4784b, 0xcbed606e};
    struct prng prng;
    prng_init(&prng, 42, 54);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(prng_u32(&prng), expected[i]);
}

static void bounds_hold_and_every_value_occurs(void **state) {
    (void)state;
    struct prng prng;
    prng_init(&prng, 1, 1);
    for (uint32_t bound = 1; bound < 50; bound++) {
        uint64_t seen = 0;
        for (unsigned i = 0; i < 2000; i++) {
            uint32_t value = prng_below(&prng, bound);
            assert_true(value < bound);
            seen |= (uint64_t)1 << value;
        }
        assert_int_equal(seen, ((uint64_t)1 << bound) - 1);
    }
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t value = prng_between(&prng, 10, (uint64_t)10 << 40);
        assert_true(value >= 10 && value <= (uint64_t)10 << 40);
        assert_int_equal(prng_between(&prng, 7, 7), 7);
    }
    (void)prng_between(&prng, 0, UINT64_MAX);
}

static void chances_are_as_likely_as_they_say(void **state) {
    (void)state;
    struct prng prng;
    prng_init(&prng, 3, 9);
    unsigned hits = 0;
    for (unsigned i = 0; i < 100000; i++) {
        hits += prng_chance(&prng, 1, 4);
        assert_true(prng_chance(&prng, 1, 1));
        assert_false(prng_chance(&prng, 0, 5));
    }
    assert_in_range(hits, 24500, 25500);
}

static void streams_differ(void **state) {
    (void)state;
    struct prng one;
    struct prng other;
    prng_init(&one, 42, 1);
    prng_init(&other, 42, 2);
    unsigned equal = 0;
    for (unsigned i = 0; i < 1000; i++)
        equal += prng_u32(&one) == prng_u32(&other);
    assert_true(equal < 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_vectors_hold),
        cmocka_unit_test(bounds_hold_and_every_value_occurs),
        cmocka_unit_test(chances_are_as_likely_as_they_say),
        cmocka_unit_test(streams_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
