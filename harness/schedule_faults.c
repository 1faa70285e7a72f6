#include "harness/schedule_internal.h"

enum { BACK_AFTER_MILLISECONDS = 1000 };

void planner_block(struct planner *planner, const struct fault_instance *instance, uint64_t at,
                   const struct host_set *from, const struct host_set *to, bool one_way) {
    struct action *there = planner_add(planner, instance, at, ACT_BLOCK);
    there->from = *from;
    there->to = *to;
    if (one_way)
        return;
    struct action *back = planner_add(planner, instance, at, ACT_BLOCK);
    back->from = *to;
    back->to = *from;
}

static void unblock_at_end(struct planner *planner, const struct fault_instance *instance) {
    if (instance->until != 0)
        planner_add(planner, instance, instance->until, ACT_UNBLOCK);
}

void planner_do(struct planner *planner, const struct fault_instance *instance,
                const struct host_set *hosts, enum action_kind kind, enum action_kind undo) {
    planner_add(planner, instance, instance->at, kind)->from = *hosts;
    if (instance->until != 0 && undo != kind)
        planner_add(planner, instance, instance->until, undo)->from = *hosts;
}

void planner_do_down(struct planner *planner, const struct fault_instance *instance,
                     const struct host_set *hosts, enum action_kind what) {
    bool keeps = what == ACT_SNAPSHOT;
    uint64_t back =
        instance->until != 0
            ? instance->until
            : instance->at + duration_of_milliseconds(BACK_AFTER_MILLISECONDS).nanoseconds;
    planner_add(planner, instance, instance->at, keeps ? ACT_KILL : ACT_POWER)->from = *hosts;
    planner_add(planner, instance, instance->at, what)->from = *hosts;
    planner_add(planner, instance, back, ACT_START)->from = *hosts;
}

static struct host_set nodes_outside(const struct planner *planner, const struct host_set *sets,
                                     uint32_t count) {
    struct host_set rest = {0};
    for (uint32_t i = 0; i < planner->scenario->cluster.node_count; i++) {
        bool named = false;
        for (uint32_t j = 0; j < count; j++)
            named |= host_set_has(&sets[j], i);
        if (!named)
            host_set_add(&rest, i);
    }
    return rest;
}

static void expand_groups(struct planner *planner, const struct fault_instance *instance) {
    const struct scenario_fault *fault = instance->fault;
    struct host_set sets[SCENARIO_PARTITION_GROUPS_MAX];
    for (uint32_t i = 0; i < fault->group_count; i++)
        sets[i] = planner_hosts(planner, fault->groups[i]);
    struct host_set rest = nodes_outside(planner, sets, fault->group_count);
    for (uint32_t i = 0; i < fault->group_count; i++) {
        for (uint32_t j = 0; sets[i].rest && j < HOST_SET_WORDS; j++)
            sets[i].words[j] |= rest.words[j];
    }
    for (uint32_t i = 0; i < fault->group_count; i++) {
        for (uint32_t j = i + 1; j < fault->group_count; j++) {
            if (!fault->one_way || i == 0)
                planner_block(planner, instance, instance->at, &sets[i], &sets[j], fault->one_way);
        }
    }
}

/* Two halves that only the first node of the shuffled order sees both of. */
static void expand_bridge(struct planner *planner, const struct fault_instance *instance) {
    uint32_t count = planner->scenario->cluster.node_count;
    uint32_t order[SCENARIO_NODES_MAX];
    struct host_set halves[2] = {0};
    name_set_shuffle(planner->scenario, planner->prng, order);
    for (uint32_t i = 1; i < count; i++)
        host_set_add(&halves[i % 2], order[i]);
    planner_block(planner, instance, instance->at, &halves[0], &halves[1],
                  instance->fault->one_way);
}

/* Nodes on a circle of which each sees its nearest majority, and no two see the same one. */
static void expand_ring(struct planner *planner, const struct fault_instance *instance) {
    uint32_t count = planner->scenario->cluster.node_count;
    uint32_t order[SCENARIO_NODES_MAX];
    uint32_t reach = (count / 2 + 1) / 2;
    name_set_shuffle(planner->scenario, planner->prng, order);
    for (uint32_t i = 0; i < count; i++) {
        struct host_set self = {0}, far = {0};
        host_set_add(&self, order[i]);
        for (uint32_t step = reach + 1; step + reach < count; step++)
            host_set_add(&far, order[(i + step) % count]);
        if (host_set_count(&far) > 0)
            planner_block(planner, instance, instance->at, &self, &far, true);
    }
}

static void expand_partition(struct planner *planner, const struct fault_instance *instance) {
    switch (instance->fault->shape) {
    case SHAPE_GROUPS:
        expand_groups(planner, instance);
        break;
    case SHAPE_BRIDGE:
        expand_bridge(planner, instance);
        break;
    case SHAPE_RING:
        expand_ring(planner, instance);
        break;
    }
    unblock_at_end(planner, instance);
}

static void expand_outage(struct planner *planner, const struct fault_instance *instance) {
    const struct scenario *scenario = planner->scenario;
    const struct scenario_fault *fault = instance->fault;
    struct host_set inside = {0}, outside = {0};
    for (uint32_t i = 0; i < scenario->cluster.node_count; i++) {
        bool there = strcmp(scenario->cluster.nodes[i].datacentre, fault->datacentre) == 0;
        host_set_add(there ? &inside : &outside, i);
    }
    if (fault->how != OUTAGE_NETWORK) {
        planner_do(planner, instance, &inside, fault->how == OUTAGE_KILL ? ACT_KILL : ACT_POWER,
                   ACT_START);
        return;
    }
    for (uint32_t i = 0; i < scenario_client_count(scenario); i++)
        host_set_add(&outside, scenario->cluster.node_count + i);
    planner_block(planner, instance, instance->at, &inside, &outside, false);
    unblock_at_end(planner, instance);
}

/* Half of each period nothing passes, the other half everything does. */
static void expand_flap(struct planner *planner, const struct fault_instance *instance) {
    enum { FLAPS_MAX = 5000 };
    const struct scenario_fault *fault = instance->fault;
    struct host_set from = planner_hosts(planner, fault->from);
    struct host_set to = planner_hosts(planner, fault->to);
    uint64_t until =
        instance->until != 0 ? instance->until : planner->scenario->duration.nanoseconds;
    uint64_t at = instance->at;
    for (uint32_t i = 0; at < until && i < FLAPS_MAX; i++) {
        uint64_t half = planner_draw(planner, fault->period) / 2 + 1;
        planner_block(planner, instance, at, &from, &to, fault->one_way);
        planner_add(planner, instance, at + half < until ? at + half : until, ACT_UNBLOCK);
        at += half + planner_draw(planner, fault->period) / 2 + 1;
    }
}

static void expand_link(struct planner *planner, const struct fault_instance *instance) {
    struct host_set from = planner_hosts(planner, instance->fault->from);
    struct host_set to = planner_hosts(planner, instance->fault->to);
    for (int back = 0; back < (instance->fault->one_way ? 1 : 2); back++) {
        struct action *action = planner_add(planner, instance, instance->at, ACT_LINK);
        action->from = back ? to : from;
        action->to = back ? from : to;
        if (instance->until == 0)
            continue;
        struct action *undo = planner_add(planner, instance, instance->until, ACT_LINK_BACK);
        undo->from = back ? to : from;
        undo->to = back ? from : to;
    }
}

static void swap_at(struct planner *planner, const struct fault_instance *instance,
                    const struct host_set *hosts, uint64_t at) {
    uint64_t back = at + duration_of_milliseconds(BACK_AFTER_MILLISECONDS).nanoseconds;
    planner_add(planner, instance, at, ACT_POWER)->from = *hosts;
    planner_add(planner, instance, at, ACT_SWAP)->from = *hosts;
    planner_add(planner, instance, back, ACT_START)->from = *hosts;
}

/* What is swapped again is as it was. */
static void expand_swap(struct planner *planner, const struct fault_instance *instance,
                        const struct host_set *hosts) {
    swap_at(planner, instance, hosts, instance->at);
    if (instance->until != 0)
        swap_at(planner, instance, hosts, instance->until);
}

static void expand_on_nodes(struct planner *planner, const struct fault_instance *instance) {
    const struct scenario_fault *fault = instance->fault;
    struct host_set nodes = planner_hosts(planner, fault->nodes);
    switch ((int)fault->kind) {
    case FAULT_CRASH:
        planner_do(planner, instance, &nodes, fault->how == OUTAGE_KILL ? ACT_KILL : ACT_POWER,
                   ACT_START);
        return;
    case FAULT_RESTART:
        planner_do(planner, instance, &nodes, ACT_START, ACT_START);
        return;
    case FAULT_STOP:
        planner_do(planner, instance, &nodes, ACT_STOP, ACT_START);
        return;
    case FAULT_PAUSE:
        planner_do(planner, instance, &nodes, ACT_PAUSE, ACT_RESUME);
        return;
    case FAULT_RESUME:
        planner_do(planner, instance, &nodes, ACT_RESUME, ACT_RESUME);
        return;
    case FAULT_SLOW:
        planner_do(planner, instance, &nodes, ACT_STEP_COST, ACT_STEP_COST_BACK);
        return;
    case FAULT_DISK:
        planner_do(planner, instance, &nodes, ACT_DISK, ACT_DISK_BACK);
        return;
    case FAULT_DISK_WIPE:
        planner_do_down(planner, instance, &nodes, ACT_WIPE);
        return;
    case FAULT_DISK_SNAPSHOT:
        planner_do_down(planner, instance, &nodes, ACT_SNAPSHOT);
        return;
    case FAULT_DISK_ROLLBACK:
        planner_do_down(planner, instance, &nodes, ACT_ROLLBACK);
        return;
    case FAULT_DISK_SWAP:
        expand_swap(planner, instance, &nodes);
        return;
    case FAULT_BIT_ROT:
        planner_do(planner, instance, &nodes, ACT_ROT, ACT_ROT);
        return;
    case FAULT_CLOCK_DRIFT:
        planner_do(planner, instance, &nodes, ACT_CLOCK_DRIFT, ACT_CLOCK_DRIFT_BACK);
        return;
    default:
        planner_do(planner, instance, &nodes, ACT_FREEZE, ACT_UNFREEZE);
        return;
    }
}

static void expand_clock_step(struct planner *planner, const struct fault_instance *instance) {
    const struct value_range *by = &instance->fault->by;
    int64_t low = (int64_t)by->low;
    struct action *action = planner_add(planner, instance, instance->at, ACT_CLOCK_STEP);
    action->from = planner_hosts(planner, instance->fault->nodes);
    action->milliseconds = low + (int64_t)prng_below_u64(planner->prng, by->high - by->low + 1);
}

void planner_expand(struct planner *planner, const struct fault_instance *instance) {
    const struct scenario_fault *fault = instance->fault;
    switch (fault->kind) {
    case FAULT_PARTITION:
        expand_partition(planner, instance);
        return;
    case FAULT_HEAL:
        planner_add(planner, instance, instance->at, ACT_HEAL);
        return;
    case FAULT_CUT: {
        struct action *cut = planner_add(planner, instance, instance->at, ACT_CUT);
        cut->from = planner_hosts(planner, fault->from);
        cut->to = planner_hosts(planner, fault->to);
        return;
    }
    case FAULT_CLOCK_STEP:
        expand_clock_step(planner, instance);
        return;
    case FAULT_DATACENTRE_OUTAGE:
        expand_outage(planner, instance);
        return;
    case FAULT_FLAP:
        expand_flap(planner, instance);
        return;
    case FAULT_LINK:
        expand_link(planner, instance);
        return;
    case FAULT_CRASH:
    case FAULT_RESTART:
    case FAULT_STOP:
    case FAULT_PAUSE:
    case FAULT_RESUME:
    case FAULT_SLOW:
    case FAULT_DISK:
    case FAULT_DISK_WIPE:
    case FAULT_DISK_SNAPSHOT:
    case FAULT_DISK_ROLLBACK:
    case FAULT_DISK_SWAP:
    case FAULT_BIT_ROT:
    case FAULT_CLOCK_DRIFT:
    case FAULT_CLOCK_FREEZE:
        expand_on_nodes(planner, instance);
        return;
    case FAULT_RANDOM:
    case FAULT_KINDS:
        CHECK_UNREACHABLE("random faults are drawn before they are expanded");
    }
}
