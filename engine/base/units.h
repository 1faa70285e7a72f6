/* units: quantities that must not mix, as one-member structs.
 *
 * An instant is a point on one host's monotonic clock; a duration is a distance on it; a wall time
 * is what a host believes the time of day to be (milliseconds since 1970), which may be wrong and
 * may step.
 *
 *     struct instant due = instant_after(now, duration_of_milliseconds(250));
 *     if (instant_reached(now, due)) ...
 */
#ifndef DUNLIN_BASE_UNITS_H
#define DUNLIN_BASE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

struct instant {
    uint64_t nanoseconds;
};
struct duration {
    uint64_t nanoseconds;
};
struct wall_time {
    uint64_t milliseconds;
};

#define INSTANT_NEVER ((struct instant){UINT64_MAX})

static inline struct duration duration_of_microseconds(uint64_t microseconds) {
    return (struct duration){microseconds * 1000};
}
static inline struct duration duration_of_milliseconds(uint64_t milliseconds) {
    return (struct duration){milliseconds * 1000000};
}
static inline struct duration duration_of_seconds(uint64_t seconds) {
    return (struct duration){seconds * 1000000000};
}

/* Saturates at INSTANT_NEVER. */
static inline struct instant instant_after(struct instant from, struct duration duration) {
    uint64_t sum = from.nanoseconds + duration.nanoseconds;
    return (struct instant){sum < from.nanoseconds ? UINT64_MAX : sum};
}

static inline bool instant_before(struct instant left, struct instant right) {
    return left.nanoseconds < right.nanoseconds;
}

/* True when `now` is at or past `due`; INSTANT_NEVER is never reached. */
static inline bool instant_reached(struct instant now, struct instant due) {
    return due.nanoseconds != UINT64_MAX && now.nanoseconds >= due.nanoseconds;
}

static inline struct instant instant_earlier(struct instant left, struct instant right) {
    return instant_before(left, right) ? left : right;
}

/* Zero when `from` lies after `to`. */
static inline struct duration duration_between(struct instant from, struct instant to) {
    return (struct duration){to.nanoseconds > from.nanoseconds ? to.nanoseconds - from.nanoseconds
                                                               : 0};
}

#endif
