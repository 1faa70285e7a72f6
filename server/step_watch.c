#include "server/step_watch.h"

#include <inttypes.h>
#include <sys/resource.h>
#include <time.h>

enum { MILLISECOND = 1000000, TAIL_ONE_IN = 10000 };

static uint64_t clock_nanoseconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

struct step_mark step_mark_now(void) {
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return (struct step_mark){
        .wall = clock_nanoseconds(CLOCK_MONOTONIC),
        .cpu = clock_nanoseconds(CLOCK_THREAD_CPUTIME_ID),
        .preempted = usage.ru_nivcsw,
        .waited = usage.ru_nvcsw,
    };
}

static uint32_t bucket_of(uint64_t nanoseconds) {
    if (nanoseconds < STEP_BUCKETS_PER_OCTAVE)
        return (uint32_t)nanoseconds;
    uint32_t octave = 63 - (uint32_t)__builtin_clzll(nanoseconds);
    uint32_t bucket =
        (octave - 2) * STEP_BUCKETS_PER_OCTAVE + (uint32_t)(nanoseconds >> (octave - 3)) % 8;
    return bucket < STEP_BUCKETS ? bucket : STEP_BUCKETS - 1;
}

/* The largest that the bucket holds. */
static uint64_t end_of_bucket(uint32_t bucket) {
    if (bucket < STEP_BUCKETS_PER_OCTAVE)
        return bucket;
    uint32_t octave = bucket / STEP_BUCKETS_PER_OCTAVE + 2;
    return ((uint64_t)(STEP_BUCKETS_PER_OCTAVE + bucket % STEP_BUCKETS_PER_OCTAVE + 1)
            << (octave - 3)) -
           1;
}

static void add(struct step_times *times, uint64_t nanoseconds) {
    times->buckets[bucket_of(nanoseconds)]++;
    if (nanoseconds > times->worst)
        times->worst = nanoseconds;
}

void step_watch_note(struct step_watch *watch, enum step_kind kind, const struct step_mark *begun) {
    struct step_mark ended = step_mark_now();
    struct step_series *series = &watch->series[kind];
    uint64_t wall = ended.wall - begun->wall, cpu = ended.cpu - begun->cpu;
    add(&series->wall, wall);
    add(&series->cpu, cpu);
    series->count++;
    if (wall <= MILLISECOND)
        return;
    series->over++;
    series->over_cpu += cpu > MILLISECOND;
    series->over_preempted += ended.preempted > begun->preempted;
    series->over_waited += ended.waited > begun->waited;
}

enum step_kind step_kind_of(const struct effect *effect) {
    switch (effect->kind) {
    case EFFECT_WRITE:
        if (effect->file.kind == FILE_LOG)
            return STEP_LOG_WRITE;
        return effect->file.kind == FILE_TABLE ? STEP_TABLE_WRITE : STEP_MANIFEST_WRITE;
    case EFFECT_READ:
        return STEP_READ;
    case EFFECT_LIST:
        return STEP_LIST;
    case EFFECT_SYNC:
    case EFFECT_SYNC_DIRECTORY:
        return STEP_SYNC;
    case EFFECT_ALLOCATE:
        return STEP_ALLOCATE;
    case EFFECT_RENAME:
        return STEP_RENAME;
    case EFFECT_LINK:
    case EFFECT_REMOVE:
        return STEP_LINK;
    case EFFECT_CONNECT:
    case EFFECT_SEND:
    case EFFECT_CLOSE:
    case EFFECT_NOTE:
    case EFFECT_HALT:
        break;
    }
    CHECK_UNREACHABLE("a store's disk effect");
}

/* What all but one in ten thousand stay below. */
static uint64_t tail_of(const struct step_times *times, uint64_t count) {
    uint64_t left = count / TAIL_ONE_IN;
    for (uint32_t bucket = STEP_BUCKETS; bucket-- > 0;) {
        if (times->buckets[bucket] > left) {
            uint64_t end = end_of_bucket(bucket);
            return end < times->worst ? end : times->worst;
        }
        left -= times->buckets[bucket];
    }
    return 0;
}

static double microseconds(uint64_t nanoseconds) {
    return (double)nanoseconds / 1000;
}

void step_watch_print(const struct step_watch *watch, FILE *to) {
#define STEP_AS_NAME(kind, text) text,
    static const char *const NAMES[] = {STEP_KINDS(STEP_AS_NAME)};
#undef STEP_AS_NAME
    fprintf(to, "%-20s %10s %12s %12s %12s %12s %8s %8s %10s %8s\n", "", "times", "p99.99 CPU",
            "most CPU us", "p99.99 wall", "most wall us", "> 1 ms", "of CPU", "preempted",
            "waited");
    for (uint32_t kind = 0; kind < STEP_KIND_COUNT; kind++) {
        const struct step_series *series = &watch->series[kind];
        if (series->count == 0)
            continue;
        fprintf(to,
                "%-20s %10" PRIu64 " %12.1f %12.1f %12.1f %12.1f %8" PRIu64 " %8" PRIu64
                " %10" PRIu64 " %8" PRIu64 "\n",
                NAMES[kind], series->count, microseconds(tail_of(&series->cpu, series->count)),
                microseconds(series->cpu.worst),
                microseconds(tail_of(&series->wall, series->count)),
                microseconds(series->wall.worst), series->over, series->over_cpu,
                series->over_preempted, series->over_waited);
    }
}
