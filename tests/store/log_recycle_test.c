/* A segment of the log that is used again is full of records that were valid once: none of them is ever taken for one of
 * its new life, wherever a crash has torn the file between the two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/store/log_record.h"
#include "engine/store/log_supply.h"
#include "tests/store/support/store_host.h"

enum { KEYS = 40, VALUE = 60, ROUNDS = 4000 };

static struct memory_disk disk;
static struct store_host host;

static struct store_config recycling_config(enum store_sync sync) {
    struct store_config config = store_host_small_config();
    config.sync = sync;
    config.memtable_bytes = 4096;
    config.log_segment_bytes = 2000;
    config.log_spares = 2;
    return config;
}

static void open_store(enum store_sync sync) {
    struct store_config config = recycling_config(sync);
    memory_disk_init(&disk, 3);
    store_host_init(&host, &disk, &config);
    host.keys = KEYS;
    assert_true(store_host_start(&host));
}

static void close_store(void) {
    store_host_deinit(&host);
    memory_disk_deinit(&disk);
}

static void write_one(uint32_t index) {
    assert_int_equal(store_host_write(&host, index % KEYS, VALUE), STORE_OK);
    store_host_pump(&host);
    store_host_settle(&host);
}

static uint64_t recycled(void) {
    struct store_figures figures;
    store_figures(host.store, &figures);
    return figures.log_segments_recycled;
}

/* True when the file begins as a segment of this number does. */
static bool is_in_use(const struct memory_file *file) {
    return record_check_file_header(file->file, buffer_bytes(&file->content->current)) == RECORD_OK;
}

/* A segment that was renamed and not written to yet; `stale` gets what an earlier use left in it. */
static struct file_id make_recycled_segment(struct buffer *stale) {
    for (uint32_t i = 0; i < ROUNDS; i++) {
        write_one(i);
        const struct memory_file *last = memory_disk_last(&disk, FILE_LOG);
        if (recycled() > 3 && !is_in_use(last)) {
            buffer_append(stale, buffer_bytes(&last->content->current));
            return last->file;
        }
    }
    fail_msg("no segment was recycled");
    return (struct file_id){0};
}

/* Writes until the segment holds a few records; returns where they end. */
static size_t fill_partly(struct file_id file, const struct buffer *stale) {
    struct memory_file *segment = memory_disk_find(&disk, file);
    for (uint32_t i = 0; i < ROUNDS && !is_in_use(segment); i++) {
        write_one(i);
        segment = memory_disk_find(&disk, file);
    }
    for (uint32_t i = 0; i < 5; i++)
        write_one(i);
    size_t end = segment->content->current.size;
    while (segment->content->current.data[end - 1] == stale->data[end - 1])
        end--;
    assert_int_equal(segment->content->current.size, stale->size);
    assert_true(end > 300 && end < stale->size);
    return end;
}

/* Starts on a copy of the disk whose segment has these contents. */
static void start_on(struct file_id file, struct bytes contents) {
    static struct memory_disk torn;
    struct store_host other;
    struct store_config config = host.config;
    memory_disk_init(&torn, 1);
    memory_disk_copy(&torn, &disk);
    memcpy(memory_disk_find(&torn, file)->content->current.data, contents.data, contents.size);
    store_host_init(&other, &torn, &config);
    store_host_copy_model(&other, &host);
    other.acknowledged_durable = other.acknowledged_written = 0;
    assert_true(store_host_start(&other));
    store_host_check_recovered(&other, CRASH_TEARS);
    store_host_check(&other);
    store_host_deinit(&other);
    memory_disk_deinit(&torn);
}

static void torn_between_its_lives_a_segment_shows_nothing_of_the_old_one(void **state) {
    (void)state;
    open_store(STORE_SYNC_NEVER);
    struct buffer stale = {0};
    struct buffer mixed = {0};
    struct file_id file = make_recycled_segment(&stale);
    size_t end = fill_partly(file, &stale);
    struct bytes fresh = buffer_bytes(&memory_disk_find(&disk, file)->content->current);
    for (size_t at = 0; at <= end; at++) {
        buffer_clear(&mixed);
        buffer_append(&mixed, bytes_slice(fresh, 0, at));
        buffer_append(&mixed, bytes_slice(buffer_bytes(&stale), at, stale.size - at));
        start_on(file, buffer_bytes(&mixed));
        buffer_clear(&mixed);
        buffer_append(&mixed, bytes_slice(buffer_bytes(&stale), 0, at));
        buffer_append(&mixed, bytes_slice(fresh, at, fresh.size - at));
        start_on(file, buffer_bytes(&mixed));
    }
    buffer_deinit(&stale);
    buffer_deinit(&mixed);
    close_store();
}

static void what_a_recycled_segment_has_lost_of_its_synced_records_is_noticed(void **state) {
    (void)state;
    open_store(STORE_SYNC_ALWAYS);
    struct buffer stale = {0};
    struct file_id file = make_recycled_segment(&stale);
    (void)fill_partly(file, &stale);
    struct buffer *current = &memory_disk_find(&disk, file)->content->current;
    memcpy(current->data, stale.data, RECORD_FILE_HEADER_SIZE + RECORD_HEADER_MIN);
    store_host_crash(&host, CRASH_KILLS);
    assert_false(store_host_start(&host));
    assert_true(store_failure(host.store).size > 0);
    buffer_deinit(&stale);
    close_store();
}

static void a_restart_uses_what_the_last_life_has_left(void **state) {
    (void)state;
    open_store(STORE_SYNC_ALWAYS);
    for (uint32_t i = 0; i < 400; i++)
        write_one(i);
    for (uint32_t life = 0; life < 5; life++) {
        store_host_crash(&host, CRASH_LOSES);
        assert_true(store_host_start(&host));
        for (uint32_t i = 0; i < 100; i++)
            write_one(i);
        assert_true(recycled() > 0);
        assert_true(memory_disk_count(&disk, FILE_LOG) < 12);
        store_host_check(&host);
    }
    close_store();
}

/* --- the supply alone --------------------------------------------------------------------------- */

struct supply_fixture {
    struct tickets tickets;
    struct log_supply supply;
    struct effects effects;
    uint64_t next_file;
};

static void open_supply(struct supply_fixture *fixture) {
    struct store_config config = recycling_config(STORE_SYNC_ALWAYS);
    *fixture = (struct supply_fixture){.next_file = 7};
    tickets_init(&fixture->tickets, 1);
    log_supply_init(&fixture->supply, &config, &fixture->tickets);
}

static void close_supply(struct supply_fixture *fixture) {
    effects_deinit(&fixture->effects);
    tickets_deinit(&fixture->tickets);
}

/* Answers the operations asked for so far. */
static enum log_supply_progress answer(struct supply_fixture *fixture, enum disk_status status) {
    enum log_supply_progress progress = LOG_SUPPLY_GOES_ON;
    struct effects asked = fixture->effects;
    fixture->effects = (struct effects){0};
    for (size_t i = 0; i < asked.count; i++) {
        struct disk_wait *wait = tickets_take(&fixture->tickets, asked.items[i].ticket);
        progress = log_supply_on_done(&fixture->supply, wait->kind, status, &fixture->effects);
    }
    effects_deinit(&asked);
    return progress;
}

static const struct effect *only_effect(const struct supply_fixture *fixture) {
    assert_int_equal(fixture->effects.count, 1);
    return &fixture->effects.items[0];
}

static void a_segment_is_allocated_and_synced_before_it_is_ready(void **state) {
    (void)state;
    struct supply_fixture fixture;
    uint64_t number;
    open_supply(&fixture);
    assert_true(log_supply_make(&fixture.supply, &fixture.next_file, &fixture.effects));
    assert_int_equal(only_effect(&fixture)->kind, EFFECT_ALLOCATE);
    assert_int_equal(only_effect(&fixture)->size, 2000);
    assert_false(log_supply_take(&fixture.supply, &number));
    assert_int_equal(answer(&fixture, DISK_OK), LOG_SUPPLY_GOES_ON);
    assert_int_equal(fixture.effects.count, 2);
    assert_false(log_supply_take(&fixture.supply, &number));
    assert_int_equal(answer(&fixture, DISK_OK), LOG_SUPPLY_GOES_ON);
    assert_true(log_supply_take(&fixture.supply, &number));
    assert_int_equal(number, 7);
    close_supply(&fixture);
}

static void a_spare_is_renamed_and_no_more_are_kept_than_wanted(void **state) {
    (void)state;
    struct supply_fixture fixture;
    open_supply(&fixture);
    assert_false(log_supply_keep(&fixture.supply, 1, 1999));
    assert_false(log_supply_keep(&fixture.supply, 1, 2001));
    assert_true(log_supply_keep(&fixture.supply, 2, 2000));
    assert_true(log_supply_keep(&fixture.supply, 3, 2000));
    assert_false(log_supply_keep(&fixture.supply, 4, 2000));
    assert_true(log_supply_make(&fixture.supply, &fixture.next_file, &fixture.effects));
    assert_int_equal(only_effect(&fixture)->kind, EFFECT_RENAME);
    assert_int_equal(only_effect(&fixture)->to.number, 7);
    assert_true(log_supply_keep(&fixture.supply, 4, 2000));
    close_supply(&fixture);
}

static void a_segment_that_could_not_be_made_is_given_up(void **state) {
    (void)state;
    for (uint32_t step = 0; step < 2; step++) {
        struct supply_fixture fixture;
        uint64_t number;
        open_supply(&fixture);
        assert_true(log_supply_make(&fixture.supply, &fixture.next_file, &fixture.effects));
        if (step == 1)
            assert_int_equal(answer(&fixture, DISK_OK), LOG_SUPPLY_GOES_ON);
        assert_int_equal(answer(&fixture, DISK_FULL), LOG_SUPPLY_FAILED);
        assert_false(log_supply_is_at_work(&fixture.supply));
        assert_false(log_supply_take(&fixture.supply, &number));
        fixture.supply.paused = true;
        assert_false(log_supply_make(&fixture.supply, &fixture.next_file, &fixture.effects));
        fixture.supply.paused = false;
        assert_true(log_supply_make(&fixture.supply, &fixture.next_file, &fixture.effects));
        assert_int_equal(only_effect(&fixture)->file.number, 8);
        close_supply(&fixture);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torn_between_its_lives_a_segment_shows_nothing_of_the_old_one),
        cmocka_unit_test(what_a_recycled_segment_has_lost_of_its_synced_records_is_noticed),
        cmocka_unit_test(a_restart_uses_what_the_last_life_has_left),
        cmocka_unit_test(a_segment_is_allocated_and_synced_before_it_is_ready),
        cmocka_unit_test(a_spare_is_renamed_and_no_more_are_kept_than_wanted),
        cmocka_unit_test(a_segment_that_could_not_be_made_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
