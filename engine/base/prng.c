#include "engine/base/prng.h"

#include "engine/base/check.h"

static const uint64_t PCG_MULTIPLIER = 6364136223846793005u;

void prng_init(struct prng *prng, uint64_t seed, uint64_t stream) {
    prng->state = 0;
    prng->increment = (stream << 1) | 1;
    (void)prng_u32(prng);
    prng->state += seed;
    (void)prng_u32(prng);
}

uint32_t prng_u32(struct prng *prng) {
    CHECK((prng->increment & 1) == 1);
    uint64_t old = prng->state;
    prng->state = old * PCG_MULTIPLIER + prng->increment;
    uint32_t shifted = (uint32_t)(((old >> 18) ^ old) >> 27);
    uint32_t rotation = (uint32_t)(old >> 59);
    return (shifted >> rotation) | (shifted << ((32 - rotation) & 31));
}

uint64_t prng_u64(struct prng *prng) {
    uint64_t high = prng_u32(prng);
    return high << 32 | prng_u32(prng);
}

uint32_t prng_below(struct prng *prng, uint32_t bound) {
    CHECK(bound > 0);
    /* Values under the threshold would make the low remainders likelier; draw again. */
    uint32_t threshold = (0u - bound) % bound;
    for (;;) {
        uint32_t value = prng_u32(prng);
        if (value >= threshold)
            return value % bound;
    }
}

uint64_t prng_below_u64(struct prng *prng, uint64_t bound) {
    CHECK(bound > 0);
    if (bound <= UINT32_MAX)
        return prng_below(prng, (uint32_t)bound);
    uint64_t threshold = (0u - bound) % bound;
    for (;;) {
        uint64_t value = prng_u64(prng);
        if (value >= threshold)
            return value % bound;
    }
}

uint64_t prng_between(struct prng *prng, uint64_t low, uint64_t high) {
    CHECK(low <= high);
    if (high - low == UINT64_MAX)
        return prng_u64(prng);
    return low + prng_below_u64(prng, high - low + 1);
}

bool prng_chance(struct prng *prng, uint32_t numerator, uint32_t denominator) {
    CHECK(denominator > 0 && numerator <= denominator);
    return prng_below(prng, denominator) < numerator;
}
