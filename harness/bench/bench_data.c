#include "harness/bench/bench_data.h"

#include "engine/base/prng.h"

#include <math.h>
#include <stdlib.h>

/* Of 100 bytes 42 are random: with the number in front, LZ4 makes the whole about half as large. */
enum { POOL_SIZE = 1 << 20, PIECE_SIZE = 100, PIECE_RANDOM = 42, POOL_STREAM = 11 };

void bench_data_init(struct bench_data *data, uint32_t value_size) {
    *data = (struct bench_data){.value_size = value_size};
    data->pool = malloc(POOL_SIZE + value_size);
    data->value = malloc(value_size);
    CHECK(data->pool != NULL && data->value != NULL);
    struct prng prng;
    prng_init(&prng, 1, POOL_STREAM);
    for (size_t i = 0; i < POOL_SIZE + value_size; i++) {
        size_t at = i % PIECE_SIZE;
        data->pool[i] = at < PIECE_RANDOM ? (uint8_t)(' ' + prng_below(&prng, 95))
                                          : data->pool[i - PIECE_RANDOM];
    }
}

void bench_data_deinit(struct bench_data *data) {
    free(data->pool);
    free(data->value);
}

/* The finalizer of MurmurHash3: every step can be undone, so no two numbers give the same. */
static uint64_t mix(uint64_t number) {
    number ^= number >> 33;
    number *= 0xff51afd7ed558ccdu;
    number ^= number >> 33;
    number *= 0xc4ceb9fe1a85ec53u;
    return number ^ number >> 33;
}

struct bytes bench_key(uint64_t number, bool hashed, uint8_t text[BENCH_KEY_SIZE]) {
    static const char DIGITS[] = "0123456789abcdef";
    uint64_t digits = hashed ? mix(number + 1) : number;
    for (uint32_t i = BENCH_KEY_SIZE; i-- > 0; digits >>= 4)
        text[i] = (uint8_t)DIGITS[digits & 15];
    return bytes_of(text, BENCH_KEY_SIZE);
}

struct bytes bench_value(struct bench_data *data, uint64_t number) {
    size_t from = (size_t)(number * data->value_size % POOL_SIZE);
    memcpy(data->value, data->pool + from, data->value_size);
    memcpy(data->value, &number, sizeof number);
    return bytes_of(data->value, data->value_size);
}

bool bench_value_fits(const struct bench_data *data, uint64_t number, struct bytes value) {
    return value.size == data->value_size && load_u64(value.data) == number;
}

void bench_draw_uniform(uint32_t *numbers, uint64_t draws, uint64_t count, uint64_t seed) {
    struct prng prng;
    prng_init(&prng, seed, POOL_STREAM + 1);
    for (uint64_t i = 0; i < draws; i++)
        numbers[i] = (uint32_t)prng_below_u64(&prng, count);
}

static double zeta(uint64_t count, double theta) {
    double sum = 0;
    for (uint64_t i = 1; i <= count; i++)
        sum += 1 / pow((double)i, theta);
    return sum;
}

/* Source: Gray et al., "Quickly generating billion-record synthetic databases", SIGMOD 1994, as YCSB has it. */
void bench_draw_zipfian(uint32_t *numbers, uint64_t draws, uint64_t count, uint64_t seed) {
    const double theta = 0.99, alpha = 1 / (1 - theta);
    double all = zeta(count, theta), two = zeta(2, theta);
    double eta = (1 - pow(2.0 / (double)count, 1 - theta)) / (1 - two / all);
    struct prng prng;
    prng_init(&prng, seed, POOL_STREAM + 2);
    for (uint64_t i = 0; i < draws; i++) {
        double uniform = (double)prng_u32(&prng) / 4294967296.0, scaled = uniform * all;
        uint64_t rank = scaled < 1 ? 0
                        : scaled < two
                            ? 1
                            : (uint64_t)((double)count * pow(eta * uniform - eta + 1, alpha));
        numbers[i] = (uint32_t)(mix(rank + 1) % count);
    }
}
