/* The store as a library on a real directory: what a call has returned for is there in every later
 * life, however the one before ended. */
#include "server/blocking_store.h"
#include "server/guarded_copy.h"
#include "server/shared_store.h"
#include "tests/server/support/library_store.h"

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { KEYS = 4000, VALUE_SIZE = 100, ROUNDS = 4, THREADS = 8, WRITES_PER_THREAD = 200 };

struct fixture {
    struct library_store place;
    uint32_t version[KEYS]; /* of the value that the key holds; 0 for none */
};

/* So small that flushes and compactions are always under way. */
static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct store_config config = library_config(64 * 1024);
    config.table_bytes = 32 * 1024;
    config.log_segment_bytes = 128 * 1024;
    library_store_make(&fixture->place, config);
    library_store_open(&fixture->place);
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    library_store_remove(&fixture->place);
    free(fixture);
    return 0;
}

static struct bytes value_of(uint32_t number, uint32_t version, char text[VALUE_SIZE + 1]) {
    snprintf(text, VALUE_SIZE + 1, "%0*u/%u", VALUE_SIZE - 12, (unsigned)number, (unsigned)version);
    return bytes_of_text(text);
}

static void put(struct fixture *fixture, uint32_t number, uint32_t version, bool durable) {
    char key[LIBRARY_KEY_SIZE], value[VALUE_SIZE + 1];
    struct store_batch batch = {.count = 1};
    batch.entries[0] =
        (struct store_entry){.key = library_key(number, key), .removed = version == 0};
    if (version > 0)
        batch.entries[0].value = value_of(number, version, value);
    assert_int_equal(blocking_store_write(fixture->place.store, &batch, durable), STORE_OK);
    fixture->version[number] = version;
}

/* Every round writes two keys of three anew and removes some; the order is scattered. */
static void write_rounds(struct fixture *fixture, uint32_t rounds) {
    for (uint32_t round = 1; round <= rounds; round++) {
        for (uint32_t i = 0; i < KEYS; i++) {
            uint32_t number = (i * 2657 + round) % KEYS;
            if ((number + round) % 3 != 0)
                put(fixture, number, (number + round) % 7 == 0 ? 0 : round, false);
        }
    }
}

static void check_keys(struct fixture *fixture) {
    char key[LIBRARY_KEY_SIZE], expected[VALUE_SIZE + 1];
    for (uint32_t number = 0; number < KEYS; number++) {
        struct bytes value;
        enum store_status status =
            blocking_store_get(fixture->place.store, library_key(number, key), &value);
        if (fixture->version[number] == 0) {
            assert_int_equal(status, STORE_ABSENT);
            continue;
        }
        assert_int_equal(status, STORE_OK);
        assert_true(bytes_equal(value, value_of(number, fixture->version[number], expected)));
    }
}

static void check_scan(struct fixture *fixture) {
    char key[LIBRARY_KEY_SIZE], expected[VALUE_SIZE + 1];
    struct store_entry entry = {0};
    bool after = false;
    for (uint32_t number = 0; number < KEYS; number++) {
        if (fixture->version[number] == 0)
            continue;
        assert_int_equal(
            blocking_store_scan(fixture->place.store, (struct bytes){0}, entry.key, after, &entry),
            STORE_OK);
        assert_true(bytes_equal(entry.key, library_key(number, key)));
        assert_true(bytes_equal(entry.value, value_of(number, fixture->version[number], expected)));
        after = true;
    }
    assert_int_equal(
        blocking_store_scan(fixture->place.store, (struct bytes){0}, entry.key, after, &entry),
        STORE_ABSENT);
}

/* The keys from the last down, as they were when the cursor was opened, while all of them are written anew. */
static void check_reverse_snapshot(struct fixture *fixture) {
    struct store_range range = {.reverse = true};
    struct blocking_cursor *cursor = blocking_cursor_open(fixture->place.store, &range, true);
    uint32_t seen[KEYS];
    memcpy(seen, fixture->version, sizeof seen);
    char key[LIBRARY_KEY_SIZE], expected[VALUE_SIZE + 1];
    struct store_entry entry;
    for (uint32_t number = KEYS; number-- > 0;) {
        put(fixture, KEYS - 1 - number, 1000 + number, false);
        if (seen[number] == 0)
            continue;
        assert_int_equal(blocking_cursor_next(cursor, &entry), STORE_OK);
        assert_true(bytes_equal(entry.key, library_key(number, key)));
        assert_true(bytes_equal(entry.value, value_of(number, seen[number], expected)));
    }
    assert_int_equal(blocking_cursor_next(cursor, &entry), STORE_ABSENT);
    blocking_cursor_close(cursor);
}

static void a_cursor_with_a_snapshot_does_not_see_later_writes(void **state) {
    struct fixture *fixture = *state;
    write_rounds(fixture, ROUNDS);
    check_reverse_snapshot(fixture);
    check_keys(fixture);
    check_reverse_snapshot(fixture);
}

static void a_clean_close_keeps_every_write(void **state) {
    struct fixture *fixture = *state;
    write_rounds(fixture, ROUNDS);
    check_keys(fixture);
    library_store_close(&fixture->place);
    library_store_open(&fixture->place);
    assert_true(store_was_closed_cleanly(blocking_store_engine(fixture->place.store)));
    check_keys(fixture);
    check_scan(fixture);
}

static void a_drop_without_a_close_keeps_every_write(void **state) {
    struct fixture *fixture = *state;
    for (uint32_t rounds = 1; rounds <= ROUNDS; rounds++) {
        write_rounds(fixture, rounds);
        blocking_store_drop(fixture->place.store);
        library_store_open(&fixture->place);
        assert_false(store_was_closed_cleanly(blocking_store_engine(fixture->place.store)));
        check_keys(fixture);
        check_scan(fixture);
    }
}

static void settling_ends_with_nothing_left_to_do(void **state) {
    struct fixture *fixture = *state;
    write_rounds(fixture, ROUNDS);
    assert_int_equal(blocking_store_settle(fixture->place.store), STORE_OK);
    assert_false(blocking_store_work(fixture->place.store));
    struct store_figures figures, again;
    struct blocking_figures host;
    blocking_store_figures(fixture->place.store, &figures, &host);
    assert_true(figures.flushes > 0 && figures.compactions > 0);
    assert_int_equal(figures.frozen_count, 0);
    assert_true(host.bytes_written >= figures.log_bytes_written + figures.table_bytes_written);
    blocking_store_work(fixture->place.store);
    blocking_store_figures(fixture->place.store, &again, &host);
    assert_int_equal(again.compactions, figures.compactions);
    check_keys(fixture);
    check_scan(fixture);
}

/* Cuts every table in half; returns how many there were. */
static uint32_t cut_tables(const struct fixture *fixture) {
    uint32_t count = 0;
    DIR *directory = opendir(fixture->place.directory);
    const struct dirent *found;
    while ((found = readdir(directory)) != NULL) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", fixture->place.directory, found->d_name);
        struct stat facts;
        if (strstr(found->d_name, ".table") == NULL || stat(path, &facts) != 0)
            continue;
        assert_int_equal(truncate(path, facts.st_size / 2), 0);
        count++;
    }
    closedir(directory);
    return count;
}

static void tables_that_are_cut_under_the_store_are_damage_and_no_end(void **state) {
    struct fixture *fixture = *state;
    guarded_copy_install(); /* the test library has put a handler of its own in its place */
    write_rounds(fixture, 1);
    assert_int_equal(blocking_store_settle(fixture->place.store), STORE_OK);
    check_keys(fixture);
    assert_true(cut_tables(fixture) > 1);
    uint32_t corrupt = 0, right = 0;
    for (uint32_t i = 0; i < KEYS; i++) {
        char key[LIBRARY_KEY_SIZE], text[VALUE_SIZE + 1];
        struct bytes value;
        enum store_status status =
            blocking_store_get(fixture->place.store, library_key(i, key), &value);
        corrupt += status == STORE_CORRUPT;
        if (status == STORE_CORRUPT)
            continue;
        assert_int_equal(status, fixture->version[i] == 0 ? STORE_ABSENT : STORE_OK);
        if (status == STORE_OK)
            assert_true(bytes_equal(value, value_of(i, fixture->version[i], text)));
        right++;
    }
    assert_true(corrupt > KEYS / 8);
    assert_true(right > KEYS / 8);
}

static void a_durable_write_returns_after_its_sync(void **state) {
    struct fixture *fixture = *state;
    struct store *engine = blocking_store_engine(fixture->place.store);
    for (uint32_t number = 0; number < 20; number++) {
        put(fixture, number, 1, true);
        assert_int_equal(store_durable(engine), store_written(engine));
    }
    put(fixture, 21, 1, false);
    assert_true(store_durable(engine) < store_written(engine));
    assert_int_equal(blocking_store_sync(fixture->place.store), STORE_OK);
    assert_int_equal(store_durable(engine), store_written(engine));
}

static void put_expiring(struct fixture *fixture, uint32_t number, uint64_t expires) {
    char key[LIBRARY_KEY_SIZE], value[VALUE_SIZE + 1];
    struct store_batch batch = {.count = 1};
    batch.entries[0] = (struct store_entry){
        .key = library_key(number, key), .value = value_of(number, 1, value), .expires = {expires}};
    assert_int_equal(blocking_store_write(fixture->place.store, &batch, false), STORE_OK);
    fixture->version[number] = 1;
}

/* The time of day is told by hand: noon, and a minute later. */
static void entries_expire_at_the_time_that_is_told_and_their_space_comes_back(void **state) {
    struct fixture *fixture = *state;
    const uint64_t noon = 1764331200000, later = noon + 60000;
    struct store_figures figures;
    struct blocking_figures host;
    blocking_store_set_wall(fixture->place.store, (struct wall_time){noon});
    for (uint32_t number = 0; number < KEYS; number++)
        put_expiring(fixture, number, later);
    check_keys(fixture);
    blocking_store_drop(fixture->place.store);
    library_store_open(&fixture->place);
    blocking_store_set_wall(fixture->place.store, (struct wall_time){later - 1});
    check_keys(fixture);
    check_scan(fixture);
    assert_int_equal(blocking_store_flush(fixture->place.store), STORE_OK);
    struct blocking_snapshot *before = blocking_snapshot_acquire(fixture->place.store);
    blocking_store_set_wall(fixture->place.store, (struct wall_time){later});
    memset(fixture->version, 0, sizeof fixture->version);
    check_keys(fixture);
    check_scan(fixture);
    char key[LIBRARY_KEY_SIZE];
    struct bytes value;
    assert_int_equal(blocking_snapshot_get(before, library_key(7, key), &value), STORE_OK);
    blocking_snapshot_release(before);
    /* A piece of work that waits for the sync thread is not the last. */
    assert_int_equal(blocking_store_settle(fixture->place.store), STORE_OK);
    blocking_store_figures(fixture->place.store, &figures, &host);
    assert_in_range(figures.table_bytes, 0, KEYS * VALUE_SIZE / 8);
}

/* 1970 is long gone, and the year 2096 is not near. */
static void the_time_of_day_is_the_clocks_until_it_is_told(void **state) {
    struct fixture *fixture = *state;
    put_expiring(fixture, 1, 1000);
    put_expiring(fixture, 2, 4000000000000);
    fixture->version[1] = 0;
    check_keys(fixture);
    check_scan(fixture);
    /* To settle is not to wait for that. */
    assert_int_equal(blocking_store_settle(fixture->place.store), STORE_OK);
    check_keys(fixture);
}

static void a_second_host_on_the_directory_is_refused(void **state) {
    struct fixture *fixture = *state;
    struct buffer problem = {0};
    assert_null(blocking_store_open(fixture->place.directory, &fixture->place.config, &problem));
    buffer_put_u8(&problem, 0);
    assert_non_null(strstr((const char *)problem.data, fixture->place.directory));
    assert_non_null(strstr((const char *)problem.data, "another process"));
    buffer_deinit(&problem);
}

static void a_directory_that_cannot_be_made_is_named(void **state) {
    struct fixture *fixture = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/lock/below-a-file", fixture->place.directory);
    struct buffer problem = {0};
    assert_null(blocking_store_open(path, &fixture->place.config, &problem));
    buffer_put_u8(&problem, 0);
    assert_non_null(strstr((const char *)problem.data, path));
    buffer_deinit(&problem);
}

struct thread_work {
    struct shared_store *shared;
    uint32_t first;
};

static void *write_durably(void *argument) {
    const struct thread_work *work = argument;
    char key[LIBRARY_KEY_SIZE], value[VALUE_SIZE + 1];
    struct buffer found = {0};
    for (uint32_t number = work->first; number < work->first + WRITES_PER_THREAD; number++) {
        struct store_batch batch = {.count = 1};
        batch.entries[0] = (struct store_entry){.key = library_key(number, key),
                                                .value = value_of(number, 1, value)};
        if (shared_store_write(work->shared, &batch, true) != STORE_OK)
            return "a write failed";
        if (shared_store_get(work->shared, batch.entries[0].key, &found) != STORE_OK ||
            !bytes_equal(buffer_bytes(&found), batch.entries[0].value))
            return "a thread does not read what it wrote";
    }
    buffer_deinit(&found);
    return NULL;
}

static void threads_that_wait_for_durability_share_their_syncs(void **state) {
    struct fixture *fixture = *state;
    struct shared_store *shared = shared_store_create(fixture->place.store);
    pthread_t threads[THREADS];
    struct thread_work work[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        work[i] = (struct thread_work){.shared = shared, .first = i * WRITES_PER_THREAD};
        assert_int_equal(pthread_create(&threads[i], NULL, write_durably, &work[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        void *problem;
        assert_int_equal(pthread_join(threads[i], &problem), 0);
        if (problem != NULL)
            fail_msg("%s", (const char *)problem);
    }
    for (uint32_t number = 0; number < THREADS * WRITES_PER_THREAD; number++)
        fixture->version[number] = 1;
    struct store_figures figures;
    struct blocking_figures host;
    blocking_store_figures(fixture->place.store, &figures, &host);
    assert_true(figures.log_syncs < THREADS * WRITES_PER_THREAD);
    shared_store_destroy(shared);
    blocking_store_drop(fixture->place.store);
    library_store_open(&fixture->place);
    check_keys(fixture);
}

int main(void) {
#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CLAIM(a_clean_close_keeps_every_write),
        CLAIM(a_cursor_with_a_snapshot_does_not_see_later_writes),
        CLAIM(a_drop_without_a_close_keeps_every_write),
        CLAIM(settling_ends_with_nothing_left_to_do),
        CLAIM(tables_that_are_cut_under_the_store_are_damage_and_no_end),
        CLAIM(a_durable_write_returns_after_its_sync),
        CLAIM(entries_expire_at_the_time_that_is_told_and_their_space_comes_back),
        CLAIM(the_time_of_day_is_the_clocks_until_it_is_told),
        CLAIM(a_second_host_on_the_directory_is_refused),
        CLAIM(a_directory_that_cannot_be_made_is_named),
        CLAIM(threads_that_wait_for_durability_share_their_syncs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
