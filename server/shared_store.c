#include "server/shared_store.h"

#include <pthread.h>
#include <stdlib.h>

/* A thread that waits for its batch. It lives on that thread's stack. */
struct shared_writer {
    struct shared_writer *next;
    const struct store_batch *batch;
    bool durable;
    bool leads; /* woken to lead the next group */
    bool done;
    enum store_status status;
    pthread_cond_t condition;
};

struct shared_store {
    struct blocking_store *blocking;
    pthread_mutex_t queue_mutex;
    pthread_mutex_t store_mutex; /* whoever steps the store holds it; never taken under the other */
    struct shared_writer *first, **last;
    bool has_leader;
};

struct shared_store *shared_store_create(struct blocking_store *blocking) {
    struct shared_store *shared = calloc(1, sizeof *shared);
    CHECK(shared != NULL);
    shared->blocking = blocking;
    shared->last = &shared->first;
    pthread_mutex_init(&shared->queue_mutex, NULL);
    pthread_mutex_init(&shared->store_mutex, NULL);
    return shared;
}

void shared_store_destroy(struct shared_store *shared) {
    if (shared == NULL)
        return;
    CHECK(shared->first == NULL && !shared->has_leader);
    pthread_mutex_destroy(&shared->store_mutex);
    pthread_mutex_destroy(&shared->queue_mutex);
    free(shared);
}

/* Takes the next group out of the queue; its end is marked by a null link. */
static struct shared_writer *take_group(struct shared_store *shared) {
    struct shared_writer *group = shared->first, *end = group;
    for (uint32_t i = 1; i < SHARED_STORE_GROUP_MAX && end->next != NULL; i++)
        end = end->next;
    shared->first = end->next;
    end->next = NULL;
    if (shared->first == NULL)
        shared->last = &shared->first;
    return group;
}

/* One log write and at most one sync for the whole group. */
static void commit_group(struct shared_store *shared, struct shared_writer *group) {
    bool durable = false, entered = false;
    uint64_t last = 0;
    pthread_mutex_lock(&shared->store_mutex);
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
        status = blocking_store_finish(shared->blocking, last, durable);
    pthread_mutex_unlock(&shared->store_mutex);
    for (struct shared_writer *writer = group; writer != NULL; writer = writer->next) {
        if (writer->status == STORE_OK)
            writer->status = status;
    }
}

/* The queue's mutex is held. A writer that is done may be gone at once: its link is read first. */
static void wake_group(struct shared_writer *group, const struct shared_writer *self) {
    for (struct shared_writer *writer = group, *next; writer != NULL; writer = next) {
        next = writer->next;
        writer->done = true;
        if (writer != self)
            pthread_cond_signal(&writer->condition);
    }
}

static void lead(struct shared_store *shared, const struct shared_writer *self) {
    struct shared_writer *group = take_group(shared);
    pthread_mutex_unlock(&shared->queue_mutex);
    commit_group(shared, group);
    pthread_mutex_lock(&shared->queue_mutex);
    wake_group(group, self);
    shared->has_leader = shared->first != NULL;
    if (shared->has_leader) {
        shared->first->leads = true;
        pthread_cond_signal(&shared->first->condition);
    }
}

enum store_status shared_store_write(struct shared_store *shared, const struct store_batch *batch,
                                     bool durable) {
    struct shared_writer self = {.batch = batch, .durable = durable};
    pthread_cond_init(&self.condition, NULL);
    pthread_mutex_lock(&shared->queue_mutex);
    *shared->last = &self;
    shared->last = &self.next;
    if (!shared->has_leader)
        shared->has_leader = self.leads = true;
    while (!self.done && !self.leads)
        pthread_cond_wait(&self.condition, &shared->queue_mutex);
    if (!self.done)
        lead(shared, &self);
    CHECK(self.done);
    pthread_mutex_unlock(&shared->queue_mutex);
    pthread_cond_destroy(&self.condition);
    return self.status;
}

enum store_status shared_store_get(struct shared_store *shared, struct bytes key,
                                   struct buffer *value) {
    struct bytes found;
    pthread_mutex_lock(&shared->store_mutex);
    enum store_status status = blocking_store_get(shared->blocking, key, &found);
    buffer_clear(value);
    if (status == STORE_OK)
        buffer_append(value, found);
    pthread_mutex_unlock(&shared->store_mutex);
    return status;
}
