/* network_path: one direction between two hosts: how long bytes take, and what befalls them.
 *
 *     sender's queue --(bandwidth, stalls: free_at)--> left --(latency)--> arrives
 *
 * All connections from one host to another share the path's bandwidth and its stalls; each byte
 * stream sees to its own order. Each kind of chance has a random stream of its own.
 */
#ifndef DUNLIN_SIM_NETWORK_PATH_H
#define DUNLIN_SIM_NETWORK_PATH_H

#include "sim/timeline.h"
#include "sim/world.h"

struct network_path {
    struct link_settings settings;
    struct instant free_at; /* when what was sent last has left */
    struct prng latency_stream, cut_stream, coalesce_stream;
    struct prng loss_stream, flip_stream, stall_stream;
};

/* What happens to one segment. */
struct departure {
    struct instant left;
    struct instant arrives;
    bool lost;
    bool flipped;
    uint64_t flipped_bit;
};

void network_path_init(struct network_path *path, const struct link_settings *settings,
                       uint64_t seed, uint32_t from, uint32_t to);
/* How many of the next `size` bytes go into one segment: 1 to size. */
uint32_t network_path_cut(struct network_path *path, uint32_t size);
/* Whether a segment that arrives together with the one before it is read together with it. */
bool network_path_coalesces(struct network_path *path);
/* Sends a segment of `size` bytes (0: one that only opens or closes) at `from`. */
void network_path_depart(struct network_path *path, uint32_t size, struct instant from,
                         struct departure *departure);

#endif
