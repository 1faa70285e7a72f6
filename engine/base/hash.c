#include "engine/base/hash.h"

#include <xxhash.h>

uint64_t hash64(struct bytes bytes) {
    return XXH3_64bits(bytes.data, bytes.size);
}

uint64_t hash64_seeded(struct bytes bytes, uint64_t seed) {
    return XXH3_64bits_withSeed(bytes.data, bytes.size, seed);
}

uint32_t checksum32(struct bytes bytes) {
    return (uint32_t)hash64(bytes);
}

uint64_t hash_mix(uint64_t left, uint64_t right) {
    uint64_t pair[2] = {left, right};
    return XXH3_64bits(pair, sizeof pair);
}
