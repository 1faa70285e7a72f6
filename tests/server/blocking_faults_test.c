/* A library store on real files whose system calls fail, one after the other: what a call has said to
 * be durable is there in the next life, the store says what is wrong, and it goes on when the disk
 * is well again. */
#include "server/blocking_store.h"
#include "tests/server/support/faulty_files.h"
#include "tests/server/support/library_store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { KEYS = 60, VALUE_SIZE = 2000, ROUNDS = 2, TRIES_MAX = 200 };

static const char *const CALL_NAMES[FAULTY_CALLS] = {"pwrite", "pread",     "fdatasync",
                                                     "fsync",  "fallocate", "openat"};

struct fixture {
    struct library_store place;
    uint32_t version[KEYS]; /* the newest that was acknowledged; 0 for none */
    uint32_t tried[KEYS];   /* the newest that may be there */
    uint64_t refused;       /* writes that were not acknowledged */
    char round[128];        /* what replays a failure */
};

/* So small that a few dozen writes take it through several segments, flushes and a compaction. */
static void begin(struct fixture *fixture) {
    memset(fixture, 0, sizeof *fixture);
    library_store_make(&fixture->place, library_config(16 * 1024));
    library_store_open(&fixture->place);
}

static void fill(uint8_t *value, uint32_t key, uint32_t version) {
    memset(value, 0, VALUE_SIZE);
    snprintf((char *)value, VALUE_SIZE, "%u of key %u", (unsigned)version, (unsigned)key);
    for (size_t i = 64; i < VALUE_SIZE; i++)
        value[i] = (uint8_t)(i * 2654435761u * (key + 1) >> 13); /* nothing to compress */
}

static struct bytes failure_of(struct blocking_store *store) {
    return store_failure(blocking_store_engine(store));
}

/* The sentence about what went wrong; there must be one. */
static void take_problem(struct fixture *fixture) {
    struct bytes why = failure_of(fixture->place.store);
    if (why.size == 0)
        why = store_problem(blocking_store_engine(fixture->place.store));
    if (why.size == 0)
        why = blocking_store_note(fixture->place.store);
    library_sentence(why, fixture->place.problem);
    if (why.size == 0)
        fail_msg("%s: a write was refused without a word", fixture->round);
}

static void write_all(struct fixture *fixture) {
    static uint8_t value[VALUE_SIZE];
    char text[LIBRARY_KEY_SIZE];
    for (uint32_t i = 0; i < KEYS; i++) {
        struct store_batch batch = {.count = 1};
        fill(value, i, ++fixture->tried[i]);
        batch.entries[0] =
            (struct store_entry){.key = library_key(i, text), .value = bytes_of(value, VALUE_SIZE)};
        enum store_status status = blocking_store_write(fixture->place.store, &batch, true);
        if (status == STORE_OK) {
            fixture->version[i] = fixture->tried[i];
            continue;
        }
        fixture->refused++;
        take_problem(fixture);
        if (status == STORE_FAILED)
            return;
        assert_int_equal(status, STORE_FULL);
    }
}

/* Each key holds its newest acknowledged version, or one that was tried after it. */
static void check_all(struct fixture *fixture) {
    static uint8_t wanted[VALUE_SIZE];
    char text[LIBRARY_KEY_SIZE];
    for (uint32_t i = 0; i < KEYS; i++) {
        struct bytes found = {0};
        enum store_status status =
            blocking_store_get(fixture->place.store, library_key(i, text), &found);
        bool good = status == STORE_ABSENT && fixture->version[i] == 0;
        for (uint32_t version = fixture->version[i]; !good && version <= fixture->tried[i];
             version++) {
            fill(wanted, i, version);
            good = status == STORE_OK && version > 0 &&
                   bytes_equal(found, bytes_of(wanted, VALUE_SIZE));
        }
        if (!good)
            fail_msg("%s: key %u is not there as version %u was acknowledged (status %d)",
                     fixture->round, (unsigned)i, (unsigned)fixture->version[i], (int)status);
    }
}

/* Closes it when it can be closed, and opens it again with a disk that is well. */
static void live_on(struct fixture *fixture, bool closes) {
    faulty_files_clear();
    if (closes)
        (void)library_store_try_close(&fixture->place);
    else
        blocking_store_drop(fixture->place.store);
    if (!library_store_try_open(&fixture->place))
        fail_msg("%s: cannot be opened again: %s", fixture->round, fixture->place.problem);
    check_all(fixture);
    uint64_t refused = fixture->refused;
    write_all(fixture);
    if (fixture->refused != refused)
        fail_msg("%s: a store on a disk that is well refuses: %s", fixture->round,
                 fixture->place.problem);
    check_all(fixture);
}

/* True when the fault struck. */
static bool try_fault(enum faulty_call call, int error, const char *suffix, uint64_t after,
                      uint64_t times) {
    static struct fixture fixture;
    begin(&fixture);
    snprintf(fixture.round, sizeof fixture.round,
             "%s fails with %d on *%s after %u calls, %u times", CALL_NAMES[call], error, suffix,
             (unsigned)after, (unsigned)times);
    struct faulty_file fault = {.error = error, .after = after, .times = times};
    strcpy(fault.suffix, suffix);
    faulty_files_set(call, fault);
    for (int i = 0; i < ROUNDS && failure_of(fixture.place.store).size == 0; i++)
        write_all(&fixture);
    bool struck = faulty_files_failed(call) > 0;
    if (failure_of(fixture.place.store).size == 0 && call != FAULTY_PREAD)
        check_all(&fixture);
    live_on(&fixture, after % 2 == 0);
    faulty_files_clear();
    library_store_remove(&fixture.place);
    return struck;
}

/* One call fails: at the beginning, a little later, and so on, until the work is done without. */
static void sweep(enum faulty_call call, int error, const char *suffix, uint64_t step,
                  uint64_t struck_min) {
    uint64_t struck = 0;
    for (uint64_t after = 0; after < 20 * step; after += step)
        struck += try_fault(call, error, suffix, after, 1);
    if (struck < struck_min)
        fail_msg("%s on *%s failed in %u rounds only", CALL_NAMES[call], suffix, (unsigned)struck);
}

static void a_failed_sync_of_the_log_loses_nothing_acknowledged(void **state) {
    (void)state;
    sweep(FAULTY_FDATASYNC, EIO, ".log", 7, 10);
}

static void a_failed_sync_of_a_table_or_manifest_loses_nothing_acknowledged(void **state) {
    (void)state;
    sweep(FAULTY_FDATASYNC, EIO, ".table", 1, 3);
    sweep(FAULTY_FDATASYNC, EIO, ".manifest", 1, 3);
}

static void a_failed_sync_of_the_directory_loses_nothing_acknowledged(void **state) {
    (void)state;
    sweep(FAULTY_FSYNC, EIO, ".", 1, 3);
}

static void a_failed_write_loses_nothing_acknowledged(void **state) {
    (void)state;
    sweep(FAULTY_PWRITE, EIO, ".", 1, 5);
    sweep(FAULTY_PWRITE, ENOSPC, ".", 1, 5);
    sweep(FAULTY_PWRITE, FAULTY_SHORT, ".", 1, 5);
}

static void space_that_cannot_be_taken_loses_nothing_acknowledged(void **state) {
    (void)state;
    sweep(FAULTY_FALLOCATE, ENOSPC, ".", 1, 1);
    sweep(FAULTY_FALLOCATE, EIO, ".", 1, 1);
    sweep(FAULTY_FALLOCATE, EOPNOTSUPP, ".", 1, 1);
}

static void a_file_that_cannot_be_opened_loses_nothing_acknowledged(void **state) {
    (void)state;
    sweep(FAULTY_OPENAT, EMFILE, ".log", 1, 1);
    sweep(FAULTY_OPENAT, ENOSPC, ".table", 1, 1);
}

/* True when the fault struck. */
static bool try_to_open(enum faulty_call call, int error, uint64_t after) {
    static struct fixture fixture;
    begin(&fixture);
    write_all(&fixture);
    blocking_store_drop(fixture.place.store);
    snprintf(fixture.round, sizeof fixture.round, "%s fails with %d after %u calls while it opens",
             CALL_NAMES[call], error, (unsigned)after);
    faulty_files_set(call, (struct faulty_file){error, ".", after, 1});
    bool is_open = library_store_try_open(&fixture.place);
    bool struck = faulty_files_failed(call) > 0;
    if (!is_open && fixture.place.problem[0] == 0)
        fail_msg("%s: it is not opened, and nobody is told why", fixture.round);
    faulty_files_clear();
    assert_true(is_open || library_store_try_open(&fixture.place));
    check_all(&fixture);
    live_on(&fixture, true);
    library_store_remove(&fixture.place);
    return struck;
}

static void a_store_that_cannot_be_opened_says_why_and_is_whole_when_it_can(void **state) {
    (void)state;
    static const int ERRORS[] = {EIO, ENOSPC};
    for (int call = 0; call < FAULTY_CALLS; call++) {
        for (size_t i = 0; i < 2; i++) {
            uint64_t after = 0;
            while (try_to_open((enum faulty_call)call, ERRORS[i], after))
                after++;
            assert_true(after > 0 || call == FAULTY_FALLOCATE);
        }
    }
}

static void
a_full_disk_refuses_with_a_word_and_takes_writes_again_when_there_is_space(void **state) {
    (void)state;
    static struct fixture fixture;
    begin(&fixture);
    strcpy(fixture.round, "a full disk");
    write_all(&fixture);
    faulty_files_set(FAULTY_PWRITE, (struct faulty_file){ENOSPC, ".", 0, UINT64_MAX});
    faulty_files_set(FAULTY_FALLOCATE, (struct faulty_file){ENOSPC, ".", 0, UINT64_MAX});
    for (int i = 0; i < TRIES_MAX && fixture.refused == 0; i++)
        write_all(&fixture);
    assert_true(fixture.refused > 0);
    assert_int_equal(failure_of(fixture.place.store).size, 0);
    assert_non_null(strstr(fixture.place.problem, "no space is left"));
    check_all(&fixture);
    faulty_files_clear();
    uint64_t refused;
    for (int i = 0; i < TRIES_MAX; i++) {
        refused = fixture.refused;
        write_all(&fixture);
        if (fixture.refused == refused)
            break;
        usleep(20000);
    }
    assert_int_equal(fixture.refused, refused);
    live_on(&fixture, false);
    library_store_remove(&fixture.place);
}

static void a_disk_that_fails_for_good_ends_the_store_with_a_word(void **state) {
    (void)state;
    static struct fixture fixture;
    begin(&fixture);
    strcpy(fixture.round, "a dead disk");
    write_all(&fixture);
    for (int call = 0; call < FAULTY_OPENAT; call++)
        faulty_files_set((enum faulty_call)call, (struct faulty_file){EIO, ".", 0, UINT64_MAX});
    write_all(&fixture);
    assert_true(fixture.refused > 0);
    assert_non_null(strstr(fixture.place.problem, "the disk reports an error"));
    assert_true(failure_of(fixture.place.store).size > 0);
    live_on(&fixture, false);
    library_store_remove(&fixture.place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_sync_of_the_log_loses_nothing_acknowledged),
        cmocka_unit_test(a_failed_sync_of_a_table_or_manifest_loses_nothing_acknowledged),
        cmocka_unit_test(a_failed_sync_of_the_directory_loses_nothing_acknowledged),
        cmocka_unit_test(a_failed_write_loses_nothing_acknowledged),
        cmocka_unit_test(space_that_cannot_be_taken_loses_nothing_acknowledged),
        cmocka_unit_test(a_file_that_cannot_be_opened_loses_nothing_acknowledged),
        cmocka_unit_test(a_store_that_cannot_be_opened_says_why_and_is_whole_when_it_can),
        cmocka_unit_test(
            a_full_disk_refuses_with_a_word_and_takes_writes_again_when_there_is_space),
        cmocka_unit_test(a_disk_that_fails_for_good_ends_the_store_with_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
