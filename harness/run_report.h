/* run_report: one finished run as text for people, JSON for programs and XML for build servers.
 *
 *     pass  partition_heals  seed 42   12,345 events   1,520 operations   31.2 s virtual   0.02 s
 *     FAIL  partition_heals  seed 43   lost_writes: write #17 to k3 was acknowledged at 2.1 s and is gone, ...
 */
#ifndef DUNLIN_HARNESS_RUN_REPORT_H
#define DUNLIN_HARNESS_RUN_REPORT_H

#include "harness/run.h"

#include <stdio.h>

struct run_report {
    const char *scenario, *path;
    uint64_t seed;
    struct run_result result;
    uint64_t cpu_nanoseconds, wall_nanoseconds;
    struct bytes crash; /* what the program said before it failed; empty when it did not */
    bool crashed;
    bool engine_checked;      /* crashed at one of the engine's own checks */
    struct bytes last_events; /* of a run that failed */
};

const char *run_report_verdict(const struct run_report *report);
void run_report_append_line(const struct run_report *report, struct buffer *to);
/* What a failure adds below its line: property, last events, the command that replays it. */
void run_report_append_failure(const struct run_report *report, struct buffer *to);
void run_report_append_json(const struct run_report *report, struct buffer *to);
void run_report_append_junit_case(const struct run_report *report, struct buffer *to);
int run_report_exit_code(const struct run_report *report);

__attribute__((format(printf, 2, 3))) void append_format(struct buffer *to, const char *format,
                                                         ...);
void append_json_text(struct buffer *to, const char *text);

#endif
