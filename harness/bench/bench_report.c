#include "harness/bench/bench_report.h"

#include <inttypes.h>

#define MEBIBYTE 1048576.0

static const char *const HEADINGS[] = {"kop/s",    "CPU us/op", "until idle", "p50 us",   "p99 us",
                                       "p99.9 us", "worst ms",  "stalls",     "read MiB", "written",
                                       "space",    "memory",    "x rate",     "x CPU"};
enum { HEADINGS_COUNT = sizeof HEADINGS / sizeof HEADINGS[0] };

static void print_heading(bool markdown, FILE *to) {
    fprintf(to, markdown ? "| workload | engine |" : "%-33s %-8s", "workload", "engine");
    for (uint32_t i = 0; i < HEADINGS_COUNT; i++)
        fprintf(to, markdown ? " %s |" : " %10s", HEADINGS[i]);
    fprintf(to, "\n");
    if (!markdown)
        return;
    fprintf(to, "| --- | --- |");
    for (uint32_t i = 0; i < HEADINGS_COUNT; i++)
        fprintf(to, " ---: |");
    fprintf(to, "\n");
}

static void print_number(FILE *to, bool markdown, double number) {
    int decimals = number >= 100 ? 0 : number >= 10 ? 1 : 2;
    fprintf(to, markdown ? " %.*f |" : " %10.*f", decimals, number);
}

static void print_row(const struct bench_results *results, uint32_t size, uint32_t workload,
                      uint32_t engine, bool markdown, FILE *to) {
    struct bench_result median;
    if (!bench_results_median(results, size, workload, engine, &median))
        return;
    fprintf(to, markdown ? "| %s | %s |" : "%-33s %-8s", bench_workload_at(workload)->title,
            bench_engine_at(engine)->name);
    const double numbers[] = {
        bench_rate(&median) / 1e3,
        bench_cpu(&median),
        bench_cpu_until_idle(&median),
        (double)median.p50 / 1e3,
        (double)median.p99 / 1e3,
        (double)median.p999 / 1e3,
        (double)median.worst / 1e6,
        (double)median.stalls,
        (double)median.file_read / MEBIBYTE,
        (double)median.file_written / MEBIBYTE,
        (double)median.space / MEBIBYTE,
        (double)median.peak_memory / MEBIBYTE,
    };
    for (uint32_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        print_number(to, markdown, numbers[i]);
    double rate, cpu;
    if (bench_results_compare(results, size, workload, engine, &rate, &cpu)) {
        print_number(to, markdown, rate);
        print_number(to, markdown, cpu);
    } else if (markdown) {
        fprintf(to, " | |");
    }
    fprintf(to, "\n");
}

void bench_report_table(const struct bench_results *results, bool markdown, FILE *to) {
    for (uint32_t size = 0; size < results->size_count; size++) {
        fprintf(to, "%s%" PRIu64 " keys of 16 bytes, values of %" PRIu32 " bytes, %s\n\n",
                markdown ? "### " : "", results->sizes[size].keys, results->sizes[size].value_size,
                results->options->rounds == 1 ? "one round" : "median of the rounds");
        print_heading(markdown, to);
        for (uint32_t workload = 0; workload < BENCH_WORKLOADS; workload++) {
            for (uint32_t engine = 0; engine < BENCH_ENGINES; engine++)
                print_row(results, size, workload, engine, markdown, to);
        }
        fprintf(to, "\n");
    }
    fprintf(to, "CPU is user and system time of all threads. x rate and x CPU: how many times as "
                "good as the best "
                "of the others,\noperations per second and CPU per operation until idle; above 1 "
                "is better. "
                "stalls: writes of more than a millisecond.\n");
}

static void print_settings(const struct bench_options *options, FILE *to) {
    const struct bench_engine_settings *engine = &options->setup.engine;
    fprintf(to,
            "  \"settings\": {\"cache_bytes\": %" PRIu64 ", \"write_buffer_bytes\": %" PRIu64
            ", \"block_bytes\": %" PRIu64 ", \"filter_bits_per_key\": %" PRIu32
            ", \"compression\": \"%s\", \"verify\": %s, \"settle\": %s, \"cores\": \"%s\", "
            "\"rounds\": %" PRIu32 ", \"threads\": %" PRIu32 "},\n",
            engine->cache_bytes, engine->write_buffer_bytes, engine->block_bytes,
            engine->filter_bits_per_key,
            engine->compression == BENCH_COMPRESSION_FAST ? "fast" : "none",
            engine->verify ? "true" : "false", options->setup.settle ? "true" : "false",
            options->setup.cores, options->rounds, options->setup.threads);
}

static void print_result(const struct bench_results *results, uint32_t size, uint32_t workload,
                         uint32_t engine, const struct bench_result *median, FILE *to) {
    fprintf(to,
            "    {\"keys\": %" PRIu64 ", \"value_bytes\": %" PRIu32
            ", \"workload\": \"%s\", \"engine\": \"%s\", \"operations\": %" PRIu64
            ", \"seconds\": %.6f, \"operations_per_second\": %.1f, "
            "\"cpu_microseconds_per_operation\": %.4f, "
            "\"cpu_microseconds_per_operation_until_idle\": %.4f, "
            "\"cpu_seconds_per_million_operations\": %.4f, \"rest_seconds\": %.3f",
            results->sizes[size].keys, results->sizes[size].value_size,
            bench_workload_at(workload)->name, bench_engine_at(engine)->name, median->operations,
            median->seconds, bench_rate(median), bench_cpu(median), bench_cpu_until_idle(median),
            bench_cpu_until_idle(median), median->rest_seconds);
    fprintf(to,
            ", \"latency_ns\": {\"p50\": %" PRIu64 ", \"p99\": %" PRIu64 ", \"p999\": %" PRIu64
            ", \"worst\": %" PRIu64 "}, \"stalls\": %" PRIu64 ", \"stall_ns\": %" PRIu64
            ", \"file_read_bytes\": %" PRIu64 ", \"file_written_bytes\": %" PRIu64
            ", \"disk_read_bytes\": %" PRIu64 ", \"disk_written_bytes\": %" PRIu64
            ", \"space_bytes\": %" PRIu64 ", \"peak_memory_bytes\": %" PRIu64,
            median->p50, median->p99, median->p999, median->worst, median->stalls,
            median->stall_nanoseconds, median->file_read, median->file_written, median->disk_read,
            median->disk_written, median->space, median->peak_memory);
    double rate, cpu;
    if (bench_results_compare(results, size, workload, engine, &rate, &cpu))
        fprintf(to, ", \"rate_ratio\": %.3f, \"cpu_ratio\": %.3f", rate, cpu);
    fprintf(to, "}");
}

void bench_report_json(const struct bench_results *results, FILE *to) {
    fprintf(to, "{\n");
    print_settings(results->options, to);
    fprintf(to, "  \"results\": [");
    const char *between = "\n";
    for (uint32_t size = 0; size < results->size_count; size++) {
        for (uint32_t workload = 0; workload < BENCH_WORKLOADS; workload++) {
            for (uint32_t engine = 0; engine < BENCH_ENGINES; engine++) {
                struct bench_result median;
                if (!bench_results_median(results, size, workload, engine, &median))
                    continue;
                fputs(between, to);
                print_result(results, size, workload, engine, &median, to);
                between = ",\n";
            }
        }
    }
    fprintf(to, "\n  ]\n}\n");
}
