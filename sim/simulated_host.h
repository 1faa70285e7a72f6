/* simulated_host: a machine: its program, its clock and disk, and the inbox of what its program has
 * no time for yet.
 *
 *     delivery --> up, not paused, not busy, inbox empty?  step now
 *                  otherwise                               inbox --(wake)--> a step when it is free
 *
 * A step makes the host busy for its cost; what the step asks for begins when the cost is paid. The
 * program's deadline, on its own monotonic clock, becomes a timer on the virtual time line.
 */
#ifndef DUNLIN_SIM_SIMULATED_HOST_H
#define DUNLIN_SIM_SIMULATED_HOST_H

#include "sim/host_clock.h"
#include "sim/simulated_disk.h"
#include "sim/timeline.h"

struct simulated_host {
    char *name;
    uint32_t index;
    struct program program;
    void *instance; /* null when down */
    uint32_t boot;  /* raised at each start and end of the process: old wakes and timers pass */
    bool paused;
    bool halting; /* the program asked to end; it does when all its effects are performed */
    struct buffer halt_reason;

    struct timeline *timeline;
    struct host_clock clock;
    struct simulated_disk disk;

    struct delivery_queue inbox;
    struct instant busy_until;
    bool wake_scheduled;
    struct distribution step_cost;

    struct instant deadline; /* the program's, as it last said, on its monotonic clock */
    struct instant due;      /* the same in virtual time */
    struct instant timer_at; /* the timer that counts; INSTANT_NEVER: none */
    bool timeout_waits;      /* a timeout lies in the inbox or is being delivered */

    struct prng cost_stream, entropy_stream, boot_stream;
};

void simulated_host_init(struct simulated_host *host, struct timeline *timeline, uint32_t index,
                         const char *name, const struct program *program,
                         const struct world_defaults *defaults);
void simulated_host_deinit(struct simulated_host *host);

/* Creates the program; EVENT_START waits in the inbox. The host must be down. */
void simulated_host_start(struct simulated_host *host);
/* Destroys the program and forgets the inbox; disk and network are the caller's. The host must be
 * up. */
void simulated_host_end(struct simulated_host *host);

/* Whether the program can take an event at once. */
static inline bool simulated_host_is_free(const struct simulated_host *host) {
    return !host->paused && host->inbox.count == 0 &&
           !instant_before(host->timeline->now, host->busy_until);
}
/* Keeps a delivery for later. */
void simulated_host_defer(struct simulated_host *host, const struct delivery *delivery);
/* Makes sure that the host looks into its inbox as soon as it is free. */
void simulated_host_wake(struct simulated_host *host);

/* Fills everything of the event that the host itself knows. */
void simulated_host_fill_event(struct simulated_host *host, const struct delivery *delivery,
                               struct event *event);
/* A step begins: draws its cost and returns when its effects begin. */
struct instant simulated_host_spend(struct simulated_host *host);
/* A step is over, or the clock was set: asks the program for its deadline and sets the timer. */
void simulated_host_set_timer(struct simulated_host *host);
void simulated_host_clock_changed(struct simulated_host *host);
/* HAPPENING_TIMER: delivers a timeout when the deadline has come. */
void simulated_host_timer(struct simulated_host *host, struct instant at);
/* Whether a timeout that waited is still wanted. */
bool simulated_host_take_timeout(struct simulated_host *host);

#endif
