#include "reports/tradeoff.h"

#include "harness/output_directory.h"
#include "harness/run.h"
#include "harness/run_report.h"
#include "reports/plot_scripts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_SIZE = 1024, BUCKETS_PER_POINT = HISTOGRAM_PER_DOUBLING, READS_PER_POINT_MIN = 20 };

/* --- measuring ----------------------------------------------------------------------------------------------------- */

static struct scenario *configured_copy(const struct scenario *scenario,
                                        const struct tradeoff_row *row, bool with_faults) {
    struct scenario *copy = malloc(sizeof *copy);
    CHECK(copy != NULL);
    *copy = *scenario;
    copy->cluster.node.keyspaces = copy->cluster.keyspaces;
    for (uint32_t i = 0; i < copy->cluster.node.keyspace_count; i++) {
        struct keyspace_config *keyspace = &copy->cluster.keyspaces[i];
        keyspace->n = row->n;
        keyspace->r = row->r;
        keyspace->w = row->w;
        keyspace->dw = keyspace->pr = keyspace->pw = 0;
    }
    for (uint32_t i = 0; i < copy->group_count; i++)
        copy->groups[i].r = copy->groups[i].w = copy->groups[i].dw = copy->groups[i].pr =
            copy->groups[i].pw = 0;
    for (uint32_t i = 0; i < ORACLE_COUNT; i++)
        copy->expect.modes[i] = ORACLE_MEASURED;
    copy->fault_count = with_faults ? scenario->fault_count : 0;
    return copy;
}

static void measure_once(const struct scenario *scenario, uint64_t seed, bool with_faults,
                         struct tradeoff_row *row) {
    struct scenario *copy = configured_copy(scenario, row, with_faults);
    struct run *run = run_create(copy, seed);
    struct run_result result;
    run_execute(run, (struct instant){copy->duration.nanoseconds}, &result);
    const struct history *history = run_history(run);
    for (uint32_t i = 0; i < copy->group_count; i++) {
        if (!with_faults) {
            histogram_join(&row->reads, &history->read_latency[i]);
            histogram_join(&row->writes, &history->write_latency[i]);
        }
        for (int kind = 0; with_faults && kind < 2; kind++) {
            row->attempts[kind] += history->attempts_in_faults[i][kind];
            row->failures[kind] += history->failures_in_faults[i][kind];
        }
    }
    if (!with_faults) {
        histogram_join(&row->reads_since_write, &history->reads_since_write);
        histogram_join(&row->stale_since_write, &history->stale_since_write);
    }
    row->virtual_nanoseconds += result.ended.nanoseconds;
    run_destroy(run);
    free(copy);
}

void tradeoff_measure(const struct scenario *scenario, uint64_t first_seed, uint64_t last_seed,
                      struct tradeoff_row *row) {
    for (uint64_t seed = first_seed; seed <= last_seed; seed++) {
        measure_once(scenario, seed, false, row);
        if (scenario->fault_count > 0)
            measure_once(scenario, seed, true, row);
    }
}

/* --- files --------------------------------------------------------------------------------------------------------- */

static FILE *create_file(const char *directory, const char *name) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *stream = fopen(path, "w");
    if (stream == NULL)
        perror(path);
    return stream;
}

static void print_begin(FILE *stream, const struct tradeoff_row *row) {
    fprintf(stream, "N%uR%uW%u,%u,%u,%u", row->n, row->r, row->w, row->n, row->r, row->w);
}

static bool write_latency(const char *directory, const struct tradeoff_row *rows, uint32_t count) {
    static const uint32_t PERMILLES[] = {500, 900, 990, 999};
    FILE *stream = create_file(directory, "latency.csv");
    if (stream == NULL)
        return false;
    fprintf(stream,
            "configuration,n,r,w,read_p50_ms,read_p90_ms,read_p99_ms,read_p999_ms,write_p50_ms,"
            "write_p90_ms,write_p99_ms,write_p999_ms\n");
    for (uint32_t i = 0; i < count; i++) {
        print_begin(stream, &rows[i]);
        for (int kind = 0; kind < 2; kind++) {
            const struct histogram *histogram = kind == 0 ? &rows[i].reads : &rows[i].writes;
            for (size_t j = 0; j < sizeof PERMILLES / sizeof PERMILLES[0]; j++)
                fprintf(stream, ",%.3f",
                        (double)histogram_percentile(histogram, PERMILLES[j]) / 1e6);
        }
        fprintf(stream, "\n");
    }
    return fclose(stream) == 0;
}

static void write_curve(FILE *stream, const struct tradeoff_row *row) {
    for (uint32_t first = 0; first < HISTOGRAM_BUCKETS; first += BUCKETS_PER_POINT) {
        uint64_t reads = 0, stale = 0;
        for (uint32_t i = first; i < first + BUCKETS_PER_POINT; i++) {
            reads += row->reads_since_write.buckets[i];
            stale += row->stale_since_write.buckets[i];
        }
        /* A point of a few reads would only show chance. */
        if (reads < READS_PER_POINT_MIN)
            continue;
        print_begin(stream, row);
        fprintf(stream, ",%.4f,%" PRIu64 ",%" PRIu64 ",%.6f\n",
                (double)histogram_bucket_end(first + BUCKETS_PER_POINT - 1) / 1e6, reads, stale,
                (double)stale / (double)reads);
    }
}

static bool write_staleness(const char *directory, const struct tradeoff_row *rows,
                            uint32_t count) {
    FILE *stream = create_file(directory, "staleness.csv");
    if (stream == NULL)
        return false;
    fprintf(stream, "configuration,n,r,w,since_write_ms,reads,stale,probability\n");
    for (uint32_t i = 0; i < count; i++)
        write_curve(stream, &rows[i]);
    return fclose(stream) == 0;
}

static bool write_availability(const char *directory, const struct tradeoff_row *rows,
                               uint32_t count) {
    FILE *stream = create_file(directory, "availability.csv");
    if (stream == NULL)
        return false;
    fprintf(stream, "configuration,n,r,w,reads,reads_failed,reads_answered,writes,writes_failed,"
                    "writes_answered\n");
    for (uint32_t i = 0; i < count; i++) {
        print_begin(stream, &rows[i]);
        for (int kind = 0; kind < 2; kind++) {
            uint64_t all = rows[i].attempts[kind], failed = rows[i].failures[kind];
            fprintf(stream, ",%" PRIu64 ",%" PRIu64 ",%.6f", all, failed,
                    all == 0 ? 1.0 : (double)(all - failed) / (double)all);
        }
        fprintf(stream, "\n");
    }
    return fclose(stream) == 0;
}

static bool write_script(const char *directory, const char *name, const char *script,
                         const struct plot_value *values, uint32_t count) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return plot_script_write(path, script, values, count);
}

bool tradeoff_write(const char *directory, const char *scenario, const struct tradeoff_row *rows,
                    uint32_t count) {
    if (!output_directory_make(directory))
        return false;
    struct buffer names = {0};
    char number[16], title[128];
    for (uint32_t i = 0; i < count; i++)
        append_format(&names, "%sN%uR%uW%u", i == 0 ? "" : " ", rows[i].n, rows[i].r, rows[i].w);
    buffer_put_u8(&names, 0);
    snprintf(number, sizeof number, "%u", count);
    /* Gnuplot takes an underscore for a subscript. */
    snprintf(title, sizeof title, "%s", scenario);
    for (char *at = title; *at != 0; at++)
        *at = *at == '_' ? ' ' : *at;
    struct plot_value values[] = {
        {"TITLE", title}, {"CONFIGURATIONS", (const char *)names.data}, {"COUNT", number}};
    bool good = write_latency(directory, rows, count) && write_staleness(directory, rows, count) &&
                write_availability(directory, rows, count) &&
                write_script(directory, "latency.gnuplot", PLOT_LATENCY, values, 3) &&
                write_script(directory, "staleness.gnuplot", PLOT_STALENESS, values, 3) &&
                write_script(directory, "availability.gnuplot", PLOT_AVAILABILITY, values, 3);
    buffer_deinit(&names);
    return good;
}

/* Gnuplot's files are named relative to the directory, so that they can be drawn again anywhere. */
static bool draw_one(const char *directory, const char *script) {
    pid_t process = fork();
    if (process == 0) {
        if (chdir(directory) == 0)
            execlp("gnuplot", "gnuplot", script, (char *)NULL);
        fprintf(stderr, "dunlin-sim tradeoff: cannot run gnuplot: %s\n", strerror(errno));
        _exit(127);
    }
    int status = -1;
    while (process > 0 && waitpid(process, &status, 0) < 0 && errno == EINTR)
        continue;
    return process > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool tradeoff_draw(const char *directory) {
    static const char *const SCRIPTS[] = {"latency.gnuplot", "staleness.gnuplot",
                                          "availability.gnuplot"};
    for (size_t i = 0; i < sizeof SCRIPTS / sizeof SCRIPTS[0]; i++) {
        if (!draw_one(directory, SCRIPTS[i])) {
            fprintf(stderr,
                    "dunlin-sim tradeoff: gnuplot could not draw %s/%s; the CSV files are there\n",
                    directory, SCRIPTS[i]);
            return false;
        }
    }
    return true;
}
