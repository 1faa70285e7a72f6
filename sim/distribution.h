/* distribution: how long things take, sampled by integer arithmetic so that every machine draws the
 * same numbers.
 *
 *     struct distribution latency = {.kind = DISTRIBUTION_UNIFORM, .low = 200000, .high = 2000000};
 *     uint64_t nanoseconds = distribution_sample(&latency, &prng);
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
};

struct distribution {
    enum distribution_kind kind;
    uint64_t low, high, mean;
    uint32_t shape_hundredths;
};

uint64_t distribution_sample(const struct distribution *distribution, struct prng *prng);

#endif
