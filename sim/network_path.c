#include "sim/network_path.h"

#include "sim/random_stream.h"

enum { NANOSECONDS_IN_SECOND = 1000000000 };

void network_path_init(struct network_path *path, const struct link_settings *settings,
                       uint64_t seed, uint32_t from, uint32_t to) {
    uint64_t owner = random_stream_of_pair(from, to);
    *path = (struct network_path){.settings = *settings};
    random_stream_init(&path->latency_stream, seed, owner, "link latency");
    random_stream_init(&path->cut_stream, seed, owner, "link segments");
    random_stream_init(&path->coalesce_stream, seed, owner, "link coalescing");
    random_stream_init(&path->loss_stream, seed, owner, "link loss");
    random_stream_init(&path->flip_stream, seed, owner, "link flips");
    random_stream_init(&path->stall_stream, seed, owner, "link stalls");
}

uint32_t network_path_cut(struct network_path *path, uint32_t size) {
    uint32_t largest = path->settings.segment_bytes_max;
    if (largest == 0)
        return size;
    uint32_t drawn = prng_below(&path->cut_stream, largest) + 1;
    return drawn < size ? drawn : size;
}

bool network_path_coalesces(struct network_path *path) {
    return path->settings.segment_bytes_max != 0 && prng_chance(&path->coalesce_stream, 1, 2);
}

/* Nothing that a scenario can say makes a sum of delays overflow. */
static struct duration bounded(uint64_t nanoseconds) {
    uint64_t limit = (uint64_t)1 << 60;
    return (struct duration){nanoseconds < limit ? nanoseconds : limit};
}

static void occupy(struct network_path *path, uint32_t size, struct departure *departure) {
    const struct link_settings *settings = &path->settings;
    if (random_stream_strikes(&path->stall_stream, settings->stall_per_million)) {
        uint64_t stall = distribution_sample(&settings->stall, &path->stall_stream);
        departure->left = instant_after(departure->left, bounded(stall));
        path->free_at = departure->left;
    }
    if (settings->bandwidth != 0) {
        uint64_t took = (uint64_t)size * NANOSECONDS_IN_SECOND / settings->bandwidth;
        departure->left = instant_after(departure->left, bounded(took));
        path->free_at = departure->left;
    }
}

void network_path_depart(struct network_path *path, uint32_t size, struct instant from,
                         struct departure *departure) {
    const struct link_settings *settings = &path->settings;
    departure->left = instant_later(from, path->free_at);
    occupy(path, size, departure);
    uint64_t latency = distribution_sample(&settings->latency, &path->latency_stream);
    if (latency < TIMELINE_DELAY_MIN.nanoseconds)
        latency = TIMELINE_DELAY_MIN.nanoseconds;
    departure->arrives = instant_after(departure->left, bounded(latency));
    departure->lost = random_stream_strikes(&path->loss_stream, settings->loss_per_million);
    departure->flipped =
        size > 0 && random_stream_strikes(&path->flip_stream, settings->flip_per_million);
    departure->flipped_bit =
        departure->flipped ? prng_below_u64(&path->flip_stream, (uint64_t)size * 8) : 0;
}
