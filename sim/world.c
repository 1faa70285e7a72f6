#include "sim/world_internal.h"

#include "engine/base/hash.h"
#include "sim/random_stream.h"

#include <stdlib.h>

/* A small data centre on good disks. */
void world_defaults_fill(struct world_defaults *defaults) {
    *defaults = (struct world_defaults){
        .link = {.latency = {.kind = DISTRIBUTION_UNIFORM, .low = 100000, .high = 500000},
                 .stall = {.kind = DISTRIBUTION_UNIFORM, .low = 1000000, .high = 200000000}},
        .disk = {.read_latency = {.kind = DISTRIBUTION_UNIFORM, .low = 50000, .high = 150000},
                 .write_latency = {.kind = DISTRIBUTION_UNIFORM, .low = 10000, .high = 50000},
                 .sync_latency = {.kind = DISTRIBUTION_UNIFORM, .low = 200000, .high = 2000000},
                 .sector_bytes = 512},
        .connection_timeout = duration_of_seconds(10),
        .step_cost = {.kind = DISTRIBUTION_CONSTANT, .low = 5000},
        .epoch = {1767225600000u}, /* 2026-01-01 */
    };
}

struct world *world_create(uint64_t seed, const struct world_defaults *defaults) {
    struct world *world = calloc(1, sizeof *world);
    CHECK(world != NULL);
    world->defaults = *defaults;
    world->timeline.seed = seed;
    world->hash.state = hash_mix(seed, 0);
    network_init(&world->network, &world->timeline, &defaults->link, defaults->connection_timeout);
    return world;
}

void world_destroy(struct world *world) {
    for (uint32_t i = 0; i < world->host_count; i++) {
        simulated_host_deinit(world->hosts[i]);
        free(world->hosts[i]);
    }
    network_deinit(&world->network);
    id_map_deinit(&world->names);
    effects_deinit(&world->effects);
    buffer_deinit(&world->remote);
    delivery_queue_deinit(&world->timeline.deliveries);
    event_queue_deinit(&world->timeline.queue);
    chunk_pool_deinit(&world->timeline.chunks);
    free(world);
}

/* --- hosts ------------------------------------------------------------------------------------ */

static struct simulated_host *host_at(const struct world *world, uint32_t host) {
    CHECK(host < world->host_count);
    return world->hosts[host];
}

struct simulated_host *world_find_host(const struct world *world, struct bytes name) {
    struct simulated_host *host = id_map_get(&world->names, hash64(name));
    return host != NULL && bytes_equal(bytes_of_text(host->name), name) ? host : NULL;
}

uint32_t world_add_host(struct world *world, const char *name, const struct program *program) {
    CHECK(world->host_count < WORLD_HOSTS_MAX);
    struct simulated_host *host = malloc(sizeof *host);
    CHECK(host != NULL);
    uint32_t index = world->host_count++;
    simulated_host_init(host, &world->timeline, index, name, program, &world->defaults);
    world->hosts[index] = host;
    uint64_t key = hash64(bytes_of_text(name));
    CHECK(id_map_get(&world->names, key) == NULL);
    id_map_put(&world->names, key, host);
    network_add_host(&world->network);
    return index;
}

uint32_t world_host_count(const struct world *world) {
    return world->host_count;
}

const char *world_host_name(const struct world *world, uint32_t host) {
    return host_at(world, host)->name;
}

void world_start_host(struct world *world, uint32_t host) {
    simulated_host_start(host_at(world, host));
    network_process_started(&world->network, host);
}

void world_end_process(struct world *world, struct simulated_host *host, enum crash_kind kind) {
    simulated_host_end(host);
    if (kind == CRASH_POWER) {
        network_power_lost(&world->network, host->index);
        simulated_disk_power_lost(&host->disk);
    } else {
        network_process_killed(&world->network, host->index);
        simulated_disk_process_killed(&host->disk);
    }
}

void world_crash_host(struct world *world, uint32_t host, enum crash_kind kind) {
    CHECK(host_at(world, host)->instance != NULL);
    world_end_process(world, host_at(world, host), kind);
}

void world_stop_host(struct world *world, uint32_t host) {
    CHECK(host_at(world, host)->instance != NULL);
    struct delivery stop = {.kind = EVENT_STOP, .host = host};
    simulated_host_defer(host_at(world, host), &stop);
}

bool world_host_is_up(const struct world *world, uint32_t host) {
    return host_at(world, host)->instance != NULL;
}

struct bytes world_host_halt_reason(const struct world *world, uint32_t host) {
    return buffer_bytes(&host_at(world, host)->halt_reason);
}

void world_pause_host(struct world *world, uint32_t host) {
    if (host_at(world, host)->instance != NULL)
        host_at(world, host)->paused = true;
}

void world_resume_host(struct world *world, uint32_t host) {
    host_at(world, host)->paused = false;
    simulated_host_wake(host_at(world, host));
}

void world_wipe_disk(struct world *world, uint32_t host) {
    CHECK(!world_host_is_up(world, host));
    simulated_disk_wipe(&host_at(world, host)->disk);
}

void world_snapshot_disk(struct world *world, uint32_t host) {
    simulated_disk_take_snapshot(&host_at(world, host)->disk);
}

void world_swap_disks(struct world *world, uint32_t left, uint32_t right) {
    CHECK(left != right && !world_host_is_up(world, left) && !world_host_is_up(world, right));
    simulated_disk_swap(&host_at(world, left)->disk, &host_at(world, right)->disk);
}

void world_rot_disk(struct world *world, uint32_t host, uint32_t kinds, uint32_t bits) {
    simulated_disk_rot(&host_at(world, host)->disk, kinds, bits);
}

void world_rollback_disk(struct world *world, uint32_t host) {
    CHECK(!world_host_is_up(world, host));
    simulated_disk_roll_back(&host_at(world, host)->disk);
}

void *world_program(const struct world *world, uint32_t host) {
    return host_at(world, host)->instance;
}

/* --- settings --------------------------------------------------------------------------------- */

struct link_settings *world_link(struct world *world, uint32_t from, uint32_t to) {
    return &network_path_between(&world->network, from, to)->settings;
}

struct disk_settings *world_disk(struct world *world, uint32_t host) {
    return &host_at(world, host)->disk.settings;
}

void world_set_step_cost(struct world *world, uint32_t host, const struct distribution *cost) {
    host_at(world, host)->step_cost = *cost;
}

void world_set_clock(struct world *world, uint32_t host, const struct clock_settings *settings) {
    host_clock_set(&host_at(world, host)->clock, world->timeline.now, settings);
    simulated_host_clock_changed(host_at(world, host));
}

void world_step_wall_clock(struct world *world, uint32_t host, int64_t milliseconds) {
    host_clock_step_wall(&host_at(world, host)->clock, milliseconds);
}

void world_freeze_wall_clock(struct world *world, uint32_t host, bool frozen) {
    host_clock_freeze_wall(&host_at(world, host)->clock, world->timeline.now, frozen);
}

void world_links_changed(struct world *world) {
    network_settings_changed(&world->network);
}

void world_cut_links(struct world *world, uint32_t left, uint32_t right) {
    network_cut(&world->network, left, right);
}

void world_observe(struct world *world, const struct world_observer *observer) {
    world->timeline.observer = NULL;
    if (observer == NULL)
        return;
    world->own_observer = *observer;
    world->timeline.observer = &world->own_observer;
}

void world_stream(const struct world *world, uint32_t host, const char *purpose,
                  struct prng *prng) {
    random_stream_init(prng, world->timeline.seed, host, purpose);
}

/* --- time ------------------------------------------------------------------------------------- */

struct instant world_now(const struct world *world) {
    return world->timeline.now;
}

uint64_t world_hash(const struct world *world) {
    return world->hash.state;
}

uint64_t world_event_count(const struct world *world) {
    return world->event_count;
}

static void perform(struct world *world, const struct happening *happening) {
    struct simulated_host *host = happening->subject;
    switch (happening->kind) {
    case HAPPENING_WAKE:
        if (host->boot == happening->generation)
            world_wake_host(world, host);
        break;
    case HAPPENING_TIMER:
        if (host->boot == happening->generation)
            simulated_host_timer(host, happening->at);
        break;
    case HAPPENING_ARRIVAL:
    case HAPPENING_DRAIN:
    case HAPPENING_PATIENCE:
    case HAPPENING_DEATH:
        network_perform(&world->network, happening);
        break;
    case HAPPENING_DISK:
        simulated_disk_perform(happening);
        break;
    }
}

bool world_step(struct world *world) {
    struct timeline *timeline = &world->timeline;
    if (timeline->queue.count == 0)
        return false;
    struct happening happening = event_queue_pop(&timeline->queue);
    CHECK(!instant_before(happening.at, timeline->now));
    timeline->now = happening.at;
    perform(world, &happening);
    /* Delivering delivers nothing further: whatever a step asks for takes its time. */
    uint32_t count = timeline->deliveries.count;
    for (uint32_t i = 0; i < count; i++)
        world_deliver(world, delivery_queue_at(&timeline->deliveries, i));
    CHECK(timeline->deliveries.count == count);
    timeline->deliveries.count = 0;
    return true;
}

void world_run_until(struct world *world, struct instant until) {
    while (!instant_before(until, event_queue_next(&world->timeline.queue))) {
        if (!world_step(world))
            break;
    }
    world->timeline.now = instant_later(world->timeline.now, until);
}
