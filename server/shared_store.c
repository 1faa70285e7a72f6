#include "server/shared_store.h"

#include "server/blocking_internal.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* A leader waits for those who were just woken, at most this part of what a commit takes. */
enum { GATHER_SHARE = 4 };

/* A thread that waits for its batch. It lives on that thread's stack. */
struct shared_writer {
    struct shared_writer *next;
    const struct store_batch *batch;
    bool durable;
    bool done; /* otherwise, when it is woken, it is to lead the next group */
    enum store_status status;
    sem_t woken; /* whoever is woken need not take the queue's mutex to see why */
};

struct shared_store {
    struct blocking_store *blocking;
    pthread_mutex_t queue_mutex;
    pthread_mutex_t store_mutex; /* whoever steps the store holds it; never taken under the other */
    pthread_cond_t synced;       /* a sync that was out is back */
    bool sync_is_out; /* a leader syncs without the mutex: nobody may wait for the store */
    struct shared_writer *first, **last;
    uint32_t queued;
    bool has_leader;
    uint32_t expected;           /* writers that were about when the last group was done */
    uint64_t commit_nanoseconds; /* of the last group */
};

struct shared_store *shared_store_create(struct blocking_store *blocking) {
    struct shared_store *shared = calloc(1, sizeof *shared);
    if (shared == NULL)
        return NULL;
    shared->blocking = blocking;
    shared->last = &shared->first;
    pthread_mutex_init(&shared->queue_mutex, NULL);
    pthread_mutex_init(&shared->store_mutex, NULL);
    pthread_cond_init(&shared->synced, NULL);
    return shared;
}

void shared_store_destroy(struct shared_store *shared) {
    if (shared == NULL)
        return;
    CHECK(shared->first == NULL && !shared->has_leader);
    pthread_cond_destroy(&shared->synced);
    pthread_mutex_destroy(&shared->store_mutex);
    pthread_mutex_destroy(&shared->queue_mutex);
    free(shared);
}

/* Takes the next group out of the queue; its end is marked by a null link. */
static struct shared_writer *take_group(struct shared_store *shared, uint32_t *size) {
    struct shared_writer *group = shared->first, *end = group;
    *size = 1;
    for (; *size < SHARED_STORE_GROUP_MAX && end->next != NULL; ++*size)
        end = end->next;
    shared->first = end->next;
    end->next = NULL;
    shared->queued -= *size;
    if (shared->first == NULL)
        shared->last = &shared->first;
    return group;
}

struct blocking_store *shared_store_lock(struct shared_store *shared) {
    pthread_mutex_lock(&shared->store_mutex);
    while (shared->sync_is_out)
        pthread_cond_wait(&shared->synced, &shared->store_mutex);
    return shared->blocking;
}

void shared_store_unlock(struct shared_store *shared) {
    pthread_mutex_unlock(&shared->store_mutex);
}

/* The store's mutex is held, but while the disk works: others read meanwhile. */
static enum store_status finish(struct shared_store *shared, uint64_t sequence, bool durable) {
    struct blocking_sync sync;
    enum store_status status = blocking_finish_begin(shared->blocking, sequence, durable, &sync);
    if (sync.descriptor < 0)
        return status == STORE_OK ? blocking_store_finish(shared->blocking, sequence, durable)
                                  : status;
    shared->sync_is_out = true;
    pthread_mutex_unlock(&shared->store_mutex);
    sync.status = store_file_sync(sync.descriptor);
    close(sync.descriptor);
    pthread_mutex_lock(&shared->store_mutex);
    status = blocking_finish_end(shared->blocking, sequence, &sync);
    shared->sync_is_out = false;
    pthread_cond_broadcast(&shared->synced);
    return status;
}

/* One log write and at most one sync for the whole group. */
static void commit_group(struct shared_store *shared, struct shared_writer *group) {
    bool durable = false, entered = false;
    uint64_t last = 0;
    (void)shared_store_lock(shared);
    for (struct shared_writer *writer = group; writer != NULL; writer = writer->next) {
        uint64_t sequence;
        writer->status = blocking_store_enter(shared->blocking, writer->batch, &sequence);
        if (writer->status != STORE_OK)
            continue;
        last = sequence;
        durable = durable || writer->durable;
        entered = true;
    }
    enum store_status status = STORE_OK;
    if (entered)
        status = finish(shared, last, durable);
    shared_store_unlock(shared);
    for (struct shared_writer *writer = group; writer != NULL; writer = writer->next) {
        if (writer->status == STORE_OK)
            writer->status = status;
    }
}

/* A writer that is done may be gone at once: its link is read first. */
static void wake_group(struct shared_writer *group, const struct shared_writer *self) {
    for (struct shared_writer *writer = group, *next; writer != NULL; writer = next) {
        next = writer->next;
        writer->done = true;
        if (writer != self)
            sem_post(&writer->woken);
    }
}

static uint64_t now_nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* The queue's mutex is held. Those whose writes have just become durable are about to write again: without a moment's
 * patience a leader would sync for itself, and all others for one another the time after, by turns. */
static void gather(struct shared_store *shared) {
    uint64_t until = now_nanoseconds() + shared->commit_nanoseconds / GATHER_SHARE;
    while (shared->queued < shared->expected && now_nanoseconds() < until) {
        pthread_mutex_unlock(&shared->queue_mutex);
        sched_yield();
        pthread_mutex_lock(&shared->queue_mutex);
    }
}

/* The queue's mutex is held, and let go. */
static void lead(struct shared_store *shared, const struct shared_writer *self) {
    if (self->durable)
        gather(shared);
    uint32_t size;
    struct shared_writer *group = take_group(shared, &size);
    pthread_mutex_unlock(&shared->queue_mutex);
    uint64_t began = now_nanoseconds();
    commit_group(shared, group);
    uint64_t took = now_nanoseconds() - began;
    pthread_mutex_lock(&shared->queue_mutex);
    shared->commit_nanoseconds = took;
    shared->expected = size + shared->queued;
    struct shared_writer *next_leader = shared->first;
    shared->has_leader = next_leader != NULL;
    pthread_mutex_unlock(&shared->queue_mutex);
    /* Without the mutex: those who are woken want it for their next write. */
    wake_group(group, self);
    if (next_leader != NULL)
        sem_post(&next_leader->woken);
}

static void wait_for_turn(struct shared_writer *self) {
    while (sem_wait(&self->woken) != 0)
        CHECK(errno == EINTR);
}

enum store_status shared_store_write(struct shared_store *shared, const struct store_batch *batch,
                                     bool durable) {
    struct shared_writer self = {.batch = batch, .durable = durable};
    CHECK(sem_init(&self.woken, 0, 0) == 0);
    pthread_mutex_lock(&shared->queue_mutex);
    *shared->last = &self;
    shared->last = &self.next;
    shared->queued++;
    bool leads = !shared->has_leader;
    shared->has_leader = true;
    if (!leads) {
        pthread_mutex_unlock(&shared->queue_mutex);
        wait_for_turn(&self);
        leads = !self.done;
        if (leads)
            pthread_mutex_lock(&shared->queue_mutex);
    }
    if (leads)
        lead(shared, &self);
    CHECK(self.done);
    sem_destroy(&self.woken);
    return self.status;
}

static enum store_status write_one(struct shared_store *shared, const struct store_entry *entry,
                                   bool durable) {
    struct store_batch batch;
    batch.count = 1;
    batch.entries[0] = *entry;
    batch.has_tally = false;
    return shared_store_write(shared, &batch, durable);
}

enum store_status shared_store_put(struct shared_store *shared, struct bytes key,
                                   struct bytes value, bool durable) {
    const struct store_entry entry = {.key = key, .value = value};
    return write_one(shared, &entry, durable);
}

enum store_status shared_store_remove(struct shared_store *shared, struct bytes key, bool durable) {
    const struct store_entry entry = {.key = key, .removed = true};
    return write_one(shared, &entry, durable);
}

/* Also while a sync is out: a read waits for nothing that it would bring. */
enum store_status shared_store_get(struct shared_store *shared, struct bytes key,
                                   struct buffer *value) {
    struct bytes found;
    pthread_mutex_lock(&shared->store_mutex);
    enum store_status status = blocking_store_get(shared->blocking, key, &found);
    buffer_clear(value);
    if (status == STORE_OK && !host_memory_make_room(value, found.size))
        status = STORE_BUSY;
    if (status == STORE_OK)
        buffer_append(value, found);
    pthread_mutex_unlock(&shared->store_mutex);
    return status;
}
