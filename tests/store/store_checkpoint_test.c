/* Checkpoints: whole stores beside a store that goes on, whatever happens meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/store/support/crash_plan.h"
#include "tests/store/support/store_host.h"

enum { KEYS = 200, OPERATIONS_MAX = 400 };

static struct memory_disk disk, other_disk;
static struct store_host host, other;

static void open_host(uint64_t seed) {
    struct store_config config = store_host_small_config();
    memory_disk_init(&disk, seed);
    memory_disk_init(&other_disk, seed);
    store_host_init(&host, &disk, &config);
    assert_true(store_host_start(&host));
}

static void close_host(void) {
    store_host_deinit(&host);
    memory_disk_deinit(&disk);
    memory_disk_deinit(&other_disk);
}

static void write_some(uint32_t from, uint32_t to) {
    for (uint32_t key = from; key < to; key++) {
        while (store_host_write(&host, key % KEYS, 40 + key % 50) == STORE_BUSY)
            assert_true(store_host_step(&host));
        store_host_pump(&host);
        store_host_step(&host);
    }
}

static uint32_t begin_checkpoint(void) {
    uint32_t number = 0;
    assert_int_equal(store_checkpoint(host.store, &number), STORE_OK);
    assert_int_equal(store_checkpoint_state(host.store, number), CHECKPOINT_MAKING);
    store_host_pump(&host);
    return number;
}

static uint32_t make_checkpoint(void) {
    uint32_t number = begin_checkpoint();
    store_host_settle(&host);
    assert_int_equal(store_checkpoint_state(host.store, number), CHECKPOINT_COMPLETE);
    return number;
}

static size_t files_in_checkpoints(void) {
    size_t count = 0;
    for (size_t i = 0; i < disk.file_count; i++)
        count += disk.files[i].named && disk.files[i].file.checkpoint != 0;
    return count;
}

/* Starts a store from the checkpoint: it holds the first writes, down to `least` and up to all of `most`. */
static void expect_store(uint32_t checkpoint, uint64_t least) {
    memory_disk_restore(&other_disk, &disk, checkpoint);
    store_host_init(&other, &other_disk, &host.config);
    if (host.last > 0)
        store_host_copy_model(&other, &host);
    other.acknowledged_durable = least;
    other.acknowledged_written = least;
    assert_true(store_host_start(&other));
    store_host_check_recovered(&other, CRASH_LOSES);
    store_host_check(&other);
    assert_true(store_was_rolled_back(other.store));
    assert_false(store_was_born(other.store));
    store_host_deinit(&other);
}

static void a_checkpoint_holds_what_was_written_before(void **state) {
    (void)state;
    open_host(1);
    write_some(0, 300);
    uint64_t asked_at = host.last;
    uint32_t number = begin_checkpoint();
    write_some(300, 900);
    store_host_settle(&host);
    assert_int_equal(store_checkpoint_state(host.store, number), CHECKPOINT_COMPLETE);
    assert_int_equal(store_checkpoint_count(host.store), 1);
    assert_true(store_checkpoint_at(host.store, 0).sequence >= asked_at);
    store_host_check(&host);
    expect_store(number, asked_at);
    close_host();
}

static void a_checkpoint_outlives_the_tables_that_it_shares(void **state) {
    (void)state;
    open_host(2);
    write_some(0, 300);
    uint64_t asked_at = host.last;
    uint32_t number = make_checkpoint();
    struct store_checkpoint before = store_checkpoint_at(host.store, 0);
    for (uint32_t round = 0; round < 20; round++)
        write_some(0, KEYS);
    store_host_settle(&host);
    expect_store(number, asked_at);
    store_host_kill(&host);
    assert_true(store_host_start(&host));
    store_host_settle(&host);
    assert_int_equal(store_checkpoint_count(host.store), 1);
    assert_int_equal(store_checkpoint_at(host.store, 0).tables, before.tables);
    assert_int_equal(store_checkpoint_at(host.store, 0).bytes, before.bytes);
    expect_store(number, asked_at);
    close_host();
}

static size_t links_under_way(void) {
    size_t count = 0;
    for (size_t i = 0; i < disk.queued; i++)
        count += disk.queue[i].effect.kind == EFFECT_LINK;
    return count;
}

/* The links wait while the store goes on to other tables: they are those of the manifest nevertheless. */
static void a_checkpoint_is_of_the_tables_that_there_were_when_it_was_begun(void **state) {
    (void)state;
    for (uint64_t seed = 10; seed < 16; seed++) {
        open_host(seed);
        write_some(0, 300);
        uint64_t asked_at = host.last;
        uint32_t number = begin_checkpoint();
        while (links_under_way() == 0)
            assert_true(store_host_step(&host));
        struct memory_operation kept[MEMORY_DISK_QUEUE];
        size_t kept_count = 0, left = 0;
        for (size_t i = 0; i < disk.queued; i++) {
            if (disk.queue[i].effect.kind == EFFECT_LINK)
                kept[kept_count++] = disk.queue[i];
            else
                disk.queue[left++] = disk.queue[i];
        }
        memset(disk.queue + left, 0, (disk.queued - left) * sizeof disk.queue[0]);
        disk.queued = left;
        for (uint32_t round = 0; round < 6; round++)
            write_some(0, KEYS);
        for (size_t i = 0; i < kept_count; i++)
            disk.queue[disk.queued++] = kept[i];
        store_host_settle(&host);
        assert_int_equal(store_checkpoint_state(host.store, number), CHECKPOINT_COMPLETE);
        expect_store(number, asked_at);
        close_host();
    }
}

static void an_empty_store_can_be_checkpointed(void **state) {
    (void)state;
    open_host(3);
    uint32_t number = make_checkpoint();
    assert_int_equal(store_checkpoint_at(host.store, 0).tables, 0);
    expect_store(number, 0);
    close_host();
}

static void a_second_one_waits_for_the_first(void **state) {
    (void)state;
    open_host(4);
    write_some(0, 100);
    uint32_t number = begin_checkpoint(), second = 0;
    assert_int_equal(store_checkpoint(host.store, &second), STORE_BUSY);
    assert_int_equal(store_checkpoint_remove(host.store, number), STORE_BUSY);
    store_host_settle(&host);
    assert_true(make_checkpoint() > number);
    assert_int_equal(store_checkpoint_count(host.store), 2);
    close_host();
}

static void a_removed_checkpoint_leaves_nothing(void **state) {
    (void)state;
    open_host(5);
    write_some(0, 300);
    uint32_t first = make_checkpoint(), second = make_checkpoint();
    assert_int_equal(store_checkpoint_remove(host.store, first + 100), STORE_ABSENT);
    assert_int_equal(store_checkpoint_remove(host.store, first), STORE_OK);
    store_host_pump(&host);
    store_host_settle(&host);
    assert_int_equal(store_checkpoint_state(host.store, first), CHECKPOINT_ABSENT);
    assert_int_equal(store_checkpoint_count(host.store), 1);
    expect_store(second, host.last);
    assert_int_equal(store_checkpoint_remove(host.store, second), STORE_OK);
    store_host_pump(&host);
    store_host_settle(&host);
    assert_int_equal(files_in_checkpoints(), 0);
    close_host();
}

static void a_rollback_is_told_until_it_is_accepted(void **state) {
    (void)state;
    open_host(6);
    write_some(0, 300);
    uint32_t number = make_checkpoint();
    memory_disk_restore(&other_disk, &disk, number);
    store_host_init(&other, &other_disk, &host.config);
    store_host_copy_model(&other, &host);
    for (uint32_t life = 0; life < 3; life++) {
        assert_true(store_host_start(&other));
        assert_true(store_was_rolled_back(other.store));
        assert_true(store_host_close(&other));
        store_host_crash(&other, CRASH_KILLS);
    }
    assert_true(store_host_start(&other));
    store_accept_rollback(other.store);
    assert_true(store_host_close(&other));
    store_host_crash(&other, CRASH_KILLS);
    assert_true(store_host_start(&other));
    assert_false(store_was_rolled_back(other.store));
    store_host_deinit(&other);
    close_host();
}

/* What a crash left: each checkpoint that is listed is whole, and of the others no file stays. */
static void expect_all_or_nothing(uint64_t asked_at) {
    uint32_t listed = store_checkpoint_count(host.store);
    store_host_settle(&host);
    assert_int_equal(store_checkpoint_count(host.store), listed);
    size_t expected = 0;
    for (uint32_t i = 0; i < listed; i++)
        expected += store_checkpoint_at(host.store, i).tables + 1;
    assert_int_equal(files_in_checkpoints(), expected);
    for (uint32_t i = 0; i < listed; i++)
        expect_store(store_checkpoint_at(host.store, i).number, asked_at);
}

/* True when the checkpoint was done before the crash came. */
static bool crash_after(uint32_t operations, enum crash_outcome outcome, bool removes) {
    open_host(operations * 4 + (uint32_t)outcome);
    write_some(0, 250);
    uint64_t asked_at = host.last;
    uint32_t number = removes ? make_checkpoint() : begin_checkpoint();
    if (removes) {
        assert_int_equal(store_checkpoint_remove(host.store, number), STORE_OK);
        store_host_pump(&host);
    }
    bool quiet = false;
    for (uint32_t i = 0; i < operations && !quiet; i++)
        quiet = !store_host_step(&host);
    bool complete = store_checkpoint_state(host.store, number) == CHECKPOINT_COMPLETE;
    uint64_t durable = store_durable(host.store);
    store_host_crash(&host, outcome);
    assert_true(store_host_start(&host));
    store_host_check_recovered(&host, outcome);
    store_host_check(&host);
    if (complete && !removes)
        assert_int_equal(store_checkpoint_count(host.store), 1);
    expect_all_or_nothing(asked_at < durable ? asked_at : durable);
    close_host();
    return quiet;
}

static void a_crash_leaves_a_whole_checkpoint_or_none(void **state) {
    (void)state;
    for (uint32_t outcome = CRASH_LOSES; outcome <= CRASH_KILLS; outcome++) {
        for (uint32_t operations = 0; operations < OPERATIONS_MAX; operations++) {
            if (crash_after(operations, (enum crash_outcome)outcome, false))
                break;
        }
    }
}

/* The store is at rest but for its checkpoint. False when there is no such outcome. */
static bool crash_with(uint32_t operations, uint32_t outcome, bool *quiet) {
    open_host(1);
    write_some(0, 60);
    store_host_settle(&host);
    uint64_t asked_at = host.last;
    (void)begin_checkpoint();
    *quiet = false;
    for (uint32_t i = 0; i < operations && !*quiet; i++)
        *quiet = !store_host_step(&host);
    store_host_kill(&host);
    struct crash_unsynced unsynced = crash_plan_survey(&disk);
    bool is_one = outcome < crash_plan_count(&unsynced);
    if (is_one) {
        crash_plan_apply(&disk, &unsynced, outcome);
        host.acknowledged_written = host.acknowledged_durable;
        assert_true(store_host_start(&host));
        store_host_check_recovered(&host, CRASH_LOSES);
        expect_all_or_nothing(asked_at);
    }
    close_host();
    return is_one;
}

static void whatever_lasts_of_a_checkpoint_it_is_whole_or_none(void **state) {
    (void)state;
    bool quiet = false;
    for (uint32_t operations = 1; operations < OPERATIONS_MAX && !quiet; operations++) {
        for (uint32_t outcome = 0; crash_with(operations, outcome, &quiet); outcome++) {
        }
    }
    assert_true(quiet);
}

static void a_crash_while_one_is_removed_leaves_it_whole_or_gone(void **state) {
    (void)state;
    for (uint32_t outcome = CRASH_LOSES; outcome <= CRASH_KILLS; outcome++) {
        for (uint32_t operations = 0; operations < OPERATIONS_MAX; operations++) {
            if (crash_after(operations, (enum crash_outcome)outcome, true))
                break;
        }
    }
}

/* The checkpoint is never listed meanwhile: what is being removed may not be whole. */
static void settle_unlisted(uint32_t number) {
    uint32_t steps = 0;
    do {
        assert_int_not_equal(store_checkpoint_state(host.store, number), CHECKPOINT_COMPLETE);
        assert_true(++steps < 10000);
    } while (store_host_step(&host));
}

/* The store's own files are all flushed and quiet: only the checkpoint meets the error. */
static bool fail_at(uint32_t operation, bool removes) {
    open_host(operation);
    write_some(0, 250);
    store_host_settle(&host);
    uint32_t number = 0;
    if (removes)
        number = make_checkpoint();
    else
        (void)make_checkpoint();
    disk.fail_writes = true;
    disk.fail_status = operation % 2 == 0 ? DISK_ERROR : DISK_FULL;
    disk.eligible = 0;
    disk.fail_at = operation;
    if (removes)
        assert_int_equal(store_checkpoint_remove(host.store, number), STORE_OK);
    else
        assert_int_equal(store_checkpoint(host.store, &number), STORE_OK);
    store_host_pump(&host);
    settle_unlisted(removes ? number : 0);
    bool failed = disk.eligible >= operation;
    disk.fail_at = 0;
    assert_int_equal(store_phase(host.store), STORE_PHASE_SERVING);
    struct store_figures figures;
    store_figures(host.store, &figures);
    assert_int_equal(figures.checkpoint_failures, failed ? 1 : 0);
    assert_int_equal(store_checkpoint_state(host.store, number),
                     removes || failed ? CHECKPOINT_ABSENT : CHECKPOINT_COMPLETE);
    expect_all_or_nothing(host.last);
    store_host_check(&host);
    close_host();
    return failed;
}

static void a_disk_error_ends_the_checkpoint_and_not_the_store(void **state) {
    (void)state;
    uint32_t operation = 1;
    while (fail_at(operation, false))
        operation++;
    assert_true(operation > 5);
}

static void a_removal_outlives_a_disk_error(void **state) {
    (void)state;
    uint32_t operation = 1;
    while (fail_at(operation, true))
        operation++;
    assert_true(operation > 2);
}

/* Every rename fails, or every sync of the directory does: what is listed afterwards, and after a crash, is whole. */
static void a_removal_that_never_succeeds_is_left_to_the_next_start(void **state) {
    (void)state;
    for (uint32_t operation = 1; operation <= 2; operation++) {
        for (uint32_t outcome = CRASH_LOSES; outcome <= CRASH_KILLS; outcome++) {
            open_host(operation);
            write_some(0, 250);
            store_host_settle(&host);
            uint32_t number = make_checkpoint();
            disk.fail_writes = true;
            disk.fail_status = DISK_ERROR;
            disk.eligible = 0;
            disk.fail_at = operation;
            disk.fail_more = 1 << 20;
            assert_int_equal(store_checkpoint_remove(host.store, number), STORE_OK);
            store_host_pump(&host);
            settle_unlisted(number);
            disk.fail_at = 0;
            assert_int_equal(store_condition(host.store), STORE_CONDITION_SOUND);
            uint32_t second = make_checkpoint();
            assert_true(second > number);
            store_host_crash(&host, (enum crash_outcome)outcome);
            assert_true(store_host_start(&host));
            store_host_check_recovered(&host, (enum crash_outcome)outcome);
            expect_all_or_nothing(host.last);
            close_host();
        }
    }
}

/* The process ends right behind the renaming, and the power goes soon after the next start: what the disk had of the names
 * then may be any of them. */
static void what_a_kill_left_of_a_removal_goes_only_when_it_is_certain(void **state) {
    (void)state;
    for (uint32_t seed = 0; seed < 200; seed++) {
        open_host(seed);
        write_some(0, 250);
        store_host_settle(&host);
        uint32_t number = make_checkpoint();
        assert_int_equal(store_checkpoint_remove(host.store, number), STORE_OK);
        store_host_pump(&host);
        struct file_id unnamed = {.kind = FILE_MANIFEST, .checkpoint = number};
        while (memory_disk_find(&disk, unnamed) == NULL)
            assert_true(store_host_step(&host));
        store_host_crash(&host, CRASH_KILLS);
        assert_true(store_host_start(&host));
        assert_int_equal(store_checkpoint_count(host.store), 0);
        for (uint32_t step = 0; step < seed % 20; step++)
            store_host_step(&host);
        store_host_crash(&host, CRASH_TEARS);
        assert_true(store_host_start(&host));
        store_host_check_recovered(&host, CRASH_TEARS);
        expect_all_or_nothing(host.last);
        close_host();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_holds_what_was_written_before),
        cmocka_unit_test(a_checkpoint_outlives_the_tables_that_it_shares),
        cmocka_unit_test(a_checkpoint_is_of_the_tables_that_there_were_when_it_was_begun),
        cmocka_unit_test(an_empty_store_can_be_checkpointed),
        cmocka_unit_test(a_second_one_waits_for_the_first),
        cmocka_unit_test(a_removed_checkpoint_leaves_nothing),
        cmocka_unit_test(a_rollback_is_told_until_it_is_accepted),
        cmocka_unit_test(a_crash_leaves_a_whole_checkpoint_or_none),
        cmocka_unit_test(whatever_lasts_of_a_checkpoint_it_is_whole_or_none),
        cmocka_unit_test(a_crash_while_one_is_removed_leaves_it_whole_or_gone),
        cmocka_unit_test(a_disk_error_ends_the_checkpoint_and_not_the_store),
        cmocka_unit_test(a_removal_outlives_a_disk_error),
        cmocka_unit_test(a_removal_that_never_succeeds_is_left_to_the_next_start),
        cmocka_unit_test(what_a_kill_left_of_a_removal_goes_only_when_it_is_certain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
