#include "server/blocking_internal.h"

#include "engine/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLOSE_WAITS_MAX = 8,     /* for another attempt of the store's */
    RESERVE_BYTES = 1 << 20, /* enough for a flush, when nothing else is to be had */
};

bool blocking_has_failed(const struct blocking_store *blocking) {
    return store_phase(blocking->store) == STORE_PHASE_FAILED;
}

bool blocking_is_full(const struct blocking_store *blocking) {
    return store_condition(blocking->store) == STORE_CONDITION_FULL;
}

/* For whoever called, who is in no pool: as much of the sentence as there is memory for. */
static void tell(struct buffer *problem, struct bytes sentence) {
    if (host_memory_make_room(problem, sentence.size))
        buffer_append(problem, sentence);
}

bool blocking_enter(struct blocking_store *blocking) {
    if (blocking->store == NULL)
        return false;
    host_memory_enter(&blocking->pool);
    blocking->was_idle = false;
    blocking_tell_wall(blocking);
    return true;
}

/* Files first: which are open is known from the pool's memory. */
static void let_go(struct blocking_store *blocking) {
    sync_thread_deinit(&blocking->syncs);
    blocking_files_close(&blocking->files);
    host_memory_pool_deinit(&blocking->pool);
}

void blocking_lose(struct blocking_store *blocking) {
    snprintf(blocking->why, sizeof blocking->why,
             "memory ran out: %zu bytes were not to be had. The store is as after a crash; open it "
             "again",
             blocking->pool.wanted);
    blocking->store = NULL;
    let_go(blocking);
    for (uint32_t i = 0; i < BLOCKING_EFFECT_LISTS; i++)
        blocking->effects[i] = (struct effects){0};
    blocking->refusal = blocking->read_copies = blocking->note = (struct buffer){0};
    blocking->write_copies = (struct buffer){0};
    blocking->statuses = NULL;
    blocking->handed_out = NULL;
}

void blocking_store_drop(struct blocking_store *blocking) {
    if (blocking == NULL)
        return;
    if (blocking_enter(blocking)) {
        if (setjmp(blocking->pool.door) == 0) {
            store_destroy(blocking->store);
            blocking_leave();
        }
        let_go(blocking);
    }
    free(blocking);
}

static bool recover(struct blocking_store *blocking) {
    store_start(blocking->store, blocking_now(), blocking_effects(blocking));
    blocking_perform(blocking);
    while (store_phase(blocking->store) == STORE_PHASE_RECOVERING)
        CHECK(blocking_go_on_or_wait(blocking) ||
              store_phase(blocking->store) != STORE_PHASE_RECOVERING);
    if (!blocking_has_failed(blocking))
        return true;
    buffer_append(&blocking->refusal, store_failure(blocking->store));
    return false;
}

/* False with a sentence in blocking->refusal. */
static bool start(struct blocking_store *blocking, const char *directory,
                  const struct store_config *config) {
    if (!blocking_files_open(&blocking->files, directory, &blocking->refusal))
        return false;
    blocking->store = store_create(config);
    if (recover(blocking)) {
        blocking->last_sequence = store_written(blocking->store);
        return true;
    }
    return false;
}

/* The store is gone, and the sentence told, when this returns false. */
static bool start_or_tell(struct blocking_store *blocking, const char *directory,
                          const struct store_config *config, struct buffer *problem) {
    host_memory_enter(&blocking->pool);
    if (setjmp(blocking->pool.door) != 0) {
        blocking_lose(blocking);
        tell(problem, bytes_of_text(blocking->why));
        blocking_store_drop(blocking);
        return false;
    }
    bool started = start(blocking, directory, config);
    blocking_leave();
    if (started)
        return true;
    tell(problem, buffer_bytes(&blocking->refusal));
    if (blocking->store == NULL)
        let_go(blocking);
    blocking_store_drop(blocking);
    return false;
}

struct blocking_store *blocking_store_open(const char *directory, const struct store_config *config,
                                           struct buffer *problem) {
    const char *refused = store_config_problem(config);
    if (refused != NULL) {
        tell(problem, bytes_of_text("the settings cannot work: "));
        tell(problem, bytes_of_text(refused));
        return NULL;
    }
    struct blocking_store *blocking = calloc(1, sizeof *blocking);
    if (blocking == NULL) {
        tell(problem, bytes_of_text("memory ran out"));
        return NULL;
    }
    blocking->next_waiter = 1;
    blocking->has_interval = config->sync == STORE_SYNC_INTERVAL;
    blocking->files.directory.descriptor = blocking->files.directory.lock_descriptor = -1;
    host_memory_pool_init(&blocking->pool, RESERVE_BYTES);
    sync_thread_init(&blocking->syncs, &blocking->files.directory);
    return start_or_tell(blocking, directory, config, problem) ? blocking : NULL;
}

static bool close_engine(struct blocking_store *blocking) {
    BLOCKING_ENTER(blocking, false);
    store_close(blocking->store, blocking_now(), blocking_effects(blocking));
    blocking_perform(blocking);
    /* A disk that is full or refuses is given some time, not all. */
    for (uint32_t waits = 0; !store_is_closed(blocking->store) && !blocking_has_failed(blocking);) {
        if (blocking_go_on(blocking))
            continue;
        if (waits++ == CLOSE_WAITS_MAX || !blocking_wait_for_deadline(blocking))
            break;
    }
    bool closed = store_is_closed(blocking->store);
    blocking_leave();
    return closed;
}

bool blocking_store_close(struct blocking_store *blocking, struct buffer *problem) {
    bool closed = close_engine(blocking);
    if (!closed)
        tell(problem, blocking_store_problem(blocking));
    blocking_store_drop(blocking);
    return closed;
}

void blocking_store_figures(const struct blocking_store *blocking, struct store_figures *store,
                            struct blocking_figures *host) {
    if (blocking->store == NULL)
        memset(store, 0, sizeof *store);
    else
        store_figures(blocking->store, store);
    *host = blocking->figures;
    host->bytes_read = blocking->files.bytes_read;
    host->bytes_written = blocking->files.bytes_written;
    host->bytes_mapped = blocking->files.bytes_mapped;
}

struct bytes blocking_store_problem(const struct blocking_store *blocking) {
    if (blocking->store == NULL)
        return bytes_of_text(blocking->why);
    if (blocking->pool.reserve == NULL && !blocking_has_failed(blocking))
        return bytes_of_text("memory is short: what was kept in reserve is used up");
    return store_problem(blocking->store);
}

struct bytes blocking_store_note(const struct blocking_store *blocking) {
    return buffer_bytes(&blocking->note);
}

struct store *blocking_store_engine(struct blocking_store *blocking) {
    return blocking->store;
}
