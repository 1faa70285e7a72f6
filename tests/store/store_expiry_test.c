/* Entries that expire: gone from their time on, wherever they lie; they hide what is older; and their space comes back. The
 * time of day is driven by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "engine/store/store.h"
#include "tests/store/support/memory_disk.h"
#include "tests/store/support/store_host.h"

enum { KEYS = 300, SIZE = 60, NOON = 1000000, MINUTE = 60000, STEPS_MAX = 2000000 };

/* What a key holds by the plain rule: the last write, unless it removed, or has expired. */
struct held {
    uint64_t sequence; /* 0: nothing */
    uint64_t expires;
};

static struct {
    struct memory_disk disk;
    struct store *store;
    struct store_config config;
    struct effects effects;
    struct instant now;
    uint64_t wall; /* the latest that the store was told in this life */
    uint64_t last, next_waiter;
    struct held held[KEYS];
} world;

static void take(void) {
    memory_disk_take(&world.disk, &world.effects);
    effects_clear(&world.effects);
}

static void pump(void) {
    store_pump(world.store, world.now, &world.effects);
    take();
}

/* Time passes on the monotonic clock only, and not to see entries expire. */
static bool step(void) {
    struct disk_done done;
    world.now.nanoseconds += 1000;
    bool performed = memory_disk_perform(&world.disk, &done);
    if (performed)
        assert_true(store_on_disk(world.store, &done, world.now, &world.effects));
    struct instant deadline = store_work_deadline(world.store);
    bool due = deadline.nanoseconds != UINT64_MAX;
    if (!performed && due && instant_before(world.now, deadline))
        world.now = deadline;
    pump();
    return performed || due;
}

static void settle(void) {
    uint32_t steps = 0;
    pump();
    while (step())
        assert_true(++steps < STEPS_MAX);
}

static void set_wall(uint64_t wall) {
    store_set_wall(world.store, (struct wall_time){wall});
    world.wall = wall > world.wall ? wall : world.wall;
}

static void start(uint64_t wall) {
    store_destroy(world.store);
    world.disk.queued = 0;
    world.store = store_create(&world.config);
    world.wall = 0;
    set_wall(wall);
    store_start(world.store, world.now, &world.effects);
    take();
    while (store_phase(world.store) == STORE_PHASE_RECOVERING && step())
        continue;
    assert_int_equal(store_phase(world.store), STORE_PHASE_SERVING);
}

static int set_up(void **state) {
    (void)state;
    memset(&world, 0, sizeof world);
    memory_disk_init(&world.disk, 1);
    world.config = store_host_small_config();
    world.next_waiter = 1;
    start(NOON);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    store_destroy(world.store);
    world.store = NULL;
    effects_deinit(&world.effects);
    memory_disk_deinit(&world.disk);
    return 0;
}

static struct bytes name_of(uint32_t key, struct buffer *to) {
    buffer_clear(to);
    text_append(to, "key");
    text_append_u64(to, 100000 + key);
    return buffer_bytes(to);
}

static struct bytes value_of(uint64_t sequence, struct buffer *to) {
    buffer_clear(to);
    for (uint32_t i = 0; i < SIZE; i++)
        buffer_put_u8(to, (uint8_t)(hash_mix(sequence, i / 8) >> i % 8 * 8));
    return buffer_bytes(to);
}

static void send(uint32_t key, bool removed, uint64_t expires) {
    struct buffer name = {0}, value = {0};
    struct store_batch batch = {.count = 1};
    batch.entries[0] =
        (struct store_entry){.key = name_of(key, &name), .removed = removed, .expires = {expires}};
    if (!removed)
        batch.entries[0].value = value_of(world.last + 1, &value);
    uint64_t sequence = 0;
    while (store_write(world.store, &batch, world.now, &sequence) == STORE_BUSY)
        assert_true(step());
    pump();
    assert_int_equal(sequence, ++world.last);
    world.held[key] = (struct held){.sequence = removed ? 0 : sequence, .expires = expires};
    buffer_deinit(&name);
    buffer_deinit(&value);
}

static void put(uint32_t key, uint64_t expires) {
    send(key, false, expires);
}

static void put_all(uint64_t expires) {
    for (uint32_t key = 0; key < KEYS; key++)
        put(key, expires);
}

/* Everything lies in tables, and levels are as they are at rest. */
static void flush(void) {
    struct store_snapshot *snapshot;
    settle();
    assert_int_equal(store_snapshot_acquire(world.store, &snapshot), STORE_OK);
    store_snapshot_release(snapshot);
    settle();
}

/* What is in memory lies in a run of its own at level 0 then, and nothing has been compacted. */
static void flush_alone(void) {
    struct store_snapshot *snapshot;
    struct store_figures figures;
    struct disk_done done;
    assert_int_equal(store_snapshot_acquire(world.store, &snapshot), STORE_OK);
    store_snapshot_release(snapshot);
    for (uint32_t steps = 0; steps < STEPS_MAX; steps++) {
        pump();
        store_figures(world.store, &figures);
        if (figures.frozen_count == 0)
            return;
        if (memory_disk_perform(&world.disk, &done))
            assert_true(store_on_disk(world.store, &done, world.now, &world.effects));
    }
    fail_msg("what is frozen is never flushed");
}

static bool is_live(const struct held *held, uint64_t wall) {
    return held->sequence != 0 && (held->expires == 0 || held->expires > wall);
}

static void await(uint64_t waiter) {
    uint64_t ready = 0;
    while (ready != waiter) {
        if (!store_next_ready(world.store, &ready))
            assert_true(step());
    }
}

static enum store_status get(struct store_snapshot *snapshot, struct bytes key,
                             struct bytes *value) {
    uint64_t waiter = world.next_waiter++;
    for (;;) {
        enum store_status status =
            snapshot == NULL ? store_get(world.store, key, waiter, value, &world.effects)
                             : store_snapshot_get(snapshot, key, waiter, value, &world.effects);
        take();
        if (status != STORE_NEED_BLOCK)
            return status;
        await(waiter);
    }
}

static void check_gets(struct store_snapshot *snapshot, const struct held *held, uint64_t wall) {
    struct buffer name = {0}, expected = {0};
    struct bytes value;
    for (uint32_t key = 0; key < KEYS; key++) {
        bool live = is_live(&held[key], wall);
        enum store_status status = get(snapshot, name_of(key, &name), &value);
        if (status != (live ? STORE_OK : STORE_ABSENT))
            fail_msg("key %u is %s, the store answers %d", key, live ? "live" : "not there",
                     (int)status);
        assert_true(!live || bytes_equal(value, value_of(held[key].sequence, &expected)));
    }
    buffer_deinit(&name);
    buffer_deinit(&expected);
}

static void check_entry(const struct store_entry *entry, uint32_t key, const struct held *held) {
    struct buffer name = {0}, expected = {0};
    assert_true(bytes_equal(entry->key, name_of(key, &name)));
    assert_true(bytes_equal(entry->value, value_of(held->sequence, &expected)));
    assert_int_equal(entry->expires.milliseconds, held->expires);
    buffer_deinit(&name);
    buffer_deinit(&expected);
}

static enum store_status next(struct store_cursor *cursor, struct store_entry *entry) {
    uint64_t waiter = world.next_waiter++;
    enum store_status status;
    while ((status = store_cursor_next(cursor, waiter, entry, &world.effects)) ==
           STORE_NEED_BLOCK) {
        take();
        await(waiter);
    }
    take();
    return status;
}

static void check_walk(struct store_snapshot *snapshot, const struct held *held, uint64_t wall,
                       bool reverse) {
    struct store_range range = {.reverse = reverse};
    struct store_cursor *cursor = store_cursor_open(world.store, &range, snapshot);
    struct store_entry entry;
    for (uint32_t i = 0; i < KEYS; i++) {
        uint32_t key = reverse ? KEYS - 1 - i : i;
        if (!is_live(&held[key], wall))
            continue;
        assert_int_equal(next(cursor, &entry), STORE_OK);
        check_entry(&entry, key, &held[key]);
    }
    assert_int_equal(next(cursor, &entry), STORE_ABSENT);
    store_cursor_close(cursor);
}

static void check_all(struct store_snapshot *snapshot, const struct held *held, uint64_t wall) {
    check_gets(snapshot, held, wall);
    check_walk(snapshot, held, wall, false);
    check_walk(snapshot, held, wall, true);
}

static void check(void) {
    check_all(NULL, world.held, world.wall);
}

static uint64_t table_bytes(void) {
    struct store_figures figures;
    store_figures(world.store, &figures);
    return figures.table_bytes;
}

static uint64_t written_bytes(void) {
    struct store_figures figures;
    store_figures(world.store, &figures);
    return figures.table_bytes_written;
}

/* The two clocks go on together, as they do for an idle host, which sleeps until the deadline. */
static void idle_until(uint64_t wall) {
    struct disk_done done;
    for (uint32_t steps = 0; steps < STEPS_MAX; steps++) {
        pump();
        if (memory_disk_perform(&world.disk, &done)) {
            assert_true(store_on_disk(world.store, &done, world.now, &world.effects));
            continue;
        }
        struct instant deadline = store_deadline(world.store);
        uint64_t left = duration_between(world.now, deadline).nanoseconds;
        if (left / 1000000 > wall - world.wall)
            return;
        world.now = instant_after(world.now, (struct duration){left});
        set_wall(world.wall + (left + 999999) / 1000000);
    }
    fail_msg("an idle store never sleeps until its deadline");
}

static void an_entry_is_there_until_its_time_and_gone_from_then_on(void **state) {
    (void)state;
    for (uint32_t where = 0; where < 3; where++) {
        uint64_t due = world.wall + 10;
        for (uint32_t key = 0; key < KEYS; key++)
            put(key, key % 3 == 0 ? 0 : key % 3 == 1 ? due : due + 10);
        struct store_snapshot *freezes;
        if (where == 1)
            assert_int_equal(store_snapshot_acquire(world.store, &freezes), STORE_OK);
        if (where == 2)
            flush();
        check();
        for (uint64_t wall = due - 1; wall < due + 12; wall++) {
            set_wall(wall);
            check();
        }
        if (where == 1)
            store_snapshot_release(freezes);
    }
}

static void an_entry_that_is_written_late_is_never_seen(void **state) {
    (void)state;
    put(7, 0);
    put(7, world.wall - 1);
    check();
    flush();
    check();
}

static void what_has_expired_hides_what_is_older_wherever_both_lie(void **state) {
    (void)state;
    put_all(0);
    flush();
    for (uint32_t key = 0; key < KEYS; key += 2)
        put(key, world.wall + 10);
    check();
    set_wall(world.wall + 10);
    check();
    flush();
    check();
    for (uint32_t round = 0; round < 3; round++) {
        put_all(world.wall + 5 + round);
        set_wall(world.wall + 5);
        flush();
        check();
    }
}

static void a_later_write_lifts_an_expiry_and_sets_another(void **state) {
    (void)state;
    put_all(world.wall + 10);
    for (uint32_t key = 0; key < KEYS; key += 2)
        put(key, 0);
    for (uint32_t key = 0; key < KEYS; key += 3)
        put(key, world.wall + 20);
    for (uint32_t key = 0; key < KEYS; key += 5)
        send(key, true, 0);
    for (uint64_t i = 0; i < 3; i++, set_wall(world.wall + 10)) {
        check();
        flush();
        check();
    }
}

static void a_clock_that_steps_back_brings_nothing_back(void **state) {
    (void)state;
    put_all(world.wall + 10);
    set_wall(world.wall + 10);
    check();
    set_wall(NOON);
    check();
    put(3, NOON + 5);
    check_gets(NULL, world.held, world.wall);
    flush();
    set_wall(NOON - MINUTE);
    check();
}

/* It may have been wrong; what was seen is told by nobody any more. */
static void the_next_life_believes_the_clock_that_it_is_told(void **state) {
    (void)state;
    put_all(0);
    flush();
    for (uint32_t key = 0; key < KEYS; key++)
        put(key, NOON + MINUTE);
    settle();
    set_wall(NOON + MINUTE);
    /* The last one is still in memory: to ask for it gives compaction no time to give anything up. */
    struct buffer name = {0};
    struct bytes value;
    assert_int_equal(get(NULL, name_of(KEYS - 1, &name), &value), STORE_ABSENT);
    buffer_deinit(&name);
    start(NOON);
    check();
    set_wall(NOON + MINUTE);
    flush();
    for (uint32_t key = 0; key < KEYS; key++)
        world.held[key] = (struct held){0};
    start(NOON);
    check();
}

static void a_snapshot_keeps_the_time_of_its_acquisition(void **state) {
    (void)state;
    struct store_snapshot *early, *late, *same;
    struct held held[KEYS];
    put_all(world.wall + 10);
    flush();
    uint64_t wall = world.wall;
    memcpy(held, world.held, sizeof held);
    assert_int_equal(store_snapshot_acquire(world.store, &early), STORE_OK);
    set_wall(wall + 10);
    assert_int_equal(store_snapshot_acquire(world.store, &late), STORE_OK);
    assert_int_equal(store_snapshot_acquire(world.store, &same), STORE_OK);
    assert_ptr_not_equal(early, late);
    assert_ptr_equal(same, late);
    flush();
    put(1, 0);
    flush();
    check();
    check_all(early, held, wall);
    check_all(late, held, wall + 10);
    store_snapshot_release(early);
    store_snapshot_release(late);
    store_snapshot_release(same);
}

static void an_expiry_survives_replay_flush_and_compaction(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 4; round++) {
        for (uint32_t key = round; key < KEYS; key += 2)
            put(key, key % 5 == 0 ? 0 : NOON + 10 * MINUTE + key);
        settle();
        store_destroy(world.store);
        world.store = NULL;
        memory_disk_crash(&world.disk, CRASH_LOSES);
        start(NOON);
        check();
        if (round % 2 == 1)
            flush();
    }
    for (uint32_t key = 0; key < KEYS; key += 50) {
        set_wall(NOON + 10 * MINUTE + key);
        check();
    }
}

static void an_idle_store_wakes_to_give_up_what_has_expired(void **state) {
    (void)state;
    put_all(NOON + MINUTE);
    for (uint32_t key = 0; key < KEYS; key++)
        put(key, NOON + (key < KEYS / 2 ? MINUTE : 3 * MINUTE));
    flush();
    uint64_t all = table_bytes();
    idle_until(NOON + MINUTE - 1);
    assert_int_equal(table_bytes(), all);
    idle_until(NOON + MINUTE);
    assert_in_range(table_bytes(), all / 4, all * 2 / 3);
    check();
    idle_until(NOON + 3 * MINUTE);
    assert_int_equal(table_bytes(), 0);
    check();
    assert_int_equal(store_deadline(world.store).nanoseconds, UINT64_MAX);
    assert_false(store_has_expiring(world.store));
}

/* While the clock is behind, nothing comes to be due, and the host is not woken for nothing. */
static void a_clock_that_was_set_back_wakes_nobody_early(void **state) {
    (void)state;
    put_all(NOON + MINUTE);
    flush();
    set_wall(NOON - 10 * MINUTE);
    pump();
    uint64_t left = duration_between(world.now, store_deadline(world.store)).nanoseconds;
    assert_int_equal(left / 1000000, 11 * MINUTE);
}

static void tables_in_which_nothing_lives_go_unread(void **state) {
    (void)state;
    put_all(NOON + MINUTE);
    flush();
    uint64_t written = written_bytes();
    assert_true(table_bytes() > 0);
    world.disk.fail_reads = true;
    world.disk.fail_status = DISK_ERROR;
    world.disk.fail_at = world.disk.eligible + 1;
    world.disk.fail_more = 1000;
    set_wall(NOON + MINUTE);
    settle();
    assert_int_equal(table_bytes(), 0);
    assert_int_equal(written_bytes(), written);
}

static void a_table_goes_unread_only_when_nothing_older_lies_below(void **state) {
    (void)state;
    put_all(0);
    flush();
    world.config.memtable_bytes = 1 << 20; /* so that all goes into one run */
    start(NOON);
    for (uint32_t key = 0; key < KEYS; key += 4)
        put(key, NOON + MINUTE);
    struct store_snapshot *snapshot;
    assert_int_equal(store_snapshot_acquire(world.store, &snapshot), STORE_OK);
    store_snapshot_release(snapshot);
    for (uint32_t i = 0; i < 50; i++)
        (void)step();
    set_wall(NOON + MINUTE);
    for (uint32_t i = 0; i < 50; i++) {
        (void)step();
        check_gets(NULL, world.held, world.wall);
    }
    flush();
    check();
}

static void a_run_of_level_0_goes_unread_only_when_no_older_one_meets_it(void **state) {
    (void)state;
    for (uint32_t key = 0; key < 20; key++)
        put(key, 0);
    flush_alone();
    for (uint32_t key = 0; key < 20; key++)
        put(key, NOON + MINUTE);
    flush_alone();
    uint64_t both = table_bytes();
    set_wall(NOON + MINUTE);
    for (uint32_t i = 0; i < 20; i++) {
        struct disk_done done;
        pump();
        if (memory_disk_perform(&world.disk, &done))
            assert_true(store_on_disk(world.store, &done, world.now, &world.effects));
    }
    assert_int_equal(table_bytes(), both);
    check();
    flush();
    check();
    assert_int_equal(table_bytes(), 0);
}

static void what_expires_above_the_last_level_hides_until_it_comes_there(void **state) {
    (void)state;
    world.config.memtable_bytes = 600;
    world.config.table_bytes = 1500;
    start(NOON);
    put_all(0);
    flush();
    for (uint32_t round = 1; round < 6; round++) {
        for (uint32_t key = round; key < KEYS; key += 5)
            put(key, world.wall + 1);
        set_wall(world.wall + 1);
        check();
        flush();
        check();
    }
}

static void a_busy_store_writes_a_table_anew_once_a_quarter_has_expired(void **state) {
    (void)state;
    for (uint32_t key = 0; key < KEYS; key++)
        put(key, key % 4 == 0 ? NOON + MINUTE : 0);
    flush();
    uint64_t all = table_bytes();
    put(0, 0); /* it does not rest */
    set_wall(NOON + MINUTE - 1);
    for (uint32_t i = 0; i < 100; i++) {
        put(0, 0);
        (void)step();
    }
    assert_true(table_bytes() >= all);
    set_wall(NOON + MINUTE);
    for (uint32_t i = 0; i < 400; i++)
        (void)step();
    check();
    assert_true(table_bytes() < all * 85 / 100);
}

static void what_expires_inside_an_open_cursor_is_passed_over(void **state) {
    (void)state;
    put_all(NOON + MINUTE);
    put(KEYS - 1, 0);
    flush();
    struct store_range range = {0};
    struct store_entry entry;
    struct store_cursor *cursor = store_cursor_open(world.store, &range, NULL);
    for (uint32_t key = 0; key < 20; key++)
        assert_int_equal(next(cursor, &entry), STORE_OK);
    set_wall(NOON + MINUTE);
    assert_int_equal(next(cursor, &entry), STORE_OK);
    check_entry(&entry, KEYS - 1, &world.held[KEYS - 1]);
    assert_int_equal(next(cursor, &entry), STORE_ABSENT);
    store_cursor_close(cursor);
}

int main(void) {
#define CLAIM(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CLAIM(an_entry_is_there_until_its_time_and_gone_from_then_on),
        CLAIM(an_entry_that_is_written_late_is_never_seen),
        CLAIM(what_has_expired_hides_what_is_older_wherever_both_lie),
        CLAIM(a_later_write_lifts_an_expiry_and_sets_another),
        CLAIM(a_clock_that_steps_back_brings_nothing_back),
        CLAIM(the_next_life_believes_the_clock_that_it_is_told),
        CLAIM(a_snapshot_keeps_the_time_of_its_acquisition),
        CLAIM(an_expiry_survives_replay_flush_and_compaction),
        CLAIM(an_idle_store_wakes_to_give_up_what_has_expired),
        CLAIM(a_clock_that_was_set_back_wakes_nobody_early),
        CLAIM(tables_in_which_nothing_lives_go_unread),
        CLAIM(a_table_goes_unread_only_when_nothing_older_lies_below),
        CLAIM(a_run_of_level_0_goes_unread_only_when_no_older_one_meets_it),
        CLAIM(what_expires_above_the_last_level_hides_until_it_comes_there),
        CLAIM(a_busy_store_writes_a_table_anew_once_a_quarter_has_expired),
        CLAIM(what_expires_inside_an_open_cursor_is_passed_over),
    };
#undef CLAIM
    return cmocka_run_group_tests(tests, NULL, NULL);
}
