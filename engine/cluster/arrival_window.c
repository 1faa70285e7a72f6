#include "engine/cluster/arrival_window.h"

_Static_assert((uint64_t)ARRIVAL_INTERVAL_MAX *ARRIVAL_INTERVAL_MAX <=
                   UINT64_MAX / ARRIVAL_WINDOW_SIZE / ARRIVAL_WINDOW_SIZE,
               "sums of squares fit, and so does their product with the count");

void arrival_window_add(struct arrival_window *window, struct duration interval) {
    uint64_t microseconds = interval.nanoseconds / 1000;
    if (microseconds > ARRIVAL_INTERVAL_MAX)
        microseconds = ARRIVAL_INTERVAL_MAX;
    if (window->count == ARRIVAL_WINDOW_SIZE) {
        uint64_t oldest = window->microseconds[window->next];
        window->sum -= oldest;
        window->sum_of_squares -= oldest * oldest;
    } else {
        window->count++;
    }
    window->microseconds[window->next] = (uint32_t)microseconds;
    window->sum += microseconds;
    window->sum_of_squares += microseconds * microseconds;
    window->next = (window->next + 1) % ARRIVAL_WINDOW_SIZE;
}

uint64_t integer_square_root(uint64_t value) {
    uint64_t root = 0;
    uint64_t rest = value;
    /* Digit by digit in base 2, from the highest even power. */
    for (uint64_t bit = (uint64_t)1 << 62; bit != 0; bit >>= 2) {
        if (rest >= root + bit) {
            rest -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return root;
}

struct duration arrival_window_patience(const struct arrival_window *window) {
    if (window->count == 0)
        return (struct duration){0};
    uint64_t count = window->count;
    uint64_t mean = window->sum / count;
    /* n * sum(x^2) - sum(x)^2 is n^2 times the variance, exactly and never negative. */
    uint64_t scaled = count * window->sum_of_squares - window->sum * window->sum;
    uint64_t deviation = integer_square_root(scaled) / count;
    if (deviation < mean / ARRIVAL_DEVIATION_PARTS)
        deviation = mean / ARRIVAL_DEVIATION_PARTS;
    return duration_of_microseconds(mean + ARRIVAL_DEVIATIONS * deviation);
}
