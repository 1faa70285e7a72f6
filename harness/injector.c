#include "harness/injector_internal.h"

#include <stdlib.h>

enum { MILLION = 1000000 };

struct injector *injector_create(const struct scenario *scenario, struct world *world,
                                 struct history *history, struct replica_samples *samples) {
    struct injector *injector = calloc(1, sizeof *injector);
    CHECK(injector != NULL);
    injector->scenario = scenario;
    injector->world = world;
    injector->history = history;
    injector->samples = samples;
    injector->host_count = scenario_host_count(scenario);
    for (uint32_t i = 0; i < scenario->cluster.node_count; i++) {
        injector->clocks[i] = scenario->cluster.nodes[i].clock;
        injector->disk_of[i] = i;
    }
    return injector;
}

void injector_destroy(struct injector *injector) {
    if (injector == NULL)
        return;
    free(injector->blocks);
    free(injector);
}

/* --- processes and disks ------------------------------------------------------------------------------------------- */

static void lose(struct injector *injector, uint32_t node, enum loss_kind kind) {
    struct instant now = world_now(injector->world);
    bool synced = injector->scenario->cluster.node.store.sync == STORE_SYNC_ALWAYS;
    if (kind == LOSS_TOTAL || !synced)
        history_note_loss(injector->history, node, kind, now);
}

/* Whatever a process had in memory only is gone, even when it had shown it to somebody. */
static void crash(struct injector *injector, uint32_t node, enum crash_kind kind) {
    injector->meant_down[node] = true;
    injector->halted_at[node] = 0;
    if (!world_host_is_up(injector->world, node))
        return;
    replica_samples_forget(injector->samples, node, world_now(injector->world));
    if (injector->paused[node])
        world_resume_host(injector->world, node);
    injector->paused[node] = false;
    world_crash_host(injector->world, node, kind);
    if (kind == CRASH_POWER)
        lose(injector, node, LOSS_UNSYNCED);
}

static void start(struct injector *injector, uint32_t node) {
    injector->meant_down[node] = false;
    injector->halted_at[node] = 0;
    if (world_host_is_up(injector->world, node))
        return;
    injector->history->figures[FIGURE_RESTARTS]++;
    replica_samples_forget(injector->samples, node, world_now(injector->world));
    world_start_host(injector->world, node);
}

static void change_disk(struct injector *injector, uint32_t node,
                        const struct disk_settings *disk) {
    *world_disk(injector->world, node) = *disk;
    /* A disk that does harm may lose anything that it has or is given meanwhile. */
    if (disk_settings_harm(disk)) {
        injector->failing_disk[node / 64] |= (uint64_t)1 << (node % 64);
        lose(injector, node, LOSS_TOTAL);
    } else if ((injector->failing_disk[node / 64] >> (node % 64) & 1) != 0) {
        injector->failing_disk[node / 64] &= ~((uint64_t)1 << (node % 64));
        lose(injector, node, LOSS_TOTAL);
    }
    replica_samples_forget(injector->samples, node, world_now(injector->world));
}

/* Both nodes are down. What each had promised lies with the other. */
static void swap_pair(struct injector *injector, uint32_t left, uint32_t right) {
    uint32_t kept = injector->disk_of[left];
    injector->disk_of[left] = injector->disk_of[right];
    injector->disk_of[right] = kept;
    replica_samples_forget(injector->samples, left, world_now(injector->world));
    replica_samples_forget(injector->samples, right, world_now(injector->world));
    world_swap_disks(injector->world, left, right);
}

static void swap_disks(struct injector *injector, const struct host_set *hosts) {
    uint32_t pair[2], found = 0;
    for (uint32_t i = 0; i < injector->scenario->cluster.node_count && found < 2; i++) {
        if (host_set_has(hosts, i))
            pair[found++] = i;
    }
    if (found < 2)
        return;
    swap_pair(injector, pair[0], pair[1]);
}

static void give_disks_back(struct injector *injector) {
    uint32_t count = injector->scenario->cluster.node_count;
    for (uint32_t i = 0; i < count; i++) {
        if (injector->disk_of[i] != i)
            crash(injector, i, CRASH_POWER);
    }
    for (uint32_t i = 0; i < count; i++) {
        while (injector->disk_of[i] != i)
            swap_pair(injector, i, injector->disk_of[i]);
    }
}

static void pause_node(struct injector *injector, uint32_t node, bool paused) {
    if (!world_host_is_up(injector->world, node) || injector->paused[node] == paused)
        return;
    injector->paused[node] = paused;
    if (paused)
        world_pause_host(injector->world, node);
    else
        world_resume_host(injector->world, node);
}

static void set_step_cost(struct injector *injector, uint32_t node, const struct action *action) {
    static const struct distribution CRAWL = {
        .kind = DISTRIBUTION_UNIFORM, .low = 100000, .high = 5000000};
    const struct distribution *cost = &injector->scenario->cluster.nodes[node].step_cost;
    if (action->kind == ACT_STEP_COST)
        cost = action->settings->kind == FAULT_RANDOM ? &CRAWL : &action->settings->step_cost;
    world_set_step_cost(injector->world, node, cost);
}

/* --- clocks -------------------------------------------------------------------------------------------------------- */

static void widen_clock_error(struct injector *injector, uint64_t milliseconds) {
    injector->history->clock_error += milliseconds * MILLION;
}

static void step_clock(struct injector *injector, uint32_t node, int64_t milliseconds) {
    world_step_wall_clock(injector->world, node, milliseconds);
    widen_clock_error(injector, (uint64_t)(milliseconds < 0 ? -milliseconds : milliseconds));
}

static void drift_clock(struct injector *injector, uint32_t node, int32_t drift) {
    uint64_t left = (injector->scenario->duration.nanoseconds +
                     injector->scenario->converge_within.nanoseconds) /
                    MILLION;
    struct clock_settings *clock = &injector->clocks[node];
    clock->drift_per_million = drift;
    world_set_clock(injector->world, node, clock);
    widen_clock_error(injector, left * (uint64_t)(drift < 0 ? -drift : drift) / MILLION + 1);
}

static void freeze_clock(struct injector *injector, uint32_t node, bool frozen) {
    world_freeze_wall_clock(injector->world, node, frozen);
    if (frozen)
        widen_clock_error(injector, injector->scenario->duration.nanoseconds / MILLION);
}

/* --- actions ------------------------------------------------------------------------------------------------------- */

static void perform_on(struct injector *injector, const struct action *action, uint32_t node) {
    struct world *world = injector->world;
    switch (action->kind) {
    case ACT_KILL:
        crash(injector, node, CRASH_KILL);
        return;
    case ACT_POWER:
        crash(injector, node, CRASH_POWER);
        return;
    case ACT_STOP:
        injector->meant_down[node] = true;
        if (world_host_is_up(world, node) && !injector->paused[node])
            world_stop_host(world, node);
        return;
    case ACT_START:
        start(injector, node);
        return;
    case ACT_PAUSE:
    case ACT_RESUME:
        pause_node(injector, node, action->kind == ACT_PAUSE);
        return;
    case ACT_STEP_COST:
    case ACT_STEP_COST_BACK:
        set_step_cost(injector, node, action);
        return;
    case ACT_WIPE:
        lose(injector, node, LOSS_TOTAL);
        world_wipe_disk(world, node);
        return;
    case ACT_SNAPSHOT:
        world_snapshot_disk(world, node);
        return;
    case ACT_ROLLBACK:
        lose(injector, node, LOSS_TOTAL);
        world_rollback_disk(world, node);
        return;
    case ACT_DISK:
        change_disk(injector, node, &action->settings->disk);
        return;
    case ACT_ROT:
        lose(injector, node, LOSS_TOTAL);
        replica_samples_forget(injector->samples, node, world_now(world));
        world_rot_disk(world, node, action->settings->file_kinds, action->settings->bits);
        return;
    case ACT_DISK_BACK:
        change_disk(injector, node, &injector->scenario->cluster.nodes[node].disk);
        return;
    case ACT_CLOCK_STEP:
        step_clock(injector, node, action->milliseconds);
        return;
    case ACT_CLOCK_DRIFT:
        drift_clock(injector, node, action->settings->drift_per_million);
        return;
    case ACT_CLOCK_DRIFT_BACK:
        drift_clock(injector, node,
                    injector->scenario->cluster.nodes[node].clock.drift_per_million);
        return;
    case ACT_FREEZE:
    case ACT_UNFREEZE:
        freeze_clock(injector, node, action->kind == ACT_FREEZE);
        return;
    case ACT_BLOCK:
    case ACT_UNBLOCK:
    case ACT_HEAL:
    case ACT_CUT:
    case ACT_LINK:
    case ACT_LINK_BACK:
    case ACT_SWAP:
        CHECK_UNREACHABLE("actions on pairs are not performed node by node");
    }
}

static void perform(struct injector *injector, const struct action *action) {
    switch ((int)action->kind) {
    case ACT_BLOCK:
        injector_block(injector, action);
        return;
    case ACT_UNBLOCK:
        injector_unblock(injector, action->fault, false);
        return;
    case ACT_HEAL:
        injector_unblock(injector, 0, true);
        return;
    case ACT_CUT:
        injector_cut(injector, action);
        return;
    case ACT_LINK:
    case ACT_LINK_BACK:
        injector_set_links(injector, action);
        return;
    case ACT_SWAP:
        swap_disks(injector, &action->from);
        return;
    default:
        for (uint32_t i = 0; i < injector->scenario->cluster.node_count; i++) {
            if (host_set_has(&action->from, i))
                perform_on(injector, action, i);
        }
        return;
    }
}

void injector_perform(struct injector *injector, const struct action *action) {
    if (action->begins) {
        injector->history->figures[FIGURE_FAULTS]++;
        injector->history->faults_active++;
    }
    perform(injector, action);
    if (action->ends && injector->history->faults_active > 0)
        injector->history->faults_active--;
}

void injector_watch(struct injector *injector) {
    uint64_t now = world_now(injector->world).nanoseconds;
    uint64_t after = injector->scenario->cluster.restart_after_halt.nanoseconds;
    for (uint32_t i = 0; i < injector->scenario->cluster.node_count; i++) {
        if (world_host_is_up(injector->world, i) || injector->meant_down[i])
            continue;
        if (injector->halted_at[i] == 0) {
            injector->halted_at[i] = now;
            injector->history->figures[FIGURE_HALTS]++;
        }
        if (after != 0 && now - injector->halted_at[i] >= after)
            start(injector, i);
    }
}

void injector_end_all(struct injector *injector) {
    const struct scenario *scenario = injector->scenario;
    injector_unblock(injector, 0, true);
    give_disks_back(injector);
    for (uint32_t i = 0; i < injector->host_count; i++) {
        for (uint32_t j = 0; j < injector->host_count; j++) {
            if (i != j)
                injector_set_link(injector, i, j, injector_configured_link(scenario, i, j));
        }
    }
    world_links_changed(injector->world);
    for (uint32_t i = 0; i < scenario->cluster.node_count; i++) {
        const struct scenario_node *node = &scenario->cluster.nodes[i];
        change_disk(injector, i, &node->disk);
        world_set_step_cost(injector->world, i, &node->step_cost);
        world_set_clock(injector->world, i, &node->clock);
        world_freeze_wall_clock(injector->world, i, false);
        pause_node(injector, i, false);
        start(injector, i);
    }
    injector->history->faults_active = 0;
}
