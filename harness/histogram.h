/* histogram: counts of durations in buckets of a fixed relative width, in whole numbers.
 *
 *     nanoseconds   1 .. 2^40, eight buckets to each doubling: every figure is right to 12 %
 *
 *     histogram_add(&histogram, nanoseconds);
 *     uint64_t p99 = histogram_percentile(&histogram, 990);
 */
#ifndef DUNLIN_HARNESS_HISTOGRAM_H
#define DUNLIN_HARNESS_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_PER_DOUBLING = 8, HISTOGRAM_BUCKETS = 40 * HISTOGRAM_PER_DOUBLING };

struct histogram {
    uint64_t count;
    uint32_t buckets[HISTOGRAM_BUCKETS];
};

uint32_t histogram_bucket_of(uint64_t nanoseconds);
/* The greatest value that falls into the bucket. */
uint64_t histogram_bucket_end(uint32_t bucket);
void histogram_add(struct histogram *histogram, uint64_t nanoseconds);
void histogram_join(struct histogram *sum, const struct histogram *part);
/* 0 when it is empty. */
uint64_t histogram_percentile(const struct histogram *histogram, uint32_t permille);

#endif
