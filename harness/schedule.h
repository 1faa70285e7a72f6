/* schedule: a scenario's faults for one seed, as a plain list of actions in the order of their times.
 *
 *     faults:                                     5.0 s  block n1 n2 | n3 n4 n5      (fault 0)
 *       - {at: 5s, for: 10s, kind: partition}     7.3 s  kill n4                     (fault 1, drawn)
 *       - {at: 2s, for: 20s, kind: random}        9.1 s  start n4                    (fault 1)
 *                                                15.0 s  unblock                     (fault 0)
 *
 * Every range, every random set of nodes and every random fault is drawn here, from one stream of the seed, before the run
 * begins: what the run does cannot change its faults, and a thousand seeds are a thousand schedules.
 */
#ifndef DUNLIN_HARNESS_SCHEDULE_H
#define DUNLIN_HARNESS_SCHEDULE_H

#include "harness/name_set.h"

enum { SCHEDULE_ACTIONS_MAX = 20000 };

enum action_kind {
    ACT_BLOCK,   /* what `from` sends to `to` waits */
    ACT_UNBLOCK, /* undoes every block of this fault */
    ACT_HEAL,    /* undoes every block of every fault */
    ACT_CUT,     /* connections between `from` and `to` die */
    ACT_KILL,    /* the process of `from` ends */
    ACT_POWER,   /* the power of `from` fails */
    ACT_STOP,    /* graceful */
    ACT_START,
    ACT_PAUSE,
    ACT_RESUME,
    ACT_STEP_COST,
    ACT_STEP_COST_BACK,
    ACT_WIPE,
    ACT_SNAPSHOT,
    ACT_ROLLBACK,
    ACT_DISK,
    ACT_DISK_BACK,
    ACT_SWAP,
    ACT_ROT,
    ACT_CLOCK_STEP,
    ACT_CLOCK_DRIFT,
    ACT_CLOCK_DRIFT_BACK,
    ACT_FREEZE,
    ACT_UNFREEZE,
    ACT_LINK,
    ACT_LINK_BACK,
};

struct action {
    uint64_t at, order; /* nanoseconds; ties go by order */
    enum action_kind kind;
    uint32_t fault;    /* which instance of a fault this belongs to */
    bool begins, ends; /* the first, the last action of its instance */
    struct host_set from, to;
    int64_t milliseconds; /* of a clock step */
    const struct scenario_fault *settings;
};

struct schedule {
    struct action *actions;
    uint32_t count, capacity;
    uint32_t fault_count; /* instances */
    uint32_t order[SCENARIO_NODES_MAX];
};

/* `prng` is the seed's stream for faults. */
void schedule_make(struct schedule *schedule, const struct scenario *scenario, struct prng *prng);
void schedule_deinit(struct schedule *schedule);
/* One sentence for people. */
void action_describe(const struct action *action, const struct scenario *scenario,
                     struct buffer *to);

#endif
