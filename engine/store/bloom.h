/* bloom: a Bloom filter whose probes for one key all fall into one cache line.
 *
 *     +-------------+-------------+-----+-------------+-----------+
 *     | line 0, 64 B| line 1, 64 B| ... | line n - 1  | probes u8 |
 *     +-------------+-------------+-----+-------------+-----------+
 *
 * A key's hash names its line by its high half; up to seven numbers of nine bits, cut from the
 * remixed hash, name bits in that line. A lookup costs one cache miss where a plain Bloom filter
 * costs one for each probe, at the price of a few more false positives: 0.97 % instead of 0.82 % at
 * ten bits for each key.
 *
 *     bloom_build(hashes, count, 10, &filter);
 *     struct bloom bloom;
 *     if (bloom_decode(buffer_bytes(&filter), &bloom) && !bloom_may_contain(&bloom, hash64(key)))
 *         -> the key was not among them
 *
 * Source: F. Putze, P. Sanders and J. Singler, "Cache-, Hash- and Space-Efficient Bloom Filters",
 * 2007.
 */
#ifndef DUNLIN_STORE_BLOOM_H
#define DUNLIN_STORE_BLOOM_H

#include "engine/base/bytes.h"

enum { BLOOM_LINE_SIZE = 64, BLOOM_PROBES_MAX = 7, BLOOM_BITS_PER_KEY_MAX = 64 };

/* Lines are numbered by 32 bits. */
struct bloom {
    const uint8_t *lines;
    uint32_t line_count; /* 0: no filter, everything may be contained */
    uint32_t probe_count;
};

/* The same keys give the same bytes in any order. Appends nothing when there are no keys or no
 * bits. */
void bloom_build(const uint64_t *hashes, size_t count, uint32_t bits_per_key,
                 struct buffer *filter);
/* Size of what bloom_build() appends. */
uint64_t bloom_size(uint64_t count, uint32_t bits_per_key);

/* Borrows the bytes; false when they are no filter. No bytes are the filter that lets all pass. */
MUST_USE bool bloom_decode(struct bytes filter, struct bloom *bloom);
/* Asks the processor for the line that bloom_may_contain() will look at. */
void bloom_ask_ahead(const struct bloom *bloom, uint64_t hash);
bool bloom_may_contain(const struct bloom *bloom, uint64_t hash);

#endif
