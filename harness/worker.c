#include "harness/worker.h"

#include "engine/base/text.h"
#include "harness/narrator.h"
#include "harness/output_directory.h"
#include "harness/sim_command.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CRASH_BYTES_MAX = 16384 };

static uint64_t clock_nanoseconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t wall_nanoseconds(void) {
    return clock_nanoseconds(CLOCK_MONOTONIC);
}

uint64_t cpu_nanoseconds(void) {
    return clock_nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
}

/* What travels from the child: this, then the last events. */
struct worker_message {
    struct run_result result;
    uint64_t cpu, wall, last_events_size;
};

static void run_plain(const struct worker_task *task, struct worker_message *message) {
    uint64_t wall = wall_nanoseconds(), cpu = cpu_nanoseconds();
    struct run *run = run_create(task->scenario, task->seed);
    run_execute(run, INSTANT_NEVER, &message->result);
    run_destroy(run);
    message->cpu = cpu_nanoseconds() - cpu;
    message->wall = wall_nanoseconds() - wall;
}

static void run_narrated(const struct worker_task *task, FILE *stream, struct buffer *last_events) {
    struct narrator *narrator = calloc(1, sizeof *narrator);
    CHECK(narrator != NULL);
    struct run_result result;
    struct run *run = run_create(task->scenario, task->seed);
    narrator->stream = stream;
    narrator_attach(narrator, run);
    run_execute(run, INSTANT_NEVER, &result);
    if (stream != NULL) {
        narrator_tell_nodes(narrator);
        fprintf(stream, "%s\n", result.sentence);
    }
    narrator_append_kept(narrator, last_events);
    run_destroy(run);
    free(narrator);
}

static void copy_file(const char *from, const char *to) {
    char block[4096];
    FILE *source = fopen(from, "rb"), *target = fopen(to, "wb");
    size_t got;
    while (source != NULL && target != NULL && (got = fread(block, 1, sizeof block, source)) > 0)
        fwrite(block, 1, got, target);
    if (source != NULL)
        fclose(source);
    if (target != NULL)
        fclose(target);
}

/* Everything that is needed to see the failure again: the scenario, the seed, the story. */
static void leave_artifact(const struct worker_task *task, const struct worker_message *message,
                           struct bytes last_events) {
    char directory[1024], path[1200];
    snprintf(directory, sizeof directory, "%s/%s-seed%" PRIu64, task->out, task->scenario->name,
             task->seed);
    if (!output_directory_make(directory))
        return;
    snprintf(path, sizeof path, "%s/scenario.yaml", directory);
    copy_file(task->scenario->path, path);
    snprintf(path, sizeof path, "%s/story.txt", directory);
    FILE *story = fopen(path, "w");
    if (story != NULL) {
        struct buffer unused = {0};
        run_narrated(task, story, &unused);
        buffer_deinit(&unused);
        fclose(story);
    }
    struct run_report report = {.scenario = task->scenario->name,
                                .path = task->scenario->path,
                                .seed = task->seed,
                                .result = message->result,
                                .cpu_nanoseconds = message->cpu,
                                .wall_nanoseconds = message->wall,
                                .last_events = last_events};
    struct buffer text = {0};
    run_report_append_line(&report, &text);
    run_report_append_failure(&report, &text);
    run_report_append_json(&report, &text);
    snprintf(path, sizeof path, "%s/report.txt", directory);
    FILE *stream = fopen(path, "w");
    if (stream != NULL) {
        fwrite(text.data, 1, text.size, stream);
        fclose(stream);
    }
    buffer_deinit(&text);
}

static bool write_all(int file, const void *bytes, size_t size) {
    const char *from = bytes;
    while (size > 0) {
        ssize_t wrote = write(file, from, size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        from += wrote;
        size -= (size_t)wrote;
    }
    return true;
}

static _Noreturn void run_child(const struct worker *worker) {
    const struct worker_task *task = &worker->task;
    struct worker_message *message = calloc(1, sizeof *message);
    struct buffer last_events = {0};
    CHECK(message != NULL);
    dup2(worker->error_file, STDERR_FILENO);
    signal(SIGINT, SIG_DFL);
    if (task->seconds_max > 0)
        alarm(task->seconds_max);
    run_plain(task, message);
    if (message->result.status == RUN_FAILED || message->result.status == RUN_NOT_CONVERGED) {
        run_narrated(task, NULL, &last_events);
        if (task->out != NULL)
            leave_artifact(task, message, buffer_bytes(&last_events));
    }
    message->last_events_size = last_events.size;
    bool wrote = write_all(worker->report_file, message, sizeof *message) &&
                 write_all(worker->report_file, last_events.data, last_events.size);
    free(message);
    buffer_deinit(&last_events);
    _exit(wrote ? 0 : 4);
}

bool worker_start(struct worker *worker, const struct worker_task *task) {
    worker->task = *task;
    worker->report_file = memfd_create("report", MFD_CLOEXEC);
    worker->error_file = memfd_create("stderr", MFD_CLOEXEC);
    fflush(NULL);
    worker->process = worker->report_file < 0 || worker->error_file < 0 ? -1 : fork();
    if (worker->process == 0)
        run_child(worker);
    if (worker->process > 0)
        return true;
    if (worker->report_file >= 0)
        close(worker->report_file);
    if (worker->error_file >= 0)
        close(worker->error_file);
    worker->process = 0;
    return false;
}

static void read_whole(int file, size_t limit, struct buffer *to) {
    off_t size = lseek(file, 0, SEEK_END);
    size_t wanted = size < 0 ? 0 : (size_t)size < limit ? (size_t)size : limit;
    uint8_t *into = buffer_reserve(to, wanted + 1);
    ssize_t got = pread(file, into, wanted, 0);
    to->size += got > 0 ? (size_t)got : 0;
}

static void describe_crash(int wait_status, const struct worker *worker, struct buffer *to) {
    if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGALRM)
        append_format(to, "      it took longer than %u seconds\n", worker->task.seconds_max);
    else if (WIFSIGNALED(wait_status))
        append_format(to, "      it was ended by signal %d\n", WTERMSIG(wait_status));
}

void worker_collect(struct worker *worker, int wait_status, struct run_report *report,
                    struct buffer *memory) {
    struct worker_message message;
    *report = (struct run_report){.scenario = worker->task.scenario->name,
                                  .path = worker->task.scenario->path,
                                  .seed = worker->task.seed};
    bool ended = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
    buffer_clear(memory);
    if (ended)
        read_whole(worker->report_file, 1 << 20, memory);
    if (ended && memory->size >= sizeof message) {
        memcpy(&message, memory->data, sizeof message);
        report->result = message.result;
        report->cpu_nanoseconds = message.cpu;
        report->wall_nanoseconds = message.wall;
        report->last_events =
            bytes_of(memory->data + sizeof message, memory->size - sizeof message);
    } else {
        report->crashed = true;
        report->engine_checked =
            WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == EXIT_PROPERTY_FAILED;
        buffer_clear(memory);
        describe_crash(wait_status, worker, memory);
        read_whole(worker->error_file, CRASH_BYTES_MAX, memory);
        report->crash = buffer_bytes(memory);
    }
    close(worker->report_file);
    close(worker->error_file);
    worker->process = 0;
}
