/* world_internal: what the parts of the world share. */
#ifndef DUNLIN_SIM_WORLD_INTERNAL_H
#define DUNLIN_SIM_WORLD_INTERNAL_H

#include "sim/network.h"
#include "sim/rolling_hash.h"
#include "sim/simulated_host.h"
#include "sim/world.h"

struct world {
    struct world_defaults defaults;
    struct timeline timeline;
    struct network network;
    struct simulated_host *hosts[WORLD_HOSTS_MAX];
    uint32_t host_count;
    struct id_map names; /* hash of a name -> host */
    struct effects effects;
    struct buffer remote; /* of the link being accepted */
    struct rolling_hash hash;
    uint64_t event_count;
    struct world_observer own_observer; /* the timeline's, when there is one */
};

/* The host of that name, or null. */
struct simulated_host *world_find_host(const struct world *world, struct bytes name);
/* The process ends and leaves its links and files as the kind of crash says. */
void world_end_process(struct world *world, struct simulated_host *host, enum crash_kind kind);
/* Gives the delivery to its host's program, now or later (world_step.c). Takes its chunk. */
void world_deliver(struct world *world, const struct delivery *delivery);
/* HAPPENING_WAKE: the host takes what is first in its inbox. */
void world_wake_host(struct world *world, struct simulated_host *host);

#endif
