/* bench_run: the operations of one workload on one open store, each timed.
 *
 *     for each operation: key (and value) made --> clock --> engine --> clock --> checked
 *
 * Every answer is checked: a store that gives wrong answers fast has not run.
 */
#ifndef DUNLIN_HARNESS_BENCH_BENCH_RUN_H
#define DUNLIN_HARNESS_BENCH_BENCH_RUN_H

#include "harness/bench/bench_data.h"
#include "harness/bench/bench_workload.h"

struct bench_run {
    const struct bench_workload *workload;
    const struct bench_engine *engine;
    const struct bench_setup *setup;
    void *store;
    struct bench_data data;
    uint64_t operations, done;
    uint32_t *numbers; /* of the keys that are asked for; null for loads and full scans */
    struct histogram latency;
    uint64_t worst, stalls, stall_nanoseconds;
    uint64_t told_at;    /* when the terminal last heard of us */
    const char *problem; /* null while all goes well */
};

void bench_run_operations(struct bench_run *run);
/* Reads one key and checks the answer; an absent one when not `present`. Not timed. */
void bench_run_read(struct bench_run *run, uint64_t number, bool present);
/* Walks BENCH_SHORT_SCAN entries from a key on. Not timed. */
void bench_run_scan(struct bench_run *run, uint64_t number);

#endif
