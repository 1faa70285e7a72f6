/* bench_child: one workload on one engine in a process of its own, so that processor time and peak
 * memory are that engine's alone.
 *
 *     parent --fork--> child: pinned, runs the workload --struct bench_result through a pipe--> parent
 */
#ifndef DUNLIN_HARNESS_BENCH_BENCH_CHILD_H
#define DUNLIN_HARNESS_BENCH_BENCH_CHILD_H

#include "harness/bench/bench_workload.h"

/* Never fails to fill *result: a child that died says so in it. */
void bench_child_run(const struct bench_workload *workload, const struct bench_engine *engine,
                     const struct bench_setup *setup, struct bench_result *result);

#endif
