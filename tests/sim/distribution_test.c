#include "sim/distribution.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SAMPLES = 200000 };

static uint64_t samples[SAMPLES];

static int ascending(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Sorted; returns the mean. */
static double draw(const struct distribution *distribution, uint64_t seed) {
    struct prng prng;
    prng_init(&prng, seed, 1);
    double sum = 0;
    for (size_t i = 0; i < SAMPLES; i++) {
        samples[i] = distribution_sample(distribution, &prng);
        sum += (double)samples[i];
    }
    qsort(samples, SAMPLES, sizeof samples[0], ascending);
    return sum / SAMPLES;
}

static double quantile(double at) {
    return (double)samples[(size_t)(at * SAMPLES)];
}

static void assert_near(double found, double expected, double tolerance) {
    double distance = found < expected ? expected - found : found - expected;
    if (distance > tolerance * expected)
        fail_msg("%f is not near %f", found, expected);
}

static void a_constant_is_constant_and_draws_nothing(void **state) {
    (void)state;
    struct prng prng, same;
    prng_init(&prng, 1, 1);
    prng_init(&same, 1, 1);
    struct distribution constant = {.kind = DISTRIBUTION_CONSTANT, .low = 42};
    assert_int_equal(distribution_sample(&constant, &prng), 42);
    assert_int_equal(prng_u32(&prng), prng_u32(&same));
}

static void a_uniform_sample_fills_its_range_evenly(void **state) {
    (void)state;
    struct distribution uniform = {.kind = DISTRIBUTION_UNIFORM, .low = 1000000, .high = 3000000};
    assert_near(draw(&uniform, 1), 2000000, 0.005);
    assert_true(samples[0] >= 1000000 && samples[SAMPLES - 1] <= 3000000);
    assert_near(quantile(0.25), 1500000, 0.01);
    assert_near(quantile(0.9), 2800000, 0.01);
}

static void an_exponential_sample_has_its_mean_and_quantiles(void **state) {
    (void)state;
    static const uint64_t MEANS[] = {1000, 5000000, 60000000000};
    for (size_t i = 0; i < 3; i++) {
        struct distribution exponential = {.kind = DISTRIBUTION_EXPONENTIAL, .mean = MEANS[i]};
        double mean = (double)MEANS[i];
        assert_near(draw(&exponential, i + 1), mean, 0.01);
        assert_near(quantile(0.1), mean * 0.1053605, 0.03);
        assert_near(quantile(0.5), mean * 0.6931472, 0.01);
        assert_near(quantile(0.9), mean * 2.3025851, 0.01);
        assert_near(quantile(0.999), mean * 6.9077553, 0.05);
    }
}

static void an_exponential_sample_is_shifted_by_low_and_cut_at_high(void **state) {
    (void)state;
    struct distribution exponential = {
        .kind = DISTRIBUTION_EXPONENTIAL, .low = 1000, .mean = 1000, .high = 3000};
    (void)draw(&exponential, 1);
    assert_true(samples[0] >= 1000);
    assert_int_equal(samples[SAMPLES - 1], 3000);
    assert_near(quantile(0.5), 1000 + 1000 * 0.6931472, 0.01);
}

static void a_pareto_sample_has_its_quantiles(void **state) {
    (void)state;
    static const uint32_t SHAPES[] = {50, 116, 200, 350};
    /* 2, 10 and 100 to the power of 1 / shape. */
    static const double FACTORS[][3] = {{4.000000, 100.000000, 10000.000000},
                                        {1.817643, 7.278954, 52.983169},
                                        {1.414214, 3.162278, 10.000000},
                                        {1.219014, 1.930698, 3.727594}};
    static const uint64_t LOWS[] = {100, 1000000, 7000000000};
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 3; j++) {
            struct distribution pareto = {
                .kind = DISTRIBUTION_PARETO, .low = LOWS[j], .shape_hundredths = SHAPES[i]};
            double low = (double)LOWS[j], shape = SHAPES[i] / 100.0;
            double mean = draw(&pareto, i * 3 + j + 1);
            assert_true(samples[0] >= LOWS[j]);
            assert_near(quantile(0.5), low * FACTORS[i][0], 0.02);
            assert_near(quantile(0.9), low * FACTORS[i][1], 0.05);
            assert_near(quantile(0.99), low * FACTORS[i][2], 0.15);
            if (SHAPES[i] == 350)
                assert_near(mean, shape * low / (shape - 1), 0.02);
        }
    }
}

static void a_pareto_sample_never_exceeds_high(void **state) {
    (void)state;
    struct distribution pareto = {
        .kind = DISTRIBUTION_PARETO, .low = 1000, .high = 50000, .shape_hundredths = 10};
    (void)draw(&pareto, 1);
    assert_int_equal(samples[SAMPLES - 1], 50000);
    pareto.high = 0; /* a monstrous tail stays a number that can be added to a time */
    pareto.shape_hundredths = 1;
    (void)draw(&pareto, 1);
    assert_true(samples[SAMPLES - 1] <= (uint64_t)1 << 62);
}

/* Pinned, as files of results name seeds. */
static void samples_are_the_same_on_every_machine(void **state) {
    (void)state;
    static const uint64_t EXPECTED[2][4] = {{461543, 318817, 289545, 288849},
                                            {1469054, 1304319, 1272887, 1272149}};
    struct distribution kinds[2] = {
        {.kind = DISTRIBUTION_EXPONENTIAL, .mean = 1000000},
        {.kind = DISTRIBUTION_PARETO, .low = 1000000, .shape_hundredths = 120}};
    for (size_t i = 0; i < 2; i++) {
        struct prng prng;
        prng_init(&prng, 42, 54);
        for (size_t j = 0; j < 4; j++) {
            assert_int_equal(distribution_sample(&kinds[i], &prng), EXPECTED[i][j]);
        }
    }
}

static void a_mixture_draws_from_its_parts_as_often_as_they_weigh(void **state) {
    (void)state;
    static const uint64_t RECORDED[] = {7, 8};
    const struct distribution_part parts[] = {
        {.weight = 1, .distribution = {.kind = DISTRIBUTION_CONSTANT, .low = 5}},
        {.weight = 3, .distribution = {.kind = DISTRIBUTION_UNIFORM, .low = 100, .high = 200}},
        {.weight = 4,
         .distribution = {.kind = DISTRIBUTION_SAMPLES, .samples = RECORDED, .count = 2}},
    };
    struct distribution mixture = {.kind = DISTRIBUTION_MIXTURE, .parts = parts, .count = 3};
    (void)draw(&mixture, 1);
    size_t five = 0, recorded = 0;
    for (size_t i = 0; i < SAMPLES; i++) {
        assert_true(samples[i] == 5 || samples[i] == 7 || samples[i] == 8 ||
                    (samples[i] >= 100 && samples[i] <= 200));
        five += samples[i] == 5;
        recorded += samples[i] == 7 || samples[i] == 8;
    }
    assert_near((double)five / SAMPLES, 1.0 / 8, 0.03);
    assert_near((double)recorded / SAMPLES, 4.0 / 8, 0.03);
}

static void recorded_samples_are_drawn_evenly(void **state) {
    (void)state;
    static const uint64_t RECORDED[] = {10, 10, 30, 70};
    struct distribution recorded = {.kind = DISTRIBUTION_SAMPLES, .samples = RECORDED, .count = 4};
    assert_near(draw(&recorded, 1), 30, 0.01);
    assert_int_equal(quantile(0.4), 10);
    assert_int_equal(quantile(0.6), 30);
    assert_int_equal(quantile(0.8), 70);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_constant_is_constant_and_draws_nothing),
        cmocka_unit_test(a_uniform_sample_fills_its_range_evenly),
        cmocka_unit_test(an_exponential_sample_has_its_mean_and_quantiles),
        cmocka_unit_test(an_exponential_sample_is_shifted_by_low_and_cut_at_high),
        cmocka_unit_test(a_pareto_sample_has_its_quantiles),
        cmocka_unit_test(a_pareto_sample_never_exceeds_high),
        cmocka_unit_test(a_mixture_draws_from_its_parts_as_often_as_they_weigh),
        cmocka_unit_test(recorded_samples_are_drawn_evenly),
        cmocka_unit_test(samples_are_the_same_on_every_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
