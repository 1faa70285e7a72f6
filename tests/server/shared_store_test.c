/* One store, many threads: writers that wait for durability, readers, cursors, snapshots, removed ranges, checkpoints and
 * flushes at once. What each thread was told is true for it, and for whoever opens the directory next. Built with the thread
 * sanitizer (preset tsan), this is where a race would show. */
#include "server/shared_store.h"
#include "tests/server/support/library_store.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    WRITERS = 8,
    READERS = 3,
    ROUNDS = 150,
    KEYS_EACH = 40, /* of one writer; each holds the number of the round that wrote it */
    VALUE_SIZE = 120,
    SCANNED_AT_ONCE = 16,
    THREADS_MAX = 32,
};

struct shared_trial {
    struct library_store place;
    struct shared_store *shared;
    atomic_uint acknowledged[WRITERS][KEYS_EACH];
    atomic_uint writing; /* writers that are not done */
};

struct participant {
    struct shared_trial *trial;
    uint32_t number;
    pthread_t thread;
};

static struct bytes key_of(uint32_t writer, uint32_t key, char text[LIBRARY_KEY_SIZE]) {
    snprintf(text, LIBRARY_KEY_SIZE, "w%02u/%04u", (unsigned)writer % 100, (unsigned)key % 10000);
    return bytes_of_text(text);
}

static struct bytes value_of(uint32_t round, char text[VALUE_SIZE]) {
    memset(text, '.', VALUE_SIZE);
    snprintf(text, VALUE_SIZE, "%u", (unsigned)round);
    return bytes_of(text, VALUE_SIZE);
}

static uint32_t round_of(struct bytes value) {
    return value.size == VALUE_SIZE ? (uint32_t)strtoul((const char *)value.data, NULL, 10) : 0;
}

static bool is_writing(struct shared_trial *trial) {
    return atomic_load(&trial->writing) > 0;
}

static const char *write_and_read(const struct participant *self) {
    struct shared_trial *trial = self->trial;
    char key[LIBRARY_KEY_SIZE], value[VALUE_SIZE];
    struct buffer found = {0};
    const char *problem = NULL;
    for (uint32_t round = 1; round <= ROUNDS && problem == NULL; round++) {
        uint32_t number = round % KEYS_EACH;
        struct bytes name = key_of(self->number, number, key);
        if (shared_store_put(trial->shared, name, value_of(round, value), round % 3 != 0) !=
            STORE_OK)
            problem = "a write is not acknowledged";
        atomic_store(&trial->acknowledged[self->number][number], round);
        if (problem == NULL && (shared_store_get(trial->shared, name, &found) != STORE_OK ||
                                round_of(buffer_bytes(&found)) != round))
            problem = "a thread does not read what it wrote";
    }
    buffer_deinit(&found);
    atomic_fetch_sub(&trial->writing, 1);
    return problem;
}

/* What was acknowledged before the question is there. */
static const char *read_others(const struct participant *self) {
    struct shared_trial *trial = self->trial;
    char key[LIBRARY_KEY_SIZE];
    struct buffer found = {0};
    const char *problem = NULL;
    for (uint32_t i = self->number; is_writing(trial) && problem == NULL; i += 7) {
        uint32_t writer = i % WRITERS, number = i / WRITERS % KEYS_EACH;
        uint32_t round = atomic_load(&trial->acknowledged[writer][number]);
        enum store_status status =
            shared_store_get(trial->shared, key_of(writer, number, key), &found);
        if (round > 0 && (status != STORE_OK || round_of(buffer_bytes(&found)) < round))
            problem = "a reader misses what was acknowledged";
    }
    buffer_deinit(&found);
    return problem;
}

/* A walk on a snapshot, in pieces between which others have the store, meets the keys in order and each once. */
static const char *walk_once(struct shared_trial *trial, bool reverse) {
    struct store_range range = {.prefix = bytes_of_text("w"), .reverse = reverse};
    struct blocking_cursor *cursor =
        blocking_cursor_open(shared_store_lock(trial->shared), &range, true);
    struct buffer last = {0};
    enum store_status status = STORE_OK;
    const char *problem = cursor == NULL ? "a cursor cannot be had" : NULL;
    while (status == STORE_OK && problem == NULL) {
        struct store_entry entry;
        for (uint32_t i = 0; i < SCANNED_AT_ONCE && problem == NULL &&
                             (status = blocking_cursor_next(cursor, &entry)) == STORE_OK;
             i++) {
            int order = bytes_compare(entry.key, buffer_bytes(&last));
            if (last.size > 0 && (reverse ? order >= 0 : order <= 0))
                problem = "a cursor goes back";
            buffer_clear(&last);
            buffer_append(&last, entry.key);
        }
        shared_store_unlock(trial->shared);
        (void)shared_store_lock(trial->shared);
    }
    blocking_cursor_close(cursor);
    shared_store_unlock(trial->shared);
    buffer_deinit(&last);
    return problem != NULL ? problem : status == STORE_ABSENT ? NULL : "a cursor does not end";
}

static const char *walk(const struct participant *self) {
    const char *problem = NULL;
    for (uint32_t i = 0; is_writing(self->trial) && problem == NULL; i++)
        problem = walk_once(self->trial, i % 2 == 1);
    return problem;
}

static const char *keep_checkpoints(const struct participant *self) {
    struct shared_trial *trial = self->trial;
    const char *problem = NULL;
    while (is_writing(trial) && problem == NULL) {
        uint32_t number;
        struct blocking_store *store = shared_store_lock(trial->shared);
        if (blocking_store_checkpoint(store, &number) != STORE_OK ||
            blocking_store_checkpoint_remove(store, number) != STORE_OK)
            problem = "a checkpoint cannot be made";
        shared_store_unlock(trial->shared);
    }
    return problem;
}

/* Its own keys come and go, a whole range at a time. */
static const char *remove_ranges(const struct participant *self) {
    struct shared_trial *trial = self->trial;
    struct buffer found = {0};
    struct bytes key = bytes_of_text("range/key");
    const char *problem = NULL;
    while (is_writing(trial) && problem == NULL) {
        if (shared_store_put(trial->shared, key, key, false) != STORE_OK)
            problem = "a write is not acknowledged";
        struct blocking_store *store = shared_store_lock(trial->shared);
        if (blocking_store_remove_prefix(store, bytes_of_text("range/"), true) != STORE_OK ||
            blocking_store_flush(store) != STORE_OK)
            problem = "a range is not removed";
        shared_store_unlock(trial->shared);
        if (shared_store_get(trial->shared, key, &found) != STORE_ABSENT)
            problem = "what was removed is there";
    }
    buffer_deinit(&found);
    return problem;
}

typedef const char *deed(const struct participant *self);

/* Writers first, readers next, then one each of the others. */
static deed *deed_of(uint32_t index) {
    static deed *const OTHERS[] = {walk, keep_checkpoints, remove_ranges};
    return index < WRITERS             ? write_and_read
           : index < WRITERS + READERS ? read_others
                                       : OTHERS[index - WRITERS - READERS];
}

struct started {
    struct participant self;
    deed *deed;
};

static void *run(void *argument) {
    const struct started *started = argument;
    return (void *)(uintptr_t)started->deed(&started->self);
}

static void run_all(struct shared_trial *trial, uint32_t count) {
    struct started threads[THREADS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        threads[i] = (struct started){.self = {.trial = trial, .number = i}, .deed = deed_of(i)};
        assert_int_equal(pthread_create(&threads[i].self.thread, NULL, run, &threads[i]), 0);
    }
    const char *problem = NULL;
    for (uint32_t i = 0; i < count; i++) {
        void *found;
        assert_int_equal(pthread_join(threads[i].self.thread, &found), 0);
        problem = found != NULL ? found : problem;
    }
    if (problem != NULL)
        fail_msg("%s", problem);
}

static void check_after_a_kill(struct shared_trial *trial) {
    char key[LIBRARY_KEY_SIZE];
    shared_store_destroy(trial->shared);
    blocking_store_drop(trial->place.store);
    library_store_open(&trial->place);
    for (uint32_t writer = 0; writer < WRITERS; writer++) {
        for (uint32_t number = 0; number < KEYS_EACH; number++) {
            struct bytes value = {0};
            uint32_t round = atomic_load(&trial->acknowledged[writer][number]);
            enum store_status status =
                blocking_store_get(trial->place.store, key_of(writer, number, key), &value);
            assert_int_equal(status, round == 0 ? STORE_ABSENT : STORE_OK);
            assert_int_equal(round_of(value), round);
        }
    }
}

static void many_threads_share_a_store(void **state) {
    (void)state;
    static struct shared_trial trial;
    library_store_make(&trial.place, library_config(16 * 1024));
    library_store_open(&trial.place);
    trial.shared = shared_store_create(trial.place.store);
    atomic_store(&trial.writing, WRITERS);
    run_all(&trial, WRITERS + READERS + 3);
    check_after_a_kill(&trial);
    library_store_remove(&trial.place);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(many_threads_share_a_store)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
