#include "sim/host_clock.h"

#include "engine/base/check.h"

enum { MILLION = 1000000, NANOSECONDS_IN_MILLISECOND = 1000000 };

void host_clock_init(struct host_clock *clock, const struct clock_settings *settings,
                     struct wall_time epoch) {
    *clock = (struct host_clock){.epoch = epoch};
    host_clock_set(clock, (struct instant){0}, settings);
}

/* Local nanoseconds in a million virtual ones. */
static uint64_t rate_of(const struct host_clock *clock) {
    return (uint64_t)(MILLION + clock->settings.drift_per_million);
}

/* floor(elapsed * rate / MILLION), in two parts that do not overflow. */
static uint64_t drifted(uint64_t elapsed, uint64_t rate) {
    return elapsed / MILLION * rate + elapsed % MILLION * rate / MILLION;
}

static uint64_t local_nanoseconds(const struct host_clock *clock, struct instant now) {
    CHECK(!instant_before(now, clock->anchor));
    return clock->anchor_local_nanoseconds +
           drifted(now.nanoseconds - clock->anchor.nanoseconds, rate_of(clock));
}

static void drop_anchor(struct host_clock *clock, struct instant now) {
    clock->anchor_local_nanoseconds = local_nanoseconds(clock, now);
    clock->anchor = now;
}

void host_clock_set(struct host_clock *clock, struct instant now,
                    const struct clock_settings *settings) {
    CHECK(settings->drift_per_million > -MILLION && settings->drift_per_million <= MILLION);
    drop_anchor(clock, now);
    clock->settings = *settings;
}

/* With the anchor here, the monotonic clock shows no less than `offset` from the anchor on. */
void host_clock_start_process(struct host_clock *clock, struct instant now,
                              struct duration offset) {
    drop_anchor(clock, now);
    clock->monotonic_offset_nanoseconds = offset.nanoseconds - clock->anchor_local_nanoseconds;
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
    uint64_t rate = rate_of(clock);
    if (wanted / rate >= UINT64_MAX / MILLION / 2)
        return INSTANT_NEVER;
    /* ceil(wanted * MILLION / rate): the inverse of drifted(). */
    uint64_t elapsed = wanted / rate * MILLION + (wanted % rate * MILLION + rate - 1) / rate;
    return instant_after(clock->anchor, (struct duration){elapsed});
}
