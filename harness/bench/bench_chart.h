/* bench_chart: the medians as pictures, by gnuplot, each as SVG and PNG.
 *
 *     rate_<keys>_<bytes>       operations per second by workload and engine
 *     cpu_<keys>_<bytes>        processor time per operation
 *     growth_<workload>         processor time per operation over the number of keys, where several were measured
 *
 * Data and scripts stay beside the pictures, so that they can be drawn anew.
 */
#ifndef DUNLIN_HARNESS_BENCH_BENCH_CHART_H
#define DUNLIN_HARNESS_BENCH_BENCH_CHART_H

#include "harness/bench/bench_results.h"

/* False after saying on stderr what went wrong. */
bool bench_chart_draw(const struct bench_results *results, const char *directory);

#endif
