/* crash_points: crashes a store behind every disk operation of some workloads, with every outcome.
 *
 *     crash_points                        all workloads
 *     crash_points flush compaction       these
 *     crash_points --nested N ...         of the crashes during recovery, every Nth (default 13; 1: all; 0: none)
 *     crash_points --part I/N ...         the operations I, I + N, I + 2 N, ... (I from 1): for N processes at once
 *     crash_points --case ID              one case, as a failure names it
 */
#include "tests/store/support/crash_points.h"
#include "tests/store/support/crash_workloads.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct crash_sweep sweep;

/* A check that fails in the engine ends the process: the case must be known then too. */
static void say_case(int number) {
    (void)number;
    fprintf(stderr, "again: crash_points --case %s\n", sweep.id);
}

static void show_progress(uint64_t operation, uint64_t cases) {
    if (isatty(STDERR_FILENO) && operation % 10 == 0)
        fprintf(stderr, "\r%s: operation %llu, %llu cases ", crash_workload_name(sweep.workload),
                (unsigned long long)operation, (unsigned long long)cases);
}

static int fail(void) {
    printf("FAIL %s\nagain: crash_points --case %s\n", sweep.failure, sweep.id);
    return EXIT_FAILURE;
}

static bool run(uint32_t workload, uint32_t part, uint32_t parts, uint32_t nested) {
    sweep = (struct crash_sweep){.workload = workload,
                                 .stride = parts,
                                 .first = part,
                                 .outcome_stride = 1,
                                 .nested_stride = nested,
                                 .progress = show_progress};
    if (!crash_points_sweep(&sweep))
        return false;
    printf("%s%-12s %5llu operations, %7llu crashes (%llu disks), %10llu crashes of the recovery "
           "(%llu disks): nothing lost\n",
           isatty(STDERR_FILENO) ? "\r" : "", crash_workload_name(workload),
           (unsigned long long)sweep.operations, (unsigned long long)sweep.cases,
           (unsigned long long)sweep.runs, (unsigned long long)sweep.nested_cases,
           (unsigned long long)sweep.nested_runs);
    return true;
}

int main(int count, char **arguments) {
    uint32_t part = 1, parts = 1, nested = 13;
    bool any = false;
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGABRT, say_case);
    signal(SIGSEGV, say_case);
    for (int i = 1; i < count; i++) {
        const char *value = i + 1 < count ? arguments[i + 1] : "";
        uint32_t workload = 0;
        if (strcmp(arguments[i], "--case") == 0) {
            if (!crash_points_replay(value, &sweep))
                return fail();
            printf("%s: nothing lost\n", value);
            return 0;
        }
        if (strcmp(arguments[i], "--nested") == 0) {
            nested = (uint32_t)strtoul(value, NULL, 10);
            i++;
            continue;
        }
        if (strcmp(arguments[i], "--part") == 0 && sscanf(value, "%u/%u", &part, &parts) == 2 &&
            part > 0 && part <= parts) {
            i++;
            continue;
        }
        while (workload < crash_workload_count() &&
               strcmp(arguments[i], crash_workload_name(workload)) != 0)
            workload++;
        if (workload == crash_workload_count()) {
            fprintf(stderr,
                    "usage: crash_points [--nested N] [--part I/N] [WORKLOAD...] | --case ID\n");
            return 2;
        }
        any = true;
        if (!run(workload, part, parts, nested))
            return fail();
    }
    for (uint32_t workload = 0; !any && workload < crash_workload_count(); workload++) {
        if (!run(workload, part, parts, nested))
            return fail();
    }
    return 0;
}
