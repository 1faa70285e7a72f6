/* host_clock: what one host believes the time to be.
 *
 *     virtual time   |-----------------------------------------------|
 *     local          elapsed virtual time, running fast or slow by drift_per_million
 *     monotonic      local time since the process started + an offset that no program may rely on
 *     wall           epoch + offset + local time + steps, or standing still while frozen
 *
 * The monotonic clock drifts and never steps. A frozen wall clock shows one time; when it thaws, it
 * shows at once what it would have shown without the frost, so that it steps forward.
 *
 *     host_clock_init(&clock, &settings, epoch);
 *     host_clock_start_process(&clock, now, offset);
 *     struct instant monotonic = host_clock_monotonic(&clock, now);
 *     struct instant due = host_clock_virtual(&clock, deadline);   // when it will be shown
 */
#ifndef DUNLIN_SIM_HOST_CLOCK_H
#define DUNLIN_SIM_HOST_CLOCK_H

#include "sim/world.h"

struct host_clock {
    struct clock_settings settings;
    struct wall_time epoch;
    int64_t steps_milliseconds; /* the sum of all steps so far */
    bool frozen;
    struct wall_time frozen_at; /* what a frozen clock shows */
    /* The last change of drift or start of a process, in virtual and in local time. */
    struct instant anchor;
    uint64_t anchor_local_nanoseconds;
    /* Monotonic = local + this (modulo 2^64). */
    uint64_t monotonic_offset_nanoseconds;
};

void host_clock_init(struct host_clock *clock, const struct clock_settings *settings,
                     struct wall_time epoch);
/* From now on the monotonic clock counts from `offset`. */
void host_clock_start_process(struct host_clock *clock, struct instant now, struct duration offset);
/* -1000000 < drift_per_million <= 1000000. */
void host_clock_set(struct host_clock *clock, struct instant now,
                    const struct clock_settings *settings);
void host_clock_step_wall(struct host_clock *clock, int64_t milliseconds);
void host_clock_freeze_wall(struct host_clock *clock, struct instant now, bool frozen);

/* `now` is virtual and not before the anchor. */
struct instant host_clock_monotonic(const struct host_clock *clock, struct instant now);
struct wall_time host_clock_wall(const struct host_clock *clock, struct instant now);
/* The first virtual instant, from the anchor on, at which the monotonic clock shows `monotonic` or
 * more. INSTANT_NEVER stays what it is. */
struct instant host_clock_virtual(const struct host_clock *clock, struct instant monotonic);

#endif
