/* run: one scenario with one seed, from the first event to the verdict.
 *
 *     0 ............ duration ............................. duration + converge_within
 *     | workload and faults | all faults end, clients rest | owners agree? -> final inspection, oracles
 *
 *     struct run_result result;
 *     struct run *run = run_create(scenario, seed);
 *     run_execute(run, INSTANT_NEVER, &result);
 *     run_destroy(run);
 */
#ifndef DUNLIN_HARNESS_RUN_H
#define DUNLIN_HARNESS_RUN_H

#include "harness/figures.h"
#include "harness/history.h"
#include "harness/sabotage.h"
#include "sim/world.h"

enum run_status {
    RUN_PASSED,
    RUN_FAILED,        /* a safety property was violated, or a figure lies beyond its limit */
    RUN_NOT_CONVERGED, /* the owners of a key still differ after converge_within */
    RUN_CUT_SHORT,     /* the caller asked to stop earlier */
};

struct run_result {
    enum run_status status;
    uint64_t hash, events;
    struct instant ended;
    enum oracle oracle; /* of a run that failed */
    uint64_t violated_at;
    char sentence[1024];
    uint64_t figures[FIGURE_COUNT];
};

struct run;

struct run *run_create(const struct scenario *scenario, uint64_t seed);
/* With a fault planted into every node: the test of the tests. */
struct run *run_create_sabotaged(const struct scenario *scenario, uint64_t seed,
                                 enum sabotage sabotage);
void run_destroy(struct run *run);
/* Goes on until the verdict, or until virtual time `until`. */
void run_execute(struct run *run, struct instant until, struct run_result *result);

struct world *run_world(const struct run *run);
const struct history *run_history(const struct run *run);
const struct scenario *run_scenario(const struct run *run);
/* Called before each fault is performed, for narration. */
struct action;
void run_watch_actions(struct run *run, void *context,
                       void (*watch)(void *context, struct instant at,
                                     const struct action *action));

#endif
