#include "harness/bench/ribbon.h"

#include <stdlib.h>
#include <string.h>

struct band {
    uint64_t start, coefficients;
    uint32_t result;
};

static struct band band_of(const struct ribbon *ribbon, uint64_t hash) {
    uint64_t mixed = hash * 0x9e3779b97f4a7c15u;
    mixed ^= mixed >> 32;
    uint64_t starts = ribbon->row_count - RIBBON_WIDTH + 1;
    return (struct band){
        .start = (hash >> 32) * starts >> 32,
        .coefficients = mixed * 0xd6e8feb86659fd93u | 1,
        .result = (uint32_t)(mixed >> 40) & ((1u << ribbon->result_bits) - 1),
    };
}

/* False when the key contradicts those before it. */
static bool insert(struct band band, uint64_t *coefficients, uint32_t *results) {
    for (;;) {
        uint64_t *row = &coefficients[band.start];
        if (*row == 0) {
            *row = band.coefficients;
            results[band.start] = band.result;
            return true;
        }
        band.coefficients ^= *row;
        band.result ^= results[band.start];
        if (band.coefficients == 0)
            return band.result == 0;
        int zeros = __builtin_ctzll(band.coefficients);
        band.coefficients >>= zeros;
        band.start += (uint64_t)zeros;
    }
}

/* From the last row to the first: each decides its own bit, given the 63 behind it. */
static void solve(struct ribbon *ribbon, const uint64_t *coefficients, const uint32_t *results) {
    uint64_t behind[RIBBON_RESULT_BITS_MAX] = {0};
    for (uint64_t row = ribbon->row_count; row-- > 0;) {
        for (uint32_t bit = 0; bit < ribbon->result_bits; bit++) {
            behind[bit] <<= 1;
            uint64_t parity = (uint64_t)__builtin_parityll(behind[bit] & coefficients[row]);
            behind[bit] |= parity ^ (results[row] >> bit & 1);
            if (row % RIBBON_WIDTH == 0)
                ribbon->solution[row / RIBBON_WIDTH * ribbon->result_bits + bit] = behind[bit];
        }
    }
}

bool ribbon_build(struct ribbon *ribbon, const uint64_t *hashes, size_t count, uint64_t row_count,
                  uint32_t result_bits) {
    *ribbon = (struct ribbon){.row_count = row_count, .result_bits = result_bits};
    uint64_t *coefficients = calloc(row_count, sizeof *coefficients);
    uint32_t *results = calloc(row_count, sizeof *results);
    bool solvable = true;
    for (size_t i = 0; solvable && i < count; i++)
        solvable = insert(band_of(ribbon, hashes[i]), coefficients, results);
    if (solvable) {
        /* One more, so that a band in the last rows may read behind them. */
        ribbon->solution =
            calloc((row_count / RIBBON_WIDTH + 1) * result_bits, sizeof *ribbon->solution);
        solve(ribbon, coefficients, results);
    }
    free(coefficients);
    free(results);
    return solvable;
}

void ribbon_free(struct ribbon *ribbon) {
    free(ribbon->solution);
    *ribbon = (struct ribbon){0};
}

bool ribbon_may_contain(const struct ribbon *ribbon, uint64_t hash) {
    struct band band = band_of(ribbon, hash);
    const uint64_t *words = &ribbon->solution[band.start / RIBBON_WIDTH * ribbon->result_bits];
    const uint64_t *next = words + ribbon->result_bits;
    unsigned shift = band.start % RIBBON_WIDTH;
    for (uint32_t bit = 0; bit < ribbon->result_bits; bit++) {
        uint64_t rows = words[bit] >> shift;
        if (shift > 0)
            rows |= next[bit] << (RIBBON_WIDTH - shift);
        if ((uint32_t)__builtin_parityll(rows & band.coefficients) != (band.result >> bit & 1))
            return false;
    }
    return true;
}

size_t ribbon_bytes(const struct ribbon *ribbon) {
    return ribbon->row_count / 8 * ribbon->result_bits;
}
