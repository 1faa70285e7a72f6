#include "sim/host_clock.h"

#include "engine/base/check.h"

enum { MILLION = 1000000, NANOSECONDS_IN_MILLISECOND = 1000000 };

void host_clock_init(struct host_clock *clock, const struct clock_settings *settings,
                     struct wall_time epoch) {
    *clock = (struct host_clock){.epoch = epoch};
    host_clock_set(clock, (struct instant){0}, settings);
}

/* How far the local clock runs while `elapsed` virtual nanoseconds pass. Never decreases with
 * `elapsed`, since the part that drift adds to or takes from each nanosecond is less than one. */
static uint64_t drifted(uint64_t elapsed, int32_t drift_per_million) {
    if (drift_per_million == 0)
        return elapsed;
    int64_t whole = (int64_t)(elapsed / MILLION) * drift_per_million;
    int64_t part = (int64_t)(elapsed % MILLION) * drift_per_million / MILLION;
    return elapsed + (uint64_t)(whole + part);
}

static uint64_t local_nanoseconds(const struct host_clock *clock, struct instant now) {
    CHECK(!instant_before(now, clock->anchor));
    return clock->anchor_local_nanoseconds +
           drifted(now.nanoseconds - clock->anchor.nanoseconds, clock->settings.drift_per_million);
}

void host_clock_set(struct host_clock *clock, struct instant now,
                    const struct clock_settings *settings) {
    CHECK(settings->drift_per_million > -MILLION && settings->drift_per_million <= MILLION);
    clock->anchor_local_nanoseconds = local_nanoseconds(clock, now);
    clock->anchor = now;
    clock->settings = *settings;
}

void host_clock_start_process(struct host_clock *clock, struct instant now,
                              struct duration offset) {
    clock->monotonic_offset_nanoseconds = offset.nanoseconds - local_nanoseconds(clock, now);
}

void host_clock_step_wall(struct host_clock *clock, int64_t milliseconds) {
    clock->steps_milliseconds += milliseconds;
    if (clock->frozen)
        clock->frozen_at.milliseconds += (uint64_t)milliseconds;
}

void host_clock_freeze_wall(struct host_clock *clock, struct instant now, bool frozen) {
    if (frozen && !clock->frozen)
        clock->frozen_at = host_clock_wall(clock, now);
    clock->frozen = frozen;
}

struct instant host_clock_monotonic(const struct host_clock *clock, struct instant now) {
    return (struct instant){local_nanoseconds(clock, now) + clock->monotonic_offset_nanoseconds};
}

struct wall_time host_clock_wall(const struct host_clock *clock, struct instant now) {
    if (clock->frozen)
        return clock->frozen_at;
    int64_t shifted = (int64_t)(clock->epoch.milliseconds +
                                local_nanoseconds(clock, now) / NANOSECONDS_IN_MILLISECOND) +
                      clock->settings.offset_milliseconds + clock->steps_milliseconds;
    return (struct wall_time){shifted < 0 ? 0 : (uint64_t)shifted};
}

struct instant host_clock_virtual(const struct host_clock *clock, struct instant monotonic) {
    if (monotonic.nanoseconds == UINT64_MAX)
        return INSTANT_NEVER;
    uint64_t shown = clock->anchor_local_nanoseconds + clock->monotonic_offset_nanoseconds;
    if (monotonic.nanoseconds <= shown)
        return clock->anchor;
    uint64_t wanted = monotonic.nanoseconds - shown;
    int32_t drift = clock->settings.drift_per_million;
    if (drift == 0)
        return instant_after(clock->anchor, (struct duration){wanted});
    uint64_t rate = (uint64_t)(MILLION + drift);
    if (wanted / rate >= UINT64_MAX / MILLION / 2)
        return INSTANT_NEVER;
    uint64_t elapsed = wanted / rate * MILLION + wanted % rate * MILLION / rate;
    /* The division rounds down; the answer lies within a few steps. A clock that all but stands
     * shows the same for up to a million nanoseconds, hence the bound. */
    for (unsigned i = 0; i < MILLION && drifted(elapsed, drift) < wanted; i++)
        elapsed++;
    return instant_after(clock->anchor, (struct duration){elapsed});
}
