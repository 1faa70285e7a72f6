/* What cursors cost and what snapshots keep. What they must meet is checked by histories, in
 * store_model_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/store/read_ahead.h"
#include "tests/store/support/store_host.h"

/* A block holds one entry. */
enum { KEYS = 600, VALUE = 900, BLOCK = 1024 };

static struct memory_disk disk;
static struct store_host host;
static uint64_t bytes_asked; /* by the reads that walks have caused */

static void write_until_taken(uint32_t key, uint32_t size) {
    enum store_status status;
    while ((status = store_host_write(&host, key, size)) == STORE_BUSY)
        assert_true(store_host_step(&host));
    assert_int_equal(status, STORE_OK);
    store_host_pump(&host);
}

/* Everything lies in tables of the deepest level, and nothing is in the cache. */
static void set_up_with_cache(uint64_t cache_bytes) {
    struct store_config config = store_host_small_config();
    config.block_bytes = BLOCK;
    config.table_bytes = 200 * 1024;
    config.memtable_bytes = 64 * 1024;
    config.cache_bytes = cache_bytes;
    memory_disk_init(&disk, 1);
    store_host_init(&host, &disk, &config);
    host.keys = KEYS;
    assert_true(store_host_start(&host));
    for (uint32_t key = 0; key < KEYS; key++)
        write_until_taken(key, VALUE);
    assert_true(store_host_close(&host));
    store_host_crash(&host, CRASH_KILLS);
    assert_true(store_host_start(&host));
    store_host_settle(&host);
}

static void set_up(void) {
    set_up_with_cache(128 * 1024);
}

static void tear_down(void) {
    store_host_deinit(&host);
    memory_disk_deinit(&disk);
}

static void count_reads(void) {
    for (size_t i = 0; i < host.effects.count; i++) {
        if (host.effects.items[i].kind == EFFECT_READ)
            bytes_asked += host.effects.items[i].size;
    }
}

/* Walks up to `limit` entries; how many there were. */
static uint32_t walk(const struct store_range *range, struct store_snapshot *snapshot,
                     uint32_t limit) {
    struct store_cursor *cursor = store_cursor_open(host.store, range, snapshot);
    uint32_t met = 0;
    enum store_status status = STORE_OK;
    while (met < limit && status != STORE_ABSENT) {
        struct store_entry entry;
        uint64_t ready;
        status = store_cursor_next(cursor, host.next_waiter++, &entry, &host.effects);
        met += status == STORE_OK;
        count_reads();
        memory_disk_take(&disk, &host.effects);
        effects_clear(&host.effects);
        if (status == STORE_NEED_BLOCK)
            assert_true(store_host_step(&host));
        while (store_next_ready(host.store, &ready)) {
        }
    }
    store_cursor_close(cursor);
    return met;
}

static uint64_t walk_all(bool reverse) {
    uint64_t before = disk.performed;
    assert_int_equal(walk(&(struct store_range){.reverse = reverse}, NULL, KEYS + 1), KEYS);
    return disk.performed - before;
}

static void a_scan_of_everything_takes_few_reads_either_way(void **state) {
    (void)state;
    for (int reverse = 0; reverse < 2; reverse++) {
        set_up();
        /* Read one by one that would be as many reads as entries. */
        uint64_t reads = walk_all(reverse == 1);
        if (reads >= KEYS / 8)
            fail_msg("%s: %u reads", reverse == 1 ? "down" : "up", (unsigned)reads);
        tear_down();
    }
}

/* However long a scan is: besides its own blocks it reads no more than once again as much. */
static void a_short_scan_reads_little_more_than_its_own_blocks(void **state) {
    (void)state;
    static const uint32_t LENGTHS[] = {1, 2, 3, 4, 5, 7, 10, 17, 31, 60, 100, 150};
    for (uint32_t i = 0; i < 2 * sizeof LENGTHS / sizeof LENGTHS[0]; i++) {
        uint32_t length = LENGTHS[i / 2];
        set_up();
        bytes_asked = 0;
        uint64_t before = disk.performed;
        assert_int_equal(walk(&(struct store_range){.reverse = i % 2 == 1}, NULL, length), length);
        uint64_t wanted = length * (uint64_t)VALUE;
        bool one_by_one = length <= READ_AHEAD_AFTER;
        /* Besides, a seek may begin behind the last entry of its first block, and the last block has more than is wanted. */
        uint64_t ends = 4 * BLOCK + 2 * VALUE;
        if (bytes_asked > (one_by_one ? 1 : 2) * wanted + ends)
            fail_msg("%u entries %s: %u bytes were read", length, i % 2 == 1 ? "down" : "up",
                     (unsigned)bytes_asked);
        if (length >= 10 && disk.performed - before > length / 2)
            fail_msg("%u entries %s: %u reads", length, i % 2 == 1 ? "down" : "up",
                     (unsigned)(disk.performed - before));
        tear_down();
    }
}

static void a_short_scan_that_comes_again_reads_nothing(void **state) {
    (void)state;
    enum { LENGTH = 60 };
    for (int reverse = 0; reverse < 2; reverse++) {
        set_up_with_cache(64 << 20);
        struct store_range range = {.reverse = reverse == 1};
        assert_int_equal(walk(&range, NULL, LENGTH), LENGTH);
        bytes_asked = 0;
        assert_int_equal(walk(&range, NULL, LENGTH), LENGTH);
        assert_int_equal(bytes_asked, 0);
        tear_down();
    }
}

/* Every fifth block is there: a scan must not read it again one by one, and a long one not give up its large reads. */
static void a_scan_uses_what_is_in_the_cache(void **state) {
    (void)state;
    enum { APART = 5 };
    for (int reverse = 0; reverse < 2; reverse++) {
        set_up();
        struct bytes value;
        for (uint32_t key = 0; key < KEYS; key += APART)
            assert_int_equal(store_host_get(&host, key, &value), STORE_OK);
        bytes_asked = 0;
        uint64_t reads = walk_all(reverse == 1);
        assert_true(reads < KEYS / 2);
        assert_true(bytes_asked < KEYS * (uint64_t)(VALUE + 100));
        tear_down();
    }
}

/* A cursor stands in a block while everything else passes through a cache that has room for a few, and then while the files
 * themselves go. */
static void what_a_cursor_holds_is_counted_until_it_goes_on(void **state) {
    (void)state;
    set_up();
    struct store_cursor *cursor =
        store_cursor_open(host.store, &(struct store_range){.to = {0}}, NULL);
    struct store_entry entry;
    uint64_t ready;
    while (store_cursor_next(cursor, host.next_waiter++, &entry, &host.effects) ==
           STORE_NEED_BLOCK) {
        memory_disk_take(&disk, &host.effects);
        effects_clear(&host.effects);
        assert_true(store_host_step(&host));
        while (store_next_ready(host.store, &ready)) {
        }
    }
    struct bytes value;
    struct buffer kept = {0};
    buffer_append(&kept, entry.value);
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t key = 1; key < KEYS; key++)
            assert_int_equal(store_host_get(&host, key, &value), STORE_OK);
    }
    assert_true(bytes_equal(entry.value, buffer_bytes(&kept)));
    buffer_deinit(&kept);
    struct store_figures held, gone;
    store_figures(host.store, &held);
    store_cursor_close(cursor);
    store_figures(host.store, &gone);
    assert_int_equal(held.block_count, gone.block_count + 1);
    assert_true(held.block_bytes > gone.block_bytes);
    assert_int_equal(held.cache_bytes, gone.cache_bytes);
    tear_down();
}

static void a_scan_pushes_nothing_out_of_the_cache(void **state) {
    (void)state;
    enum { HOT = 60, ROUNDS = 4 };
    set_up();
    struct bytes value;
    for (uint32_t i = 0; i < ROUNDS * HOT; i++)
        assert_int_equal(store_host_get(&host, i % HOT, &value), STORE_OK);
    assert_int_equal(walk(&(struct store_range){.reverse = false}, NULL, KEYS + 1), KEYS);
    struct store_figures before, after;
    store_figures(host.store, &before);
    for (uint32_t key = 0; key < HOT; key++)
        assert_int_equal(store_host_get(&host, key, &value), STORE_OK);
    store_figures(host.store, &after);
    assert_int_equal(after.cache_misses, before.cache_misses);
    tear_down();
}

static struct store_snapshot *acquire(void) {
    struct store_snapshot *snapshot;
    while (store_snapshot_acquire(host.store, &snapshot) == STORE_BUSY)
        assert_true(store_host_step(&host));
    return snapshot;
}

static void a_snapshot_keeps_its_files_and_its_release_lets_them_go(void **state) {
    (void)state;
    set_up();
    struct store_snapshot *snapshot = acquire();
    for (uint32_t i = 0; i < 2 * KEYS; i++)
        write_until_taken(i % KEYS, VALUE);
    for (uint32_t key = 0; key < KEYS; key++) {
        while (store_host_remove(&host, key) == STORE_BUSY)
            assert_true(store_host_step(&host));
        store_host_pump(&host);
    }
    store_host_settle(&host);
    assert_int_equal(walk(&(struct store_range){.reverse = false}, NULL, KEYS), 0);
    assert_int_equal(walk(&(struct store_range){.reverse = false}, snapshot, KEYS + 1), KEYS);
    struct store_figures figures;
    store_figures(host.store, &figures);
    assert_true(memory_disk_count(&disk, FILE_TABLE) > figures.table_count);
    store_snapshot_release(snapshot);
    store_host_settle(&host);
    store_figures(host.store, &figures);
    assert_int_equal(memory_disk_count(&disk, FILE_TABLE), figures.table_count);
    tear_down();
}

static void snapshots_of_the_same_state_are_one(void **state) {
    (void)state;
    set_up();
    write_until_taken(1, 10);
    struct store_snapshot *first = acquire();
    struct store_snapshot *second = acquire();
    assert_ptr_equal(first, second);
    write_until_taken(1, 20);
    struct store_snapshot *third = acquire();
    assert_ptr_not_equal(first, third);
    store_snapshot_release(first);
    store_snapshot_release(third);
    struct store_snapshot *fourth = acquire();
    assert_ptr_not_equal(fourth, second);
    store_snapshot_release(fourth);
    store_snapshot_release(second);
    tear_down();
}

static void many_small_memtables_become_one_flush(void **state) {
    (void)state;
    enum { SNAPSHOTS = 40 };
    set_up();
    struct store_snapshot *snapshots[SNAPSHOTS];
    struct store_figures before, after;
    store_figures(host.store, &before);
    for (uint32_t i = 0; i < SNAPSHOTS; i++) {
        assert_int_equal(store_host_write(&host, 7, i), STORE_OK);
        assert_int_equal(store_snapshot_acquire(host.store, &snapshots[i]), STORE_OK);
    }
    store_host_settle(&host);
    store_figures(host.store, &after);
    assert_int_equal(after.flushes - before.flushes, 1);
    assert_int_equal(after.frozen_count, 0);
    struct buffer name = {0};
    store_host_key(7, &name);
    for (uint32_t i = 0; i < SNAPSHOTS; i++) {
        struct bytes value;
        assert_int_equal(
            store_snapshot_get(snapshots[i], buffer_bytes(&name), 1000 + i, &value, &host.effects),
            STORE_OK);
        assert_int_equal(value.size, i);
        store_snapshot_release(snapshots[i]);
    }
    buffer_deinit(&name);
    tear_down();
}

static void so_many_memtables_wait_that_no_snapshot_freezes_another(void **state) {
    (void)state;
    enum { SNAPSHOTS = 100 };
    set_up();
    struct store_snapshot *snapshots[SNAPSHOTS];
    uint32_t count = 0;
    enum store_status status = STORE_OK;
    while (status == STORE_OK && count < SNAPSHOTS) {
        assert_int_equal(store_host_write(&host, count, 10), STORE_OK);
        status = store_snapshot_acquire(host.store, &snapshots[count]);
        count += status == STORE_OK;
    }
    assert_int_equal(status, STORE_BUSY);
    store_host_settle(&host);
    snapshots[count++] = acquire();
    for (uint32_t i = 0; i < count; i++)
        store_snapshot_release(snapshots[i]);
    store_host_check(&host);
    tear_down();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scan_of_everything_takes_few_reads_either_way),
        cmocka_unit_test(a_short_scan_reads_little_more_than_its_own_blocks),
        cmocka_unit_test(a_short_scan_that_comes_again_reads_nothing),
        cmocka_unit_test(a_scan_uses_what_is_in_the_cache),
        cmocka_unit_test(what_a_cursor_holds_is_counted_until_it_goes_on),
        cmocka_unit_test(a_scan_pushes_nothing_out_of_the_cache),
        cmocka_unit_test(a_snapshot_keeps_its_files_and_its_release_lets_them_go),
        cmocka_unit_test(snapshots_of_the_same_state_are_one),
        cmocka_unit_test(many_small_memtables_become_one_flush),
        cmocka_unit_test(so_many_memtables_wait_that_no_snapshot_freezes_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
