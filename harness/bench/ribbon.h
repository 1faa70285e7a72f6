/* ribbon: a ribbon filter, to measure the store's Bloom filter against.
 *
 *     key --> start row, 64 coefficients, r bits        row  0 1 2 3 4 5 6 ...
 *                                                            . . 1 0 1 1 .      XOR of the chosen rows of the solution
 *                                                                               must be the key's r bits
 *
 * The standard ribbon: a band of 64 coefficients for each key, solved by Gaussian elimination. A key that is not there
 * passes with a chance of 1 in 2^r.
 *
 *     struct ribbon ribbon;
 *     if (ribbon_build(&ribbon, hashes, count, row_count, 9)) ...       // false: these rows are too few
 *     ribbon_may_contain(&ribbon, hash);
 *     ribbon_free(&ribbon);
 *
 * Source: P. Dillinger and S. Walzer, "Ribbon filter: practically smaller than Bloom and Xor", 2021.
 */
#ifndef DUNLIN_HARNESS_RIBBON_H
#define DUNLIN_HARNESS_RIBBON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RIBBON_WIDTH = 64, RIBBON_RESULT_BITS_MAX = 16 };

struct ribbon {
    uint64_t *solution; /* for each 64 rows, one word per result bit */
    uint64_t row_count; /* a multiple of 64 */
    uint32_t result_bits;
};

bool ribbon_build(struct ribbon *ribbon, const uint64_t *hashes, size_t count, uint64_t row_count,
                  uint32_t result_bits);
void ribbon_free(struct ribbon *ribbon);
bool ribbon_may_contain(const struct ribbon *ribbon, uint64_t hash);
size_t ribbon_bytes(const struct ribbon *ribbon);

#endif
