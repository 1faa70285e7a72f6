#include "harness/bench/bench_chart.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATH_SIZE = 1024 };

/* Colours that also differ in brightness. */
static const char BEGIN[] =
    "set datafile separator ','\n"
    "set datafile missing '-'\n"
    "set grid ytics back lt 1 lw 1 lc rgb '#cccccc'\n"
    "set border 3\n"
    "set tics nomirror\n"
    "set style line 1 lc rgb '#08306b' lw 3 pt 7\n"
    "set style line 2 lc rgb '#e6550d' lw 2 pt 5\n"
    "set style line 3 lc rgb '#9ecae1' lw 2 pt 9\n"
    "set key outside top center horizontal title 'store'\n"
    "do for [kind in 'svg png'] {\n"
    "  if (kind eq 'svg') { set terminal svg size 1200,640 font 'Sans,14' background '#ffffff' }\n"
    "  else { set terminal pngcairo size 1200,640 font 'Sans,12' background '#ffffff' }\n";

static FILE *open_file(const char *directory, const char *name, const char *ending) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s.%s", directory, name, ending);
    FILE *stream = fopen(path, "w");
    if (stream == NULL)
        perror(path);
    return stream;
}

static bool draw(const char *directory, const char *name) {
    char command[3 * PATH_SIZE];
    snprintf(command, sizeof command, "cd '%s' && gnuplot '%s.gnuplot'", directory, name);
    if (system(command) == 0)
        return true;
    fprintf(stderr, "store_bench: gnuplot could not draw %s\n", name);
    return false;
}

static void put_number(FILE *stream, bool known, double number) {
    if (known)
        fprintf(stream, ",%.4f", number);
    else
        fputs(",-", stream);
}

static bool is_chosen(const struct bench_results *results, uint32_t workload) {
    return results->options->workloads[workload];
}

static bool write_bars(const struct bench_results *results, uint32_t size, const char *directory,
                       const char *name, double (*figure)(const struct bench_result *),
                       double scale) {
    FILE *stream = open_file(directory, name, "csv");
    if (stream == NULL)
        return false;
    fputs("workload,dunlin,rocksdb,leveldb\n", stream);
    for (uint32_t workload = 0; workload < BENCH_WORKLOADS; workload++) {
        if (!is_chosen(results, workload))
            continue;
        fprintf(stream, "\"%s\"", bench_workload_at(workload)->title);
        for (uint32_t engine = 0; engine < BENCH_ENGINES; engine++) {
            struct bench_result median;
            bool known = bench_results_median(results, size, workload, engine, &median);
            put_number(stream, known, known ? figure(&median) * scale : 0);
        }
        fputs("\n", stream);
    }
    return fclose(stream) == 0;
}

static bool write_bars_script(const struct bench_size *size, const char *directory,
                              const char *name, const char *what, const char *unit) {
    FILE *stream = open_file(directory, name, "gnuplot");
    if (stream == NULL)
        return false;
    fprintf(stream, "# %s\n%s", what, BEGIN);
    fprintf(stream,
            "  set output '%s.'.kind\n"
            "  set title \"%s: %" PRIu64 " keys, values of %" PRIu32 " bytes\"\n"
            "  set style data histograms\n  set style histogram clustered gap 1\n"
            "  set style fill solid 0.9 noborder\n  set logscale y\n"
            "  set ylabel '%s'\n  set xtics rotate by -30\n  set rmargin 22\n"
            "  plot for [i=2:4] '%s.csv' using i:xtic(1) ls i-1 title columnheader(i)\n}\n",
            name, what, size->keys, size->value_size, unit, name);
    return fclose(stream) == 0;
}

static bool draw_bars(const struct bench_results *results, uint32_t size, const char *directory,
                      const char *kind, const char *what, const char *unit,
                      double (*figure)(const struct bench_result *), double scale) {
    char name[PATH_SIZE / 4];
    snprintf(name, sizeof name, "%s_%" PRIu64 "_%" PRIu32, kind, results->sizes[size].keys,
             results->sizes[size].value_size);
    return write_bars(results, size, directory, name, figure, scale) &&
           write_bars_script(&results->sizes[size], directory, name, what, unit) &&
           draw(directory, name);
}

static bool write_growth(const struct bench_results *results, uint32_t workload,
                         uint32_t value_size, const char *directory, const char *name) {
    FILE *stream = open_file(directory, name, "csv");
    if (stream == NULL)
        return false;
    fputs("keys,dunlin,rocksdb,leveldb\n", stream);
    for (uint32_t size = 0; size < results->size_count; size++) {
        if (results->sizes[size].value_size != value_size)
            continue;
        fprintf(stream, "%.3f", (double)results->sizes[size].keys / 1e6);
        for (uint32_t engine = 0; engine < BENCH_ENGINES; engine++) {
            struct bench_result median;
            bool known = bench_results_median(results, size, workload, engine, &median);
            put_number(stream, known, known ? bench_cpu_until_idle(&median) : 0);
        }
        fputs("\n", stream);
    }
    return fclose(stream) == 0;
}

/* All chosen workloads on one page, a small picture each. */
static bool draw_growth(const struct bench_results *results, uint32_t value_size,
                        const char *directory) {
    uint32_t chosen = 0;
    for (uint32_t workload = 0; workload < BENCH_WORKLOADS; workload++)
        chosen += is_chosen(results, workload);
    uint32_t columns = chosen < 2 ? 1 : chosen < 5 ? 2 : 3;
    char page[PATH_SIZE / 4];
    snprintf(page, sizeof page, "growth_%" PRIu32, value_size);
    FILE *script = open_file(directory, page, "gnuplot");
    if (script == NULL)
        return false;
    fprintf(script,
            "%s  set output '%s.'.kind\n"
            "  set multiplot layout %" PRIu32 ",%" PRIu32
            " title 'How cost grows: CPU per operation over the number of keys'\n"
            "  set logscale x 2\n  set xlabel 'keys (million)'\n"
            "  set ylabel 'CPU (us per operation)'\n  set yrange [0:*]\n",
            BEGIN, page, (chosen + columns - 1) / columns, columns);
    bool written = true;
    for (uint32_t workload = 0; workload < BENCH_WORKLOADS && written; workload++) {
        if (!is_chosen(results, workload))
            continue;
        char name[PATH_SIZE / 2];
        snprintf(name, sizeof name, "%s_%s", page, bench_workload_at(workload)->name);
        written = write_growth(results, workload, value_size, directory, name);
        fprintf(script,
                "  set title \"%s\"\n  plot for [i=2:4] '%s.csv' using 1:i:xtic(1) with "
                "linespoints ls i-1 "
                "title columnheader(i)\n",
                bench_workload_at(workload)->title, name);
    }
    fputs("  unset multiplot\n}\n", script);
    return fclose(script) == 0 && written && draw(directory, page);
}

bool bench_chart_draw(const struct bench_results *results, const char *directory) {
    bool drawn = true;
    for (uint32_t size = 0; size < results->size_count; size++) {
        drawn = draw_bars(results, size, directory, "rate", "Operations per second",
                          "thousand operations per second", bench_rate, 1e-3) &&
                draw_bars(results, size, directory, "cpu", "Processor time per operation",
                          "CPU until idle (us per operation)", bench_cpu_until_idle, 1) &&
                drawn;
    }
    const struct bench_options *options = results->options;
    for (uint32_t i = 0; i < options->value_size_count && options->key_count > 1; i++)
        drawn = draw_growth(results, (uint32_t)options->value_sizes[i], directory) && drawn;
    return drawn;
}
