/* Random faults: drawn one after the other, each of a kind that the scenario allows, on nodes that are well.
 *
 * With `survivable`, no more than a minority of nodes is down or cut off at once, and data is destroyed only on nodes that
 * together hold fewer copies than the weakest acknowledgement promises: the same W - 1 victims for the whole run. */
#include "harness/schedule_internal.h"

#include <stdlib.h>

struct draw {
    struct planner *planner;
    const struct scenario_fault *fault;
    uint64_t busy_until[SCENARIO_NODES_MAX];
    uint32_t victims; /* the first so many of the shuffled order may lose data */
};

/* The fewest copies that any acknowledgement of this scenario stands for. */
static uint32_t fewest_copies(const struct scenario *scenario) {
    uint32_t fewest = NODE_REPLICAS_MAX;
    for (uint32_t i = 0; i < scenario->cluster.node.keyspace_count; i++) {
        uint8_t w = scenario->cluster.keyspaces[i].w;
        fewest = w < fewest ? w : fewest;
    }
    for (uint32_t i = 0; i < scenario->group_count; i++) {
        uint8_t w = scenario->groups[i].w;
        fewest = w != 0 && w < fewest ? w : fewest;
    }
    return fewest;
}

static bool is_victim(const struct draw *draw, uint32_t node) {
    for (uint32_t i = 0; i < draw->victims; i++) {
        if (draw->planner->schedule->order[i] == node)
            return true;
    }
    return false;
}

/* A node that no earlier draw keeps busy at `at`; node_count when there is none or too many are busy. */
static uint32_t draw_node(struct draw *draw, uint64_t at, bool destroys) {
    uint32_t count = draw->planner->scenario->cluster.node_count;
    uint32_t order[SCENARIO_NODES_MAX], busy = 0;
    for (uint32_t i = 0; i < count; i++)
        busy += draw->busy_until[i] > at;
    if (draw->fault->survivable && busy + 1 > (count - 1) / 2)
        return count;
    name_set_shuffle(draw->planner->scenario, draw->planner->prng, order);
    for (uint32_t i = 0; i < count; i++) {
        bool spared = draw->fault->survivable && destroys && !is_victim(draw, order[i]);
        if (draw->busy_until[order[i]] <= at && !spared)
            return order[i];
    }
    return count;
}

/* Splits the nodes in two at random; with luck it is a majority and a minority, and always both are there. */
static void draw_partition(struct draw *draw, const struct fault_instance *instance) {
    struct planner *planner = draw->planner;
    uint32_t count = planner->scenario->cluster.node_count;
    uint32_t order[SCENARIO_NODES_MAX];
    struct host_set sides[2] = {0};
    if (count < 2)
        return;
    name_set_shuffle(planner->scenario, planner->prng, order);
    uint32_t left = 1 + prng_below(planner->prng, count - 1);
    for (uint32_t i = 0; i < count; i++)
        host_set_add(&sides[i < left ? 0 : 1], order[i]);
    bool one_way = prng_chance(planner->prng, 1, 4);
    planner_block(planner, instance, instance->at, &sides[0], &sides[1], one_way);
    planner_add(planner, instance, instance->until, ACT_UNBLOCK);
}

static void draw_pair(struct draw *draw, struct host_set *left, struct host_set *right) {
    uint32_t order[SCENARIO_NODES_MAX];
    uint32_t count = draw->planner->scenario->cluster.node_count;
    name_set_shuffle(draw->planner->scenario, draw->planner->prng, order);
    *left = *right = (struct host_set){0};
    host_set_add(left, order[0]);
    host_set_add(right, order[count > 1 ? 1 : 0]);
}

static void draw_network(struct draw *draw, const struct fault_instance *instance,
                         enum fault_kind kind) {
    enum { FLAPS = 4 };
    struct planner *planner = draw->planner;
    struct host_set left, right;
    draw_pair(draw, &left, &right);
    if (kind == FAULT_CUT) {
        struct action *cut = planner_add(planner, instance, instance->at, ACT_CUT);
        cut->from = left;
        cut->to = right;
        return;
    }
    uint64_t step = (instance->until - instance->at) / (2 * FLAPS) + 1;
    for (uint32_t i = 0; i < FLAPS; i++) {
        planner_block(planner, instance, instance->at + 2 * i * step, &left, &right,
                      kind == FAULT_LINK);
        planner_add(planner, instance, instance->at + (2 * i + 1) * step, ACT_UNBLOCK);
    }
}

static bool kind_destroys(const struct draw *draw, enum fault_kind kind, bool power) {
    bool synced = draw->planner->scenario->cluster.node.store.sync == STORE_SYNC_ALWAYS;
    return kind == FAULT_DISK_WIPE || kind == FAULT_BIT_ROT ||
           (kind == FAULT_DISK && disk_settings_harm(&draw->fault->disk)) ||
           (kind == FAULT_CRASH && power && !synced);
}

static void draw_clock(struct draw *draw, const struct fault_instance *instance,
                       const struct host_set *node) {
    enum { STEP_MILLISECONDS_MAX = 2000 };
    struct action *action = planner_add(draw->planner, instance, instance->at, ACT_CLOCK_STEP);
    action->from = *node;
    action->milliseconds = (int64_t)prng_below(draw->planner->prng, 2 * STEP_MILLISECONDS_MAX + 1) -
                           STEP_MILLISECONDS_MAX;
}

static void draw_on_node(struct draw *draw, const struct fault_instance *instance,
                         enum fault_kind kind) {
    struct planner *planner = draw->planner;
    bool power = prng_chance(planner->prng, 1, 2);
    uint32_t node = draw_node(draw, instance->at, kind_destroys(draw, kind, power));
    if (node == planner->scenario->cluster.node_count && kind == FAULT_CRASH && power) {
        power = false;
        node = draw_node(draw, instance->at, false);
    }
    if (node == planner->scenario->cluster.node_count)
        return;
    struct host_set hosts = {0};
    host_set_add(&hosts, node);
    if (kind != FAULT_CLOCK_STEP && kind != FAULT_CLOCK_FREEZE)
        draw->busy_until[node] = instance->until;
    switch ((int)kind) {
    case FAULT_CRASH:
        planner_do(planner, instance, &hosts, power ? ACT_POWER : ACT_KILL, ACT_START);
        return;
    case FAULT_STOP:
        planner_do(planner, instance, &hosts, ACT_STOP, ACT_START);
        return;
    case FAULT_PAUSE:
        planner_do(planner, instance, &hosts, ACT_PAUSE, ACT_RESUME);
        return;
    case FAULT_DISK_WIPE:
        planner_do_down(planner, instance, &hosts, ACT_WIPE);
        return;
    case FAULT_DISK:
        planner_do(planner, instance, &hosts, ACT_DISK, ACT_DISK_BACK);
        return;
    case FAULT_BIT_ROT:
        planner_do(planner, instance, &hosts, ACT_ROT, ACT_ROT);
        return;
    case FAULT_CLOCK_STEP:
    case FAULT_CLOCK_DRIFT:
        draw_clock(draw, instance, &hosts);
        return;
    case FAULT_CLOCK_FREEZE:
        planner_do(planner, instance, &hosts, ACT_FREEZE, ACT_UNFREEZE);
        return;
    default:
        /* A slow machine: its processor as the fault says, or a thousand times slower. */
        planner_do(planner, instance, &hosts, ACT_STEP_COST, ACT_STEP_COST_BACK);
        return;
    }
}

void planner_expand_random(struct planner *planner, const struct scenario_fault *fault, uint64_t at,
                           uint64_t until) {
    enum { DRAWS_MAX = 2000 };
    struct draw draw = {.planner = planner, .fault = fault};
    enum fault_kind kinds[FAULT_KINDS];
    uint32_t kind_count = 0;
    for (uint32_t i = 0; i < FAULT_KINDS; i++) {
        if ((fault->kinds >> i & 1) != 0)
            kinds[kind_count++] = (enum fault_kind)i;
    }
    draw.victims = fewest_copies(planner->scenario) - 1;
    at += planner_draw(planner, fault->every);
    for (uint32_t i = 0; i < DRAWS_MAX && at < until; i++) {
        enum fault_kind kind = kinds[prng_below(planner->prng, kind_count)];
        uint64_t lasting = planner_draw(planner, fault->lasting);
        struct fault_instance instance =
            planner_begin(planner, fault, at, lasting > 0 ? lasting : 1);
        if (kind == FAULT_PARTITION)
            draw_partition(&draw, &instance);
        else if (kind == FAULT_CUT || kind == FAULT_FLAP || kind == FAULT_LINK)
            draw_network(&draw, &instance, kind);
        else
            draw_on_node(&draw, &instance, kind);
        at += planner_draw(planner, fault->every) + 1;
    }
}
