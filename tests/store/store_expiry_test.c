/* Entries that expire: gone from their time on, wherever they lie, and they hide what is older. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/store/support/expiring_store.h"

static void an_entry_is_there_until_its_time_and_gone_from_then_on(void **state) {
    (void)state;
    for (uint32_t where = 0; where < 3; where++) {
        uint64_t due = expiring_world.wall + 10;
        for (uint32_t key = 0; key < EXPIRING_KEYS; key++)
            expiring_put(key, key % 3 == 0 ? 0 : key % 3 == 1 ? due : due + 10);
        struct store_snapshot *freezes;
        if (where == 1)
            assert_int_equal(store_snapshot_acquire(expiring_world.store, &freezes), STORE_OK);
        if (where == 2)
            expiring_flush();
        expiring_check();
        for (uint64_t wall = due - 1; wall < due + 12; wall++) {
            expiring_set_wall(wall);
            expiring_check();
        }
        if (where == 1)
            store_snapshot_release(freezes);
    }
}

static void an_entry_that_is_written_late_is_never_seen(void **state) {
    (void)state;
    expiring_put(7, 0);
    expiring_put(7, expiring_world.wall - 1);
    expiring_check();
    expiring_flush();
    expiring_check();
}

static void what_has_expired_hides_what_is_older_wherever_both_lie(void **state) {
    (void)state;
    expiring_put_all(0);
    expiring_flush();
    for (uint32_t key = 0; key < EXPIRING_KEYS; key += 2)
        expiring_put(key, expiring_world.wall + 10);
    expiring_check();
    expiring_set_wall(expiring_world.wall + 10);
    expiring_check();
    expiring_flush();
    expiring_check();
    for (uint32_t round = 0; round < 3; round++) {
        expiring_put_all(expiring_world.wall + 5 + round);
        expiring_set_wall(expiring_world.wall + 5);
        expiring_flush();
        expiring_check();
    }
}

static void a_later_write_lifts_an_expiry_and_sets_another(void **state) {
    (void)state;
    expiring_put_all(expiring_world.wall + 10);
    for (uint32_t key = 0; key < EXPIRING_KEYS; key += 2)
        expiring_put(key, 0);
    for (uint32_t key = 0; key < EXPIRING_KEYS; key += 3)
        expiring_put(key, expiring_world.wall + 20);
    for (uint32_t key = 0; key < EXPIRING_KEYS; key += 5)
        expiring_send(key, true, 0);
    for (uint64_t i = 0; i < 3; i++, expiring_set_wall(expiring_world.wall + 10)) {
        expiring_check();
        expiring_flush();
        expiring_check();
    }
}

static void a_clock_that_steps_back_brings_nothing_back(void **state) {
    (void)state;
    expiring_put_all(expiring_world.wall + 10);
    expiring_set_wall(expiring_world.wall + 10);
    expiring_check();
    expiring_set_wall(EXPIRING_NOON);
    expiring_check();
    expiring_put(3, EXPIRING_NOON + 5);
    expiring_check_gets(NULL, expiring_world.held, expiring_world.wall);
    expiring_flush();
    expiring_set_wall(EXPIRING_NOON - EXPIRING_MINUTE);
    expiring_check();
}

/* It may have been wrong; what was seen is told by nobody any more. */
static void the_next_life_believes_the_clock_that_it_is_told(void **state) {
    (void)state;
    expiring_put_all(0);
    expiring_flush();
    for (uint32_t key = 0; key < EXPIRING_KEYS; key++)
        expiring_put(key, EXPIRING_NOON + EXPIRING_MINUTE);
    expiring_settle();
    expiring_set_wall(EXPIRING_NOON + EXPIRING_MINUTE);
    /* The last one is still in memory: to ask for it gives compaction no time to give anything up. */
    struct buffer name = {0};
    struct bytes value;
    assert_int_equal(expiring_get(NULL, expiring_name_of(EXPIRING_KEYS - 1, &name), &value),
                     STORE_ABSENT);
    buffer_deinit(&name);
    expiring_start(EXPIRING_NOON);
    expiring_check();
    expiring_set_wall(EXPIRING_NOON + EXPIRING_MINUTE);
    expiring_flush();
    for (uint32_t key = 0; key < EXPIRING_KEYS; key++)
        expiring_world.held[key] = (struct expiring_held){0};
    expiring_start(EXPIRING_NOON);
    expiring_check();
}

static void a_snapshot_keeps_the_time_of_its_acquisition(void **state) {
    (void)state;
    struct store_snapshot *early, *late, *same;
    struct expiring_held held[EXPIRING_KEYS];
    expiring_put_all(expiring_world.wall + 10);
    expiring_flush();
    uint64_t wall = expiring_world.wall;
    memcpy(held, expiring_world.held, sizeof held);
    assert_int_equal(store_snapshot_acquire(expiring_world.store, &early), STORE_OK);
    expiring_set_wall(wall + 10);
    assert_int_equal(store_snapshot_acquire(expiring_world.store, &late), STORE_OK);
    assert_int_equal(store_snapshot_acquire(expiring_world.store, &same), STORE_OK);
    assert_ptr_not_equal(early, late);
    assert_ptr_equal(same, late);
    expiring_flush();
    expiring_put(1, 0);
    expiring_flush();
    expiring_check();
    expiring_check_all(early, held, wall);
    expiring_check_all(late, held, wall + 10);
    store_snapshot_release(early);
    store_snapshot_release(late);
    store_snapshot_release(same);
}

static void an_expiry_survives_replay_flush_and_compaction(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 4; round++) {
        for (uint32_t key = round; key < EXPIRING_KEYS; key += 2)
            expiring_put(key, key % 5 == 0 ? 0 : EXPIRING_NOON + 10 * EXPIRING_MINUTE + key);
        expiring_settle();
        store_destroy(expiring_world.store);
        expiring_world.store = NULL;
        memory_disk_crash(&expiring_world.disk, CRASH_LOSES);
        expiring_start(EXPIRING_NOON);
        expiring_check();
        if (round % 2 == 1)
            expiring_flush();
    }
    for (uint32_t key = 0; key < EXPIRING_KEYS; key += 50) {
        expiring_set_wall(EXPIRING_NOON + 10 * EXPIRING_MINUTE + key);
        expiring_check();
    }
}

static void what_expires_above_the_last_level_hides_until_it_comes_there(void **state) {
    (void)state;
    expiring_world.config.memtable_bytes = 600;
    expiring_world.config.table_bytes = 1500;
    expiring_start(EXPIRING_NOON);
    expiring_put_all(0);
    expiring_flush();
    for (uint32_t round = 1; round < 6; round++) {
        for (uint32_t key = round; key < EXPIRING_KEYS; key += 5)
            expiring_put(key, expiring_world.wall + 1);
        expiring_set_wall(expiring_world.wall + 1);
        expiring_check();
        expiring_flush();
        expiring_check();
    }
}

static void what_expires_inside_an_open_cursor_is_passed_over(void **state) {
    (void)state;
    expiring_put_all(EXPIRING_NOON + EXPIRING_MINUTE);
    expiring_put(EXPIRING_KEYS - 1, 0);
    expiring_flush();
    struct store_range range = {0};
    struct store_entry entry;
    struct store_cursor *cursor = store_cursor_open(expiring_world.store, &range, NULL);
    for (uint32_t key = 0; key < 20; key++)
        assert_int_equal(expiring_next(cursor, &entry), STORE_OK);
    expiring_set_wall(EXPIRING_NOON + EXPIRING_MINUTE);
    assert_int_equal(expiring_next(cursor, &entry), STORE_OK);
    expiring_check_entry(&entry, EXPIRING_KEYS - 1, &expiring_world.held[EXPIRING_KEYS - 1]);
    assert_int_equal(expiring_next(cursor, &entry), STORE_ABSENT);
    store_cursor_close(cursor);
}

int main(void) {
#define CLAIM(test) cmocka_unit_test_setup_teardown(test, expiring_set_up, expiring_tear_down)
    const struct CMUnitTest tests[] = {
        CLAIM(an_entry_is_there_until_its_time_and_gone_from_then_on),
        CLAIM(an_entry_that_is_written_late_is_never_seen),
        CLAIM(what_has_expired_hides_what_is_older_wherever_both_lie),
        CLAIM(a_later_write_lifts_an_expiry_and_sets_another),
        CLAIM(a_clock_that_steps_back_brings_nothing_back),
        CLAIM(the_next_life_believes_the_clock_that_it_is_told),
        CLAIM(a_snapshot_keeps_the_time_of_its_acquisition),
        CLAIM(an_expiry_survives_replay_flush_and_compaction),
        CLAIM(what_expires_above_the_last_level_hides_until_it_comes_there),
        CLAIM(what_expires_inside_an_open_cursor_is_passed_over),
    };
#undef CLAIM
    return cmocka_run_group_tests(tests, NULL, NULL);
}
