#include "harness/schedule.h"

#include "engine/base/text.h"
#include "harness/schedule_internal.h"

#include <stdlib.h>

uint64_t planner_draw(struct planner *planner, struct value_range range) {
    return range.low == range.high ? range.low : prng_between(planner->prng, range.low, range.high);
}

struct host_set planner_hosts(struct planner *planner, const char *text) {
    struct host_set set;
    struct buffer problem = {0};
    bool named = name_set_resolve(planner->scenario, text, planner->prng, planner->schedule->order,
                                  &set, &problem);
    CHECK(named);
    buffer_deinit(&problem);
    return set;
}

struct action *planner_add(struct planner *planner, const struct fault_instance *instance,
                           uint64_t at, enum action_kind kind) {
    struct schedule *schedule = planner->schedule;
    static struct action spare;
    if (schedule->count == SCHEDULE_ACTIONS_MAX)
        return &spare;
    if (schedule->count == schedule->capacity) {
        schedule->capacity = schedule->capacity == 0 ? 64 : schedule->capacity * 2;
        schedule->actions =
            realloc(schedule->actions, schedule->capacity * sizeof *schedule->actions);
        CHECK(schedule->actions != NULL);
    }
    struct action *action = &schedule->actions[schedule->count];
    *action = (struct action){.at = at,
                              .order = schedule->count++,
                              .kind = kind,
                              .fault = instance->number,
                              .settings = instance->fault};
    return action;
}

struct fault_instance planner_begin(struct planner *planner, const struct scenario_fault *fault,
                                    uint64_t at, uint64_t lasting) {
    return (struct fault_instance){.fault = fault,
                                   .at = at,
                                   .until = lasting == 0 ? 0 : at + lasting,
                                   .number = planner->schedule->fault_count++};
}

static void sort_actions(struct schedule *schedule) {
    /* Insertion: lists are short and nearly in order. */
    for (uint32_t i = 1; i < schedule->count; i++) {
        struct action moved = schedule->actions[i];
        uint32_t j = i;
        for (; j > 0 && (schedule->actions[j - 1].at > moved.at ||
                         (schedule->actions[j - 1].at == moved.at &&
                          schedule->actions[j - 1].order > moved.order));
             j--)
            schedule->actions[j] = schedule->actions[j - 1];
        schedule->actions[j] = moved;
    }
}

static void mark_ends(struct schedule *schedule) {
    for (uint32_t fault = 0; fault < schedule->fault_count; fault++) {
        struct action *first = NULL, *last = NULL;
        for (uint32_t i = 0; i < schedule->count; i++) {
            if (schedule->actions[i].fault != fault)
                continue;
            first = first == NULL ? &schedule->actions[i] : first;
            last = &schedule->actions[i];
        }
        if (first != NULL)
            first->begins = true;
        if (last != NULL && last != first)
            last->ends = true;
    }
}

void schedule_make(struct schedule *schedule, const struct scenario *scenario, struct prng *prng) {
    struct planner planner = {.schedule = schedule, .scenario = scenario, .prng = prng};
    name_set_shuffle(scenario, prng, schedule->order);
    for (uint32_t i = 0; i < scenario->fault_count; i++) {
        const struct scenario_fault *fault = &scenario->faults[i];
        uint64_t at = planner_draw(&planner, fault->at);
        uint64_t lasting = planner_draw(&planner, fault->last);
        if (fault->kind == FAULT_RANDOM) {
            planner_expand_random(&planner, fault, at, at + lasting);
            continue;
        }
        struct fault_instance instance = planner_begin(&planner, fault, at, lasting);
        planner_expand(&planner, &instance);
    }
    sort_actions(schedule);
    mark_ends(schedule);
}

void schedule_deinit(struct schedule *schedule) {
    free(schedule->actions);
    *schedule = (struct schedule){0};
}

static void append_hosts(const struct host_set *set, const struct scenario *scenario,
                         struct buffer *to) {
    uint32_t count = scenario_host_count(scenario);
    bool first = true;
    for (uint32_t i = 0; i < count; i++) {
        if (!host_set_has(set, i))
            continue;
        char name[2 * SCENARIO_NAME_MAX];
        scenario_host_name(scenario, i, name);
        text_append(to, first ? "" : " ");
        text_append(to, name);
        first = false;
    }
}

static void append_pair(struct buffer *to, const char *before, uint64_t number,
                        const char *behind) {
    text_append(to, before);
    text_append_u64(to, number);
    text_append(to, behind);
}

/* What is special about a disk. */
static void describe_disk(const struct disk_settings *disk, struct buffer *to) {
    const struct {
        const char *what;
        uint64_t number;
    } parts[] = {
        {"capacity", disk->capacity},
        {"slow by a factor of", disk->slow_factor},
        {"read errors per million", disk->read_error_per_million},
        {"write errors per million", disk->write_error_per_million},
        {"sync errors per million", disk->sync_error_per_million},
        {"bits rotting per million reads", disk->bit_rot_per_million},
        {"lost writes per million", disk->lost_write_per_million},
        {"misdirected writes per million", disk->misdirected_write_per_million},
    };
    const char *joint = ": ";
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].number == 0)
            continue;
        text_append(to, joint);
        text_append(to, parts[i].what);
        append_pair(to, " ", parts[i].number, "");
        joint = ", ";
    }
    if (!distribution_is_zero(&disk->rot_every)) {
        text_append(to, joint);
        text_append(to, "bits rotting by themselves");
    }
}

void action_describe(const struct action *action, const struct scenario *scenario,
                     struct buffer *to) {
    static const struct {
        const char *before, *between, *behind;
    } SENTENCES[] = {
        [ACT_BLOCK] = {"holds back what ", " sends to ", ""},
        [ACT_UNBLOCK] = {"lets the network of one fault through again", NULL, ""},
        [ACT_HEAL] = {"heals the network", NULL, ""},
        [ACT_CUT] = {"cuts the connections of ", " with ", ""},
        [ACT_KILL] = {"kills ", NULL, ""},
        [ACT_POWER] = {"takes the power from ", NULL, ""},
        [ACT_STOP] = {"stops ", NULL, " gracefully"},
        [ACT_START] = {"starts ", NULL, ""},
        [ACT_PAUSE] = {"pauses ", NULL, ""},
        [ACT_RESUME] = {"resumes ", NULL, ""},
        [ACT_STEP_COST] = {"slows the processor of ", NULL, ""},
        [ACT_STEP_COST_BACK] = {"gives its processor back to ", NULL, ""},
        [ACT_WIPE] = {"wipes the disk of ", NULL, ""},
        [ACT_SNAPSHOT] = {"copies the disk of ", NULL, ""},
        [ACT_ROLLBACK] = {"puts the old copy of its disk into ", NULL, ""},
        [ACT_DISK] = {"changes the disk of ", NULL, ""},
        [ACT_DISK_BACK] = {"gives its disk back to ", NULL, ""},
        [ACT_SWAP] = {"swaps the disks of ", NULL, ""},
        [ACT_ROT] = {"flips bits on the disk of ", NULL, ""},
        [ACT_CLOCK_STEP] = {"steps the clock of ", NULL, ""},
        [ACT_CLOCK_DRIFT] = {"lets the clock drift of ", NULL, ""},
        [ACT_CLOCK_DRIFT_BACK] = {"sets the speed of the clock right of ", NULL, ""},
        [ACT_FREEZE] = {"freezes the clock of ", NULL, ""},
        [ACT_UNFREEZE] = {"unfreezes the clock of ", NULL, ""},
        [ACT_LINK] = {"changes the links of ", " with ", ""},
        [ACT_LINK_BACK] = {"sets the links right of ", " with ", ""},
    };
    text_append(to, SENTENCES[action->kind].before);
    append_hosts(&action->from, scenario, to);
    if (SENTENCES[action->kind].between != NULL) {
        text_append(to, SENTENCES[action->kind].between);
        append_hosts(&action->to, scenario, to);
    }
    if (action->kind == ACT_CLOCK_STEP) {
        text_append(to, " by ");
        text_append_i64(to, action->milliseconds);
        text_append(to, " ms");
    }
    if (action->kind == ACT_DISK)
        describe_disk(&action->settings->disk, to);
    if (action->kind == ACT_ROT)
        append_pair(to, ": ", action->settings->bits, " bits");
    text_append(to, SENTENCES[action->kind].behind);
}
