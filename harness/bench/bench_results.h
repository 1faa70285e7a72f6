/* bench_results: what all rounds gave, and their medians.
 *
 *     sizes x workloads x engines x rounds --median of the rounds, figure by figure--> one bench_result
 */
#ifndef DUNLIN_HARNESS_BENCH_BENCH_RESULTS_H
#define DUNLIN_HARNESS_BENCH_BENCH_RESULTS_H

#include "harness/bench/bench_options.h"

/* Of one number of keys and one size of values. */
struct bench_size {
    uint64_t keys;
    uint32_t value_size;
    struct bench_result rounds[BENCH_WORKLOADS][BENCH_ENGINES][BENCH_ROUNDS_MAX];
};

struct bench_results {
    const struct bench_options *options;
    struct bench_size *sizes;
    uint32_t size_count;
};

/* False when no round of it succeeded. */
bool bench_results_median(const struct bench_results *results, uint32_t size, uint32_t workload,
                          uint32_t engine, struct bench_result *median);
double bench_rate(const struct bench_result *result); /* operations per second */
double
bench_cpu(const struct bench_result *result); /* microseconds per operation, until the last */
double bench_cpu_until_idle(const struct bench_result *result); /* and until the store rests */

/* How many times as good this engine is as the best of the others: more operations per second, less processor time per
 * operation. False when there is nothing to compare. */
bool bench_results_compare(const struct bench_results *results, uint32_t size, uint32_t workload,
                           uint32_t engine, double *rate, double *cpu);

#endif
