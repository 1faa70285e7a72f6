/* bench_workload: what is done to a store while the clock runs.
 *
 *     fresh directory    sequential_load, random_load, synced_load
 *     after random_load  read_cached, read_uncached, read_absent, full_scan, reverse_scan, short_scans, short_scans_cached,
 *                        short_reverse_scans, mix_95_5, mix_50_50, overwrite
 *
 * A workload runs in a process of its own. It opens the store, lets it come to rest, warms it up
 * where reads are to find a warm cache, and only then starts the clock; the clock stops with the last
 * operation, and what the store's background work costs until it rests again is told apart.
 *
 *     const struct bench_workload *workload = bench_workload_find("read_absent");
 *     struct bench_result result;
 *     bench_workload_run(workload, engine, &setup, &result);
 */
#ifndef DUNLIN_HARNESS_BENCH_BENCH_WORKLOAD_H
#define DUNLIN_HARNESS_BENCH_BENCH_WORKLOAD_H

#include "harness/bench/bench_engine.h"
#include "harness/histogram.h"

enum bench_kind {
    BENCH_LOAD,
    BENCH_SYNCED_LOAD,
    BENCH_OVERWRITE,
    BENCH_READ,
    BENCH_ABSENT_READ,
    BENCH_MIX,
    BENCH_FULL_SCAN,
    BENCH_SHORT_SCANS,
};

struct bench_workload {
    const char *name, *title;
    enum bench_kind kind;
    bool fresh;       /* begins in an empty directory; the others on what random_load left */
    bool hashed;      /* keys in no order */
    bool small_cache; /* a quarter of the data instead of the large cache */
    bool warms_up;    /* the same operations go before, outside of the clock */
    bool reverse;     /* scans go from great keys to small ones */
    bool aim_is_two;  /* twice the better peer, not once */
    uint32_t write_percent;
};

enum { BENCH_WORKLOADS = 14, BENCH_SHORT_SCAN = 100, BENCH_PROBLEM_SIZE = 256 };

/* What the person who asked has chosen. */
struct bench_setup {
    struct bench_engine_settings engine; /* the directory and the cache of one run filled in */
    uint64_t keys, reads, scans, synced_writes;
    uint32_t value_size, threads;
    bool settle;   /* wait for a store that rests, before and after */
    bool progress; /* on the terminal */
    const char *cores;
};

struct bench_result {
    bool succeeded;
    char problem[BENCH_PROBLEM_SIZE];
    uint64_t operations;
    double seconds;
    double cpu_seconds;                 /* at the end of the last operation */
    double cpu_idle_seconds;            /* when the store rests */
    double rest_seconds;                /* how long that took */
    uint64_t p50, p99, p999, worst;     /* nanoseconds */
    uint64_t stalls, stall_nanoseconds; /* writes that took longer than a millisecond */
    uint64_t file_read, file_written, disk_read, disk_written; /* bytes, when the store rests */
    uint64_t space, peak_memory;
};

const struct bench_workload *bench_workload_at(uint32_t number);
/* Null when there is none of this name. */
const struct bench_workload *bench_workload_find(const char *name);
void bench_workload_run(const struct bench_workload *workload, const struct bench_engine *engine,
                        const struct bench_setup *setup, struct bench_result *result);

#endif
