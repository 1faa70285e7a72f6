/* prng: PCG32 (XSH-RR 64/32), the one source of randomness.
 *
 * Source: M. O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms
 * for Random Number Generation", 2014, section 6.3.1. Every subsystem has a stream of its own,
 * keyed by (seed, host, purpose), so that drawing more from one never shifts another.
 *
 *     struct prng prng;
 *     prng_init(&prng, 42, 54);
 *     uint32_t die = prng_below(&prng, 6) + 1;
 *     if (prng_chance(&prng, 1, 1000)) ...
 */
#ifndef DUNLIN_BASE_PRNG_H
#define DUNLIN_BASE_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct prng {
    uint64_t state;
    uint64_t increment; /* odd; picks the stream */
};

void prng_init(struct prng *prng, uint64_t seed, uint64_t stream);
uint32_t prng_u32(struct prng *prng);
uint64_t prng_u64(struct prng *prng);
/* Uniform in [0, bound), without modulo bias. bound > 0. */
uint32_t prng_below(struct prng *prng, uint32_t bound);
uint64_t prng_below_u64(struct prng *prng, uint64_t bound);
/* Uniform in [low, high], both ends included. */
uint64_t prng_between(struct prng *prng, uint64_t low, uint64_t high);
/* True with probability numerator/denominator. */
bool prng_chance(struct prng *prng, uint32_t numerator, uint32_t denominator);

#endif
