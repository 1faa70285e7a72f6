#include "harness/run.h"

#include "harness/run_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { SLICE_MILLISECONDS = 250 };

/* --- nodes as programs --------------------------------------------------------------------------------------------- */

static void *node_host_create(void *context, uint32_t host) {
    (void)host;
    struct node_host *node_host = context;
    node_host->node = node_create(&node_host->config);
    return node_host;
}

static void node_host_destroy(void *instance) {
    struct node_host *node_host = instance;
    run_collect_node(node_host->run, node_host->node);
    node_destroy(node_host->node);
    node_host->node = NULL;
}

static void node_host_step(void *instance, const struct event *event, struct effects *effects) {
    struct node_host *node_host = instance;
    node_step(node_host->node, event, effects);
    if (node_host->run->sabotage != SABOTAGE_NONE)
        sabotage_effects(node_host->run->sabotage, effects);
}

static struct instant node_host_deadline(const void *instance) {
    return node_deadline(((const struct node_host *)instance)->node);
}

static void describe_members(struct run *run) {
    for (uint32_t i = 0; i < run->scenario->cluster.node_count; i++) {
        const struct scenario_node *node = &run->scenario->cluster.nodes[i];
        snprintf(run->addresses[i][0], sizeof run->addresses[i][0], "%s:8000", node->name);
        snprintf(run->addresses[i][1], sizeof run->addresses[i][1], "%s:7000", node->name);
        run->members[i] =
            (struct member_config){.name = bytes_of_text(node->name),
                                   .address = bytes_of_text(run->addresses[i][0]),
                                   .client_address = bytes_of_text(run->addresses[i][1]),
                                   .host = bytes_of_text(node->host),
                                   .rack = bytes_of_text(node->rack),
                                   .datacentre = bytes_of_text(node->datacentre),
                                   .weight = node->weight};
    }
}

static void add_nodes(struct run *run) {
    const struct scenario_cluster *cluster = &run->scenario->cluster;
    describe_members(run);
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        struct node_host *node_host = &run->nodes[i];
        node_host->run = run;
        node_host->config = cluster->node;
        node_host->config.cluster = bytes_of_text("scenario");
        node_host->config.name = run->members[i].name;
        node_host->config.members = run->members;
        node_host->config.member_count = cluster->node_count;
        struct program program = {.context = node_host,
                                  .create = node_host_create,
                                  .destroy = node_host_destroy,
                                  .step = node_host_step,
                                  .deadline = node_host_deadline};
        uint32_t host = world_add_host(run->world, cluster->nodes[i].name, &program);
        CHECK(host == i);
        *world_disk(run->world, i) = cluster->nodes[i].disk;
        world_set_step_cost(run->world, i, &cluster->nodes[i].step_cost);
        world_set_clock(run->world, i, &cluster->nodes[i].clock);
    }
}

/* --- clients ------------------------------------------------------------------------------------------------------- */

static void set_up_client(struct run *run, struct client_setup *setup, uint32_t group,
                          uint32_t client) {
    struct prng prng;
    struct host_set set;
    struct buffer problem = {0};
    setup->history = run->history;
    setup->world = run->world;
    setup->group = &run->scenario->groups[group];
    setup->group_index = group;
    setup->client = client;
    setup->is_idle = true;
    world_stream(run->world, run->scenario->cluster.node_count + client, "nodes", &prng);
    bool named = name_set_resolve(run->scenario, setup->group->nodes, &prng, run->schedule.order,
                                  &set, &problem);
    CHECK(named);
    buffer_deinit(&problem);
    for (uint32_t i = 0; i < run->scenario->cluster.node_count; i++) {
        if (host_set_has(&set, i))
            setup->nodes[setup->node_count++] = i;
    }
    for (uint32_t i = 0; setup->node_count == 0 && i < run->scenario->cluster.node_count; i++)
        setup->nodes[setup->node_count++] = i;
}

static uint32_t add_observing_host(struct run *run, uint32_t host, const struct program *program) {
    static const struct distribution FREE = {.kind = DISTRIBUTION_CONSTANT};
    static const struct clock_settings TRUE_CLOCK = {0};
    char name[2 * SCENARIO_NAME_MAX];
    scenario_host_name(run->scenario, host, name);
    uint32_t added = world_add_host(run->world, name, program);
    CHECK(added == host);
    world_set_step_cost(run->world, host, &FREE);
    world_set_clock(run->world, host, &TRUE_CLOCK);
    return added;
}

static void add_clients(struct run *run) {
    uint32_t nodes = run->scenario->cluster.node_count;
    run->client_count = scenario_client_count(run->scenario);
    run->clients = calloc(run->client_count + 1, sizeof *run->clients);
    CHECK(run->clients != NULL);
    uint32_t client = 0;
    for (uint32_t i = 0; i < run->scenario->group_count; i++) {
        for (uint32_t j = 0; j < run->scenario->groups[i].count; j++, client++) {
            set_up_client(run, &run->clients[client], i, client);
            struct program program = client_program(&run->clients[client]);
            add_observing_host(run, nodes + client, &program);
        }
    }
    struct inspector_setup setup = {.history = run->history,
                                    .world = run->world,
                                    .samples = run->samples,
                                    .owners = run->owners};
    run->inspector = inspector_create(&setup);
    struct program program = inspector_program(run->inspector);
    add_observing_host(run, nodes + client, &program);
}

struct run *run_create(const struct scenario *scenario, uint64_t seed) {
    return run_create_sabotaged(scenario, seed, SABOTAGE_NONE);
}

struct run *run_create_sabotaged(const struct scenario *scenario, uint64_t seed,
                                 enum sabotage sabotage) {
    struct run *run = calloc(1, sizeof *run);
    CHECK(run != NULL);
    run->scenario = scenario;
    run->seed = seed;
    run->sabotage = sabotage;
    run->world = world_create(seed, &scenario->world);
    run->history = history_create(scenario);
    run->samples =
        replica_samples_create(scenario->cluster.node_count, run->history->key_count + 1);
    add_nodes(run);
    struct prng prng;
    world_stream(run->world, 0, "faults", &prng);
    schedule_make(&run->schedule, scenario, &prng);
    run_place_keys(run);
    add_clients(run);
    run->injector = injector_create(scenario, run->world, run->history, run->samples);
    injector_end_all(run->injector);
    run->history->figures[FIGURE_RESTARTS] = 0;
    for (uint32_t i = scenario->cluster.node_count; i < world_host_count(run->world); i++)
        world_start_host(run->world, i);
    return run;
}

void run_destroy(struct run *run) {
    world_destroy(run->world);
    inspector_destroy(run->inspector);
    injector_destroy(run->injector);
    schedule_deinit(&run->schedule);
    replica_samples_destroy(run->samples);
    history_destroy(run->history);
    free(run->clients);
    free(run->owners);
    free(run);
}

/* --- the main loop ------------------------------------------------------------------------------------------------- */

static void perform_due(struct run *run) {
    uint64_t now = world_now(run->world).nanoseconds;
    while (run->next_action < run->schedule.count &&
           run->schedule.actions[run->next_action].at <= now) {
        const struct action *action = &run->schedule.actions[run->next_action++];
        if (run->watch != NULL)
            run->watch(run->watch_context, world_now(run->world), action);
        injector_perform(run->injector, action);
    }
}

/* The workload with its faults; false when the run must not go on. */
static bool run_workload(struct run *run, struct instant until) {
    struct instant end =
        instant_earlier(until, (struct instant){run->scenario->duration.nanoseconds});
    while (instant_before(world_now(run->world), end) && !run->history->verdict.failed) {
        struct instant next =
            instant_after(world_now(run->world), duration_of_milliseconds(SLICE_MILLISECONDS));
        next = instant_earlier(next, end);
        if (run->next_action < run->schedule.count)
            next =
                instant_earlier(next, (struct instant){run->schedule.actions[run->next_action].at});
        world_run_until(run->world, next);
        perform_due(run);
        injector_watch(run->injector);
    }
    return !run->history->verdict.failed &&
           !instant_before(end, (struct instant){run->scenario->duration.nanoseconds});
}

static void judge_end(struct run *run) {
    struct instant now = world_now(run->world);
    for (uint32_t key = 0; key < run->history->key_count && !run->history->verdict.failed; key++) {
        static const struct id_set NOTHING = {0};
        const struct id_set *live = inspector_live(run->inspector, key);
        if (run->history->keys[key].last_write != 0)
            oracle_check_end(run->history, key, live != NULL ? live : &NOTHING, now);
    }
}

static void fill_result(const struct run *run, struct run_result *result) {
    const struct verdict *verdict = &run->history->verdict;
    result->hash = world_hash(run->world);
    result->events = world_event_count(run->world);
    result->ended = world_now(run->world);
    memcpy(result->figures, run->history->figures, sizeof result->figures);
    if (!verdict->failed)
        return;
    result->status = verdict->oracle == ORACLE_CONVERGENCE ? RUN_NOT_CONVERGED : RUN_FAILED;
    result->oracle = verdict->oracle;
    result->violated_at = verdict->at;
    snprintf(result->sentence, sizeof result->sentence, "%s", verdict->sentence);
}

void run_execute(struct run *run, struct instant until, struct run_result *result) {
    *result = (struct run_result){.status = RUN_PASSED};
    bool whole = run_workload(run, until);
    if (whole) {
        injector_end_all(run->injector);
        whole = run_converge(run, until);
    }
    if (whole)
        judge_end(run);
    run_finish_figures(run, whole);
    if (!whole && !run->history->verdict.failed)
        result->status = RUN_CUT_SHORT;
    fill_result(run, result);
}

struct world *run_world(const struct run *run) {
    return run->world;
}

const struct history *run_history(const struct run *run) {
    return run->history;
}

const struct scenario *run_scenario(const struct run *run) {
    return run->scenario;
}

void run_watch_actions(struct run *run, void *context,
                       void (*watch)(void *context, struct instant at,
                                     const struct action *action)) {
    run->watch_context = context;
    run->watch = watch;
}
