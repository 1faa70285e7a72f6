#include "harness/bench/bench_child.h"

#include "harness/bench/bench_measure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void run_in_child(const struct bench_workload *workload,
                                   const struct bench_engine *engine,
                                   const struct bench_setup *setup, int to) {
    struct bench_result result = {.succeeded = false};
    if (bench_pin(setup->cores))
        bench_workload_run(workload, engine, setup, &result);
    else
        snprintf(result.problem, sizeof result.problem, "cannot pin to the cores %s", setup->cores);
    ssize_t written = write(to, &result, sizeof result);
    _exit(written == (ssize_t)sizeof result ? 0 : 1);
}

static bool read_result(int from, struct bench_result *result) {
    size_t size = 0;
    while (size < sizeof *result) {
        ssize_t got = read(from, (char *)result + size, sizeof *result - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        size += (size_t)got;
    }
    return true;
}

void bench_child_run(const struct bench_workload *workload, const struct bench_engine *engine,
                     const struct bench_setup *setup, struct bench_result *result) {
    int ends[2];
    *result = (struct bench_result){.succeeded = false};
    snprintf(result->problem, sizeof result->problem, "cannot start a process");
    fflush(NULL);
    if (pipe(ends) != 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        run_in_child(workload, engine, setup, ends[1]);
    }
    close(ends[1]);
    bool complete = child > 0 && read_result(ends[0], result);
    close(ends[0]);
    int status = 0;
    if (child > 0)
        waitpid(child, &status, 0);
    if (child > 0 && !complete) {
        *result = (struct bench_result){.succeeded = false};
        snprintf(result->problem, sizeof result->problem, "the process ended with status %d",
                 WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
    }
}
