#include "server/sync_thread.h"

#include <unistd.h>

void sync_thread_init(struct sync_thread *thread, struct store_directory *directory) {
    *thread = (struct sync_thread){.directory = directory};
    pthread_mutex_init(&thread->mutex, NULL);
    pthread_cond_init(&thread->asked_condition, NULL);
    pthread_cond_init(&thread->done_condition, NULL);
}

/* A file without a name is nobody's but ours: its space is given back by the close, which may take its time. What is left
 * of it in memory is the caller's to release. */
static void close_file(const struct sync_request *request) {
    if (request->file == NULL)
        return;
    close(request->file->descriptor);
    request->file->descriptor = -1;
}

/* A file that cannot be opened has its outcome already. */
static void perform(const struct sync_thread *thread, struct sync_request *request) {
    if (request->is_removal)
        close_file(request);
    else if (request->file != NULL)
        request->status = store_file_sync(request->file->descriptor);
    else if (request->status == DISK_OK)
        request->status = store_directory_sync(thread->directory, request->checkpoint);
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
        perform(thread, &thread->requests[next % SYNC_THREAD_MAX]);
        pthread_mutex_lock(&thread->mutex);
        atomic_store_explicit(&thread->done, next + 1, memory_order_release);
        pthread_cond_signal(&thread->done_condition);
    }
    pthread_mutex_unlock(&thread->mutex);
    return NULL;
}

static struct sync_request request_for(struct sync_thread *thread, const struct effect *effect) {
    struct sync_request request = {.ticket = effect->ticket, .checkpoint = effect->file.checkpoint};
    if (effect->kind == EFFECT_SYNC)
        request.file =
            store_directory_acquire(thread->directory, effect->file, false, &request.status);
    if (request.file != NULL)
        request.writes = request.file->writes;
    return request;
}

/* The name goes at once. */
static struct sync_request removal_for(struct sync_thread *thread, const struct effect *effect) {
    struct sync_request request = {.ticket = effect->ticket, .is_removal = true};
    request.file = store_directory_acquire(thread->directory, effect->file, false, &request.status);
    request.status = store_directory_remove(thread->directory, effect->file);
    bool is_ours = request.file != NULL && request.file->is_detached && request.file->users == 1;
    if (request.file != NULL && !is_ours) {
        store_directory_release(thread->directory, request.file);
        request.file = NULL;
    }
    return request;
}

void sync_thread_ask(struct sync_thread *thread, const struct effect *effect) {
    CHECK(effect->kind == EFFECT_SYNC || effect->kind == EFFECT_SYNC_DIRECTORY ||
          effect->kind == EFFECT_REMOVE);
    CHECK(thread->asked - thread->taken < SYNC_THREAD_MAX);
    /* Before the lock: memory may run out, and the caller be left in the middle. */
    struct sync_request made =
        effect->kind == EFFECT_REMOVE ? removal_for(thread, effect) : request_for(thread, effect);
    pthread_mutex_lock(&thread->mutex);
    struct sync_request *request = &thread->requests[thread->asked++ % SYNC_THREAD_MAX];
    *request = made;
    pthread_cond_signal(&thread->asked_condition);
    pthread_mutex_unlock(&thread->mutex);
    if (!thread->started)
        thread->started = pthread_create(&thread->thread, NULL, run, thread) == 0;
    if (!thread->started) { /* no thread to be had: the caller waits itself */
        perform(thread, request);
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
    if (request->file != NULL) {
        if (request->status == DISK_OK && !request->is_removal)
            request->file->writes_synced = request->writes;
        store_directory_release(thread->directory, request->file);
    }
    return true;
}

void sync_thread_deinit(struct sync_thread *thread) {
    if (thread->started) {
        pthread_mutex_lock(&thread->mutex);
        thread->stopping = true;
        pthread_cond_signal(&thread->asked_condition);
        pthread_mutex_unlock(&thread->mutex);
        pthread_join(thread->thread, NULL);
    }
    struct disk_done outcome;
    while (sync_thread_take(thread, &outcome, false)) {
        /* What nobody asks for any more: its file is let go. */
    }
    pthread_cond_destroy(&thread->done_condition);
    pthread_cond_destroy(&thread->asked_condition);
    pthread_mutex_destroy(&thread->mutex);
}
