/* injector_internal: what the parts of the injector share. */
#ifndef DUNLIN_HARNESS_INJECTOR_INTERNAL_H
#define DUNLIN_HARNESS_INJECTOR_INTERNAL_H

#include "harness/injector.h"

/* One direction that one fault holds. */
struct block {
    uint32_t fault;
    uint16_t from, to;
};

struct injector {
    const struct scenario *scenario;
    struct world *world;
    struct history *history;
    struct replica_samples *samples;
    uint32_t host_count;
    struct block *blocks;
    uint32_t block_count, block_capacity;
    bool meant_down[SCENARIO_NODES_MAX], paused[SCENARIO_NODES_MAX];
    uint64_t halted_at[SCENARIO_NODES_MAX]; /* 0: it has not given up */
    uint64_t failing_disk[SCENARIO_NODES_MAX / 64 + 1];
    struct clock_settings clocks[SCENARIO_NODES_MAX];
    uint32_t disk_of[SCENARIO_NODES_MAX]; /* whose disk a node has */
};

void injector_block(struct injector *injector, const struct action *action);
/* What one fault holds, or what any does. */
void injector_unblock(struct injector *injector, uint32_t fault, bool all);
const struct link_settings *injector_configured_link(const struct scenario *scenario, uint32_t from,
                                                     uint32_t to);
void injector_set_link(struct injector *injector, uint32_t from, uint32_t to,
                       const struct link_settings *settings);
void injector_set_links(struct injector *injector, const struct action *action);
void injector_cut(struct injector *injector, const struct action *action);

#endif
