/* cache_bench: how many requests the block cache answers, against LRU and CLOCK, when scans pass through it.
 *
 *     cache_bench [REQUESTS]          4 million point requests for each line
 *
 * Point requests for 100,000 blocks follow Zipf's law (exponent 0.99, as in YCSB); which blocks are popular is drawn.
 * A scan asks for a run of blocks, one after the other, that begins anywhere. Told is the share of *point requests* that the
 * cache answers, after a fifth of the requests to warm up, and what a request costs the block cache in CPU time.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/prng.h"
#include "engine/store/block_cache.h"

enum { BLOCKS = 100000, CONTENTS = 64, NOBODY = -1 };

enum policy { POLICY_STORE, POLICY_LRU, POLICY_CLOCK, POLICY_COUNT };

/* LRU and CLOCK, block by block, as rings of block numbers. */
struct ring {
    int room, count, hand;
    int newest, oldest;             /* LRU */
    int next[BLOCKS], prev[BLOCKS]; /* LRU: towards older, towards newer */
    int slot[BLOCKS];               /* CLOCK: where a block lies, or NOBODY */
    int block[BLOCKS];              /* CLOCK: what lies there */
    bool held[BLOCKS], used[BLOCKS];
};

static void lru_unlink(struct ring *ring, int block) {
    if (ring->prev[block] == NOBODY)
        ring->newest = ring->next[block];
    else
        ring->next[ring->prev[block]] = ring->next[block];
    if (ring->next[block] == NOBODY)
        ring->oldest = ring->prev[block];
    else
        ring->prev[ring->next[block]] = ring->prev[block];
}

static void lru_push(struct ring *ring, int block) {
    ring->prev[block] = NOBODY;
    ring->next[block] = ring->newest;
    if (ring->newest == NOBODY)
        ring->oldest = block;
    else
        ring->prev[ring->newest] = block;
    ring->newest = block;
}

static bool lru_ask(struct ring *ring, int block) {
    bool hit = ring->held[block];
    if (hit) {
        lru_unlink(ring, block);
    } else if (ring->count == ring->room) {
        int victim = ring->oldest;
        lru_unlink(ring, victim);
        ring->held[victim] = false;
    } else {
        ring->count++;
    }
    ring->held[block] = true;
    lru_push(ring, block);
    return hit;
}

static bool clock_ask(struct ring *ring, int block) {
    if (ring->held[block]) {
        ring->used[block] = true;
        return true;
    }
    if (ring->count < ring->room) {
        ring->hand = ring->count++;
    } else {
        for (;; ring->hand = (ring->hand + 1) % ring->room) {
            int other = ring->block[ring->hand];
            if (!ring->used[other]) {
                ring->held[other] = false;
                break;
            }
            ring->used[other] = false;
        }
    }
    ring->block[ring->hand] = block;
    ring->held[block] = true;
    ring->used[block] = false;
    ring->hand = (ring->hand + 1) % ring->room;
    return false;
}

static bool store_ask(struct block_cache *cache, struct block_pool *pool, int block) {
    struct lent_block lent;
    if (block_cache_get(cache, 1, (uint64_t)block * 4096, &lent))
        return true;
    struct buffer fresh = block_pool_spare(pool);
    memset(buffer_reserve(&fresh, CONTENTS), 0, CONTENTS);
    fresh.size = CONTENTS;
    block_cache_put(cache, 1, (uint64_t)block * 4096, block_create(pool, &fresh));
    /* Whoever waited for the block asks again. */
    (void)block_cache_get(cache, 1, (uint64_t)block * 4096, &lent);
    return false;
}

/* What is asked for: a point request's block, or ~block within a scan. */
struct trace {
    int *requests;
    size_t count;
};

/* Ranks drawn from the cumulated law, then shuffled over the blocks. */
static struct trace draw(size_t points, int scan_every, int scan_length) {
    struct prng prng;
    static double cumulated[BLOCKS];
    static int shuffled[BLOCKS];
    double sum = 0;
    prng_init(&prng, 1, 1);
    for (int i = 0; i < BLOCKS; i++) {
        sum += 1 / pow(i + 1, 0.99);
        cumulated[i] = sum;
        shuffled[i] = i;
    }
    for (int i = BLOCKS - 1; i > 0; i--) {
        int other = (int)prng_below(&prng, (uint32_t)i + 1);
        int moved = shuffled[i];
        shuffled[i] = shuffled[other];
        shuffled[other] = moved;
    }
    size_t scans = scan_every == 0 ? 0 : points / (size_t)scan_every;
    struct trace trace = {.requests = malloc((points + scans * (size_t)scan_length) * sizeof(int))};
    for (size_t i = 0; i < points; i++) {
        double at = (double)prng_u32(&prng) / 4294967296.0 * sum;
        int low = 0;
        int high = BLOCKS - 1;
        while (low < high) {
            int middle = low + (high - low) / 2;
            if (cumulated[middle] < at)
                low = middle + 1;
            else
                high = middle;
        }
        trace.requests[trace.count++] = shuffled[low];
        if (scan_every == 0 || (i + 1) % (size_t)scan_every != 0)
            continue;
        int from = (int)prng_below(&prng, BLOCKS);
        for (int k = 0; k < scan_length; k++)
            trace.requests[trace.count++] = ~((from + k) % BLOCKS);
    }
    return trace;
}

static double run(enum policy policy, const struct trace *trace, int room, double *nanoseconds) {
    struct ring *ring = calloc(1, sizeof *ring);
    struct block_pool pool = {0};
    struct block_cache *cache =
        block_cache_create((uint64_t)room * (CONTENTS + BLOCK_CACHE_OVERHEAD));
    size_t hits = 0;
    size_t points = 0;
    *ring = (struct ring){.room = room, .newest = NOBODY, .oldest = NOBODY};
    struct timespec before, after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    for (size_t i = 0; i < trace->count; i++) {
        int request = trace->requests[i];
        int block = request < 0 ? ~request : request;
        bool hit = policy == POLICY_STORE ? store_ask(cache, &pool, block)
                   : policy == POLICY_LRU ? lru_ask(ring, block)
                                          : clock_ask(ring, block);
        bool counts = request >= 0 && i >= trace->count / 5;
        points += counts ? 1 : 0;
        hits += counts && hit ? 1 : 0;
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    *nanoseconds =
        ((double)(after.tv_sec - before.tv_sec) * 1e9 + (double)(after.tv_nsec - before.tv_nsec)) /
        (double)trace->count;
    block_cache_destroy(cache);
    block_pool_deinit(&pool);
    free(ring);
    return 100.0 * (double)hits / (double)points;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int every, length;
    } MIXES[] = {
        {"points alone", 0, 0},
        {"short scans, half of all requests", 10, 10},
        {"scans of 1,000, half", 1000, 1000},
        {"scans of 20,000, half", 20000, 20000},
        {"scans of all, nine tenths", 20000, 180000},
    };
    static const int ROOMS[] = {1000, 10000, 25000};
    size_t points = argc > 1 ? strtoul(argv[1], NULL, 10) : 4000000;
    printf("| requests | cache | block cache | LRU | CLOCK | ns/request |\n"
           "| --- | ---: | ---: | ---: | ---: | ---: |\n");
    for (size_t mix = 0; mix < sizeof MIXES / sizeof MIXES[0]; mix++) {
        struct trace trace = draw(points, MIXES[mix].every, MIXES[mix].length);
        for (size_t i = 0; i < sizeof ROOMS / sizeof ROOMS[0]; i++) {
            double shares[POLICY_COUNT], times[POLICY_COUNT];
            for (int policy = 0; policy < POLICY_COUNT; policy++)
                shares[policy] = run((enum policy)policy, &trace, ROOMS[i], &times[policy]);
            printf("| %s | %d %% | %.1f %% | %.1f %% | %.1f %% | %.0f |\n", MIXES[mix].name,
                   ROOMS[i] * 100 / BLOCKS, shares[POLICY_STORE], shares[POLICY_LRU],
                   shares[POLICY_CLOCK], times[POLICY_STORE]);
        }
        free(trace.requests);
    }
    return 0;
}
