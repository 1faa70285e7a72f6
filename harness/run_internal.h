/* run_internal: what the phases of a run share.
 *
 *     run.c            hosts, the main loop
 *     run_converge.c   after healing: do all owners agree?
 *     run_figures.c    what the run measured, and its limits
 */
#ifndef DUNLIN_HARNESS_RUN_INTERNAL_H
#define DUNLIN_HARNESS_RUN_INTERNAL_H

#include "harness/injector.h"
#include "harness/inspector.h"
#include "harness/run.h"
#include "harness/simulated_client.h"

struct node_host {
    struct run *run;
    struct node_config config;
    struct node *node; /* null while it is down */
};

struct run {
    const struct scenario *scenario;
    uint64_t seed;
    enum sabotage sabotage;
    struct world *world;
    struct history *history;
    struct replica_samples *samples;
    struct injector *injector;
    struct inspector *inspector;
    struct schedule schedule;
    uint32_t next_action;
    struct node_host nodes[SCENARIO_NODES_MAX];
    struct member_config members[SCENARIO_NODES_MAX];
    char addresses[SCENARIO_NODES_MAX][2][SCENARIO_NAME_MAX + 8];
    struct client_setup *clients;
    uint32_t client_count;
    uint8_t *owners; /* [key][NODE_REPLICAS_MAX] */
    uint64_t converged_at;
    char why_not[512]; /* the last reason for not having converged */
    void *watch_context;
    void (*watch)(void *context, struct instant at, const struct action *action);
};

/* Fills run->owners from the ring, which is a pure function of the members. */
void run_place_keys(struct run *run);
/* Runs on from the end of the faults until the owners agree or the time is over. */
bool run_converge(struct run *run, struct instant until);
/* Adds what a node counted in the life that ends. */
void run_collect_node(struct run *run, const struct node *node);
/* After the run: percentiles, availability, and the limits that the scenario sets. */
void run_finish_figures(struct run *run, bool whole);

#endif
