/* The store as a whole, on a disk in memory: what it keeps, and what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/text.h"
#include "tests/store/support/store_host.h"

static struct memory_disk disk;
static struct store_host host;

static int open_host(void **state) {
    struct store_config config = store_host_small_config();
    memory_disk_init(&disk, 1);
    store_host_init(&host, &disk, &config);
    (void)state;
    return 0;
}

static int close_host(void **state) {
    store_host_deinit(&host);
    memory_disk_deinit(&disk);
    (void)state;
    return 0;
}

static void write_some(uint32_t from, uint32_t to) {
    for (uint32_t key = from; key < to; key++) {
        while (store_host_write(&host, key, 40 + key % 50) == STORE_BUSY)
            assert_true(store_host_step(&host));
        store_host_pump(&host);
        store_host_step(&host);
    }
}

static void an_empty_directory_gives_birth_to_a_store(void **state) {
    (void)state;
    assert_true(store_host_start(&host));
    assert_true(store_was_born(host.store));
    assert_false(store_was_closed_cleanly(host.store));
    assert_int_equal(store_written(host.store), 0);
    store_host_check(&host);
    assert_true(store_host_start(&host));
    assert_false(store_was_born(host.store));
}

static void what_was_written_is_read_at_once(void **state) {
    (void)state;
    assert_true(store_host_start(&host));
    assert_int_equal(store_host_write(&host, 1, 10), STORE_OK);
    assert_int_equal(store_host_write(&host, 2, 0), STORE_OK);
    assert_int_equal(store_host_write(&host, 1, 20), STORE_OK);
    assert_int_equal(store_host_remove(&host, 2), STORE_OK);
    store_host_check(&host);
}

static void written_follows_the_write_and_durable_the_sync(void **state) {
    (void)state;
    disk.in_order = true;
    host.config.log_allocates = false;
    assert_true(store_host_start(&host));
    store_host_settle(&host);
    assert_int_equal(store_host_write(&host, 1, 10), STORE_OK);
    assert_int_equal(store_written(host.store), 0);
    store_host_pump(&host);
    assert_int_equal(disk.queued, 1);
    store_host_step(&host);
    assert_int_equal(store_written(host.store), 1);
    assert_int_equal(store_durable(host.store), 0);
    store_host_settle(&host);
    assert_int_equal(store_durable(host.store), 1);
}

static void writes_that_arrive_meanwhile_share_one_write(void **state) {
    (void)state;
    assert_true(store_host_start(&host));
    store_host_settle(&host);
    for (uint32_t key = 0; key < 10; key++) {
        assert_int_equal(store_host_write(&host, key, 10), STORE_OK);
        store_host_pump(&host);
    }
    struct store_figures before, after;
    store_figures(host.store, &before);
    uint64_t performed = disk.performed;
    store_host_settle(&host);
    store_figures(host.store, &after);
    assert_int_equal(store_durable(host.store), 10);
    assert_true(after.log_syncs <= 2);
    assert_true(disk.performed - performed <= 6);
}

static void what_arrives_while_a_sync_is_under_way_goes_out_as_one(void **state) {
    (void)state;
    disk.in_order = true;
    host.config.log_allocates = false;
    assert_true(store_host_start(&host));
    store_host_settle(&host);
    assert_int_equal(store_host_write(&host, 0, 10), STORE_OK);
    store_host_pump(&host);
    store_host_step(&host);
    struct store_figures figures;
    store_figures(host.store, &figures);
    uint64_t bytes = figures.log_bytes_written;
    for (uint32_t key = 1; key < 16; key++) {
        assert_int_equal(store_host_write(&host, key, 10), STORE_OK);
        store_host_pump(&host);
    }
    store_figures(host.store, &figures);
    assert_int_equal(figures.log_bytes_written, bytes);
    uint64_t syncs = figures.log_syncs, performed = disk.performed;
    store_host_settle(&host);
    store_figures(host.store, &figures);
    assert_int_equal(store_durable(host.store), 16);
    assert_int_equal(figures.log_syncs, syncs + 1);
    /* The sync and the directory's that were under way, one write, one sync. */
    assert_int_equal(disk.performed - performed, 4);
}

static void interval_syncs_wait_until_somebody_wants_durability(void **state) {
    (void)state;
    store_host_deinit(&host);
    struct store_config config = store_host_small_config();
    config.sync = STORE_SYNC_NEVER;
    store_host_init(&host, &disk, &config);
    assert_true(store_host_start(&host));
    assert_int_equal(store_host_write(&host, 1, 10), STORE_OK);
    store_host_pump(&host);
    store_host_settle(&host);
    assert_int_equal(store_written(host.store), 1);
    assert_int_equal(store_durable(host.store), 0);
    store_want_durable(host.store, 1);
    store_host_pump(&host);
    store_host_settle(&host);
    assert_int_equal(store_durable(host.store), 1);
}

static void interval_syncs_come_when_they_are_due(void **state) {
    (void)state;
    store_host_deinit(&host);
    struct store_config config = store_host_small_config();
    config.sync = STORE_SYNC_INTERVAL;
    config.sync_interval = duration_of_milliseconds(50);
    store_host_init(&host, &disk, &config);
    assert_true(store_host_start(&host));
    store_host_settle(&host);
    struct instant before = host.now;
    assert_int_equal(store_host_write(&host, 1, 10), STORE_OK);
    store_host_pump(&host);
    while (store_durable(host.store) == 0)
        assert_true(store_host_step(&host));
    assert_true(duration_between(before, host.now).nanoseconds >= 50000000);
}

static void flush_and_compaction_change_nothing_that_is_seen(void **state) {
    (void)state;
    assert_true(store_host_start(&host));
    for (uint32_t round = 0; round < 3; round++)
        write_some(0, 600);
    for (uint32_t key = 0; key < 600; key += 3) {
        while (store_host_remove(&host, key) == STORE_BUSY)
            assert_true(store_host_step(&host));
        store_host_pump(&host);
    }
    store_host_settle(&host);
    struct store_figures figures;
    store_figures(host.store, &figures);
    assert_true(figures.flushes > 10 && figures.compactions > 5 && figures.level_count > 1);
    store_host_check(&host);
    assert_true(store_host_start(&host));
    store_host_check(&host);
}

static void logs_are_removed_once_their_writes_lie_in_tables(void **state) {
    (void)state;
    assert_true(store_host_start(&host));
    write_some(0, 500);
    store_host_settle(&host);
    assert_true(memory_disk_count(&disk, FILE_LOG) <= 6);
    assert_int_equal(memory_disk_count(&disk, FILE_MANIFEST), 1);
}

static void a_clean_close_is_known_at_the_next_start_and_only_then(void **state) {
    (void)state;
    assert_true(store_host_start(&host));
    write_some(0, 100);
    assert_true(store_host_close(&host));
    assert_int_equal(store_durable(host.store), 100);
    store_host_crash(&host, CRASH_LOSES);
    assert_true(store_host_start(&host));
    assert_true(store_was_closed_cleanly(host.store));
    store_host_check_recovered(&host, CRASH_LOSES);
    store_host_check(&host);
    store_host_crash(&host, CRASH_LOSES);
    assert_true(store_host_start(&host));
    assert_false(store_was_closed_cleanly(host.store));
    store_host_check(&host);
}

static void files_that_nothing_names_are_removed_at_the_start(void **state) {
    (void)state;
    assert_true(store_host_start(&host));
    write_some(0, 100);
    store_host_settle(&host);
    struct effects effects = {0};
    effects_write(&effects, 1, (struct file_id){.kind = FILE_TABLE, .number = 900}, 0,
                  bytes_of_text("orphan"));
    memory_disk_take(&disk, &effects);
    effects_deinit(&effects);
    struct disk_done done;
    assert_true(memory_disk_perform(&disk, &done));
    assert_true(store_host_start(&host));
    store_host_settle(&host);
    assert_null(memory_disk_find(&disk, (struct file_id){.kind = FILE_TABLE, .number = 900}));
    store_host_check(&host);
}

static void writers_see_busy_while_too_much_waits_for_its_flush(void **state) {
    (void)state;
    assert_true(store_host_start(&host));
    uint32_t written = 0;
    while (store_host_write(&host, written, 50) == STORE_OK)
        assert_true(++written < STORE_HOST_KEYS);
    struct store_figures figures;
    store_figures(host.store, &figures);
    assert_int_equal(figures.frozen_count, 4);
    assert_int_equal(figures.stalls, 1);
    store_host_pump(&host);
    store_host_settle(&host);
    assert_int_equal(store_host_write(&host, written, 50), STORE_OK);
    store_host_check(&host);
}

static void put_directly(const char *key, uint32_t number, bool removed) {
    struct buffer name = {0};
    text_append(&name, key);
    text_append_u64(&name, 100000 + number);
    struct store_batch batch = {.count = 1,
                                .entries = {{.key = buffer_bytes(&name), .removed = removed}}};
    uint64_t sequence;
    while (store_write(host.store, &batch, host.now, &sequence) != STORE_OK) {
        store_host_pump(&host);
        assert_true(store_host_step(&host));
    }
    store_host_pump(&host);
    buffer_deinit(&name);
}

/* One call walks over a bounded number of them, and says ask again. */
static void a_scan_gets_past_any_number_of_removed_keys(void **state) {
    (void)state;
    assert_true(store_host_start(&host));
    put_directly("a", 0, false);
    for (uint32_t i = 0; i < 10000; i++)
        put_directly("b", i, true);
    put_directly("c", 0, false);
    struct store_entry entry;
    assert_int_equal(store_host_scan(&host, (struct bytes){0}, (struct bytes){0}, false, &entry),
                     STORE_OK);
    assert_int_equal(entry.key.data[0], 'a');
    assert_int_equal(store_host_scan(&host, (struct bytes){0}, entry.key, true, &entry), STORE_OK);
    assert_int_equal(entry.key.data[0], 'c');
    assert_int_equal(store_host_scan(&host, (struct bytes){0}, entry.key, true, &entry),
                     STORE_ABSENT);
}

/* All entries of a batch and its tally, or nothing of it, whatever the segment was cut to. */
static void a_batch_is_recovered_as_one(void **state) {
    (void)state;
    host.config.log_allocates = false;
    assert_true(store_host_start(&host));
    struct store_batch batch = {.count = STORE_BATCH_MAX, .has_tally = true, .tally = {3, 99, 16}};
    static const char KEYS[] = "abcdefghijklmnop";
    for (uint32_t i = 0; i < STORE_BATCH_MAX; i++)
        batch.entries[i] =
            (struct store_entry){.key = bytes_of(KEYS + i, 1), .value = bytes_of_text("together")};
    uint64_t sequence;
    assert_int_equal(store_write(host.store, &batch, host.now, &sequence), STORE_OK);
    store_host_pump(&host);
    store_host_settle(&host);
    struct memory_file *log = memory_disk_last(&disk, FILE_LOG);
    for (size_t size = log->content->current.size + 1; size-- > 0;) {
        static struct memory_disk cut;
        memory_disk_init(&cut, 1);
        memory_disk_copy(&cut, &disk);
        memory_disk_find(&cut, log->file)->content->current.size = size;
        struct store_host other;
        store_host_init(&other, &cut, &host.config);
        assert_true(store_host_start(&other));
        bool whole = size == log->content->current.size;
        assert_int_equal(store_count_total(other.store), whole ? 16 : 0);
        for (uint32_t i = 0; i < STORE_BATCH_MAX; i++) {
            struct bytes value;
            assert_int_equal(
                store_get(other.store, batch.entries[i].key, 1, &value, &other.effects),
                whole ? STORE_OK : STORE_ABSENT);
        }
        store_host_deinit(&other);
        memory_disk_deinit(&cut);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_directory_gives_birth_to_a_store, open_host,
                                        close_host),
        cmocka_unit_test_setup_teardown(what_was_written_is_read_at_once, open_host, close_host),
        cmocka_unit_test_setup_teardown(written_follows_the_write_and_durable_the_sync, open_host,
                                        close_host),
        cmocka_unit_test_setup_teardown(writes_that_arrive_meanwhile_share_one_write, open_host,
                                        close_host),
        cmocka_unit_test_setup_teardown(what_arrives_while_a_sync_is_under_way_goes_out_as_one,
                                        open_host, close_host),
        cmocka_unit_test_setup_teardown(interval_syncs_wait_until_somebody_wants_durability,
                                        open_host, close_host),
        cmocka_unit_test_setup_teardown(interval_syncs_come_when_they_are_due, open_host,
                                        close_host),
        cmocka_unit_test_setup_teardown(flush_and_compaction_change_nothing_that_is_seen, open_host,
                                        close_host),
        cmocka_unit_test_setup_teardown(logs_are_removed_once_their_writes_lie_in_tables, open_host,
                                        close_host),
        cmocka_unit_test_setup_teardown(a_clean_close_is_known_at_the_next_start_and_only_then,
                                        open_host, close_host),
        cmocka_unit_test_setup_teardown(files_that_nothing_names_are_removed_at_the_start,
                                        open_host, close_host),
        cmocka_unit_test_setup_teardown(writers_see_busy_while_too_much_waits_for_its_flush,
                                        open_host, close_host),
        cmocka_unit_test_setup_teardown(a_scan_gets_past_any_number_of_removed_keys, open_host,
                                        close_host),
        cmocka_unit_test_setup_teardown(a_batch_is_recovered_as_one, open_host, close_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
