#include "support/recorded_history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define IDS(...) (uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)

static void a_strict_read_that_misses_an_acknowledged_write_is_irregular(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_STRICT);
    uint32_t first = recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
    recorded_put(&recorded, 0, 0, IDS(first), 30, 40);
    recorded_read(&recorded, 1, 0, IDS(first), 50, 60);
    assert_oracle_speaks(&recorded, ORACLE_REGULAR_READS);
    recorded_end(&recorded);
}

static void a_strict_read_may_give_either_of_a_write_under_way(void **state) {
    (void)state;
    for (uint32_t new = 0; new < 2; new ++) {
        struct recorded recorded;
        recorded_begin(&recorded, RECORDED_STRICT);
        uint32_t ids[2];
        ids[0] = recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
        struct write_request request = {.client = 0, .key = 0, .copies = 2};
        ids[1] = recorded_write(&recorded, request, ids, 1, 30, 0, WRITE_UNDER_WAY);
        recorded_read(&recorded, 1, 0, &ids[new], 1, 35, 45);
        assert_oracle_silent(&recorded);
        recorded_end(&recorded);
    }
}

static void what_a_strict_read_has_shown_the_next_must_not_miss(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_STRICT);
    uint32_t first = recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
    struct write_request request = {.client = 0, .key = 0, .copies = 2};
    uint32_t doubtful = recorded_write(&recorded, request, IDS(first), 30, 40, WRITE_IN_DOUBT);
    recorded_read(&recorded, 1, 0, IDS(doubtful), 50, 60);
    assert_oracle_silent(&recorded);
    recorded_read(&recorded, 0, 0, IDS(first), 70, 80);
    assert_oracle_speaks(&recorded, ORACLE_REGULAR_READS);
    recorded_end(&recorded);
}

static void a_deleted_value_must_not_show_in_a_strict_read(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_STRICT);
    uint32_t first = recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
    recorded_delete(&recorded, 0, 0, IDS(first), 30, 40);
    recorded_read(&recorded, 1, 0, NULL, 0, 50, 60);
    assert_oracle_silent(&recorded);
    recorded_read(&recorded, 1, 0, IDS(first), 70, 80);
    assert_oracle_speaks(&recorded, ORACLE_REGULAR_READS);
    recorded_end(&recorded);
}

static void a_lost_disk_excuses_a_strict_read(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_STRICT);
    recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
    history_note_loss(recorded.history, 0, LOSS_TOTAL, (struct instant){30000000});
    recorded_read(&recorded, 1, 0, NULL, 0, 50, 60);
    assert_oracle_silent(&recorded);
    assert_int_equal(recorded.history->figures[FIGURE_STALE_READS], 1);
    recorded_end(&recorded);
}

static void siblings_in_a_reply_must_not_have_seen_each_other(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    uint32_t first = recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
    uint32_t second = recorded_put(&recorded, 0, 0, IDS(first), 30, 40);
    recorded_read(&recorded, 1, 0, IDS(first, second), 50, 60);
    assert_oracle_speaks(&recorded, ORACLE_FALSE_CONCURRENCY);
    recorded_end(&recorded);
}

static void a_value_from_before_its_write_is_a_phantom(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    recorded_read(&recorded, 1, 0, IDS(7), 50, 60);
    assert_oracle_speaks(&recorded, ORACLE_PHANTOM_VALUES);
    recorded_end(&recorded);
}

static void a_client_that_reads_a_write_is_not_told_later_that_there_was_none(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    struct write_request request = {.client = 0, .key = 0, .copies = 2};
    uint32_t id = recorded_write(&recorded, request, NULL, 0, 10, 0, WRITE_UNDER_WAY);
    recorded_read(&recorded, 1, 0, IDS(id), 20, 30);
    history_end_write(recorded.history, id, WRITE_NOT_WRITTEN, (struct instant){40000000});
    assert_oracle_speaks(&recorded, ORACLE_PHANTOM_VALUES);
    recorded_end(&recorded);
}

static void staleness_is_measured_in_time_and_in_versions(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    uint32_t first = recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
    uint32_t second = recorded_put(&recorded, 0, 0, IDS(first), 30, 40);
    recorded_put(&recorded, 0, 0, IDS(second), 50, 60);
    recorded_read(&recorded, 1, 0, IDS(first), 100, 110);
    assert_oracle_silent(&recorded);
    const uint64_t *figures = recorded.history->figures;
    assert_int_equal(figures[FIGURE_STALE_READS], 1);
    assert_int_equal(figures[FIGURE_STALENESS_MILLISECONDS_MAX], 40);
    assert_int_equal(figures[FIGURE_STALENESS_VERSIONS_MAX], 2);
    recorded_end(&recorded);
}

static void sessions_that_go_back_are_counted(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    uint32_t first = recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
    uint32_t second = recorded_put(&recorded, 0, 0, IDS(first), 30, 40);
    recorded_read(&recorded, 0, 0, IDS(first), 50, 60);
    assert_int_equal(recorded.history->figures[FIGURE_READ_YOUR_WRITES_BROKEN], 1);
    recorded_read(&recorded, 1, 0, IDS(second), 70, 80);
    recorded_read(&recorded, 1, 0, IDS(first), 90, 95);
    assert_int_equal(recorded.history->figures[FIGURE_MONOTONIC_READS_BROKEN], 1);
    recorded_end(&recorded);
}

static void writes_of_a_session_out_of_order_are_counted(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    uint32_t first = recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
    uint32_t second = recorded_put(&recorded, 0, 0, NULL, 0, 30, 40);
    recorded_read(&recorded, 1, 0, IDS(first, second), 50, 60);
    assert_int_equal(recorded.history->figures[FIGURE_MONOTONIC_WRITES_BROKEN], 1);
    recorded_end(&recorded);
}

static void a_winner_among_siblings_need_not_be_the_newest(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_STRICT);
    uint32_t first = recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
    recorded_put(&recorded, 1, 0, NULL, 0, 12, 22);
    struct read_record read;
    struct id_set ids = {.count = 1, .ids = {first}};
    history_begin_read(recorded.history, &read, 0, 0, (struct instant){30000000});
    read.one_winner = true;
    history_end_read(recorded.history, &read, &ids, (struct instant){40000000});
    assert_oracle_silent(&recorded);
    recorded_end(&recorded);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_strict_read_that_misses_an_acknowledged_write_is_irregular),
        cmocka_unit_test(a_strict_read_may_give_either_of_a_write_under_way),
        cmocka_unit_test(what_a_strict_read_has_shown_the_next_must_not_miss),
        cmocka_unit_test(a_deleted_value_must_not_show_in_a_strict_read),
        cmocka_unit_test(a_lost_disk_excuses_a_strict_read),
        cmocka_unit_test(siblings_in_a_reply_must_not_have_seen_each_other),
        cmocka_unit_test(a_value_from_before_its_write_is_a_phantom),
        cmocka_unit_test(a_client_that_reads_a_write_is_not_told_later_that_there_was_none),
        cmocka_unit_test(staleness_is_measured_in_time_and_in_versions),
        cmocka_unit_test(sessions_that_go_back_are_counted),
        cmocka_unit_test(writes_of_a_session_out_of_order_are_counted),
        cmocka_unit_test(a_winner_among_siblings_need_not_be_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
