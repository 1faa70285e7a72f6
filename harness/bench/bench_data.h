/* bench_data: keys and values that are the same for every engine.
 *
 *     number --mix--> 16 hexadecimal digits     hashed keys: a bijection, so 0..n-1 give n different keys in no order
 *     number -------> 16 hexadecimal digits     ordered keys
 *
 * Values are cut from a pool of half-random pieces, so that LZ4 and Snappy make them about half as
 * large; the first eight bytes are the number, which tells whether a read gave the right value.
 *
 *     struct bench_data data;
 *     bench_data_init(&data, 100);
 *     struct bytes key = bench_key(number, true, text);
 *     struct bytes value = bench_value(&data, number);      // borrowed until the next value
 */
#ifndef DUNLIN_HARNESS_BENCH_BENCH_DATA_H
#define DUNLIN_HARNESS_BENCH_BENCH_DATA_H

#include "engine/base/bytes.h"

enum { BENCH_KEY_SIZE = 16, BENCH_VALUE_SIZE_MIN = 16 };

struct bench_data {
    uint32_t value_size;
    uint8_t *pool, *value;
};

void bench_data_init(struct bench_data *data, uint32_t value_size);
void bench_data_deinit(struct bench_data *data);
struct bytes bench_key(uint64_t number, bool hashed, uint8_t text[BENCH_KEY_SIZE]);
struct bytes bench_value(struct bench_data *data, uint64_t number);
/* True when this value was made for this number, by any of its writes. */
bool bench_value_fits(const struct bench_data *data, uint64_t number, struct bytes value);

/* Numbers below `count`, uniform, or by Zipf's law (theta 0.99, the frequent ones scattered). */
void bench_draw_uniform(uint32_t *numbers, uint64_t draws, uint64_t count, uint64_t seed);
void bench_draw_zipfian(uint32_t *numbers, uint64_t draws, uint64_t count, uint64_t seed);

#endif
