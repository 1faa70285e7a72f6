/* distribution: how long things take, sampled by integer arithmetic so that every machine draws the
 * same numbers.
 *
 *     struct distribution latency = {.kind = DISTRIBUTION_UNIFORM, .low = 200000, .high = 2000000};
 *     uint64_t nanoseconds = distribution_sample(&latency, &prng);
 *
 * What a mixture or recorded samples point to is the caller's and outlives the distribution.
 */
#ifndef DUNLIN_SIM_DISTRIBUTION_H
#define DUNLIN_SIM_DISTRIBUTION_H

#include "engine/base/prng.h"

enum distribution_kind {
    DISTRIBUTION_CONSTANT, /* low */
    DISTRIBUTION_UNIFORM,  /* low .. high */
    /* low + exponential of the given mean; what is above high (when that is not 0) becomes high. */
    DISTRIBUTION_EXPONENTIAL,
    /* At least low, tail exponent shape_hundredths / 100; cut at high in the same way. */
    DISTRIBUTION_PARETO,
    DISTRIBUTION_MIXTURE, /* one of `parts`, as often as its weight says */
    DISTRIBUTION_SAMPLES, /* one of `samples`, each as often as another */
};

struct distribution_part;

struct distribution {
    enum distribution_kind kind;
    uint32_t shape_hundredths;
    uint64_t low, high, mean;
    const struct distribution_part *parts; /* no part is a mixture itself */
    const uint64_t *samples;
    uint32_t count; /* parts, or samples; not 0 */
};

struct distribution_part {
    uint32_t weight; /* not 0 */
    struct distribution distribution;
};

/* Whether every sample is 0, as of the zero value. */
static inline bool distribution_is_zero(const struct distribution *distribution) {
    return distribution->kind == DISTRIBUTION_CONSTANT && distribution->low == 0;
}

uint64_t distribution_sample(const struct distribution *distribution, struct prng *prng);

#endif
