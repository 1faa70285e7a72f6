/* When the entries of a table expire, told in steps: exact at each of them, whatever order the times came in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/prng.h"
#include "engine/store/expiries.h"

enum { TIMES_MAX = 2000 };

static int by_time(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static uint64_t count_until(const uint64_t *times, size_t count, uint64_t wall) {
    uint64_t passed = 0;
    for (size_t i = 0; i < count; i++)
        passed += times[i] <= wall;
    return passed;
}

/* Shapes: 0 and 1 by chance over a narrow and a wide range, 2 ascending, 3 descending, 4 close together but for a few that stay
 * for ever, 5 all the same. */
static size_t draw(struct prng *prng, uint32_t shape, uint64_t *times) {
    size_t count = 1 + prng_below(prng, TIMES_MAX);
    for (size_t i = 0; i < count; i++) {
        uint64_t chance = prng_u64(prng);
        uint64_t shapes[] = {1 + chance % 50,
                             1 + chance % UINT64_MAX,
                             1000 + 10 * i,
                             1000000 - 10 * i,
                             i % 100 == 0 ? UINT64_MAX - chance % 9 : 1 + chance % 100000,
                             1700000000000};
        times[i] = shapes[shape];
    }
    return count;
}

static void expect_exact(const struct expiries *expiries, const uint64_t *times, size_t count) {
    assert_in_range(expiries->count, 1, EXPIRY_STEPS_MAX);
    assert_int_equal(expiries->entries, count);
    uint64_t sum = 0, before = 0;
    for (uint32_t i = 0; i < expiries->count; i++) {
        struct wall_time to = expiries->steps[i].to;
        assert_true(to.milliseconds > before && expiries->steps[i].count > 0);
        sum += expiries->steps[i].count;
        assert_int_equal(count_until(times, count, to.milliseconds), sum);
        assert_int_equal(expiries_passed(expiries, to), sum);
        assert_int_equal(expiries_passed(expiries, (struct wall_time){to.milliseconds - 1}),
                         sum - expiries->steps[i].count);
        assert_int_equal(expiries_due(expiries, sum).milliseconds, to.milliseconds);
        before = to.milliseconds;
    }
    assert_int_equal(expiries_due(expiries, sum + 1).milliseconds, UINT64_MAX);
}

static void expect_same(const struct expiries *expiries) {
    struct buffer bytes = {0};
    expiries_encode(expiries, &bytes);
    for (size_t size = 0; size <= bytes.size; size++) {
        struct expiries again = {0};
        struct reader reader = reader_of(bytes_of(bytes.data, size));
        assert_int_equal(expiries_decode(&reader, &again), size == bytes.size);
        assert_true(size < bytes.size || again.entries == expiries->entries);
        for (uint32_t i = 0; size == bytes.size && i < again.count; i++) {
            assert_int_equal(again.steps[i].to.milliseconds, expiries->steps[i].to.milliseconds);
            assert_int_equal(again.steps[i].count, expiries->steps[i].count);
        }
        expiries_deinit(&again);
    }
    buffer_deinit(&bytes);
}

static void steps_are_exact_whatever_order_the_times_come_in(void **state) {
    static uint64_t times[TIMES_MAX];
    (void)state;
    for (uint64_t seed = 0; seed < 120; seed++) {
        struct prng prng;
        struct expiries expiries = {0};
        prng_init(&prng, seed, 5);
        size_t count = draw(&prng, (uint32_t)(seed % 6), times);
        for (size_t i = 0; i < count; i++)
            expiries_add(&expiries, (struct wall_time){times[i]});
        expect_exact(&expiries, times, count);
        expect_same(&expiries);
        expiries_deinit(&expiries);
    }
}

/* So that a table is found due when a quarter of it has expired, not much later. */
static void the_time_when_a_quarter_has_passed_is_told_closely(void **state) {
    static uint64_t times[TIMES_MAX];
    (void)state;
    for (uint64_t seed = 0; seed < 120; seed++) {
        struct prng prng;
        struct expiries expiries = {0};
        prng_init(&prng, seed, 6);
        size_t count = draw(&prng, (uint32_t)(seed % 5), times);
        for (size_t i = 0; i < count; i++)
            expiries_add(&expiries, (struct wall_time){times[i]});
        qsort(times, count, sizeof times[0], by_time);
        uint64_t due = expiries_due(&expiries, (count + 3) / 4).milliseconds;
        if (count_until(times, count, due - 1) > count * 2 / 5 + 1)
            fail_msg("seed %llu: %llu of %zu have passed before a quarter is said to have",
                     (unsigned long long)seed,
                     (unsigned long long)count_until(times, count, due - 1), count);
        expiries_deinit(&expiries);
    }
}

static void what_no_writer_makes_is_refused(void **state) {
    (void)state;
    static const struct {
        uint8_t bytes[16];
        size_t size;
    } REFUSED[] = {
        {{0}, 1},             /* no step */
        {{33}, 1},            /* too many */
        {{1, 0, 1}, 3},       /* a time of zero */
        {{1, 5, 0}, 3},       /* no entry */
        {{2, 5, 1, 0, 1}, 5}, /* the same time twice */
        {{2, 1, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 1}, 14}, /* behind all times */
    };
    for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++) {
        struct expiries expiries = {0};
        struct reader reader = reader_of(bytes_of(REFUSED[i].bytes, REFUSED[i].size));
        assert_false(expiries_decode(&reader, &expiries));
        expiries_deinit(&expiries);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_exact_whatever_order_the_times_come_in),
        cmocka_unit_test(the_time_when_a_quarter_has_passed_is_told_closely),
        cmocka_unit_test(what_no_writer_makes_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
