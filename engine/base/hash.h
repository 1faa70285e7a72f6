/* hash: XXH3-64 over bytes (xxHash 0.8). Stable across machines: it goes to disk and wire as a
 * checksum. */
#ifndef DUNLIN_BASE_HASH_H
#define DUNLIN_BASE_HASH_H

#include "engine/base/bytes.h"

uint64_t hash64(struct bytes bytes);
uint64_t hash64_seeded(struct bytes bytes, uint64_t seed);
/* The low half of hash64(): what blocks, records and frames carry. */
uint32_t checksum32(struct bytes bytes);
/* Mixes one number into another: for keys that are numbers already. */
uint64_t hash_mix(uint64_t left, uint64_t right);

#endif
