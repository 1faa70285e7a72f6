#include "harness/bench/bench_workload.h"

#include "harness/bench/bench_data.h"
#include "harness/bench/bench_measure.h"
#include "harness/bench/bench_run.h"

#include <stdio.h>
#include <stdlib.h>

enum { SEED_DRAWS = 3, SEED_WARM_UP = 5, WARM_UP_SCANS = 4 };

static const struct bench_workload WORKLOADS[BENCH_WORKLOADS] = {
    {.name = "sequential_load", .title = "sequential load", .kind = BENCH_LOAD, .fresh = true},
    {.name = "random_load",
     .title = "random load",
     .kind = BENCH_LOAD,
     .fresh = true,
     .hashed = true,
     .aim_is_two = true},
    {.name = "read_cached",
     .title = "random read, in cache",
     .kind = BENCH_READ,
     .hashed = true,
     .warms_up = true},
    {.name = "read_uncached",
     .title = "random read, data 4x the cache",
     .kind = BENCH_READ,
     .hashed = true,
     .warms_up = true,
     .small_cache = true},
    {.name = "read_absent",
     .title = "random read, absent keys",
     .kind = BENCH_ABSENT_READ,
     .hashed = true,
     .warms_up = true,
     .aim_is_two = true},
    {.name = "full_scan",
     .title = "full scan (entries)",
     .kind = BENCH_FULL_SCAN,
     .hashed = true,
     .aim_is_two = true},
    {.name = "reverse_scan",
     .title = "full scan backwards (entries)",
     .kind = BENCH_FULL_SCAN,
     .hashed = true,
     .reverse = true,
     .aim_is_two = true},
    {.name = "short_scans",
     .title = "seek and 100 entries",
     .kind = BENCH_SHORT_SCANS,
     .hashed = true,
     .aim_is_two = true},
    {.name = "short_scans_cached",
     .title = "seek and 100 entries, in cache",
     .kind = BENCH_SHORT_SCANS,
     .hashed = true,
     .warms_up = true,
     .aim_is_two = true},
    {.name = "short_reverse_scans",
     .title = "seek and 100 entries backwards",
     .kind = BENCH_SHORT_SCANS,
     .hashed = true,
     .reverse = true,
     .aim_is_two = true},
    {.name = "mix_95_5",
     .title = "zipfian, 95 % reads",
     .kind = BENCH_MIX,
     .hashed = true,
     .warms_up = true,
     .write_percent = 5},
    {.name = "mix_50_50",
     .title = "zipfian, 50 % reads",
     .kind = BENCH_MIX,
     .hashed = true,
     .warms_up = true,
     .write_percent = 50},
    {.name = "overwrite", .title = "random overwrite", .kind = BENCH_OVERWRITE, .hashed = true},
    {.name = "synced_load",
     .title = "random load, synced, 16 writers",
     .kind = BENCH_SYNCED_LOAD,
     .fresh = true,
     .hashed = true},
};

const struct bench_workload *bench_workload_at(uint32_t number) {
    CHECK(number < BENCH_WORKLOADS);
    return &WORKLOADS[number];
}

const struct bench_workload *bench_workload_find(const char *name) {
    for (uint32_t i = 0; i < BENCH_WORKLOADS; i++) {
        if (strcmp(WORKLOADS[i].name, name) == 0)
            return &WORKLOADS[i];
    }
    return NULL;
}

static uint64_t operations_of(const struct bench_workload *workload,
                              const struct bench_setup *setup) {
    switch (workload->kind) {
    case BENCH_LOAD:
    case BENCH_OVERWRITE:
    case BENCH_FULL_SCAN:
        return setup->keys;
    case BENCH_SYNCED_LOAD:
        return setup->synced_writes;
    case BENCH_READ:
    case BENCH_ABSENT_READ:
    case BENCH_MIX:
        return setup->reads;
    case BENCH_SHORT_SCANS:
        return setup->scans;
    }
    CHECK_UNREACHABLE("a workload has a kind");
}

/* Which keys are asked for is drawn before the clock runs. */
static uint32_t *draw_numbers(const struct bench_workload *workload,
                              const struct bench_setup *setup, uint64_t draws, uint64_t seed) {
    uint32_t *numbers = malloc((draws + 1) * sizeof *numbers);
    CHECK(numbers != NULL);
    if (workload->kind == BENCH_MIX)
        bench_draw_zipfian(numbers, draws, setup->keys, seed);
    else
        bench_draw_uniform(numbers, draws, setup->keys, seed);
    return numbers;
}

static void rest(struct bench_run *run) {
    if (!run->setup->settle)
        return;
    if (run->engine->settle != NULL)
        run->engine->settle(run->store);
    bench_wait_until_idle();
}

/* As many reads as the measurement has: a cache that is large enough then holds nearly every block. A short scan meets several
 * blocks, some of which a cache on probation wants to see twice. */
static void warm_up(struct bench_run *run) {
    if (!run->workload->warms_up)
        return;
    bool scans = run->workload->kind == BENCH_SHORT_SCANS;
    uint64_t draws = run->operations * (scans ? WARM_UP_SCANS : 1);
    run->numbers = draw_numbers(run->workload, run->setup, draws, SEED_WARM_UP);
    for (uint64_t i = 0; i < draws && run->problem == NULL; i++) {
        if (scans)
            bench_run_scan(run, run->numbers[i]);
        else
            bench_run_read(run, run->numbers[i], true);
    }
    free(run->numbers);
    run->numbers = NULL;
}

static void take_usage(const struct bench_run *run, struct bench_usage *usage) {
    bench_usage_take(usage);
    if (run->engine->mapped != NULL)
        usage->file_written += run->engine->mapped(run->store);
}

static void note_results(const struct bench_run *run, const struct bench_usage *before,
                         const struct bench_usage *ended, const struct bench_usage *rested,
                         struct bench_result *result) {
    result->operations = run->done;
    result->cpu_seconds = ended->cpu_seconds - before->cpu_seconds;
    result->cpu_idle_seconds = rested->cpu_seconds - before->cpu_seconds;
    result->p50 = histogram_percentile(&run->latency, 500);
    result->p99 = histogram_percentile(&run->latency, 990);
    result->p999 = histogram_percentile(&run->latency, 999);
    result->worst = run->worst;
    result->stalls = run->stalls;
    result->stall_nanoseconds = run->stall_nanoseconds;
    result->file_read = rested->file_read - before->file_read;
    result->file_written = rested->file_written - before->file_written;
    result->disk_read = rested->disk_read - before->disk_read;
    result->disk_written = rested->disk_written - before->disk_written;
}

static void measure(struct bench_run *run, struct bench_result *result) {
    if (!run->workload->fresh)
        rest(run);
    warm_up(run);
    if (!run->workload->fresh && run->workload->kind != BENCH_FULL_SCAN)
        run->numbers = draw_numbers(run->workload, run->setup, run->operations, SEED_DRAWS);
    rest(run);
    struct bench_usage before, ended, rested;
    take_usage(run, &before);
    uint64_t began = bench_nanoseconds();
    bench_run_operations(run);
    uint64_t end = bench_nanoseconds();
    take_usage(run, &ended);
    rest(run);
    take_usage(run, &rested);
    result->seconds = (double)(end - began) / 1e9;
    result->rest_seconds = (double)(bench_nanoseconds() - end) / 1e9;
    note_results(run, &before, &ended, &rested, result);
    free(run->numbers);
}

void bench_workload_run(const struct bench_workload *workload, const struct bench_engine *engine,
                        const struct bench_setup *setup, struct bench_result *result) {
    *result = (struct bench_result){.succeeded = false};
    struct bench_engine_settings settings = setup->engine;
    settings.sync = settings.threads = workload->kind == BENCH_SYNCED_LOAD;
    struct bench_run run = {.workload = workload, .engine = engine, .setup = setup};
    run.operations = operations_of(workload, setup);
    struct buffer problem = {0};
    run.store = engine->open(&settings, &problem);
    if (run.store == NULL) {
        snprintf(result->problem, sizeof result->problem, "cannot open: %.*s", (int)problem.size,
                 (const char *)problem.data);
        return;
    }
    bench_data_init(&run.data, setup->value_size);
    measure(&run, result);
    result->peak_memory = bench_peak_memory();
    if (!engine->close(run.store) && run.problem == NULL)
        run.problem = "the store does not close";
    result->space = bench_space_used(settings.directory);
    bench_data_deinit(&run.data);
    result->succeeded = run.problem == NULL;
    if (run.problem != NULL)
        snprintf(result->problem, sizeof result->problem, "%s", run.problem);
}
