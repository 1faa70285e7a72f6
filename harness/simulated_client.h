/* simulated_client: one simulated client, a program on a host of its own that speaks RESP to the nodes.
 *
 *     IDLE --its time has come--> CONNECTING --link opened--> READING --reply--> WRITING --reply--> IDLE
 *                                     \________ a blind write ________________/
 *
 * One operation at a time. Everything that it issues and gets back goes into the history; what it reads before it writes
 * is the causal history of the write. Draws come from the client's own stream, so another client's faults shift nothing.
 *
 *     struct client_setup setup = {.history = history, .world = world, .group = group, ...};
 *     struct program program = client_program(&setup);      // the setup must outlive the world
 */
#ifndef DUNLIN_HARNESS_SIMULATED_CLIENT_H
#define DUNLIN_HARNESS_SIMULATED_CLIENT_H

#include "harness/history.h"
#include "sim/world.h"

struct client_setup {
    struct history *history;
    struct world *world;
    const struct client_group *group;
    uint32_t group_index;
    uint32_t client; /* among all clients */
    uint32_t node_count;
    uint32_t nodes[SCENARIO_NODES_MAX]; /* the ones that it speaks to */
    bool is_idle;                       /* told to whoever waits for the last operation to end */
};

struct program client_program(struct client_setup *setup);

#endif
