/* crash_workloads: what a store does while crash_points stops it: writes, time, and at the end one clean close with a restart.
 *
 *     "flush" = seed + operations + settings in which the log, the flush, compaction, the manifest or large values dominate
 *
 *     struct trial_history history = {.count = 0};
 *     crash_workload_make(workload, &history);
 *     trial_history_deinit(&history);
 */
#ifndef DUNLIN_TESTS_CRASH_WORKLOADS_H
#define DUNLIN_TESTS_CRASH_WORKLOADS_H

#include "tests/store/support/trial_operation.h"

/* They are numbered from 0 on. */
uint32_t crash_workload_count(void);
const char *crash_workload_name(uint32_t workload);
void crash_workload_make(uint32_t workload, struct trial_history *history);

#endif
