/* Memory that runs out at every allocation of a library store's life on real files: opening, writes, removed ranges, flushes,
 * reads, cursors, snapshots, a checkpoint, close. Nobody's process ends: the call and all later ones fail with a word, what
 * was taken is given back, and the directory opens again in the same process, with all that was acknowledged.
 *
 * The linker puts failing functions in the place of malloc() and its kin (see tests/CMakeLists.txt). */
#include "server/shared_store.h"
#include "tests/server/support/library_store.h"

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

enum {
    KEYS = 24,
    WRITES = 60,
    VALUE_SIZE = 300,
    ALLOCATIONS_MAX = 20000,
    RUNS_MIN = 200,
    LARGE = 1 << 20, /* as large as the reserve */
    NEIGHBOURS = 3,
};

/* How many allocations in a row fail, from the one numbered fail_at on. One alone is what the reserve is for. */
enum way { ONE_FAILS = 1, TWO_FAIL = 2, ALL_FAIL = 1 << 30 };

/* Of the thread that sets it: other stores of the process do not notice. */
static _Thread_local struct {
    bool counts, no_large;
    uint64_t count, fail_at, failures;
} scarce;

static bool fails(size_t size) {
    if (scarce.no_large && size >= LARGE)
        return true;
    if (!scarce.counts)
        return false;
    scarce.count++;
    return scarce.count >= scarce.fail_at && scarce.count < scarce.fail_at + scarce.failures;
}

void *__wrap_malloc(size_t size) {
    return fails(size) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails(count * size) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
    return fails(size) ? NULL : __real_realloc(memory, size);
}

static struct library_store place;
static uint32_t version[KEYS]; /* that was acknowledged; 0: removed, or never there */
static uint32_t tried[KEYS];   /* the one that may be there too */
static bool has_neighbours;    /* who open files, too */
static char round_name[64];

static struct bytes value_of(uint32_t key, uint32_t number, char text[VALUE_SIZE]) {
    memset(text, 'a' + (int)(number % 26), VALUE_SIZE);
    snprintf(text, VALUE_SIZE, "%u of %u", (unsigned)number, (unsigned)key);
    return bytes_of(text, VALUE_SIZE);
}

#define TRY(call)                                                                                  \
    do {                                                                                           \
        enum store_status status_of_call = (call);                                                 \
        if (status_of_call == STORE_FAILED)                                                        \
            return false;                                                                          \
        assert_int_equal(status_of_call, STORE_OK);                                                \
    } while (0)

/* False when the store has failed, as in all that follow. */
static bool write_some(uint32_t first, uint32_t count) {
    char text[LIBRARY_KEY_SIZE], value[VALUE_SIZE];
    for (uint32_t i = first; i < first + count; i++) {
        uint32_t key = i * 7 % KEYS;
        bool removes = i % 11 == 10;
        tried[key] = removes ? 0 : i + 1;
        struct bytes name = library_key(key, text);
        if (removes)
            TRY(blocking_store_remove(place.store, name, i % 2 == 0));
        else
            TRY(blocking_store_put(place.store, name, value_of(key, i + 1, value), i % 2 == 0));
        version[key] = tried[key];
    }
    return true;
}

static bool remove_tens(void) {
    for (uint32_t key = 10; key < 20; key++)
        tried[key] = 0;
    TRY(blocking_store_remove_prefix(place.store, bytes_of_text("key0000001"), true));
    memcpy(version, tried, sizeof version);
    return true;
}

static bool read_all(struct blocking_snapshot *snapshot) {
    char text[LIBRARY_KEY_SIZE];
    struct bytes value;
    for (uint32_t key = 0; key < KEYS; key++) {
        struct bytes name = library_key(key, text);
        enum store_status status = snapshot != NULL ? blocking_snapshot_get(snapshot, name, &value)
                                                    : blocking_store_get(place.store, name, &value);
        if (status == STORE_FAILED)
            return false;
        assert_int_equal(status, version[key] == 0 ? STORE_ABSENT : STORE_OK);
    }
    return true;
}

static bool walk(struct blocking_cursor *cursor) {
    uint32_t count = 0, expected = 0;
    struct store_entry entry;
    enum store_status status = STORE_FAILED;
    while (cursor != NULL && (status = blocking_cursor_next(cursor, &entry)) == STORE_OK)
        count++;
    blocking_cursor_close(cursor);
    for (uint32_t key = 0; key < KEYS; key++)
        expected += version[key] != 0;
    assert_true(status == STORE_FAILED || count == expected);
    return status == STORE_ABSENT;
}

static bool look_around(void) {
    struct store_range upwards = {.reverse = false}, downwards = {.reverse = true};
    struct blocking_snapshot *snapshot = blocking_snapshot_acquire(place.store);
    bool good = snapshot != NULL && read_all(snapshot) &&
                walk(blocking_snapshot_cursor(snapshot, &downwards)) &&
                walk(blocking_cursor_open(place.store, &upwards, false)) &&
                walk(blocking_cursor_open(place.store, &downwards, true));
    blocking_snapshot_release(snapshot);
    return good && read_all(NULL);
}

static bool keep_a_checkpoint(void) {
    uint32_t number;
    TRY(blocking_store_checkpoint(place.store, &number));
    assert_int_equal(blocking_store_checkpoint_count(place.store), 1);
    TRY(blocking_store_checkpoint_remove(place.store, number));
    return true;
}

static bool live(void) {
    for (uint32_t life = 0; life < 2; life++) {
        if (!library_store_try_open(&place))
            return false;
        if (!write_some(life * WRITES / 2, WRITES / 2) || !remove_tens() || !look_around() ||
            (life == 1 && !keep_a_checkpoint()))
            return false;
        TRY(blocking_store_flush(place.store));
        if (!library_store_try_close(&place))
            return false;
    }
    return true;
}

/* Each key as it was acknowledged, or as the write that failed would have made it. */
static void check(void) {
    char text[LIBRARY_KEY_SIZE], expected[VALUE_SIZE];
    for (uint32_t key = 0; key < KEYS; key++) {
        struct bytes value = {0};
        enum store_status status = blocking_store_get(place.store, library_key(key, text), &value);
        bool good = status == STORE_ABSENT && (version[key] == 0 || tried[key] == 0);
        if (status == STORE_OK)
            good = bytes_equal(value, value_of(key, version[key], expected)) ||
                   bytes_equal(value, value_of(key, tried[key], expected));
        if (!good)
            fail_msg("%s: key %u is not version %u (status %d)", round_name, (unsigned)key,
                     (unsigned)version[key], (int)status);
    }
}

/* No handle of a cursor or snapshot was to be had, but the store is well. */
static bool is_short(void) {
    char sentence[LIBRARY_PROBLEM_SIZE];
    library_sentence(blocking_store_problem(place.store), sentence);
    return strstr(sentence, "memory is short") != NULL;
}

/* The store that is left: it answers, and says why. */
static void expect_a_word(enum way way) {
    char sentence[LIBRARY_PROBLEM_SIZE], text[LIBRARY_KEY_SIZE];
    struct bytes value;
    if (place.store != NULL && is_short()) {
        (void)library_store_try_close(&place);
        return;
    }
    if (place.store != NULL) {
        struct store_range all = {.reverse = false};
        assert_int_equal(blocking_store_get(place.store, library_key(1, text), &value),
                         STORE_FAILED);
        assert_int_equal(blocking_store_sync(place.store), STORE_FAILED);
        assert_null(blocking_cursor_open(place.store, &all, true));
        assert_false(blocking_store_work(place.store));
        library_sentence(blocking_store_problem(place.store), sentence);
        if (strstr(sentence, "memory ran out") == NULL)
            fail_msg("%s: what it says is \"%s\"", round_name, sentence);
        assert_false(library_store_try_close(&place));
    }
    /* About a store that is gone it is told in the caller's buffer, as far as there is memory for that. */
    if (scarce.counts || (way == TWO_FAIL && place.problem[0] == 0))
        return;
    if (strstr(place.problem, "memory ran out") == NULL)
        fail_msg("%s: what it says is \"%s\"", round_name, place.problem);
}

static uint32_t count_descriptors(void) {
    uint32_t count = 0;
    DIR *listing = opendir("/proc/self/fd");
    while (readdir(listing) != NULL)
        count++;
    closedir(listing);
    return count;
}

/* True when the allocation was reached. */
static bool run(enum way way, uint64_t fail_at) {
    snprintf(round_name, sizeof round_name, "%d from allocation %u on", (int)way,
             (unsigned)fail_at);
    memset(version, 0, sizeof version);
    memset(tried, 0, sizeof tried);
    library_store_make(&place, library_config(4096));
    uint32_t descriptors = count_descriptors();
    scarce.fail_at = fail_at;
    scarce.failures = (uint64_t)way;
    scarce.count = 0;
    scarce.counts = true;
    bool lived = live();
    bool reached = scarce.count >= fail_at;
    scarce.counts = way == ALL_FAIL;
    if (!lived) {
        bool no_handle = strcmp(place.problem, "memory ran out") == 0;
        if (!reached || (way == ONE_FAILS && !no_handle))
            fail_msg("%s: it fails: %s", round_name, place.problem);
        expect_a_word(way);
    }
    scarce.counts = false;
    if (!has_neighbours)
        assert_int_equal(count_descriptors(), descriptors);
    library_store_open(&place);
    check();
    library_store_close(&place);
    library_store_remove(&place);
    return reached;
}

static void sweep(enum way way) {
    uint64_t fail_at = 1;
    while (run(way, fail_at))
        assert_true(++fail_at < ALLOCATIONS_MAX);
    assert_true(fail_at > RUNS_MIN);
    printf("%u allocations failed\n", (unsigned)fail_at - 1);
}

static void an_allocation_that_fails_is_not_noticed_while_there_is_a_reserve(void **state) {
    (void)state;
    sweep(ONE_FAILS);
}

static void memory_that_runs_out_fails_the_call_and_loses_nothing_acknowledged(void **state) {
    (void)state;
    sweep(TWO_FAIL);
}

static void memory_that_stays_away_fails_every_call_and_loses_nothing_acknowledged(void **state) {
    (void)state;
    sweep(ALL_FAIL);
}

static void writers_are_told_busy_while_the_reserve_is_used_up(void **state) {
    (void)state;
    char text[LIBRARY_KEY_SIZE], sentence[LIBRARY_PROBLEM_SIZE];
    struct bytes value;
    library_store_make(&place, library_config(1 << 20));
    scarce.no_large = true; /* so that there is no reserve from the first */
    library_store_open(&place);
    assert_int_equal(blocking_store_put(place.store, library_key(1, text), bytes_of_text("one"), 0),
                     STORE_BUSY);
    library_sentence(blocking_store_problem(place.store), sentence);
    assert_non_null(strstr(sentence, "memory is short"));
    assert_int_equal(blocking_store_get(place.store, library_key(1, text), &value), STORE_ABSENT);
    scarce.no_large = false;
    assert_int_equal(blocking_store_put(place.store, library_key(1, text), bytes_of_text("one"), 0),
                     STORE_OK);
    assert_int_equal(blocking_store_problem(place.store).size, 0);
    library_store_close(&place);
    library_store_remove(&place);
}

/* What a memtable holds is given back before a writer is told to come again. */
static void a_shortage_flushes_what_lies_in_memory(void **state) {
    (void)state;
    char text[LIBRARY_KEY_SIZE];
    struct store_figures figures;
    struct blocking_figures host;
    library_store_make(&place, library_config(1 << 20));
    library_store_open(&place);
    assert_int_equal(blocking_store_put(place.store, library_key(1, text), bytes_of_text("one"), 0),
                     STORE_OK);
    scarce.count = 0;
    scarce.fail_at = scarce.failures = 1;
    scarce.counts = scarce.no_large = true;
    assert_int_equal(blocking_store_put(place.store, library_key(2, text), bytes_of_text("two"), 0),
                     STORE_OK);
    /* Whatever it was that failed, the reserve was given up for it; or nothing needed memory. */
    while (scarce.count == 0)
        (void)!blocking_store_put(place.store, library_key(3, text), bytes_of_text("x"), 0);
    scarce.counts = false;
    assert_int_equal(blocking_store_put(place.store, library_key(4, text), bytes_of_text("4"), 0),
                     STORE_BUSY);
    blocking_store_figures(place.store, &figures, &host);
    assert_true(figures.flushes > 0 && host.shortages > 0);
    assert_int_equal(figures.memtable_bytes, 0);
    scarce.no_large = false;
    library_store_close(&place);
    library_store_remove(&place);
}

/* --- neighbours: other stores of the process, on threads of their own */

static void *live_beside(void *argument) {
    struct library_store *own = argument;
    char text[LIBRARY_KEY_SIZE];
    for (uint32_t i = 0; i < 300; i++) {
        struct bytes value;
        if (blocking_store_put(own->store, library_key(i, text), bytes_of_text("there"), false) !=
                STORE_OK ||
            blocking_store_get(own->store, library_key(i / 2, text), &value) != STORE_OK)
            return "a store is disturbed by its neighbours";
    }
    return NULL;
}

static void a_store_without_memory_disturbs_no_other(void **state) {
    (void)state;
    struct library_store others[NEIGHBOURS];
    pthread_t threads[NEIGHBOURS];
    for (uint32_t i = 0; i < NEIGHBOURS; i++) {
        library_store_make(&others[i], library_config(8192));
        library_store_open(&others[i]);
        assert_int_equal(pthread_create(&threads[i], NULL, live_beside, &others[i]), 0);
    }
    has_neighbours = true;
    for (uint64_t fail_at = 5; fail_at < 200; fail_at += 13)
        (void)run(TWO_FAIL, fail_at);
    has_neighbours = false;
    for (uint32_t i = 0; i < NEIGHBOURS; i++) {
        void *problem;
        assert_int_equal(pthread_join(threads[i], &problem), 0);
        if (problem != NULL)
            fail_msg("%s", (const char *)problem);
        library_store_close(&others[i]);
        library_store_remove(&others[i]);
    }
}

static void a_copy_that_there_is_no_memory_for_leaves_a_shared_store_as_it_is(void **state) {
    (void)state;
    char text[LIBRARY_KEY_SIZE];
    struct buffer value = {0};
    library_store_make(&place, library_config(1 << 16));
    library_store_open(&place);
    struct shared_store *shared = shared_store_create(place.store);
    assert_int_equal(
        blocking_store_put(place.store, library_key(1, text), bytes_of_text("one"), true),
        STORE_OK);
    assert_int_equal(blocking_store_flush(place.store), STORE_OK);
    assert_int_equal(shared_store_get(shared, library_key(1, text), &value), STORE_OK);
    buffer_deinit(&value);
    scarce.count = 0;
    scarce.fail_at = 1;
    scarce.failures = ALL_FAIL;
    scarce.counts = true;
    enum store_status status = shared_store_get(shared, library_key(1, text), &value);
    scarce.counts = false;
    assert_int_equal(status, STORE_BUSY);
    assert_int_equal(shared_store_get(shared, library_key(1, text), &value), STORE_OK);
    assert_true(bytes_equal(buffer_bytes(&value), bytes_of_text("one")));
    buffer_deinit(&value);
    shared_store_destroy(shared);
    library_store_close(&place);
    library_store_remove(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_allocation_that_fails_is_not_noticed_while_there_is_a_reserve),
        cmocka_unit_test(memory_that_runs_out_fails_the_call_and_loses_nothing_acknowledged),
        cmocka_unit_test(memory_that_stays_away_fails_every_call_and_loses_nothing_acknowledged),
        cmocka_unit_test(writers_are_told_busy_while_the_reserve_is_used_up),
        cmocka_unit_test(a_shortage_flushes_what_lies_in_memory),
        cmocka_unit_test(a_store_without_memory_disturbs_no_other),
        cmocka_unit_test(a_copy_that_there_is_no_memory_for_leaves_a_shared_store_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
