/* distribution: how long things take, sampled by integer arithmetic so that every machine draws the same numbers.
 *
 *     struct distribution latency = {.kind = DISTRIBUTION_UNIFORM, .low = 200000, .high = 2000000};
 *     uint64_t nanoseconds = distribution_sample(&latency, &prng);
 */
#ifndef DUNLIN_SIM_DISTRIBUTION_H
#define DUNLIN_SIM_DISTRIBUTION_H

#include "engine/base/prng.h"

enum distribution_kind {
    DISTRIBUTION_CONSTANT,    /* low */
    DISTRIBUTION_UNIFORM,     /* low .. high */
    DISTRIBUTION_EXPONENTIAL, /* low + exponential of the given mean, cut at high (when high is not 0) */
    DISTRIBUTION_PARETO,      /* at least low, tail exponent shape_hundredths / 100, cut at high (when high is not 0) */
};

struct distribution {
    enum distribution_kind kind;
    uint64_t low, high, mean;
    uint32_t shape_hundredths;
};

uint64_t distribution_sample(const struct distribution *distribution, struct prng *prng);

#endif
