/* tradeoff: what N, R and W cost and buy, measured and drawn.
 *
 *     N3 R1 W1   reads 1.2 ms (p99)   writes 1.1 ms   stale 4.1 %   answered in a partition 100 %
 *     N3 R2 W2         2.0 ms                2.1 ms         0 %                               67 %
 *
 * Per configuration the workload runs without its faults, for latency and staleness, and with them, for availability.
 * The results are files: CSV for programs, gnuplot scripts that draw them, SVG and PNG.
 *
 *     struct tradeoff_row row = {.n = 3, .r = 1, .w = 1};
 *     tradeoff_measure(scenario, first_seed, last_seed, &row);
 *     tradeoff_write("out", "healthy_cluster", rows, count);
 */
#ifndef DUNLIN_REPORTS_TRADEOFF_H
#define DUNLIN_REPORTS_TRADEOFF_H

#include "harness/histogram.h"
#include "harness/scenario.h"

struct tradeoff_row {
    uint8_t n, r, w;
    struct histogram reads, writes;
    struct histogram reads_since_write, stale_since_write;
    uint64_t attempts[2], failures[2]; /* in faults: reads, writes */
    uint64_t virtual_nanoseconds;
};

/* Adds what the seeds measure to the row. */
void tradeoff_measure(const struct scenario *scenario, uint64_t first_seed, uint64_t last_seed,
                      struct tradeoff_row *row);
/* Writes latency.csv, staleness.csv and availability.csv and their gnuplot scripts into the directory. False, with a
 * sentence on stderr, when that fails. */
bool tradeoff_write(const char *directory, const char *scenario, const struct tradeoff_row *rows,
                    uint32_t count);
/* Lets gnuplot draw the scripts of the directory. False, with a sentence on stderr, when it fails. */
bool tradeoff_draw(const char *directory);

#endif
