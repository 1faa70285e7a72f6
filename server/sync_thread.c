#include "server/sync_thread.h"

#include "server/blocking_files.h"

#include <errno.h>
#include <unistd.h>

void sync_thread_init(struct sync_thread *thread) {
    *thread = (struct sync_thread){0};
    pthread_mutex_init(&thread->mutex, NULL);
    pthread_cond_init(&thread->asked_condition, NULL);
    pthread_cond_init(&thread->done_condition, NULL);
}

static void perform(struct sync_request *request) {
    int result =
        request->of == SYNC_OF_FILE ? fdatasync(request->descriptor) : fsync(request->descriptor);
    request->status = result == 0 ? DISK_OK : blocking_files_status(errno);
    if (request->users != NULL)
        atomic_fetch_sub(request->users, 1);
}

static void *run(void *argument) {
    struct sync_thread *thread = argument;
    pthread_mutex_lock(&thread->mutex);
    for (;;) {
        uint64_t next = atomic_load_explicit(&thread->done, memory_order_relaxed);
        if (next == thread->asked) {
            if (thread->stopping)
                break;
            pthread_cond_wait(&thread->asked_condition, &thread->mutex);
            continue;
        }
        pthread_mutex_unlock(&thread->mutex);
        perform(&thread->requests[next % SYNC_THREAD_MAX]);
        pthread_mutex_lock(&thread->mutex);
        atomic_store_explicit(&thread->done, next + 1, memory_order_release);
        pthread_cond_signal(&thread->done_condition);
    }
    pthread_mutex_unlock(&thread->mutex);
    return NULL;
}

void sync_thread_deinit(struct sync_thread *thread) {
    if (thread->started) {
        pthread_mutex_lock(&thread->mutex);
        thread->stopping = true;
        pthread_cond_signal(&thread->asked_condition);
        pthread_mutex_unlock(&thread->mutex);
        pthread_join(thread->thread, NULL);
    }
    pthread_cond_destroy(&thread->done_condition);
    pthread_cond_destroy(&thread->asked_condition);
    pthread_mutex_destroy(&thread->mutex);
}

void sync_thread_ask(struct sync_thread *thread, uint64_t ticket, int descriptor, enum sync_of of,
                     atomic_uint *users) {
    CHECK(thread->asked - thread->taken < SYNC_THREAD_MAX);
    if (users != NULL)
        atomic_fetch_add(users, 1);
    pthread_mutex_lock(&thread->mutex);
    thread->requests[thread->asked++ % SYNC_THREAD_MAX] =
        (struct sync_request){.ticket = ticket, .descriptor = descriptor, .of = of, .users = users};
    pthread_cond_signal(&thread->asked_condition);
    pthread_mutex_unlock(&thread->mutex);
    if (!thread->started)
        thread->started = pthread_create(&thread->thread, NULL, run, thread) == 0;
    if (!thread->started) { /* no thread to be had: the caller waits itself */
        perform(&thread->requests[(thread->asked - 1) % SYNC_THREAD_MAX]);
        atomic_store_explicit(&thread->done, thread->asked, memory_order_release);
    }
}

bool sync_thread_take(struct sync_thread *thread, struct disk_done *outcome, bool wait) {
    if (!sync_thread_is_busy(thread))
        return false;
    if (!sync_thread_has_done(thread)) {
        if (!wait)
            return false;
        pthread_mutex_lock(&thread->mutex);
        while (!sync_thread_has_done(thread))
            pthread_cond_wait(&thread->done_condition, &thread->mutex);
        pthread_mutex_unlock(&thread->mutex);
    }
    const struct sync_request *request = &thread->requests[thread->taken++ % SYNC_THREAD_MAX];
    *outcome = (struct disk_done){.ticket = request->ticket, .status = request->status};
    return true;
}
