/* timeline: what the network, the disks and the hosts of one world share: the present, the queue of
 * what happens next, memory for bytes, and the deliveries of the happening that is being performed.
 *
 * Every delay is at least TIMELINE_DELAY_MIN, so that virtual time advances whatever a scenario
 * says and no two programs can talk forever within one instant.
 */
#ifndef DUNLIN_SIM_TIMELINE_H
#define DUNLIN_SIM_TIMELINE_H

#include "sim/chunk.h"
#include "sim/delivery.h"
#include "sim/event_queue.h"
#include "sim/world.h"

#define TIMELINE_DELAY_MIN ((struct duration){1000}) /* one microsecond of virtual time */

struct timeline {
    uint64_t seed;
    struct instant now;
    struct event_queue queue;
    struct chunk_pool chunks;
    struct delivery_queue deliveries;
    const struct world_observer *observer; /* or null */
};

static inline struct instant instant_later(struct instant left, struct instant right) {
    return instant_before(left, right) ? right : left;
}

#endif
