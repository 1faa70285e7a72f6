#include "tests/store/support/crash_points.h"

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "tests/store/support/crash_plan.h"

#include <stdio.h>
#include <stdlib.h>

/* While not every second crash is run: of its outcomes, one in so many. */
enum { NESTED_SHARE = 5, USE_WRITES = 6, USE_STEPS = 25 };
static const uint32_t ANY = UINT32_MAX;

/* What is done to the store, by the seed of its history, and with which settings. */
static const struct {
    const char *name, *options;
    uint64_t seed;
    uint32_t operations;
} WORKLOADS[] = {
    {"log", "options keys=30 sync=0 memtable=100000 segment=1500 values=150 in_order=0 disk=1", 1,
     400},
    {"flush", "options keys=40 sync=0 memtable=1500 table=100000 segment=1200 in_order=0 disk=2", 2,
     200},
    {"compaction",
     "options keys=40 sync=0 memtable=1200 table=1200 block=256 segment=1500 in_order=0 disk=3", 3,
     400},
    {"manifest", "options keys=40 sync=0 memtable=1000 table=2000 manifest=300 in_order=0 disk=4",
     4, 300},
    {"interval", "options keys=40 sync=1 memtable=1500 table=1500 segment=1000 in_order=0 disk=5",
     5, 300},
    {"never", "options keys=40 sync=2 memtable=1500 table=1500 segment=1000 in_order=0 disk=6", 6,
     300},
    {"large",
     "options keys=12 sync=2 values=5000 memtable=9000 table=8000 segment=9000 compress=1093 "
     "partition=100 in_order=0 disk=7",
     7, 120},
    {"queue", "options keys=60 sync=0 memtable=1500 table=1200 block=128 segment=800 shape=3", 8,
     250},
};
enum { WORKLOAD_COUNT = sizeof WORKLOADS / sizeof WORKLOADS[0] };

/* What a crash leaves: the disk, and what the model and the promises were. */
struct scene {
    struct memory_disk *disk; /* one for each depth: it is large */
    struct trial_write *writes;
    uint32_t count;
    uint64_t last, durable, written;
    uint32_t outcomes; /* of a crash of the machine; one more: only the process ends */
};

uint32_t crash_points_workloads(void) {
    return WORKLOAD_COUNT;
}

const char *crash_points_workload_name(uint32_t workload) {
    return WORKLOADS[workload].name;
}

/* Writes, time and one clean close with a restart at the end. */
static void make_history(uint32_t workload, struct trial_history *history) {
    bool parsed =
        trial_options_parse(bytes_of_text(WORKLOADS[workload].options), &history->options);
    CHECK(parsed);
    struct trial_options options = history->options;
    trial_history_draw(history, &options, WORKLOADS[workload].seed, WORKLOADS[workload].operations);
    size_t kept = 0;
    for (size_t i = 0; i < history->count; i++) {
        enum trial_kind kind = history->operations[i].kind;
        if (kind != TRIAL_CRASH && kind != TRIAL_KILL && kind != TRIAL_REOPEN &&
            kind != TRIAL_CHECK)
            history->operations[kept++] = history->operations[i];
    }
    history->count = kept;
    trial_history_add(history, (struct trial_operation){.kind = TRIAL_REOPEN});
}

/* `depth`: 1 for the crash of a recovery. */
static void open_scene(struct scene *scene, struct trial *trial, uint32_t depth) {
    static struct memory_disk disks[2];
    scene->disk = &disks[depth];
    memory_disk_clone(scene->disk, &trial->disk);
    scene->durable = trial->acknowledged_durable;
    scene->written = trial->acknowledged_written;
    trial_abandon(trial, false);
    scene->count = trial->model.count;
    scene->writes = memory_allocate((scene->count + 1) * sizeof *scene->writes);
    if (scene->count > 0)
        memcpy(scene->writes, trial->model.writes, scene->count * sizeof *scene->writes);
    scene->last = trial->last;
    scene->outcomes = crash_plan_count(scene->disk);
}

static void close_scene(struct scene *scene) {
    memory_disk_forget(scene->disk);
    memory_release(scene->writes);
}

/* The trial stands where the crash was, and the disk is what this outcome makes of it. */
static void enter_scene(struct trial *trial, const struct scene *scene, uint32_t outcome) {
    trial_abandon(trial, false);
    trial->stop_at = UINT64_MAX;
    trial->stopped = false;
    memory_disk_clone(&trial->disk, scene->disk);
    trial_model_truncate(&trial->model, 0);
    for (uint32_t i = 0; i < scene->count; i++)
        trial_model_apply(&trial->model, scene->writes[i]);
    trial->last = scene->last;
    trial->acknowledged_durable = trial->acknowledged_written = scene->durable;
    prng_init(&trial->disk.prng, 1, 79);
    if (outcome < scene->outcomes)
        crash_plan_apply(&trial->disk, outcome);
    else
        trial->acknowledged_written = scene->written;
}

static bool fail(struct crash_sweep *sweep, const struct trial *trial, const struct scene *scene,
                 uint32_t outcome) {
    struct buffer how = {0};
    if (outcome < scene->outcomes)
        crash_plan_print(scene->disk, outcome, &how);
    else
        text_append(&how, "only the process ends");
    snprintf(sweep->failure, sizeof sweep->failure, "%s: %s (%.*s)", sweep->id,
             trial_failure(trial), (int)how.size, (const char *)how.data);
    buffer_deinit(&how);
    return false;
}

/* A few writes and operations of the disk, as after any start. False when it fails; true when it was cut off, too. */
static bool use(struct trial *trial) {
    for (uint32_t i = 0; i < USE_WRITES; i++) {
        struct trial_operation put = {TRIAL_PUT, {i * 7, 90}};
        struct trial_operation steps = {TRIAL_STEP, {USE_STEPS / USE_WRITES}};
        if (!trial_perform(trial, &put) || !trial_perform(trial, &steps))
            return trial->stopped;
    }
    return true;
}

/* Crashed anew, in the recovery or soon after it, and recovered. */
static bool run_nested(struct crash_sweep *sweep, struct trial *trial, const struct scene *scene,
                       uint32_t which) {
    enter_scene(trial, scene, which);
    bool sound = trial_start(trial) && trial_check_recovered(trial) && trial_check(trial);
    sweep->nested_cases++;
    return sound || fail(sweep, trial, scene, which);
}

/* The recovery from this outcome is cut off behind each of its operations. */
static bool sweep_nested(struct crash_sweep *sweep, struct trial *trial, const struct scene *scene,
                         uint32_t outcome, uint64_t at, uint32_t only_at, uint32_t only_outcome) {
    bool any = only_at == ANY;
    uint32_t share = any && sweep->nested_stride > 1 ? NESTED_SHARE : 1;
    uint32_t turn = (uint32_t)(sweep->cases * 7);
    uint32_t from = any ? 1 + turn % sweep->nested_stride : only_at;
    for (uint32_t nested = from;; nested += sweep->nested_stride) {
        enter_scene(trial, scene, outcome);
        trial->stop_at = trial->disk.performed + nested;
        if (trial_start(trial) && trial_check_recovered(trial))
            (void)use(trial);
        if (!trial->stopped)
            return trial->failure[0] == 0 || fail(sweep, trial, scene, outcome);
        struct scene second;
        open_scene(&second, trial, 1);
        bool sound = true;
        for (uint32_t which = 0; sound && which <= second.outcomes; which++) {
            if (any ? turn++ % share != 0 : which != only_outcome)
                continue;
            snprintf(sweep->id, sizeof sweep->id, "%s.%llu.%u.%u.%u",
                     WORKLOADS[sweep->workload].name, (unsigned long long)at, outcome, nested,
                     which);
            sound = run_nested(sweep, trial, &second, which);
        }
        close_scene(&second);
        if (!sound || !any)
            return sound;
    }
}

/* Recovered, checked, used, closed and checked again. */
static bool run_outcome(struct crash_sweep *sweep, struct trial *trial, const struct scene *scene,
                        uint32_t outcome, uint64_t at) {
    snprintf(sweep->id, sizeof sweep->id, "%s.%llu.%u", WORKLOADS[sweep->workload].name,
             (unsigned long long)at, outcome);
    enter_scene(trial, scene, outcome);
    struct trial_operation reopen = {.kind = TRIAL_REOPEN};
    bool sound = trial_start(trial) && trial_check_recovered(trial) && trial_check(trial) &&
                 use(trial) && trial_perform(trial, &reopen);
    sweep->cases++;
    return sound || fail(sweep, trial, scene, outcome);
}

/* Runs up to the operation. False when the workload ends before it, or fails: sweep->failure says so. */
static bool run_up_to(struct crash_sweep *sweep, const struct trial_history *history,
                      struct trial *trial, uint64_t at) {
    trial->stop_at = at;
    bool sound = trial_start(trial);
    for (size_t i = 0; sound && i < history->count; i++)
        sound = trial_perform(trial, &history->operations[i]);
    if (!sound && !trial->stopped)
        snprintf(sweep->failure, sizeof sweep->failure, "%s.%llu: %s",
                 WORKLOADS[sweep->workload].name, (unsigned long long)at, trial_failure(trial));
    return trial->stopped;
}

static bool run_scene(struct crash_sweep *sweep, struct trial *trial, const struct scene *scene,
                      uint64_t at) {
    /* At least one of each operation's. */
    uint32_t some =
        scene->outcomes + 1 < sweep->outcome_stride ? scene->outcomes + 1 : sweep->outcome_stride;
    for (uint32_t outcome = (uint32_t)(at % some); outcome <= scene->outcomes;
         outcome += sweep->outcome_stride) {
        if (!run_outcome(sweep, trial, scene, outcome, at))
            return false;
        if (sweep->nested_stride > 0 && !sweep_nested(sweep, trial, scene, outcome, at, ANY, ANY))
            return false;
    }
    return true;
}

bool crash_points_sweep(struct crash_sweep *sweep) {
    struct trial_history history = {.count = 0};
    make_history(sweep->workload, &history);
    bool sound = true;
    bool reached = true;
    for (uint64_t at = sweep->first; sound && reached; at += sweep->stride) {
        struct trial *trial = trial_create(&history.options);
        reached = run_up_to(sweep, &history, trial, at);
        sound = sweep->failure[0] == 0;
        if (reached) {
            struct scene scene;
            open_scene(&scene, trial, 0);
            sound = run_scene(sweep, trial, &scene, at);
            close_scene(&scene);
            sweep->operations++;
            if (sweep->progress != NULL)
                sweep->progress(at, sweep->cases + sweep->nested_cases);
        }
        trial_destroy(trial);
    }
    trial_history_deinit(&history);
    return sound;
}

/* Name and two or four numbers between dots. */
static bool parse_id(const char *id, uint32_t *workload, uint32_t numbers[4], uint32_t *count) {
    for (*workload = 0; *workload < WORKLOAD_COUNT; ++*workload) {
        size_t size = strlen(WORKLOADS[*workload].name);
        if (strncmp(id, WORKLOADS[*workload].name, size) != 0 || id[size] != '.')
            continue;
        const char *at = id + size;
        for (*count = 0; *count < 4 && *at == '.'; ++*count) {
            char *end;
            numbers[*count] = (uint32_t)strtoul(at + 1, &end, 10);
            at = end;
        }
        return *at == 0 && (*count == 2 || *count == 4);
    }
    return false;
}

bool crash_points_replay(const char *id, struct crash_sweep *sweep) {
    uint32_t numbers[4], count;
    if (!parse_id(id, &sweep->workload, numbers, &count)) {
        snprintf(sweep->failure, sizeof sweep->failure, "%s names no case", id);
        return false;
    }
    struct trial_history history = {.count = 0};
    make_history(sweep->workload, &history);
    struct trial *trial = trial_create(&history.options);
    bool sound = false;
    if (run_up_to(sweep, &history, trial, numbers[0])) {
        struct scene scene;
        open_scene(&scene, trial, 0);
        sound = count == 2 ? run_outcome(sweep, trial, &scene, numbers[1], numbers[0])
                           : sweep_nested(sweep, trial, &scene, numbers[1], numbers[0], numbers[2],
                                          numbers[3]);
        close_scene(&scene);
    } else if (sweep->failure[0] == 0) {
        snprintf(sweep->failure, sizeof sweep->failure, "%s: the workload ends before it", id);
    }
    trial_destroy(trial);
    trial_history_deinit(&history);
    return sound;
}
