/* The space of entries that have expired comes back: when, and at what cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/store/support/expiring_store.h"

static void an_idle_store_wakes_to_give_up_what_has_expired(void **state) {
    (void)state;
    expiring_put_all(EXPIRING_NOON + EXPIRING_MINUTE);
    for (uint32_t key = 0; key < EXPIRING_KEYS; key++)
        expiring_put(key, EXPIRING_NOON +
                              (key < EXPIRING_KEYS / 2 ? EXPIRING_MINUTE : 3 * EXPIRING_MINUTE));
    expiring_flush();
    uint64_t all = expiring_table_bytes();
    expiring_idle_until(EXPIRING_NOON + EXPIRING_MINUTE - 1);
    assert_int_equal(expiring_table_bytes(), all);
    expiring_idle_until(EXPIRING_NOON + EXPIRING_MINUTE);
    assert_in_range(expiring_table_bytes(), all / 4, all * 2 / 3);
    expiring_check();
    expiring_idle_until(EXPIRING_NOON + 3 * EXPIRING_MINUTE);
    assert_int_equal(expiring_table_bytes(), 0);
    expiring_check();
    assert_int_equal(store_deadline(expiring_world.store).nanoseconds, UINT64_MAX);
    assert_false(store_has_expiring(expiring_world.store));
}

/* While the clock is behind, nothing comes to be due, and the host is not woken for nothing. */
static void a_clock_that_was_set_back_wakes_nobody_early(void **state) {
    (void)state;
    expiring_put_all(EXPIRING_NOON + EXPIRING_MINUTE);
    expiring_flush();
    expiring_set_wall(EXPIRING_NOON - 10 * EXPIRING_MINUTE);
    expiring_pump();
    uint64_t left =
        duration_between(expiring_world.now, store_deadline(expiring_world.store)).nanoseconds;
    assert_int_equal(left / 1000000, 11 * EXPIRING_MINUTE);
}

static void tables_in_which_nothing_lives_go_unread(void **state) {
    (void)state;
    expiring_put_all(EXPIRING_NOON + EXPIRING_MINUTE);
    expiring_flush();
    uint64_t written = expiring_written_bytes();
    assert_true(expiring_table_bytes() > 0);
    expiring_world.disk.fail_reads = true;
    expiring_world.disk.fail_status = DISK_ERROR;
    expiring_world.disk.fail_at = expiring_world.disk.eligible + 1;
    expiring_world.disk.fail_more = 1000;
    expiring_set_wall(EXPIRING_NOON + EXPIRING_MINUTE);
    expiring_settle();
    assert_int_equal(expiring_table_bytes(), 0);
    assert_int_equal(expiring_written_bytes(), written);
}

static void a_table_goes_unread_only_when_nothing_older_lies_below(void **state) {
    (void)state;
    expiring_put_all(0);
    expiring_flush();
    expiring_world.config.memtable_bytes = 1 << 20; /* so that all goes into one run */
    expiring_start(EXPIRING_NOON);
    for (uint32_t key = 0; key < EXPIRING_KEYS; key += 4)
        expiring_put(key, EXPIRING_NOON + EXPIRING_MINUTE);
    struct store_snapshot *snapshot;
    assert_int_equal(store_snapshot_acquire(expiring_world.store, &snapshot), STORE_OK);
    store_snapshot_release(snapshot);
    for (uint32_t i = 0; i < 50; i++)
        (void)expiring_step();
    expiring_set_wall(EXPIRING_NOON + EXPIRING_MINUTE);
    for (uint32_t i = 0; i < 50; i++) {
        (void)expiring_step();
        expiring_check_gets(NULL, expiring_world.held, expiring_world.wall);
    }
    expiring_flush();
    expiring_check();
}

static void a_run_of_level_0_goes_unread_only_when_no_older_one_meets_it(void **state) {
    (void)state;
    for (uint32_t key = 0; key < 20; key++)
        expiring_put(key, 0);
    expiring_flush_alone();
    for (uint32_t key = 0; key < 20; key++)
        expiring_put(key, EXPIRING_NOON + EXPIRING_MINUTE);
    expiring_flush_alone();
    uint64_t both = expiring_table_bytes();
    expiring_set_wall(EXPIRING_NOON + EXPIRING_MINUTE);
    for (uint32_t i = 0; i < 20; i++) {
        struct disk_done done;
        expiring_pump();
        if (memory_disk_perform(&expiring_world.disk, &done))
            assert_true(store_on_disk(expiring_world.store, &done, expiring_world.now,
                                      &expiring_world.effects));
    }
    assert_int_equal(expiring_table_bytes(), both);
    expiring_check();
    expiring_flush();
    expiring_check();
    assert_int_equal(expiring_table_bytes(), 0);
}

static void a_busy_store_writes_a_table_anew_once_a_quarter_has_expired(void **state) {
    (void)state;
    for (uint32_t key = 0; key < EXPIRING_KEYS; key++)
        expiring_put(key, key % 4 == 0 ? EXPIRING_NOON + EXPIRING_MINUTE : 0);
    expiring_flush();
    uint64_t all = expiring_table_bytes();
    expiring_put(0, 0); /* it does not rest */
    expiring_set_wall(EXPIRING_NOON + EXPIRING_MINUTE - 1);
    for (uint32_t i = 0; i < 100; i++) {
        expiring_put(0, 0);
        (void)expiring_step();
    }
    assert_true(expiring_table_bytes() >= all);
    expiring_set_wall(EXPIRING_NOON + EXPIRING_MINUTE);
    for (uint32_t i = 0; i < 400; i++)
        (void)expiring_step();
    expiring_check();
    assert_true(expiring_table_bytes() < all * 85 / 100);
}

int main(void) {
#define CLAIM(test) cmocka_unit_test_setup_teardown(test, expiring_set_up, expiring_tear_down)
    const struct CMUnitTest tests[] = {
        CLAIM(an_idle_store_wakes_to_give_up_what_has_expired),
        CLAIM(a_clock_that_was_set_back_wakes_nobody_early),
        CLAIM(tables_in_which_nothing_lives_go_unread),
        CLAIM(a_table_goes_unread_only_when_nothing_older_lies_below),
        CLAIM(a_run_of_level_0_goes_unread_only_when_no_older_one_meets_it),
        CLAIM(a_busy_store_writes_a_table_anew_once_a_quarter_has_expired),
    };
#undef CLAIM
    return cmocka_run_group_tests(tests, NULL, NULL);
}
