/* Who waits for which block: everybody is woken once, in the order of asking, and told of what failed. */
#include "engine/store/block_reads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { FILE_NUMBER = 7, OTHER_FILE = 8, BLOCK_SIZE = 100 };

static struct tickets tickets;
static struct block_pool blocks;
static struct block_reads reads;
static struct block_cache *cache;
static struct effects effects;
static struct table_file *files[2];

static int open_reads(void **state) {
    (void)state;
    tickets_init(&tickets, 1);
    blocks = (struct block_pool){0};
    block_reads_init(&reads, &tickets, &blocks);
    cache = block_cache_create(1 << 20);
    files[0] = table_file_create(FILE_NUMBER);
    files[1] = table_file_create(OTHER_FILE);
    return 0;
}

static int close_reads(void **state) {
    (void)state;
    block_reads_deinit(&reads);
    block_cache_destroy(cache);
    block_pool_deinit(&blocks);
    tickets_deinit(&tickets);
    effects_deinit(&effects);
    for (uint32_t i = 0; i < 2; i++) {
        if (table_file_release(files[i]))
            table_file_destroy(files[i]);
    }
    return 0;
}

static struct block_handle block_at(uint64_t offset) {
    return (struct block_handle){.offset = offset, .size = BLOCK_SIZE};
}

static void ask(uint32_t file, uint64_t offset, uint64_t waiter) {
    struct block_handle handle = block_at(offset);
    assert_true(block_reads_ask(&reads, files[file], &handle, waiter, &effects));
}

/* The oldest read that is under way comes back with an error. */
static void fail_next(void) {
    struct disk_wait *wait = NULL;
    for (uint64_t ticket = tickets.first; wait == NULL && ticket < tickets.next; ticket++)
        wait = tickets_take(&tickets, ticket);
    assert_non_null(wait);
    struct table_file *file =
        block_reads_on_done(&reads, wait->owner, DISK_ERROR, (struct bytes){0}, cache);
    assert_false(table_file_release(file));
}

static void all_who_wait_for_a_block_share_one_read_and_are_woken(void **state) {
    (void)state;
    for (uint64_t waiter = 1; waiter <= 40; waiter++)
        ask(0, 500, waiter);
    ask(0, 500, 7);
    assert_int_equal(reads.reads, 1);
    assert_int_equal(effects.count, 1);
    fail_next();
    for (uint64_t waiter = 1, woken; waiter <= 40; waiter++) {
        assert_true(block_reads_next_ready(&reads, &woken));
        assert_int_equal(woken, waiter);
    }
    uint64_t woken;
    assert_false(block_reads_next_ready(&reads, &woken));
    assert_int_equal(reads.waiter_count, 0);
}

/* The ring grows while its oldest entry stands anywhere in it. */
static void nobody_is_lost_when_more_are_woken_than_ever_before(void **state) {
    (void)state;
    for (uint64_t before = 0; before < 20; before++) {
        uint64_t next = 1, woken;
        for (; next <= before; next++)
            block_reads_add_ready(&reads, next);
        for (uint64_t waiter = 1; waiter <= before; waiter++)
            assert_true(block_reads_next_ready(&reads, &woken));
        for (uint64_t more = 0; more < 300; more++)
            block_reads_add_ready(&reads, next + more);
        for (uint64_t more = 0; more < 300; more++) {
            assert_true(block_reads_next_ready(&reads, &woken));
            assert_int_equal(woken, next + more);
        }
        assert_false(block_reads_next_ready(&reads, &woken));
        close_reads(NULL);
        open_reads(NULL);
    }
}

static void a_failure_is_told_once_to_those_who_waited_for_that_block(void **state) {
    (void)state;
    ask(0, 500, 1);
    ask(0, 500, 2);
    fail_next();
    assert_false(block_reads_take_failure(&reads, 3, FILE_NUMBER, 500));
    assert_false(block_reads_take_failure(&reads, 1, FILE_NUMBER, 600));
    assert_false(block_reads_take_failure(&reads, 1, OTHER_FILE, 500));
    assert_true(block_reads_take_failure(&reads, 1, FILE_NUMBER, 500));
    assert_false(block_reads_take_failure(&reads, 1, FILE_NUMBER, 500));
    assert_true(block_reads_take_failure(&reads, 2, FILE_NUMBER, 500));
}

static void the_store_itself_is_woken_apart_from_the_requests(void **state) {
    (void)state;
    ask(0, 500, BLOCK_WAITER_OWN);
    fail_next();
    uint64_t woken;
    assert_true(reads.own_ready);
    assert_false(block_reads_next_ready(&reads, &woken));
}

static void blocks_at_one_place_of_two_files_are_two(void **state) {
    (void)state;
    ask(0, 500, 1);
    ask(1, 500, 2);
    assert_int_equal(reads.reads, 2);
    fail_next();
    fail_next();
    assert_true(block_reads_take_failure(&reads, 1, FILE_NUMBER, 500));
    assert_true(block_reads_take_failure(&reads, 2, OTHER_FILE, 500));
}

static void too_many_reads_and_waiters_have_to_wait(void **state) {
    (void)state;
    struct block_handle handle = block_at(0);
    for (uint64_t i = 0; i < BLOCK_FETCHES_MAX; i++)
        ask(0, i * BLOCK_SIZE, 1);
    handle.offset = (uint64_t)BLOCK_FETCHES_MAX * BLOCK_SIZE;
    assert_false(block_reads_ask(&reads, files[0], &handle, 1, &effects));
    for (uint64_t waiter = 2; waiter < 2 + BLOCK_WAITERS_MAX - BLOCK_FETCHES_MAX; waiter++)
        ask(0, 0, waiter);
    handle.offset = 0;
    assert_false(block_reads_ask(&reads, files[0], &handle, UINT64_MAX, &effects));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_who_wait_for_a_block_share_one_read_and_are_woken,
                                        open_reads, close_reads),
        cmocka_unit_test_setup_teardown(nobody_is_lost_when_more_are_woken_than_ever_before,
                                        open_reads, close_reads),
        cmocka_unit_test_setup_teardown(a_failure_is_told_once_to_those_who_waited_for_that_block,
                                        open_reads, close_reads),
        cmocka_unit_test_setup_teardown(the_store_itself_is_woken_apart_from_the_requests,
                                        open_reads, close_reads),
        cmocka_unit_test_setup_teardown(blocks_at_one_place_of_two_files_are_two, open_reads,
                                        close_reads),
        cmocka_unit_test_setup_teardown(too_many_reads_and_waiters_have_to_wait, open_reads,
                                        close_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
