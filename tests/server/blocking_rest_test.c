/* A library store has no thread for its work: whoever reads for long, and does not write, must bring about what a rest does. */
#include "engine/store/pacing.h"
#include "tests/server/support/library_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
    RUNS = 8,
    KEYS_PER_RUN = 500,
    KEYS = RUNS * KEYS_PER_RUN,
    VALUE_SIZE = 100,
    LARGE = 300 * 1024,
    COPIES = 40,
    BACK = 3,
    STRIDE = 1237,
};

/* Nothing to compress. */
static struct bytes value_of(uint32_t number, uint8_t bytes[VALUE_SIZE]) {
    for (uint32_t i = 0; i < VALUE_SIZE; i++)
        bytes[i] = (uint8_t)((number * VALUE_SIZE + i + 1) * 2654435761u >> 13);
    return bytes_of(bytes, VALUE_SIZE);
}

/* Several flushes that overlap, too few to be full. */
static void make_runs(struct library_store *place) {
    struct store_config config = library_config(256 * 1024);
    char key[LIBRARY_KEY_SIZE];
    uint8_t value[VALUE_SIZE];
    config.sync = STORE_SYNC_NEVER;
    library_store_make(place, config);
    library_store_open(place);
    for (uint32_t run = 0; run < RUNS; run++) {
        for (uint32_t i = 0; i < KEYS_PER_RUN; i++) {
            uint32_t number = i * RUNS + run;
            assert_int_equal(blocking_store_put(place->store, library_key(number, key),
                                                value_of(number, value), false),
                             STORE_OK);
        }
        assert_int_equal(blocking_store_flush(place->store), STORE_OK);
    }
}

static uint64_t compactions(const struct library_store *place) {
    struct store_figures figures;
    struct blocking_figures host;
    blocking_store_figures(place->store, &figures, &host);
    return figures.compactions;
}

static void check(const struct library_store *place, struct bytes key, uint32_t number) {
    uint8_t expected[VALUE_SIZE];
    struct bytes value;
    assert_int_equal(blocking_store_get(place->store, key, &value), STORE_OK);
    assert_true(bytes_equal(value, value_of(number, expected)));
}

static void reads_alone_bring_down_what_writers_have_left(void **state) {
    (void)state;
    struct library_store place;
    char key[LIBRARY_KEY_SIZE];
    make_runs(&place);
    assert_int_equal(compactions(&place), 0);
    uint32_t reads = 0;
    while (compactions(&place) == 0 && reads < 3 * PACING_REST_READS) {
        uint32_t number = reads++ * 7919u % KEYS;
        check(&place, library_key(number, key), number);
    }
    assert_true(compactions(&place) > 0);
    library_store_close(&place);
    library_store_remove(&place);
}

static void short_walks_alone_bring_down_what_writers_have_left(void **state) {
    (void)state;
    struct library_store place;
    char key[LIBRARY_KEY_SIZE];
    make_runs(&place);
    struct store_entry entry;
    uint32_t walks = 0;
    while (compactions(&place) == 0 && walks < 3 * PACING_REST_READS / PACING_SEEK_READS) {
        struct store_range range = {.from = library_key(walks++ * 7919u % KEYS, key)};
        struct blocking_cursor *cursor = blocking_cursor_open(place.store, &range, false);
        for (uint32_t i = 0; i < 100 && blocking_cursor_next(cursor, &entry) == STORE_OK; i++)
            assert_int_equal(entry.value.size, VALUE_SIZE);
        blocking_cursor_close(cursor);
    }
    assert_true(compactions(&place) > 0);
    library_store_close(&place);
    library_store_remove(&place);
}

/* While the work that is done meanwhile takes the block away in which the key lies. */
static void a_key_that_a_cursor_lent_may_be_asked_for(void **state) {
    (void)state;
    struct library_store place;
    make_runs(&place);
    struct store_range all = {.reverse = false};
    struct store_entry entry;
    for (uint32_t walk = 0; walk < 8; walk++) {
        struct blocking_cursor *cursor = blocking_cursor_open(place.store, &all, false);
        for (uint32_t number = 0; number < KEYS; number++) {
            assert_int_equal(blocking_cursor_next(cursor, &entry), STORE_OK);
            check(&place, entry.key, number);
        }
        assert_int_equal(blocking_cursor_next(cursor, &entry), STORE_ABSENT);
        blocking_cursor_close(cursor);
    }
    assert_true(compactions(&place) > 0);
    library_store_close(&place);
    library_store_remove(&place);
}

static void follow_a_chain(uint64_t cache_bytes) {
    struct library_store place;
    struct store_config config = library_config(16 * 1024);
    char key[LIBRARY_KEY_SIZE], next[LIBRARY_KEY_SIZE];
    config.cache_bytes = cache_bytes;
    config.partition_above = 512; /* a lookup needs filter, index and block, one after the other */
    config.sync = STORE_SYNC_NEVER;
    library_store_make(&place, config);
    library_store_open(&place);
    for (uint32_t number = 0; number < KEYS; number++)
        assert_int_equal(blocking_store_put(place.store, library_key(number, key),
                                            library_key((number + STRIDE) % KEYS, next), false),
                         STORE_OK);
    struct bytes at = library_key(0, key);
    for (uint32_t step = 1; step <= KEYS; step++) {
        assert_int_equal(blocking_store_get(place.store, at, &at), STORE_OK);
        assert_true(bytes_equal(at, library_key(step * STRIDE % KEYS, next)));
    }
    library_store_close(&place);
    library_store_remove(&place);
}

/* Each value is the key of the next, and the cache holds few of the blocks that the way leads through: which of them it has just
 * given up differs from size to size. */
static void a_value_that_the_store_lent_may_be_the_next_key(void **state) {
    (void)state;
    for (uint64_t kilobytes = 1; kilobytes <= 8; kilobytes++)
        follow_a_chain(kilobytes * 1024);
}

/* Also by a write that has to wait for work first: each of these fills a memtable. */
static void a_value_that_the_store_lent_may_be_written_anew(void **state) {
    (void)state;
    static uint8_t large[LARGE];
    struct library_store place;
    char key[LIBRARY_KEY_SIZE];
    make_runs(&place);
    for (uint32_t i = 0; i < LARGE; i++)
        large[i] = (uint8_t)((i + 1) * 2654435761u >> 13);
    struct bytes value = bytes_of(large, LARGE);
    for (uint32_t copy = 0; copy < COPIES; copy++) {
        assert_int_equal(
            blocking_store_put(place.store, library_key(KEYS + copy, key), value, false), STORE_OK);
        /* The oldest that may still lie in a memtable: that one is flushed next. */
        uint32_t older = copy < BACK ? 0 : copy - BACK;
        assert_int_equal(blocking_store_get(place.store, library_key(KEYS + older, key), &value),
                         STORE_OK);
        assert_true(bytes_equal(value, bytes_of(large, LARGE)));
    }
    struct store_figures figures;
    struct blocking_figures host;
    blocking_store_figures(place.store, &figures, &host);
    assert_true(host.stalls > 0);
    library_store_close(&place);
    library_store_remove(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_alone_bring_down_what_writers_have_left),
        cmocka_unit_test(short_walks_alone_bring_down_what_writers_have_left),
        cmocka_unit_test(a_key_that_a_cursor_lent_may_be_asked_for),
        cmocka_unit_test(a_value_that_the_store_lent_may_be_the_next_key),
        cmocka_unit_test(a_value_that_the_store_lent_may_be_written_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
