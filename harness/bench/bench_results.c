#include "harness/bench/bench_results.h"

#include <stdlib.h>

double bench_rate(const struct bench_result *result) {
    return result->seconds > 0 ? (double)result->operations / result->seconds : 0;
}

static double per_operation(const struct bench_result *result, double seconds) {
    return result->operations > 0 ? seconds * 1e6 / (double)result->operations : 0;
}

double bench_cpu(const struct bench_result *result) {
    return per_operation(result, result->cpu_seconds);
}

double bench_cpu_until_idle(const struct bench_result *result) {
    return per_operation(result, result->cpu_idle_seconds);
}

static int compare_doubles(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return difference < 0 ? -1 : difference > 0;
}

static double median_of(double *numbers, uint32_t count) {
    qsort(numbers, count, sizeof numbers[0], compare_doubles);
    return count % 2 == 1 ? numbers[count / 2] : (numbers[count / 2 - 1] + numbers[count / 2]) / 2;
}

/* The median over the rounds that succeeded, of one figure. */
#define MEDIAN(field, type)                                                                        \
    do {                                                                                           \
        double numbers[BENCH_ROUNDS_MAX];                                                          \
        for (uint32_t i = 0; i < count; i++)                                                       \
            numbers[i] = (double)rounds[kept[i]].field;                                            \
        median->field = (type)median_of(numbers, count);                                           \
    } while (0)

bool bench_results_median(const struct bench_results *results, uint32_t size, uint32_t workload,
                          uint32_t engine, struct bench_result *median) {
    const struct bench_result *rounds = results->sizes[size].rounds[workload][engine];
    uint32_t kept[BENCH_ROUNDS_MAX], count = 0;
    for (uint32_t round = 0; round < results->options->rounds; round++) {
        if (rounds[round].succeeded)
            kept[count++] = round;
    }
    if (count == 0)
        return false;
    *median = (struct bench_result){.succeeded = true};
    MEDIAN(operations, uint64_t);
    MEDIAN(seconds, double);
    MEDIAN(cpu_seconds, double);
    MEDIAN(cpu_idle_seconds, double);
    MEDIAN(rest_seconds, double);
    MEDIAN(p50, uint64_t);
    MEDIAN(p99, uint64_t);
    MEDIAN(p999, uint64_t);
    MEDIAN(worst, uint64_t);
    MEDIAN(stalls, uint64_t);
    MEDIAN(stall_nanoseconds, uint64_t);
    MEDIAN(file_read, uint64_t);
    MEDIAN(file_written, uint64_t);
    MEDIAN(disk_read, uint64_t);
    MEDIAN(disk_written, uint64_t);
    MEDIAN(space, uint64_t);
    MEDIAN(peak_memory, uint64_t);
    return true;
}

bool bench_results_compare(const struct bench_results *results, uint32_t size, uint32_t workload,
                           uint32_t engine, double *rate, double *cpu) {
    struct bench_result own, other;
    if (!bench_results_median(results, size, workload, engine, &own))
        return false;
    double best_rate = 0, best_cpu = 0;
    for (uint32_t i = 0; i < BENCH_ENGINES; i++) {
        if (i == engine || !bench_results_median(results, size, workload, i, &other))
            continue;
        if (bench_rate(&other) > best_rate)
            best_rate = bench_rate(&other);
        if (best_cpu <= 0 || bench_cpu_until_idle(&other) < best_cpu)
            best_cpu = bench_cpu_until_idle(&other);
    }
    if (best_rate <= 0 || bench_cpu_until_idle(&own) <= 0)
        return false;
    *rate = bench_rate(&own) / best_rate;
    *cpu = best_cpu / bench_cpu_until_idle(&own);
    return true;
}
