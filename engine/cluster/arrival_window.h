/* arrival_window: how regularly something arrives, and how long a silence is still ordinary.
 *
 *     the last 32 intervals --> mean and deviation --> patience = mean + 8 deviations
 *
 * An accrual detector grows its suspicion with the silence, in units of what this very network has
 * shown. Integers only: the same on every machine.
 *
 * Source: Hayashibara et al., "The phi accrual failure detector", SRDS 2004, section 4.2. Instead of the
 * tail of a normal distribution, which needs floating point, a multiple of the deviation is the
 * threshold; by Chebyshev's inequality it bounds the false alarms of any distribution.
 *
 *     struct arrival_window window = {0};
 *     arrival_window_add(&window, duration_between(last, now));
 *     struct duration patience = arrival_window_patience(&window);
 *     if (silence.nanoseconds >= patience.nanoseconds) ...
 */
#ifndef DUNLIN_CLUSTER_ARRIVAL_WINDOW_H
#define DUNLIN_CLUSTER_ARRIVAL_WINDOW_H

#include "engine/base/check.h"
#include "engine/base/units.h"

enum {
    ARRIVAL_WINDOW_SIZE = 32,
    ARRIVAL_INTERVAL_MAX = 1 << 26, /* microseconds; longer ones count as this long */
    ARRIVAL_DEVIATIONS = 8,
    ARRIVAL_DEVIATION_PARTS = 4, /* the deviation counts as at least the mean divided by this */
};

/* The zero value is an empty window. */
struct arrival_window {
    uint32_t microseconds[ARRIVAL_WINDOW_SIZE];
    uint32_t count;
    uint32_t next; /* where the next interval goes: the oldest one when full */
    uint64_t sum;  /* of microseconds */
    uint64_t sum_of_squares;
};

void arrival_window_add(struct arrival_window *window, struct duration interval);
/* 0 while the window is empty. */
struct duration arrival_window_patience(const struct arrival_window *window);
/* The largest integer whose square is not above `value`. */
uint64_t integer_square_root(uint64_t value);

#endif
