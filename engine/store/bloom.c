#include "engine/store/bloom.h"

enum { LINE_BITS_LOG2 = 9, LINE_BIT_MASK = (1 << LINE_BITS_LOG2) - 1 };
_Static_assert(1 << LINE_BITS_LOG2 == BLOOM_LINE_SIZE * 8, "nine bits name a bit of a line");
_Static_assert(BLOOM_PROBES_MAX *LINE_BITS_LOG2 <= 64, "one hash has bits for every probe");

/* Fibonacci hashing: scales the high half of the hash to the lines without a division. */
static inline uint32_t line_of(uint64_t hash, uint32_t line_count) {
    return (uint32_t)((hash >> 32) * line_count >> 32);
}

/* The numbers of the bits, from the low end. Keys of one line agree in the top bits of their
 * hashes, so those are mixed in before the cutting. */
static inline uint64_t probes_of(uint64_t hash) {
    uint64_t mixed = hash * 0x9e3779b97f4a7c15u;
    mixed ^= mixed >> 32;
    return mixed * 0xd6e8feb86659fd93u;
}

/* bits x ln 2 is the best number of probes; within one line, a probe fewer costs nothing. */
static uint32_t probe_count_of(uint32_t bits_per_key) {
    uint32_t probes = bits_per_key * 69 / 100;
    if (probes < 1)
        return 1;
    return probes < BLOOM_PROBES_MAX ? probes : BLOOM_PROBES_MAX;
}

static uint32_t line_count_of(uint64_t count, uint32_t bits_per_key) {
    uint64_t bits = count * bits_per_key;
    uint64_t lines = (bits + BLOOM_LINE_SIZE * 8 - 1) / (BLOOM_LINE_SIZE * 8);
    CHECK(lines <= UINT32_MAX);
    return (uint32_t)lines;
}

uint64_t bloom_size(uint64_t count, uint32_t bits_per_key) {
    uint64_t lines = line_count_of(count, bits_per_key);
    return lines == 0 ? 0 : lines * BLOOM_LINE_SIZE + 1;
}

void bloom_build(const uint64_t *hashes, size_t count, uint32_t bits_per_key,
                 struct buffer *filter) {
    CHECK(bits_per_key <= BLOOM_BITS_PER_KEY_MAX);
    uint32_t line_count = line_count_of(count, bits_per_key);
    if (line_count == 0)
        return;
    uint32_t probe_count = probe_count_of(bits_per_key);
    size_t size = (size_t)line_count * BLOOM_LINE_SIZE;
    uint8_t *lines = buffer_reserve(filter, size);
    memset(lines, 0, size);
    for (size_t i = 0; i < count; i++) {
        uint8_t *line = lines + (size_t)line_of(hashes[i], line_count) * BLOOM_LINE_SIZE;
        uint64_t probes = probes_of(hashes[i]);
        for (uint32_t probe = 0; probe < probe_count; probe++, probes >>= LINE_BITS_LOG2) {
            uint32_t bit = (uint32_t)probes & LINE_BIT_MASK;
            line[bit / 8] = (uint8_t)(line[bit / 8] | 1u << bit % 8);
        }
    }
    filter->size += size;
    buffer_put_u8(filter, (uint8_t)probe_count);
}

bool bloom_decode(struct bytes filter, struct bloom *bloom) {
    *bloom = (struct bloom){0};
    if (filter.size == 0)
        return true;
    uint64_t line_count = (filter.size - 1) / BLOOM_LINE_SIZE;
    uint8_t probe_count = filter.data[filter.size - 1];
    if ((filter.size - 1) % BLOOM_LINE_SIZE != 0 || line_count == 0 || line_count > UINT32_MAX ||
        probe_count == 0 || probe_count > BLOOM_PROBES_MAX)
        return false;
    *bloom = (struct bloom){
        .lines = filter.data, .line_count = (uint32_t)line_count, .probe_count = probe_count};
    return true;
}

static inline const uint8_t *line_at(const struct bloom *bloom, uint64_t hash) {
    return bloom->lines + (size_t)line_of(hash, bloom->line_count) * BLOOM_LINE_SIZE;
}

void bloom_ask_ahead(const struct bloom *bloom, uint64_t hash) {
    if (bloom->line_count > 0)
        __builtin_prefetch(line_at(bloom, hash));
}

/* No branch depends on a bit: half of them would be guessed wrong. */
bool bloom_may_contain(const struct bloom *bloom, uint64_t hash) {
    if (bloom->line_count == 0)
        return true;
    const uint8_t *line = line_at(bloom, hash);
    uint64_t probes = probes_of(hash);
    uint32_t all = 1;
    for (uint32_t probe = 0; probe < bloom->probe_count; probe++, probes >>= LINE_BITS_LOG2) {
        uint32_t bit = (uint32_t)probes & LINE_BIT_MASK;
        all &= (uint32_t)line[bit / 8] >> bit % 8;
    }
    return all != 0;
}
