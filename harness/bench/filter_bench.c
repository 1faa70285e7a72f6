/* filter_bench: the store's Bloom filter against ribbon filters of the same and of a smaller size.
 *
 *     filter_bench [ROUNDS]          5 rounds, of which the median counts
 *
 * Keys are numbers, hashed as the store hashes keys. For each filter: size, how many of 4 million absent keys pass, and CPU time
 * to build and to ask. "far" asks filters that together are larger than the processor's caches, each time another one:
 * what a lookup in a large store meets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/base/hash.h"
#include "engine/base/prng.h"
#include "engine/store/bloom.h"
#include "harness/bench/ribbon.h"

enum {
    ABSENT = 4000000,
    FAR_FILTERS = 1000,
    FAR_KEYS = 35000, /* about what a table of 4 MiB holds */
    FAR_PROBES = 2000000,
    ROUNDS_MAX = 99,
};

/* result_bits 0: the Bloom filter. Rows of a ribbon: count times rows_percent. */
struct kind {
    const char *name;
    uint32_t result_bits, rows_percent;
};

static const struct kind KINDS[] = {
    {"Bloom, 10 bits for each key", 0, 0},
    {"ribbon, r = 9, 10 bits", 9, 111},
    {"ribbon, r = 7, 7.6 bits", 7, 109},
};
enum { KIND_COUNT = sizeof KINDS / sizeof KINDS[0] };

struct filter {
    struct buffer bytes;
    struct bloom bloom;
    struct ribbon ribbon;
};

static double cpu_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static uint64_t *hashes_from(uint64_t from, size_t count) {
    uint64_t *hashes = malloc(count * sizeof *hashes);
    for (size_t i = 0; i < count; i++) {
        uint64_t number = from + i;
        hashes[i] = hash64(bytes_of(&number, sizeof number));
    }
    return hashes;
}

static void build(const struct kind *kind, const uint64_t *hashes, size_t count,
                  struct filter *filter) {
    *filter = (struct filter){0};
    if (kind->result_bits == 0) {
        bloom_build(hashes, count, 10, &filter->bytes);
        if (!bloom_decode(buffer_bytes(&filter->bytes), &filter->bloom))
            abort();
        return;
    }
    /* With more rows until they suffice; each attempt counts. */
    for (uint64_t percent = kind->rows_percent;; percent++) {
        uint64_t rows = (count * percent / 100 + RIBBON_WIDTH) / RIBBON_WIDTH * RIBBON_WIDTH;
        if (ribbon_build(&filter->ribbon, hashes, count, rows, kind->result_bits))
            return;
    }
}

static bool passes(const struct filter *filter, uint64_t hash) {
    return filter->bytes.size > 0 ? bloom_may_contain(&filter->bloom, hash)
                                  : ribbon_may_contain(&filter->ribbon, hash);
}

static void release(struct filter *filter) {
    buffer_deinit(&filter->bytes);
    ribbon_free(&filter->ribbon);
}

static int compare_doubles(const void *left, const void *right) {
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, compare_doubles);
    return values[count / 2];
}

static void measure(const struct kind *kind, size_t count, int rounds) {
    uint64_t *present = hashes_from(0, count);
    uint64_t *absent = hashes_from((uint64_t)1 << 40, ABSENT);
    double built[ROUNDS_MAX], hits[ROUNDS_MAX], misses[ROUNDS_MAX];
    size_t bytes = 0;
    size_t passed = 0;
    for (int round = 0; round < rounds; round++) {
        struct filter filter;
        double start = cpu_now();
        build(kind, present, count, &filter);
        built[round] = (cpu_now() - start) / (double)count;
        bytes = filter.bytes.size > 0 ? filter.bytes.size : ribbon_bytes(&filter.ribbon);
        start = cpu_now();
        size_t found = 0;
        for (size_t i = 0; i < ABSENT; i++)
            found += passes(&filter, present[i % count]) ? 1 : 0;
        hits[round] = (cpu_now() - start) / ABSENT;
        if (found != ABSENT)
            abort();
        start = cpu_now();
        passed = 0;
        for (size_t i = 0; i < ABSENT; i++)
            passed += passes(&filter, absent[i]) ? 1 : 0;
        misses[round] = (cpu_now() - start) / ABSENT;
        release(&filter);
    }
    printf("| %s | %zu | %.2f | %.3f %% | %.1f | %.1f | %.1f |\n", kind->name, count,
           (double)bytes * 8 / (double)count, (double)passed * 100 / ABSENT, median(built, rounds),
           median(hits, rounds), median(misses, rounds));
    free(present);
    free(absent);
}

static void measure_far(const struct kind *kind, int rounds) {
    struct filter *filters = calloc(FAR_FILTERS, sizeof *filters);
    double times[ROUNDS_MAX];
    for (uint64_t i = 0; i < FAR_FILTERS; i++) {
        uint64_t *hashes = hashes_from(i * FAR_KEYS, FAR_KEYS);
        build(kind, hashes, FAR_KEYS, &filters[i]);
        free(hashes);
    }
    for (int round = 0; round < rounds; round++) {
        struct prng prng;
        size_t passed = 0;
        prng_init(&prng, (uint64_t)round, 1);
        double start = cpu_now();
        for (int i = 0; i < FAR_PROBES; i++) {
            uint64_t hash = prng_u64(&prng);
            passed += passes(&filters[(hash & 0xffff) * FAR_FILTERS >> 16], hash) ? 1 : 0;
        }
        times[round] = (cpu_now() - start) / FAR_PROBES;
        if (passed > FAR_PROBES / 50)
            abort();
    }
    printf("| %s | %.1f |\n", kind->name, median(times, rounds));
    for (uint64_t i = 0; i < FAR_FILTERS; i++)
        release(&filters[i]);
    free(filters);
}

int main(int argc, char **argv) {
    static const size_t COUNTS[] = {1000, 35000, 1000000};
    int rounds = argc > 1 ? atoi(argv[1]) : 5;
    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "filter_bench [ROUNDS]: 1 to %d rounds\n", ROUNDS_MAX);
        return 2;
    }
    printf("| filter | keys | bits for each | absent keys that pass | build ns/key | present ns | "
           "absent ns |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (size_t i = 0; i < sizeof COUNTS / sizeof COUNTS[0]; i++) {
        for (int kind = 0; kind < KIND_COUNT; kind++)
            measure(&KINDS[kind], COUNTS[i], rounds);
    }
    printf("\n| filter, %d of them with %d keys each | absent ns, far |\n| --- | ---: |\n",
           FAR_FILTERS, FAR_KEYS);
    for (int kind = 0; kind < KIND_COUNT; kind++)
        measure_far(&KINDS[kind], rounds);
    return 0;
}
