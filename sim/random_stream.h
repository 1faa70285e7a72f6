/* random_stream: a source of chance of its own for each (seed, owner, purpose).
 *
 * Drawing more from one stream never shifts another: a scenario that turns on bit flips sees the
 * same latencies as before. The owner is a host, or a pair of hosts (random_stream_of_pair).
 *
 *     random_stream_init(&prng, seed, host, "entropy");
 */
#ifndef DUNLIN_SIM_RANDOM_STREAM_H
#define DUNLIN_SIM_RANDOM_STREAM_H

#include "engine/base/prng.h"

void random_stream_init(struct prng *prng, uint64_t seed, uint64_t owner, const char *purpose);

/* Never the number of a host. */
static inline uint64_t random_stream_of_pair(uint32_t from, uint32_t to) {
    return (uint64_t)1 << 63 | (uint64_t)from << 32 | to;
}

/* True with a probability of `per_million`; draws nothing when that is 0, since 0 is the common
 * case. */
static inline bool random_stream_strikes(struct prng *prng, uint32_t per_million) {
    return per_million != 0 &&
           prng_chance(prng, per_million > 1000000 ? 1000000 : per_million, 1000000);
}

#endif
