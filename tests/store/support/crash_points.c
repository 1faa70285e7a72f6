#include "tests/store/support/crash_points.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "tests/store/support/crash_images.h"
#include "tests/store/support/crash_plan.h"
#include "tests/store/support/crash_workloads.h"

#include <stdio.h>
#include <stdlib.h>

/* While not every second crash is run: of its outcomes, one in so many. */
enum { NESTED_SHARE = 5, USE_WRITES = 6, USE_STEPS = 25, NUMBERS_MAX = 4 };

/* Where a crash happens: what is on the disk, and what the model and the promises are. All of it is the crashed trial's, which
 * stands still meanwhile. */
struct scene {
    const struct trial *trial;
    uint64_t *histories; /* [i]: hash of the first i writes */
    struct crash_unsynced unsynced;
    uint64_t checkpoints; /* hash of those that are promised */
    uint32_t outcomes;    /* of a crash of the machine; one more: only the process ends */
};

/* What was asked of a disk once need not be asked again. */
struct look {
    struct crash_image image; /* of the disk, the last time */
    uint64_t durable, written, last;
};

struct search {
    struct crash_sweep *sweep;
    /* The workload, the recovery from a crash of it, and the recovery from a crash of that. */
    struct trial *trials[3];
    struct scene scenes[2];
    struct crash_images tried[2];
    struct look looks[2];
    uint64_t at; /* operation of the workload, counted from 1 */
    uint32_t outcome;
    uint32_t nested; /* operation of the recovery, counted from 1 */
    uint32_t turn;   /* of the outcomes of second crashes */
    /* The one case to run, when there are any numbers. */
    uint32_t only[NUMBERS_MAX], only_count;
    bool found;
};

static uint64_t *histories_of(const struct trial_model *model) {
    uint64_t *histories = memory_allocate((model->count + 1) * sizeof *histories);
    histories[0] = 0;
    for (uint32_t i = 0; i < model->count; i++) {
        const struct trial_write *write = &model->writes[i];
        uint64_t what = hash_mix(write->key, write->size * 4 + write->removed * 2 + write->range);
        uint64_t which = hash_mix(hash_mix(write->sequence, write->page), write->expires);
        histories[i + 1] = hash_mix(hash_mix(histories[i], what), which);
    }
    return histories;
}

static void open_scene(struct scene *scene, const struct trial *trial) {
    *scene = (struct scene){.trial = trial,
                            .histories = histories_of(&trial->model),
                            .unsynced = crash_plan_survey(&trial->disk)};
    scene->outcomes = crash_plan_count(&scene->unsynced);
    for (uint32_t i = 0; trial->store != NULL && i < store_checkpoint_count(trial->store); i++)
        scene->checkpoints =
            hash_mix(scene->checkpoints, store_checkpoint_at(trial->store, i).number);
}

static void close_scene(struct scene *scene) {
    memory_release(scene->histories);
}

/* Whether nothing has changed since the last look: a read went by. */
static bool is_as_before(struct look *look, const struct trial *trial) {
    struct look before = *look;
    *look = (struct look){.image = crash_image_of(&trial->disk),
                          .durable = trial->acknowledged_durable,
                          .written = trial->acknowledged_written,
                          .last = trial->last};
    return memcmp(&before, look, sizeof before) == 0;
}

/* With the time of day: at another one, other entries have expired. */
static uint64_t history_up_to(const struct scene *scene, uint64_t last) {
    uint32_t count = scene->trial->model.count;
    while (count > 0 && scene->trial->model.writes[count - 1].sequence > last)
        count--;
    return hash_mix(scene->histories[count], scene->trial->model.wall);
}

static uint64_t promised_by(const struct scene *scene, uint32_t outcome) {
    return outcome < scene->outcomes ? scene->trial->acknowledged_durable
                                     : scene->trial->acknowledged_written;
}

/* The trial has this outcome's disk, and nothing else yet. */
static void enter_disk(struct trial *trial, const struct scene *scene, uint32_t outcome) {
    trial_abandon(trial, false);
    memory_disk_clone(&trial->disk, &scene->trial->disk);
    if (outcome < scene->outcomes)
        crash_plan_apply(&trial->disk, &scene->unsynced, outcome);
}

/* Model and promises are those of the scene; the rest is as in every other case, so that the disk alone decides. */
static void enter_scene(struct trial *trial, const struct scene *scene, uint32_t outcome) {
    trial->after_operation = NULL;
    trial->stopped = false;
    trial->now = (struct instant){0};
    trial->next_waiter = 1;
    prng_init(&trial->disk.prng, 1, 79);
    trial->model.wall = scene->trial->model.wall;
    trial_model_truncate(&trial->model, 0);
    for (uint32_t i = 0; i < scene->trial->model.count; i++)
        trial_model_apply(&trial->model, scene->trial->model.writes[i]);
    trial->last = scene->trial->last;
    trial->acknowledged_durable = scene->trial->acknowledged_durable;
    trial->acknowledged_written = promised_by(scene, outcome);
    trial_checkpoints_promise(trial, scene->trial);
}

/* Whether the recovery from the disk is known, and good enough for what this scene had promised. */
static bool was_tried(const struct crash_images *tried, const struct crash_image *image,
                      const struct scene *scene, uint32_t outcome) {
    const struct crash_image *known = crash_images_find(tried, image);
    return known != NULL && known->recovered >= promised_by(scene, outcome) &&
           known->recovered <= scene->trial->last &&
           known->history == history_up_to(scene, known->recovered);
}

static void note_tried(struct crash_images *tried, struct crash_image *image,
                       const struct scene *scene, uint64_t recovered) {
    image->recovered = recovered;
    image->history = history_up_to(scene, recovered);
    if (crash_images_find(tried, image) == NULL)
        crash_images_add(tried, image);
}

static bool fail(struct crash_sweep *sweep, const struct trial *trial, const struct scene *scene,
                 uint32_t outcome) {
    struct buffer how = {0};
    if (outcome < scene->outcomes)
        crash_plan_print(&scene->unsynced, outcome, &how);
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
static bool run_nested(struct search *search, uint32_t which) {
    struct crash_sweep *sweep = search->sweep;
    const struct scene *scene = &search->scenes[1];
    struct trial *trial = search->trials[2];
    snprintf(sweep->id, sizeof sweep->id, "%s.%llu.%u.%u.%u", crash_workload_name(sweep->workload),
             (unsigned long long)search->at, search->outcome, search->nested, which);
    enter_disk(trial, scene, which);
    struct crash_image image = crash_image_of(&trial->disk);
    sweep->nested_cases++;
    if (was_tried(&search->tried[1], &image, scene, which))
        return true;
    enter_scene(trial, scene, which);
    /* What the first recovery lists is there, and not for certain on the disk. */
    trial->promised_count = 0;
    bool sound = trial_start(trial) && trial_check_recovered(trial) && trial_check(trial) &&
                 trial_check_checkpoints(trial);
    if (!sound)
        return fail(sweep, trial, scene, which);
    note_tried(&search->tried[1], &image, scene, trial->last);
    return true;
}

static bool run_nested_scene(struct search *search) {
    const struct scene *scene = &search->scenes[1];
    bool any = search->only_count == 0;
    uint32_t share = any && search->sweep->nested_stride > 1 ? NESTED_SHARE : 1;
    for (uint32_t which = 0; which <= scene->outcomes; which++) {
        bool skipped = any ? search->turn++ % share != 0 : which != search->only[3];
        search->found |= !skipped;
        if (!skipped && !run_nested(search, which))
            return false;
    }
    return true;
}

static bool after_recovery_operation(struct trial *trial, void *watcher) {
    struct search *search = watcher;
    uint32_t stride = search->sweep->nested_stride;
    search->nested++;
    if (search->only_count > 0 ? search->nested != search->only[2]
                               : search->nested % stride != (1 + search->turn) % stride)
        return true;
    if (is_as_before(&search->looks[1], trial))
        return true;
    open_scene(&search->scenes[1], trial);
    bool sound = run_nested_scene(search);
    close_scene(&search->scenes[1]);
    return sound && search->only_count == 0;
}

/* The recovery from this outcome, and the first use after it, are crashed behind each of their operations. */
static bool sweep_nested(struct search *search) {
    struct trial *trial = search->trials[1];
    const struct scene *scene = &search->scenes[0];
    search->nested = 0;
    search->turn = (uint32_t)(search->sweep->cases * 7);
    search->looks[1] = (struct look){.last = UINT64_MAX};
    enter_disk(trial, scene, search->outcome);
    enter_scene(trial, scene, search->outcome);
    trial->after_operation = after_recovery_operation;
    trial->watcher = search;
    if (trial_start(trial) && trial_check_recovered(trial))
        (void)use(trial);
    if (search->sweep->failure[0] != 0)
        return false;
    return trial->failure[0] == 0 || fail(search->sweep, trial, scene, search->outcome);
}

/* Recovered, checked, used, closed and checked again. */
static bool run_outcome(struct search *search, struct crash_image *image) {
    struct trial *trial = search->trials[1];
    const struct scene *scene = &search->scenes[0];
    enter_scene(trial, scene, search->outcome);
    struct trial_operation reopen = {.kind = TRIAL_REOPEN};
    uint64_t recovered = 0;
    bool sound = trial_start(trial) && trial_check_recovered(trial);
    recovered = trial->last;
    sound = sound && trial_check(trial) && trial_check_checkpoints(trial) && use(trial) &&
            trial_perform(trial, &reopen);
    if (!sound)
        return fail(search->sweep, trial, scene, search->outcome);
    note_tried(&search->tried[0], image, scene, recovered);
    return true;
}

static bool run_case(struct search *search, uint32_t outcome) {
    struct crash_sweep *sweep = search->sweep;
    search->outcome = outcome;
    snprintf(sweep->id, sizeof sweep->id, "%s.%llu.%u", crash_workload_name(sweep->workload),
             (unsigned long long)search->at, outcome);
    enter_disk(search->trials[1], &search->scenes[0], outcome);
    struct crash_image image = crash_image_of(&search->trials[1]->disk);
    image.hash[0] ^= search->scenes[0].checkpoints;
    sweep->cases++;
    if (was_tried(&search->tried[0], &image, &search->scenes[0], outcome))
        return true;
    if (search->only_count <= 2 && !run_outcome(search, &image))
        return false;
    search->found |= search->only_count == 2;
    bool nested =
        search->only_count == NUMBERS_MAX || (search->only_count == 0 && sweep->nested_stride > 0);
    return !nested || sweep_nested(search);
}

static bool run_scene(struct search *search) {
    uint32_t outcomes = search->scenes[0].outcomes;
    if (search->only_count > 0)
        return search->only[1] > outcomes || run_case(search, search->only[1]);
    /* At least one of each operation's. */
    uint32_t stride = search->sweep->outcome_stride;
    uint32_t some = outcomes + 1 < stride ? outcomes + 1 : stride;
    for (uint32_t outcome = (uint32_t)(search->at % some); outcome <= outcomes; outcome += stride) {
        if (!run_case(search, outcome))
            return false;
    }
    return true;
}

static bool after_workload_operation(struct trial *trial, void *watcher) {
    struct search *search = watcher;
    struct crash_sweep *sweep = search->sweep;
    search->at = trial->disk.performed;
    if (search->only_count > 0
            ? search->at != search->only[0]
            : search->at < sweep->first || (search->at - sweep->first) % sweep->stride != 0)
        return true;
    sweep->operations++;
    if (is_as_before(&search->looks[0], trial))
        return true;
    open_scene(&search->scenes[0], trial);
    bool sound = run_scene(search);
    close_scene(&search->scenes[0]);
    if (sweep->progress != NULL)
        sweep->progress(search->at, sweep->cases + sweep->nested_cases);
    return sound && search->only_count == 0;
}

/* Runs the workload, with a look at what a crash would do behind each of its operations. */
static void run_search(struct search *search) {
    struct crash_sweep *sweep = search->sweep;
    struct trial_history history = {.count = 0};
    crash_workload_make(sweep->workload, &history);
    for (uint32_t depth = 0; depth < 3; depth++)
        search->trials[depth] = trial_create(&history.options);
    for (uint32_t depth = 0; depth < 2; depth++)
        search->looks[depth].last = UINT64_MAX;
    struct trial *trial = search->trials[0];
    trial->after_operation = after_workload_operation;
    trial->watcher = search;
    bool sound = trial_start(trial);
    for (size_t i = 0; sound && i < history.count; i++)
        sound = trial_perform(trial, &history.operations[i]);
    if (!sound && !trial->stopped)
        snprintf(sweep->failure, sizeof sweep->failure, "%s.%llu: %s",
                 crash_workload_name(sweep->workload), (unsigned long long)trial->disk.performed,
                 trial_failure(trial));
    sweep->runs = search->tried[0].count;
    sweep->nested_runs = search->tried[1].count;
    for (uint32_t depth = 0; depth < 3; depth++)
        trial_destroy(search->trials[depth]);
    for (uint32_t depth = 0; depth < 2; depth++)
        crash_images_deinit(&search->tried[depth]);
    trial_history_deinit(&history);
}

bool crash_points_sweep(struct crash_sweep *sweep) {
    struct search search = {.sweep = sweep};
    run_search(&search);
    return sweep->failure[0] == 0;
}

/* Name and two or four numbers between dots. */
static bool parse_id(const char *id, uint32_t *workload, uint32_t numbers[NUMBERS_MAX],
                     uint32_t *count) {
    for (*workload = 0; *workload < crash_workload_count(); ++*workload) {
        size_t size = strlen(crash_workload_name(*workload));
        if (strncmp(id, crash_workload_name(*workload), size) != 0 || id[size] != '.')
            continue;
        const char *at = id + size;
        for (*count = 0; *count < NUMBERS_MAX && *at == '.'; ++*count) {
            char *end;
            numbers[*count] = (uint32_t)strtoul(at + 1, &end, 10);
            at = end;
        }
        return *at == 0 && (*count == 2 || *count == NUMBERS_MAX);
    }
    return false;
}

bool crash_points_replay(const char *id, struct crash_sweep *sweep) {
    struct search search = {.sweep = sweep};
    if (!parse_id(id, &sweep->workload, search.only, &search.only_count)) {
        snprintf(sweep->failure, sizeof sweep->failure, "%s names no case", id);
        return false;
    }
    run_search(&search);
    if (!search.found && sweep->failure[0] == 0)
        snprintf(sweep->failure, sizeof sweep->failure, "%s: the workload ends before it", id);
    return sweep->failure[0] == 0;
}
