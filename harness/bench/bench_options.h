/* bench_options: what the command line asks for.
 *
 *     struct bench_options options;
 *     int status = bench_options_parse(&options, argc, argv);     // < 0: go on; else exit with it
 */
#ifndef DUNLIN_HARNESS_BENCH_BENCH_OPTIONS_H
#define DUNLIN_HARNESS_BENCH_BENCH_OPTIONS_H

#include "harness/bench/bench_workload.h"

enum { BENCH_SIZES_MAX = 8, BENCH_ROUNDS_MAX = 32 };

enum bench_format { BENCH_FORMAT_TABLE, BENCH_FORMAT_MARKDOWN, BENCH_FORMAT_JSON };

struct bench_options {
    struct bench_setup setup;
    uint64_t keys[BENCH_SIZES_MAX], value_sizes[BENCH_SIZES_MAX];
    uint32_t key_count, value_size_count, rounds;
    bool engines[BENCH_ENGINES], workloads[BENCH_WORKLOADS];
    enum bench_format format;
    const char *directory; /* in which each engine gets a fresh one */
    const char *out;       /* where charts and the JSON go; null for nowhere */
    uint64_t reads, scans; /* 0: chosen by the number of keys */
};

int bench_options_parse(struct bench_options *options, int argc, char **argv);

#endif
