#include "harness/run_internal.h"

#include "engine/data/slot.h"

#include <stdio.h>
#include <stdlib.h>

enum { LOOK_EVERY_MILLISECONDS = 200, INSPECT_SECONDS_MAX = 20, NO_OWNER = 0xff };

/* --- placement ----------------------------------------------------------------------------------------------------- */

/* The index in the scenario of a member that the ring counts. */
static uint32_t node_of_member(const struct run *run, const struct node *node, uint32_t member) {
    struct bytes name = node_member(node, member)->name;
    uint32_t found = 0;
    while (!bytes_equal(run->members[found].name, name))
        found++;
    return found;
}

void run_place_keys(struct run *run) {
    /* The target placement is a pure function of the members, so any node that never runs can tell it. */
    struct node *node = node_create(&run->nodes[0].config);
    const struct ring *ring = node_ring(node);
    uint32_t keys = run->history->key_count;
    run->owners = malloc((size_t)keys * NODE_REPLICAS_MAX + 1);
    CHECK(run->owners != NULL);
    memset(run->owners, NO_OWNER, (size_t)keys * NODE_REPLICAS_MAX + 1);
    struct buffer text = {0};
    for (uint32_t key = 0; key < keys; key++) {
        buffer_clear(&text);
        history_key_text(run->history, key, &text);
        uint16_t partition =
            partition_of_slot(slot_of_key(buffer_bytes(&text)), ring->partition_count);
        const uint16_t *list = ring_preference(ring, partition);
        uint32_t n = node_keyspace_of(node, buffer_bytes(&text))->n;
        for (uint32_t i = 0; i < n && i < ring->list_size; i++)
            run->owners[(size_t)key * NODE_REPLICAS_MAX + i] =
                (uint8_t)node_of_member(run, node, list[i]);
    }
    buffer_deinit(&text);
    node_destroy(node);
}

/* --- agreement ----------------------------------------------------------------------------------------------------- */

static bool nodes_serve(struct run *run) {
    for (uint32_t i = 0; i < run->scenario->cluster.node_count; i++) {
        const struct node *node = run->nodes[i].node;
        if (node == NULL) {
            struct bytes reason = world_host_halt_reason(run->world, i);
            snprintf(run->why_not, sizeof run->why_not, "n%u has given up: %.*s", i + 1,
                     (int)reason.size, (const char *)reason.data);
            return false;
        }
        if (node_phase(node) != NODE_SERVING) {
            snprintf(run->why_not, sizeof run->why_not, "n%u does not serve yet", i + 1);
            return false;
        }
        struct node_figures figures;
        node_figures(node, &figures);
        /* With handoff off, hints are kept for good: then the owners' agreement is all there is to wait for. */
        if (figures.hints_pending > 0 &&
            run->scenario->cluster.node.handoff_interval.nanoseconds > 0) {
            snprintf(run->why_not, sizeof run->why_not, "n%u still keeps %llu hints", i + 1,
                     (unsigned long long)figures.hints_pending);
            return false;
        }
    }
    return true;
}

/* Every owner has the same tree over each partition. The first n of the list own it; keyspaces with fewer replicas make
 * the trees of a partition's later owners differ, so those are compared by key only. */
static bool trees_agree(struct run *run) {
    const struct scenario_cluster *cluster = &run->scenario->cluster;
    for (uint32_t i = 1; i < cluster->node.keyspace_count; i++) {
        if (cluster->keyspaces[i].n != cluster->keyspaces[0].n)
            return true;
    }
    const struct ring *ring = node_ring(run->nodes[0].node);
    for (uint32_t partition = 0; partition < ring->partition_count; partition++) {
        const uint16_t *list = ring_preference(ring, (uint16_t)partition);
        uint64_t first = 0;
        uint32_t first_node = 0;
        for (uint32_t i = 0; i < cluster->keyspaces[0].n && i < ring->list_size; i++) {
            uint32_t node = node_of_member(run, run->nodes[0].node, list[i]);
            uint64_t root = node_partition_root(run->nodes[node].node, (uint16_t)partition);
            if (i > 0 && root != first) {
                snprintf(run->why_not, sizeof run->why_not,
                         "n%u and n%u have different trees over partition %u", first_node + 1,
                         node + 1, partition);
                return false;
            }
            first = root;
            first_node = node;
        }
    }
    return true;
}

static bool clients_rest(struct run *run) {
    for (uint32_t i = 0; i < run->client_count; i++) {
        if (!run->clients[i].is_idle) {
            snprintf(run->why_not, sizeof run->why_not, "a client still waits for an answer");
            return false;
        }
    }
    return true;
}

/* Asks every owner of every key. */
static bool inspect(struct run *run, struct instant until) {
    struct instant give_up =
        instant_after(world_now(run->world), duration_of_seconds(INSPECT_SECONDS_MAX));
    give_up = instant_earlier(give_up, until);
    inspector_begin(run->inspector);
    while (!inspector_is_done(run->inspector) && !run->history->verdict.failed &&
           instant_before(world_now(run->world), give_up))
        world_run_until(run->world,
                        instant_after(world_now(run->world), duration_of_milliseconds(20)));
    uint32_t key;
    if (!inspector_is_done(run->inspector)) {
        snprintf(run->why_not, sizeof run->why_not, "not every owner said what it holds");
        return false;
    }
    if (inspector_agrees(run->inspector, &key))
        return true;
    struct buffer text = {0};
    inspector_describe(run->inspector, key, &text);
    snprintf(run->why_not, sizeof run->why_not, "%.*s", (int)text.size, (const char *)text.data);
    buffer_deinit(&text);
    return false;
}

bool run_converge(struct run *run, struct instant until) {
    struct instant limit = instant_after((struct instant){run->scenario->duration.nanoseconds},
                                         run->scenario->converge_within);
    struct instant end = instant_earlier(limit, until);
    while (instant_before(world_now(run->world), end) && !run->history->verdict.failed) {
        struct instant next =
            instant_after(world_now(run->world), duration_of_milliseconds(LOOK_EVERY_MILLISECONDS));
        world_run_until(run->world, instant_earlier(next, end));
        injector_watch(run->injector);
        if (!clients_rest(run) || !nodes_serve(run) || !trees_agree(run))
            continue;
        uint64_t agreed_at = world_now(run->world).nanoseconds;
        if (inspect(run, end)) {
            run->history->figures[FIGURE_CONVERGED_AFTER_MILLISECONDS] =
                (agreed_at - run->scenario->duration.nanoseconds) / 1000000;
            return !run->history->verdict.failed;
        }
    }
    if (run->history->verdict.failed || instant_before(until, limit))
        return false;
    bool checked = run->scenario->expect.modes[ORACLE_CONVERGENCE] == ORACLE_CHECKED;
    history_fail(run->history, ORACLE_CONVERGENCE, world_now(run->world),
                 "the cluster did not converge within %.3f s after the last fault: %s",
                 (double)run->scenario->converge_within.nanoseconds / 1e9, run->why_not);
    /* Where convergence is not expected, what the first owners hold is judged all the same. */
    return !checked && inspect(run, INSTANT_NEVER);
}
