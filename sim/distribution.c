/* Sampling by inversion, in fixed point. With u uniform in (0, 1]:
 *
 *     exponential   -ln(u) * mean            = (-log2 u) * ln 2 * mean
 *     Pareto        low * u^(-1 / shape)     = low * 2^((-log2 u) / shape)
 *
 * so that one logarithm and one power of two to the base 2 are all it takes. Both go bit by bit
 * (squaring, and multiplying by roots of two): no floating point, hence no rounding mode, no
 * library and no compiler has a say.
 */
#include "sim/distribution.h"

#include "engine/base/check.h"

enum { FRACTION_BITS = 24, ROOT_BITS = 31 };

#define SAMPLE_MAX ((uint64_t)1 << 62)
#define MEAN_MAX ((uint64_t)1 << 56)
#define LN2_FRACTION ((uint64_t)11629080) /* ln 2 * 2^24 */

/* 2^(2^-(i+1)) * 2^31 for i = 0 .. 23. */
static const uint64_t ROOTS_OF_TWO[FRACTION_BITS] = {
    3037000499u, 2553802833u, 2341847523u, 2242560871u, 2194507416u, 2170868211u,
    2159144271u, 2153306066u, 2150392886u, 2148937775u, 2148210588u, 2147847087u,
    2147665360u, 2147574502u, 2147529074u, 2147506361u, 2147495004u, 2147489326u,
    2147486487u, 2147485067u, 2147484357u, 2147484002u, 2147483825u, 2147483736u,
};

/* log2(value) with FRACTION_BITS bits behind the point. value > 0. */
static uint64_t log2_fixed(uint64_t value) {
    uint64_t whole = 63 - (uint64_t)__builtin_clzll(value);
    uint64_t mantissa = whole >= ROOT_BITS ? value >> (whole - ROOT_BITS)
                                           : value << (ROOT_BITS - whole); /* 1 <= m < 2 */
    uint64_t fraction = 0;
    for (unsigned i = 0; i < FRACTION_BITS; i++) {
        mantissa = mantissa * mantissa >> ROOT_BITS;
        uint64_t bit = mantissa >> (ROOT_BITS + 1);
        fraction = fraction << 1 | bit;
        mantissa >>= bit;
    }
    return whole << FRACTION_BITS | fraction;
}

/* 2^(exponent's fraction) * 2^ROOT_BITS. */
static uint64_t exp2_fraction(uint64_t exponent) {
    uint64_t product = (uint64_t)1 << ROOT_BITS;
    for (unsigned i = 0; i < FRACTION_BITS; i++) {
        if ((exponent >> (FRACTION_BITS - 1 - i) & 1) != 0)
            product = product * ROOTS_OF_TWO[i] >> ROOT_BITS;
    }
    return product;
}

/* -log2 of a number uniform in (0, 1], with FRACTION_BITS bits behind the point: 0 to 64. */
static uint64_t minus_log2_uniform(struct prng *prng) {
    uint64_t drawn = prng_u64(prng);
    return ((uint64_t)64 << FRACTION_BITS) - log2_fixed(drawn == 0 ? 1 : drawn);
}

static uint64_t exponential(uint64_t mean, struct prng *prng) {
    CHECK(mean <= MEAN_MAX);
    uint64_t factor = minus_log2_uniform(prng) * LN2_FRACTION >> FRACTION_BITS;
    uint64_t unit = (uint64_t)1 << FRACTION_BITS;
    return mean / unit * factor + (mean % unit * factor >> FRACTION_BITS);
}

static uint64_t pareto(uint64_t low, uint32_t shape_hundredths, struct prng *prng) {
    CHECK(shape_hundredths > 0);
    uint64_t exponent = minus_log2_uniform(prng) * 100 / shape_hundredths;
    uint64_t whole = exponent >> FRACTION_BITS;
    uint64_t fraction = exp2_fraction(exponent);
    if (low == 0)
        return 0;
    uint64_t bits = 64 - (uint64_t)__builtin_clzll(low);
    if (bits + whole >= 61)
        return SAMPLE_MAX;
    /* low * fraction in two halves, as it may need 95 bits. */
    uint64_t unit = (uint64_t)1 << ROOT_BITS;
    uint64_t high_part = (low >> ROOT_BITS) * fraction;
    uint64_t low_part = (low & (unit - 1)) * fraction;
    uint64_t scaled = (high_part << whole);
    return scaled +
           (whole <= ROOT_BITS ? low_part >> (ROOT_BITS - whole) : low_part << (whole - ROOT_BITS));
}

static uint64_t cut(uint64_t value, uint64_t high) {
    uint64_t limit = high == 0 || high > SAMPLE_MAX ? SAMPLE_MAX : high;
    return value < limit ? value : limit;
}

/* The part that a draw of chance falls on. */
static const struct distribution *part_of(const struct distribution *mixture, struct prng *prng) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < mixture->count; i++)
        total += mixture->parts[i].weight;
    CHECK(total > 0);
    uint64_t drawn = prng_below_u64(prng, total);
    const struct distribution_part *part = mixture->parts;
    while (drawn >= part->weight) {
        drawn -= part->weight;
        part++;
    }
    CHECK(part->distribution.kind != DISTRIBUTION_MIXTURE);
    return &part->distribution;
}

uint64_t distribution_sample(const struct distribution *distribution, struct prng *prng) {
    if (distribution->kind == DISTRIBUTION_MIXTURE)
        distribution = part_of(distribution, prng);
    switch (distribution->kind) {
    case DISTRIBUTION_CONSTANT:
        return distribution->low;
    case DISTRIBUTION_UNIFORM:
        return prng_between(prng, distribution->low, distribution->high);
    case DISTRIBUTION_EXPONENTIAL:
        CHECK(distribution->low <= SAMPLE_MAX);
        return cut(distribution->low + exponential(distribution->mean, prng), distribution->high);
    case DISTRIBUTION_PARETO:
        return cut(pareto(distribution->low, distribution->shape_hundredths, prng),
                   distribution->high);
    case DISTRIBUTION_SAMPLES:
        CHECK(distribution->count > 0);
        return distribution->samples[prng_below(prng, distribution->count)];
    case DISTRIBUTION_MIXTURE:
        break;
    }
    CHECK_UNREACHABLE("a distribution of unknown kind");
}
