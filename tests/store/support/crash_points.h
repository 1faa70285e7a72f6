/* crash_points: every disk operation of a workload, every outcome of a crash there, and again every operation of the
 * recovery and the first use after it.
 *
 *     workload --operation 1, 2, ... n--> crash --outcome 0, 1, ... m--> recovery --operation 1, ...--> crash --> recovery
 *
 * After each recovery everything that was acknowledged as durable is there, and nothing else is. Cases that leave the same
 * disk are one recovery, which is run once and compared with what each of them had promised (crash_images.h). A case has an id, which
 * names the workload and the four numbers: "flush.112.17.5.1" crashes flush behind its 112th disk operation with outcome
 * 17, and the recovery behind its 5th with outcome 1. "flush.112.17" lets the recovery come to its end.
 *
 *     struct crash_sweep sweep = {.workload = 2, .stride = 1, .nested_stride = 1};
 *     if (!crash_points_sweep(&sweep)) puts(sweep.failure);         // with the id of the case
 *     if (!crash_points_replay("flush.112.17", &sweep)) puts(sweep.failure);
 */
#ifndef DUNLIN_TESTS_CRASH_POINTS_H
#define DUNLIN_TESTS_CRASH_POINTS_H

#include "tests/store/support/trial.h"

enum { CRASH_ID_SIZE = 100, CRASH_FAILURE_SIZE = TRIAL_FAILURE_SIZE + 500 };

struct crash_sweep {
    uint32_t workload;      /* crash_workloads.h */
    uint32_t stride, first; /* operations: every so many, from that one (counted from 1) on */
    uint32_t outcome_stride;
    uint32_t nested_stride; /* second crashes: behind every so many operations; 1: all; 0: none */
    void (*progress)(uint64_t operation, uint64_t cases);

    uint64_t operations, cases, nested_cases; /* done */
    uint64_t runs, nested_runs; /* of the cases: those with a disk that none had before */
    char id[CRASH_ID_SIZE];     /* of the case that runs */
    char failure[CRASH_FAILURE_SIZE];
};

/* False at the first case that fails. */
bool crash_points_sweep(struct crash_sweep *sweep);
/* Runs one case. False when it fails or the id names none: sweep->failure says so. */
bool crash_points_replay(const char *id, struct crash_sweep *sweep);

#endif
