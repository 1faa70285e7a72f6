#include "support/recorded_history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define IDS(...) (uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)

static void an_acknowledged_write_that_is_gone_is_lost(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
    recorded_finish(&recorded, 0, NULL, 0);
    assert_oracle_speaks(&recorded, ORACLE_LOST_WRITES);
    recorded_end(&recorded);
}

static void a_write_that_was_superseded_through_others_is_not_lost(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    uint32_t first = recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
    uint32_t second = recorded_put(&recorded, 1, 0, IDS(first), 30, 40);
    uint32_t third = recorded_put(&recorded, 0, 0, IDS(second), 50, 60);
    recorded_finish(&recorded, 0, IDS(third));
    assert_oracle_silent(&recorded);
    recorded_end(&recorded);
}

static void a_superseding_write_that_is_gone_itself_excuses_nothing(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    uint32_t first = recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
    struct write_request doubtful = {.client = 1, .key = 0, .copies = 2};
    recorded_write(&recorded, doubtful, IDS(first), 30, 40, WRITE_IN_DOUBT);
    recorded_finish(&recorded, 0, NULL, 0);
    assert_oracle_speaks(&recorded, ORACLE_LOST_WRITES);
    recorded_end(&recorded);
}

static void a_write_in_doubt_may_be_gone_or_there(void **state) {
    (void)state;
    for (uint32_t there = 0; there < 2; there++) {
        struct recorded recorded;
        recorded_begin(&recorded, RECORDED_PLAIN);
        struct write_request request = {.client = 0, .key = 0, .copies = 2};
        uint32_t id = recorded_write(&recorded, request, NULL, 0, 10, 20, WRITE_IN_DOUBT);
        recorded_finish(&recorded, 0, &id, there);
        assert_oracle_silent(&recorded);
        recorded_end(&recorded);
    }
}

static void a_concurrent_write_that_vanished_beside_another_is_lost_concurrency(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
    uint32_t other = recorded_put(&recorded, 1, 0, NULL, 0, 12, 22);
    recorded_finish(&recorded, 0, IDS(other));
    assert_oracle_speaks(&recorded, ORACLE_LOST_CONCURRENCY);
    recorded_end(&recorded);
}

static void siblings_of_which_one_had_seen_the_other_are_false_concurrency(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    uint32_t first = recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
    uint32_t second = recorded_put(&recorded, 1, 0, IDS(first), 30, 40);
    uint32_t third = recorded_put(&recorded, 1, 0, IDS(second), 50, 60);
    recorded_finish(&recorded, 0, IDS(first, third));
    assert_oracle_speaks(&recorded, ORACLE_FALSE_CONCURRENCY);
    recorded_end(&recorded);
}

static void what_a_delete_had_seen_must_not_come_back(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    uint32_t first = recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
    recorded_delete(&recorded, 1, 0, IDS(first), 30, 40);
    recorded_finish(&recorded, 0, IDS(first));
    assert_oracle_speaks(&recorded, ORACLE_RESURRECTED_DELETES);
    recorded_end(&recorded);
}

static void a_delete_takes_away_what_it_had_seen_and_nothing_else(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    uint32_t first = recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
    recorded_put(&recorded, 1, 0, NULL, 0, 12, 22);
    recorded_delete(&recorded, 0, 0, IDS(first), 30, 40);
    recorded_finish(&recorded, 0, NULL, 0);
    assert_oracle_speaks(&recorded, ORACLE_LOST_WRITES);
    recorded_end(&recorded);
}

static void a_blind_write_may_supersede_what_it_met(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
    uint32_t blind = recorded_set(&recorded, 1, 0, 30, 40);
    recorded_finish(&recorded, 0, IDS(blind));
    assert_oracle_silent(&recorded);
    recorded_end(&recorded);
}

static void a_blind_write_cannot_supersede_what_came_after_it(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    uint32_t blind = recorded_set(&recorded, 1, 0, 10, 20);
    recorded_put(&recorded, 0, 0, NULL, 0, 1000, 1010);
    recorded_finish(&recorded, 0, IDS(blind));
    assert_oracle_speaks(&recorded, ORACLE_LOST_CONCURRENCY);
    recorded_end(&recorded);
}

static void broken_clocks_widen_what_a_blind_write_may_supersede(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    recorded.history->clock_error = 2000000000u;
    uint32_t blind = recorded_set(&recorded, 1, 0, 10, 20);
    recorded_put(&recorded, 0, 0, NULL, 0, 1000, 1010);
    recorded_finish(&recorded, 0, IDS(blind));
    assert_oracle_silent(&recorded);
    recorded_end(&recorded);
}

static void what_a_reader_saw_of_a_blind_write_bounds_it_although_it_is_in_doubt(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    struct write_request request = {.client = 0, .key = 0, .copies = 2, .blind = true};
    uint32_t blind = recorded_write(&recorded, request, NULL, 0, 10, 20, WRITE_IN_DOUBT);
    recorded_read(&recorded, 1, 0, IDS(blind), 30, 40);
    recorded_put(&recorded, 1, 0, NULL, 0, 1000, 1010);
    recorded_finish(&recorded, 0, IDS(blind));
    assert_oracle_speaks(&recorded, ORACLE_LOST_CONCURRENCY);
    recorded_end(&recorded);
}

static void a_refused_write_must_never_show(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    struct write_request request = {.client = 0, .key = 0, .copies = 2};
    uint32_t refused = recorded_write(&recorded, request, NULL, 0, 10, 20, WRITE_NOT_WRITTEN);
    recorded_finish(&recorded, 0, IDS(refused));
    assert_oracle_speaks(&recorded, ORACLE_PHANTOM_VALUES);
    recorded_end(&recorded);
}

static void a_write_under_another_key_is_a_phantom(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    uint32_t elsewhere = recorded_put(&recorded, 0, 1, NULL, 0, 10, 20);
    recorded_finish(&recorded, 0, IDS(elsewhere));
    assert_oracle_speaks(&recorded, ORACLE_PHANTOM_VALUES);
    recorded_end(&recorded);
}

static void as_many_lost_disks_as_copies_excuse_a_write_and_fewer_do_not(void **state) {
    (void)state;
    for (uint32_t disks = 1; disks <= 2; disks++) {
        struct recorded recorded;
        recorded_begin(&recorded, RECORDED_PLAIN);
        recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
        for (uint32_t i = 0; i < disks; i++) {
            /* The same disk twice is one copy. */
            history_note_loss(recorded.history, i, LOSS_TOTAL, (struct instant){30000000});
            history_note_loss(recorded.history, i, LOSS_TOTAL, (struct instant){40000000});
        }
        recorded_finish(&recorded, 0, NULL, 0);
        if (disks == 1)
            assert_oracle_speaks(&recorded, ORACLE_LOST_WRITES);
        else
            assert_oracle_silent(&recorded);
        assert_int_equal(recorded.history->figures[FIGURE_WRITES_LOST_EXCUSED], disks == 2);
        recorded_end(&recorded);
    }
}

static void a_loss_of_power_long_after_the_sync_excuses_nothing(void **state) {
    (void)state;
    for (uint32_t late = 0; late < 2; late++) {
        struct recorded recorded;
        recorded_begin(&recorded, "name: recorded\n"
                                  "cluster: {store: {sync: interval, sync_interval: 1s}}\n"
                                  "clients: [{name: client, count: 2, keys: 4}]\n");
        recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
        for (uint32_t i = 0; i < 2; i++)
            history_note_loss(recorded.history, i, LOSS_UNSYNCED,
                              (struct instant){late ? 60000000000u : 500000000u});
        recorded_finish(&recorded, 0, NULL, 0);
        if (late)
            assert_oracle_speaks(&recorded, ORACLE_LOST_WRITES);
        else
            assert_oracle_silent(&recorded);
        recorded_end(&recorded);
    }
}

static void a_durable_write_is_not_excused_by_a_loss_of_power(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    struct write_request request = {.client = 0, .key = 0, .copies = 2, .durable_copies = 1};
    recorded_write(&recorded, request, NULL, 0, 10, 20, WRITE_ACKNOWLEDGED);
    for (uint32_t i = 0; i < 3; i++)
        history_note_loss(recorded.history, i, LOSS_UNSYNCED, (struct instant){30000000});
    recorded_finish(&recorded, 0, NULL, 0);
    assert_oracle_speaks(&recorded, ORACLE_LOST_WRITES);
    recorded_end(&recorded);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_acknowledged_write_that_is_gone_is_lost),
        cmocka_unit_test(a_write_that_was_superseded_through_others_is_not_lost),
        cmocka_unit_test(a_superseding_write_that_is_gone_itself_excuses_nothing),
        cmocka_unit_test(a_write_in_doubt_may_be_gone_or_there),
        cmocka_unit_test(a_concurrent_write_that_vanished_beside_another_is_lost_concurrency),
        cmocka_unit_test(siblings_of_which_one_had_seen_the_other_are_false_concurrency),
        cmocka_unit_test(what_a_delete_had_seen_must_not_come_back),
        cmocka_unit_test(a_delete_takes_away_what_it_had_seen_and_nothing_else),
        cmocka_unit_test(a_blind_write_may_supersede_what_it_met),
        cmocka_unit_test(a_blind_write_cannot_supersede_what_came_after_it),
        cmocka_unit_test(broken_clocks_widen_what_a_blind_write_may_supersede),
        cmocka_unit_test(what_a_reader_saw_of_a_blind_write_bounds_it_although_it_is_in_doubt),
        cmocka_unit_test(a_refused_write_must_never_show),
        cmocka_unit_test(a_write_under_another_key_is_a_phantom),
        cmocka_unit_test(as_many_lost_disks_as_copies_excuse_a_write_and_fewer_do_not),
        cmocka_unit_test(a_loss_of_power_long_after_the_sync_excuses_nothing),
        cmocka_unit_test(a_durable_write_is_not_excused_by_a_loss_of_power),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
