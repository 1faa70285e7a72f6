/* store_bench: measures this project's store beside RocksDB and LevelDB; --help tells how. */
#include "harness/bench/bench_chart.h"
#include "harness/bench/bench_child.h"
#include "harness/bench/bench_measure.h"
#include "harness/bench/bench_options.h"
#include "harness/bench/bench_report.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 1024, SMALL_CACHE_SHARE = 4, READS_MAX = 1000000, SCANS_SHARE = 20 };

/* An interrupt ends the run after the workload under way, and what was measured is told. */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int number) {
    (void)number;
    interrupted = 1;
}

/* One size of one round: a directory for each engine. */
struct pass {
    struct bench_results *results;
    uint32_t size, round;
    struct bench_setup setup;
    char work[PATH_SIZE]; /* holds the engines' directories */
    bool failed;
};

static void run_one(struct pass *pass, uint32_t workload_number, uint32_t engine_number) {
    const struct bench_workload *workload = bench_workload_at(workload_number);
    const struct bench_engine *engine = bench_engine_at(engine_number);
    struct bench_setup setup = pass->setup;
    char directory[PATH_SIZE + 32];
    snprintf(directory, sizeof directory, "%s/%s", pass->work, engine->name);
    setup.engine.directory = directory;
    if (workload->fresh) {
        bench_remove_directory(directory);
        mkdir(directory, 0750);
    }
    uint64_t data = setup.keys * (16 + setup.value_size);
    if (workload->small_cache)
        setup.engine.cache_bytes = data / SMALL_CACHE_SHARE;
    struct bench_result *result =
        &pass->results->sizes[pass->size].rounds[workload_number][engine_number][pass->round];
    bench_child_run(workload, engine, &setup, result);
    if (result->succeeded) {
        if (setup.progress)
            fprintf(stderr,
                    "round %" PRIu32 "  %-32s %-8s %9.1f kop/s %7.2f us CPU, %.2f until idle\n",
                    pass->round + 1, workload->title, engine->name, bench_rate(result) / 1e3,
                    bench_cpu(result), bench_cpu_until_idle(result));
        return;
    }
    if (interrupted)
        return;
    fprintf(stderr, "store_bench: %s, %s: %s\n", engine->name, workload->title, result->problem);
    pass->failed = true;
}

/* A random load comes before what stands on it, also when nobody asked for its figures. */
static bool is_needed(const struct bench_options *options, uint32_t number) {
    if (options->workloads[number])
        return true;
    if (bench_workload_at(number) != bench_workload_find("random_load"))
        return false;
    for (uint32_t i = 0; i < BENCH_WORKLOADS; i++) {
        if (options->workloads[i] && !bench_workload_at(i)->fresh)
            return true;
    }
    return false;
}

static void run_pass(struct pass *pass) {
    const struct bench_options *options = pass->results->options;
    for (uint32_t workload = 0; workload < BENCH_WORKLOADS && !pass->failed && !interrupted;
         workload++) {
        if (!is_needed(options, workload))
            continue;
        for (uint32_t i = 0; i < BENCH_ENGINES && !pass->failed && !interrupted; i++) {
            /* Every round begins with another engine. */
            uint32_t engine = (i + pass->round) % BENCH_ENGINES;
            if (options->engines[engine])
                run_one(pass, workload, engine);
        }
    }
}

static bool run_size(struct bench_results *results, uint32_t size, uint32_t round) {
    const struct bench_options *options = results->options;
    struct pass pass = {.results = results, .size = size, .round = round, .setup = options->setup};
    pass.setup.keys = results->sizes[size].keys;
    pass.setup.value_size = results->sizes[size].value_size;
    uint64_t reads = pass.setup.keys < READS_MAX ? pass.setup.keys : READS_MAX;
    pass.setup.reads = options->reads > 0 ? options->reads : reads;
    pass.setup.scans = options->scans > 0 ? options->scans : pass.setup.reads / SCANS_SHARE + 1;
    snprintf(pass.work, sizeof pass.work, "%s/store_bench-XXXXXX", options->directory);
    if (mkdtemp(pass.work) == NULL) {
        perror(pass.work);
        return false;
    }
    run_pass(&pass);
    bench_remove_directory(pass.work);
    return !pass.failed;
}

static bool run_all(struct bench_results *results) {
    const struct bench_options *options = results->options;
    for (uint32_t round = 0; round < options->rounds; round++) {
        for (uint32_t size = 0; size < results->size_count; size++) {
            if (!interrupted && !run_size(results, size, round))
                return false;
        }
    }
    return true;
}

static bool write_out(const struct bench_results *results, const char *directory) {
    char path[PATH_SIZE];
    if (mkdir(directory, 0755) != 0 && errno != EEXIST) {
        perror(directory);
        return false;
    }
    snprintf(path, sizeof path, "%s/results.json", directory);
    FILE *stream = fopen(path, "w");
    if (stream == NULL) {
        perror(path);
        return false;
    }
    bench_report_json(results, stream);
    return fclose(stream) == 0 && bench_chart_draw(results, directory);
}

static void make_sizes(struct bench_results *results) {
    const struct bench_options *options = results->options;
    results->size_count = options->key_count * options->value_size_count;
    results->sizes = calloc(results->size_count, sizeof *results->sizes);
    CHECK(results->sizes != NULL);
    for (uint32_t i = 0; i < results->size_count; i++) {
        results->sizes[i].keys = options->keys[i % options->key_count];
        results->sizes[i].value_size = (uint32_t)options->value_sizes[i / options->key_count];
    }
}

int main(int argc, char **argv) {
    struct bench_options options;
    int status = bench_options_parse(&options, argc, argv);
    if (status >= 0)
        return status;
    struct bench_results results = {.options = &options};
    make_sizes(&results);
    signal(SIGINT, on_interrupt);
    bool ran = run_all(&results);
    if (options.format == BENCH_FORMAT_JSON)
        bench_report_json(&results, stdout);
    else
        bench_report_table(&results, options.format == BENCH_FORMAT_MARKDOWN, stdout);
    bool told = options.out == NULL || write_out(&results, options.out);
    free(results.sizes);
    return ran && told ? 0 : 1;
}
