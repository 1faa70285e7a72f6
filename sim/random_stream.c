#include "sim/random_stream.h"

#include "engine/base/hash.h"

void random_stream_init(struct prng *prng, uint64_t seed, uint64_t owner, const char *purpose) {
    uint64_t purpose_hash = hash64(bytes_of_text(purpose));
    prng_init(prng, hash_mix(seed, purpose_hash), hash_mix(owner, purpose_hash));
}
