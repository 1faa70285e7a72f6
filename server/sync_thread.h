/* sync_thread: one thread that waits for the disk, so that the store's caller need not: for syncs, and for the space of
 * removed files to be given back.
 *
 *     caller:  sync_thread_ask(ticket, file) --> [asked] --> thread: fdatasync --> [done]
 *     caller:  sync_thread_take(&ticket, &status)  <-----------------------------------------'
 *
 * The caller may look for outcomes at any time (sync_thread_has_done() costs one load), or wait for
 * one. The thread starts with the first question: a host that never syncs in the background has none.
 *
 *     struct sync_thread thread;
 *     sync_thread_init(&thread, &directory);
 *     sync_thread_ask(&thread, effect);
 *     while (sync_thread_take(&thread, &done, true)) ...
 *     sync_thread_deinit(&thread);                     // waits for what is under way
 */
#ifndef DUNLIN_SERVER_SYNC_THREAD_H
#define DUNLIN_SERVER_SYNC_THREAD_H

#include "server/store_directory.h"

#include <pthread.h>
#include <stdatomic.h>

/* At most so many may be under way: one of each kind that the store knows, and some to spare. */
enum { SYNC_THREAD_MAX = 64 };

struct sync_request {
    uint64_t ticket;
    struct store_file
        *file;           /* acquired until its outcome is taken; null when a directory is synced */
    uint32_t checkpoint; /* whose directory that is */
    uint64_t writes;     /* of the file: those that it covers */
    bool is_removal;
    enum disk_status status;
};

struct sync_thread {
    struct store_directory *directory;
    pthread_mutex_t mutex;
    pthread_cond_t asked_condition, done_condition;
    pthread_t thread;
    bool started, stopping;
    /* A ring: [taken, done) have an outcome, [done, asked) wait for the thread. */
    struct sync_request requests[SYNC_THREAD_MAX];
    uint64_t taken, asked;
    atomic_uint_fast64_t done;
};

void sync_thread_init(struct sync_thread *thread, struct store_directory *directory);
void sync_thread_deinit(struct sync_thread *thread);
/* Takes an EFFECT_SYNC, an EFFECT_SYNC_DIRECTORY, or an EFFECT_REMOVE: of that only what takes long is left to the thread. */
void sync_thread_ask(struct sync_thread *thread, const struct effect *effect);
static inline bool sync_thread_is_busy(const struct sync_thread *thread) {
    return thread->taken != thread->asked;
}
static inline bool sync_thread_has_done(struct sync_thread *thread) {
    return thread->taken != thread->asked &&
           thread->taken != atomic_load_explicit(&thread->done, memory_order_acquire);
}
/* The oldest outcome that was not taken. Without one: false, or, when `wait` and something is under way, the next. */
bool sync_thread_take(struct sync_thread *thread, struct disk_done *outcome, bool wait);

#endif
