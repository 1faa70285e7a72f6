/* step_watch: how long the parts of an operation hold its caller, by the clock on the wall and by the processor's.
 *
 *     operation   |--------------------------------------------|
 *     parts        |enter|  |pump|table write|outcome|  |pump log|log write|
 *
 * The difference of the two clocks is what the caller did not do: it waited in the kernel, or another program had the
 * processor. The kernel's counts of both kinds of switches tell which. For measuring only: each part costs four system calls.
 *
 *     struct step_watch watch = {0};
 *     blocking_store_watch(store, &watch);
 *     ... operations ...
 *     step_watch_print(&watch, stdout);
 */
#ifndef DUNLIN_SERVER_STEP_WATCH_H
#define DUNLIN_SERVER_STEP_WATCH_H

#include "engine/base/effect.h"

#include <stdio.h>

#define STEP_KINDS(X)                                                                              \
    X(STEP_OPERATION, "operation")                                                                 \
    X(STEP_ENTER, "store_write")                                                                   \
    X(STEP_PUMP, "store_pump")                                                                     \
    X(STEP_PUMP_LOG, "store_pump_log")                                                             \
    X(STEP_OUTCOME, "store_on_disk")                                                               \
    X(STEP_LOG_WRITE, "log write")                                                                 \
    X(STEP_TABLE_WRITE, "table write")                                                             \
    X(STEP_MANIFEST_WRITE, "manifest write")                                                       \
    X(STEP_READ, "read")                                                                           \
    X(STEP_LIST, "list")                                                                           \
    X(STEP_SYNC, "sync")                                                                           \
    X(STEP_ALLOCATE, "allocate")                                                                   \
    X(STEP_RENAME, "rename")                                                                       \
    X(STEP_LINK, "link")                                                                           \
    X(STEP_ASK, "left to the thread")

#define STEP_AS_ENUMERATOR(kind, text) kind,
enum step_kind { STEP_KINDS(STEP_AS_ENUMERATOR) STEP_KIND_COUNT };
#undef STEP_AS_ENUMERATOR

/* Eight buckets for each power of two of nanoseconds. */
enum { STEP_BUCKETS_PER_OCTAVE = 8, STEP_BUCKETS = 40 * STEP_BUCKETS_PER_OCTAVE };

struct step_times {
    uint64_t buckets[STEP_BUCKETS];
    uint64_t worst;
};

struct step_series {
    struct step_times wall, cpu;
    uint64_t count;
    uint64_t over;           /* took more than a millisecond of wall time; of these, */
    uint64_t over_cpu;       /* so much of processor time, too */
    uint64_t over_preempted; /* the processor was taken away */
    uint64_t over_waited;    /* the caller slept in the kernel */
};

struct step_watch {
    struct step_series series[STEP_KIND_COUNT];
};

struct step_mark {
    uint64_t wall, cpu;
    int64_t preempted, waited;
};

struct step_mark step_mark_now(void);
void step_watch_note(struct step_watch *watch, enum step_kind kind, const struct step_mark *begun);

/* Nothing when `watch` is null, as it is but for measurements. */
static inline struct step_mark step_watch_begin(const struct step_watch *watch) {
    return watch == NULL ? (struct step_mark){0} : step_mark_now();
}
static inline void step_watch_end(struct step_watch *watch, enum step_kind kind,
                                  struct step_mark begun) {
    if (watch != NULL)
        step_watch_note(watch, kind, &begun);
}
/* The kind of a file operation. */
enum step_kind step_kind_of(const struct effect *effect);
void step_watch_print(const struct step_watch *watch, FILE *to);

#endif
