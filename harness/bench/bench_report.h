/* bench_report: the medians as a table for people, and all of it as JSON for programs.
 *
 *     workload              engine    kop/s  CPU us  ..idle    p50 us  ...   memory MB   x rate  x CPU
 *     random load           dunlin     310     3.1     3.4       2.1  ...         180      1.6    1.9
 */
#ifndef DUNLIN_HARNESS_BENCH_BENCH_REPORT_H
#define DUNLIN_HARNESS_BENCH_BENCH_REPORT_H

#include "harness/bench/bench_results.h"

#include <stdio.h>

void bench_report_table(const struct bench_results *results, bool markdown, FILE *to);
void bench_report_json(const struct bench_results *results, FILE *to);

#endif
