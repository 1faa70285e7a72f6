#include "harness/histogram.h"

enum { SHIFT = 3 };
_Static_assert(HISTOGRAM_PER_DOUBLING == 1 << SHIFT,
               "three bits below the highest pick the bucket");

uint32_t histogram_bucket_of(uint64_t nanoseconds) {
    if (nanoseconds < HISTOGRAM_PER_DOUBLING)
        return (uint32_t)nanoseconds;
    uint32_t highest = 63 - (uint32_t)__builtin_clzll(nanoseconds);
    uint32_t low = (uint32_t)(nanoseconds >> (highest - SHIFT)) & (HISTOGRAM_PER_DOUBLING - 1);
    uint32_t bucket = (highest - SHIFT + 1) * HISTOGRAM_PER_DOUBLING + low;
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

uint64_t histogram_bucket_end(uint32_t bucket) {
    if (bucket < HISTOGRAM_PER_DOUBLING)
        return bucket;
    uint32_t doubling = bucket / HISTOGRAM_PER_DOUBLING - 1;
    uint64_t low = HISTOGRAM_PER_DOUBLING + bucket % HISTOGRAM_PER_DOUBLING;
    return ((low + 1) << doubling) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t nanoseconds) {
    histogram->count++;
    histogram->buckets[histogram_bucket_of(nanoseconds)]++;
}

void histogram_join(struct histogram *sum, const struct histogram *part) {
    sum->count += part->count;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        sum->buckets[i] += part->buckets[i];
}

uint64_t histogram_percentile(const struct histogram *histogram, uint32_t permille) {
    uint64_t rank = (histogram->count * permille + 999) / 1000;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS && rank > 0; i++) {
        sum += histogram->buckets[i];
        if (sum >= rank)
            return histogram_bucket_end(i);
    }
    return 0;
}
