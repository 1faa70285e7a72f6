/* worker: one run in a process of its own, so that whatever breaks there breaks nothing else.
 *
 *     parent --fork--> child: run, and when it failed: the same run again with a narrator
 *        ^                |
 *        +--- report in memory shared as a file; what it said on stderr in another
 *
 *     struct worker worker;
 *     worker_start(&worker, &task);
 *     ... waitpid ... worker_collect(&worker, wait_status, &report, &memory);
 */
#ifndef DUNLIN_HARNESS_WORKER_H
#define DUNLIN_HARNESS_WORKER_H

#include "harness/run_report.h"

#include <sys/types.h>

struct worker_task {
    const struct scenario *scenario;
    uint64_t seed;
    const char *out;      /* directory for what a failed run leaves; null: none */
    unsigned seconds_max; /* of wall time; 0: no limit */
};

struct worker {
    pid_t process; /* 0: free */
    int report_file, error_file;
    struct worker_task task;
    uint64_t index;
};

bool worker_start(struct worker *worker, const struct worker_task *task);
/* `memory` holds what the report borrows. */
void worker_collect(struct worker *worker, int wait_status, struct run_report *report,
                    struct buffer *memory);

uint64_t wall_nanoseconds(void);
uint64_t cpu_nanoseconds(void);

#endif
