/* schedule_internal: what expands one fault into actions (schedule_faults.c) and draws random ones (schedule_random.c). */
#ifndef DUNLIN_HARNESS_SCHEDULE_INTERNAL_H
#define DUNLIN_HARNESS_SCHEDULE_INTERNAL_H

#include "harness/schedule.h"

struct planner {
    struct schedule *schedule;
    const struct scenario *scenario;
    struct prng *prng;
};

/* One instance of a fault whose ranges and sets have been drawn. */
struct fault_instance {
    const struct scenario_fault *fault;
    uint64_t at, until; /* until 0: nothing undoes it before the end of the run */
    uint32_t number;
};

uint64_t planner_draw(struct planner *planner, struct value_range range);
struct host_set planner_hosts(struct planner *planner, const char *text);
struct action *planner_add(struct planner *planner, const struct fault_instance *instance,
                           uint64_t at, enum action_kind kind);
struct fault_instance planner_begin(struct planner *planner, const struct scenario_fault *fault,
                                    uint64_t at, uint64_t lasting);
/* Adds what the instance does; its node sets are drawn on the way. */
void planner_expand(struct planner *planner, const struct fault_instance *instance);
void planner_expand_random(struct planner *planner, const struct scenario_fault *fault, uint64_t at,
                           uint64_t until);

/* Blocks both directions between two sets, or what `from` sends only. */
void planner_block(struct planner *planner, const struct fault_instance *instance, uint64_t at,
                   const struct host_set *from, const struct host_set *to, bool one_way);
/* `kind` for the hosts, and `undo` at the end of the instance. */
void planner_do(struct planner *planner, const struct fault_instance *instance,
                const struct host_set *hosts, enum action_kind kind, enum action_kind undo);
/* A loss of the machine's disk: power off, `what`, and the start again at the end of the instance. */
void planner_do_down(struct planner *planner, const struct fault_instance *instance,
                     const struct host_set *hosts, enum action_kind what);

#endif
