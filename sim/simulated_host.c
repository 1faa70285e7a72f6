#include "sim/simulated_host.h"

#include "sim/random_stream.h"

#include <stdlib.h>

/* A monotonic clock starts anywhere between one second and about twelve days. */
#define MONOTONIC_START_MIN ((uint64_t)1000000000)
#define MONOTONIC_START_MAX ((uint64_t)1 << 50)

void simulated_host_init(struct simulated_host *host, struct timeline *timeline, uint32_t index,
                         const char *name, const struct program *program,
                         const struct world_defaults *defaults) {
    size_t size = strlen(name) + 1;
    *host = (struct simulated_host){.name = malloc(size),
                                    .index = index,
                                    .program = *program,
                                    .timeline = timeline,
                                    .step_cost = defaults->step_cost,
                                    .deadline = INSTANT_NEVER,
                                    .due = INSTANT_NEVER,
                                    .timer_at = INSTANT_NEVER};
    CHECK(host->name != NULL);
    memcpy(host->name, name, size);
    host_clock_init(&host->clock, &defaults->clock, defaults->epoch);
    simulated_disk_init(&host->disk, timeline, index, &defaults->disk);
    random_stream_init(&host->cost_stream, timeline->seed, index, "step cost");
    random_stream_init(&host->entropy_stream, timeline->seed, index, "entropy");
    random_stream_init(&host->boot_stream, timeline->seed, index, "monotonic start");
}

void simulated_host_deinit(struct simulated_host *host) {
    if (host->instance != NULL)
        simulated_host_end(host);
    simulated_disk_deinit(&host->disk);
    delivery_queue_deinit(&host->inbox);
    buffer_deinit(&host->halt_reason);
    free(host->name);
}

void simulated_host_start(struct simulated_host *host) {
    CHECK(host->instance == NULL);
    host->instance = host->program.create(host->program.context, host->index);
    CHECK(host->instance != NULL);
    host->boot++;
    host->busy_until = host->timeline->now;
    buffer_clear(&host->halt_reason);
    struct duration offset = {
        prng_between(&host->boot_stream, MONOTONIC_START_MIN, MONOTONIC_START_MAX)};
    host_clock_start_process(&host->clock, host->timeline->now, offset);
    struct delivery start = {.kind = EVENT_START, .host = host->index};
    simulated_host_defer(host, &start);
}

void simulated_host_end(struct simulated_host *host) {
    CHECK(host->instance != NULL);
    host->program.destroy(host->instance);
    host->instance = NULL;
    host->boot++;
    host->paused = host->halting = false;
    delivery_queue_clear(&host->inbox, &host->timeline->chunks);
    host->wake_scheduled = host->timeout_waits = false;
    host->deadline = host->due = host->timer_at = INSTANT_NEVER;
}

void simulated_host_defer(struct simulated_host *host, const struct delivery *delivery) {
    delivery_queue_push(&host->inbox, delivery);
    simulated_host_wake(host);
}

void simulated_host_wake(struct simulated_host *host) {
    if (host->wake_scheduled || host->paused || host->inbox.count == 0)
        return;
    host->wake_scheduled = true;
    event_queue_push(&host->timeline->queue, instant_later(host->timeline->now, host->busy_until),
                     HAPPENING_WAKE, host, host->boot);
}

void simulated_host_fill_event(struct simulated_host *host, const struct delivery *delivery,
                               struct event *event) {
    event->kind = delivery->kind;
    event->now = host_clock_monotonic(&host->clock, host->timeline->now);
    event->wall = host_clock_wall(&host->clock, host->timeline->now);
    const struct chunk *chunk = delivery->chunk;
    struct bytes bytes = chunk == NULL ? (struct bytes){0}
                                       : bytes_of(chunk->data + delivery->offset, delivery->size);
    if (delivery->kind == EVENT_LINK_BYTES) {
        event->bytes = bytes;
    } else if (delivery->kind == EVENT_DISK_DONE) {
        event->disk.ticket = delivery->ticket;
        event->disk.status = delivery->status;
        event->disk.file_count = delivery->file_count;
        if (delivery->file_count > 0)
            event->disk.files = (const struct file_entry *)(const void *)chunk->data;
        else
            event->disk.bytes = bytes;
    } else if (delivery->kind == EVENT_START) {
        for (size_t i = 0; i < sizeof event->entropy; i += sizeof(uint64_t)) {
            uint64_t drawn = prng_u64(&host->entropy_stream);
            memcpy(event->entropy + i, &drawn, sizeof drawn);
        }
    }
}

struct instant simulated_host_spend(struct simulated_host *host) {
    uint64_t cost = distribution_sample(&host->step_cost, &host->cost_stream);
    uint64_t limit = (uint64_t)1 << 60;
    host->busy_until =
        instant_after(host->timeline->now, (struct duration){cost < limit ? cost : limit});
    return host->busy_until;
}

/* Timers are lazy: a deadline that moves away leaves the timer where it is, and the timer, when it
 * comes, looks again. A deadline that has passed is due a small step after the present, so that
 * time goes on. */
static void schedule_timer(struct simulated_host *host) {
    if (host->due.nanoseconds == UINT64_MAX || host->timeout_waits)
        return;
    struct instant soonest =
        instant_after(instant_later(host->timeline->now, host->busy_until), TIMELINE_DELAY_MIN);
    struct instant at = instant_later(host->due, soonest);
    if (host->timer_at.nanoseconds <= at.nanoseconds)
        return;
    host->timer_at = at;
    event_queue_push(&host->timeline->queue, at, HAPPENING_TIMER, host, host->boot);
}

void simulated_host_set_timer(struct simulated_host *host) {
    struct instant deadline = host->program.deadline(host->instance);
    if (deadline.nanoseconds != host->deadline.nanoseconds) {
        host->deadline = deadline;
        host->due = host_clock_virtual(&host->clock, deadline);
    }
    schedule_timer(host);
}

void simulated_host_clock_changed(struct simulated_host *host) {
    if (host->instance == NULL)
        return;
    host->due = host_clock_virtual(&host->clock, host->deadline);
    schedule_timer(host);
}

void simulated_host_timer(struct simulated_host *host, struct instant at) {
    if (host->timer_at.nanoseconds != at.nanoseconds)
        return; /* an earlier deadline took its place */
    host->timer_at = INSTANT_NEVER;
    if (!instant_reached(host->timeline->now, host->due)) {
        schedule_timer(host);
        return;
    }
    host->timeout_waits = true;
    struct delivery timeout = {.kind = EVENT_TIMEOUT, .host = host->index};
    delivery_queue_push(&host->timeline->deliveries, &timeout);
}

bool simulated_host_take_timeout(struct simulated_host *host) {
    host->timeout_waits = false;
    if (instant_reached(host->timeline->now, host->due))
        return true;
    schedule_timer(host);
    return false;
}
