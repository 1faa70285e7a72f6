/* How replicas come together again: hints, read repair, anti-entropy; and that each of them can be
 * switched off without another doing its work unseen. */
#include "tests/node/support/whole/small_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void no_repair(struct node_config *config) {
    config->read_repair = false;
}

static void handoff_only(struct node_config *config) {
    config->read_repair = false;
    config->handoff_interval = duration_of_milliseconds(200);
}

static void read_repair_only(struct node_config *config) {
    config->read_repair = true;
}

static void anti_entropy_only(struct node_config *config) {
    config->read_repair = false;
    config->anti_entropy_interval = duration_of_milliseconds(500);
}

static void tiny_hints(struct node_config *config) {
    config->read_repair = false;
    config->hint_bytes_max = 100;
}

static struct small_cluster *create(uint32_t nodes, bool sloppy, bool strict,
                                    void (*configure)(struct node_config *config)) {
    struct small_cluster_options options = {.nodes = nodes,
                                            .n = 3,
                                            .r = 2,
                                            .w = 2,
                                            .sloppy = sloppy,
                                            .strict = strict,
                                            .configure = configure};
    struct small_cluster *cluster = small_cluster_create(&options);
    small_cluster_start_all(cluster);
    return cluster;
}

static void set_keys(struct small_cluster *cluster, uint32_t node, uint32_t from, uint32_t to,
                     const char *value) {
    for (uint32_t i = from; i < to; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "key:%u", i);
        assert_string_equal(small_cluster_ask(cluster, node, "SET", key, value, NULL), "+OK");
    }
}

static bool local_has(struct small_cluster *cluster, uint32_t node, const char *key,
                      const char *value) {
    const char *reply = small_cluster_ask(cluster, node, "DLOCAL", key, NULL);
    return strstr(reply, value) != NULL;
}

static uint64_t pending_hints(struct small_cluster *cluster, uint32_t nodes) {
    uint64_t pending = 0;
    for (uint32_t i = 0; i < nodes; i++)
        pending += small_cluster_node(cluster, i) == NULL
                       ? 0
                       : small_cluster_figures(cluster, i).hints_pending;
    return pending;
}

static void a_fallback_keeps_a_hint_and_delivers_it_on_return(void **state) {
    (void)state;
    struct small_cluster *cluster = create(5, true, false, handoff_only);
    uint32_t down = small_cluster_owner(cluster, "k", 1);
    uint32_t up = small_cluster_owner(cluster, "k", 0);
    uint32_t fallback = small_cluster_owner(cluster, "k", 3);
    small_cluster_crash(cluster, down, KEEP_WRITTEN);
    small_cluster_run(cluster, duration_of_milliseconds(1));
    assert_string_equal(small_cluster_ask(cluster, up, "SET", "k", "v", NULL), "+OK");
    small_cluster_run(cluster, duration_of_seconds(3));
    assert_int_equal(small_cluster_figures(cluster, fallback).hints_pending, 1);
    assert_int_equal(pending_hints(cluster, 5), 1);
    small_cluster_start(cluster, down);
    small_cluster_run(cluster, duration_of_seconds(5));
    assert_true(local_has(cluster, down, "k", "v"));
    assert_int_equal(pending_hints(cluster, 5), 0);
    assert_int_equal(small_cluster_figures(cluster, fallback).hints_delivered, 1);
    assert_int_equal(small_cluster_figures(cluster, fallback).hint_bytes, 0);
    assert_true(small_cluster_has_converged(cluster));
    small_cluster_destroy(cluster);
}

static void a_hint_outlives_a_crash_of_its_holder(void **state) {
    (void)state;
    struct small_cluster *cluster = create(5, true, false, handoff_only);
    uint32_t down = small_cluster_owner(cluster, "k", 1);
    uint32_t up = small_cluster_owner(cluster, "k", 0);
    uint32_t fallback = small_cluster_owner(cluster, "k", 3);
    small_cluster_crash(cluster, down, KEEP_WRITTEN);
    small_cluster_run(cluster, duration_of_milliseconds(1));
    assert_string_equal(small_cluster_ask(cluster, up, "SET", "k", "v", NULL), "+OK");
    small_cluster_run(cluster, duration_of_seconds(3));
    small_cluster_crash(cluster, fallback, LOSE_UNSYNCED);
    small_cluster_start(cluster, fallback);
    small_cluster_run(cluster, duration_of_seconds(3));
    assert_int_equal(small_cluster_figures(cluster, fallback).hints_pending, 1);
    small_cluster_start(cluster, down);
    small_cluster_run(cluster, duration_of_seconds(5));
    assert_true(local_has(cluster, down, "k", "v"));
    assert_int_equal(small_cluster_figures(cluster, fallback).hints_pending, 0);
    small_cluster_destroy(cluster);
}

static void without_fallbacks_the_coordinator_keeps_the_hint_itself(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, true, false, handoff_only);
    small_cluster_crash(cluster, 2, KEEP_WRITTEN);
    small_cluster_run(cluster, duration_of_milliseconds(1));
    set_keys(cluster, 0, 0, 100, "v");
    small_cluster_run(cluster, duration_of_seconds(1));
    assert_int_equal(small_cluster_figures(cluster, 0).hints_pending, 100);
    small_cluster_start(cluster, 2);
    small_cluster_run(cluster, duration_of_seconds(5));
    assert_int_equal(pending_hints(cluster, 3), 0);
    assert_true(small_cluster_has_converged(cluster));
    small_cluster_destroy(cluster);
}

static void hints_are_kept_and_not_delivered_when_handoff_is_off(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, true, false, no_repair);
    small_cluster_crash(cluster, 2, KEEP_WRITTEN);
    small_cluster_run(cluster, duration_of_milliseconds(1));
    set_keys(cluster, 0, 0, 10, "v");
    small_cluster_start(cluster, 2);
    small_cluster_run(cluster, duration_of_seconds(30));
    for (uint32_t i = 0; i < 10; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "key:%u", i);
        assert_string_equal(small_cluster_ask(cluster, 1, "GET", key, NULL), "v");
    }
    small_cluster_run(cluster, duration_of_seconds(30));
    assert_int_equal(pending_hints(cluster, 3), 10);
    assert_false(small_cluster_has_converged(cluster));
    small_cluster_destroy(cluster);
}

static void a_node_that_stops_keeps_hints_for_those_that_owe_an_answer(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, true, false, handoff_only);
    small_cluster_stall(cluster, 2, 0, true);
    assert_string_equal(small_cluster_ask(cluster, 0, "SET", "k", "v", NULL), "+OK");
    small_cluster_stop(cluster, 0);
    small_cluster_start(cluster, 0);
    small_cluster_run(cluster, duration_of_milliseconds(1));
    assert_int_equal(small_cluster_figures(cluster, 0).hints_pending, 1);
    small_cluster_destroy(cluster);
}

static void hints_are_bounded(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, true, false, tiny_hints);
    small_cluster_crash(cluster, 2, KEEP_WRITTEN);
    small_cluster_run(cluster, duration_of_milliseconds(1));
    set_keys(cluster, 0, 0, 20, "v");
    small_cluster_run(cluster, duration_of_seconds(1));
    struct node_figures figures = small_cluster_figures(cluster, 0);
    assert_true(figures.hints_pending > 0 && figures.hint_bytes <= 100);
    small_cluster_destroy(cluster);
}

static void a_read_repairs_the_replica_that_held_less(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, false, false, read_repair_only);
    small_cluster_crash(cluster, 2, KEEP_WRITTEN);
    small_cluster_run(cluster, duration_of_milliseconds(1));
    set_keys(cluster, 0, 0, 2, "v");
    small_cluster_start(cluster, 2);
    small_cluster_run(cluster, duration_of_seconds(5));
    assert_false(local_has(cluster, 2, "key:0", "v"));
    assert_string_equal(small_cluster_ask(cluster, 1, "GET", "key:0", NULL), "v");
    small_cluster_run(cluster, duration_of_milliseconds(10));
    assert_true(local_has(cluster, 2, "key:0", "v"));
    assert_false(local_has(cluster, 2, "key:1", "v"));
    /* The stale replica itself coordinates: it repairs its own copy. */
    assert_string_equal(small_cluster_ask(cluster, 2, "GET", "key:1", NULL), "v");
    small_cluster_run(cluster, duration_of_milliseconds(10));
    assert_true(local_has(cluster, 2, "key:1", "v"));
    assert_true(small_cluster_has_converged(cluster));
    small_cluster_destroy(cluster);
}

static void a_strict_read_repairs_before_it_answers(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, false, true, no_repair);
    small_cluster_cut(cluster, 0, 2);
    small_cluster_cut(cluster, 1, 2);
    small_cluster_run(cluster, duration_of_milliseconds(1));
    set_keys(cluster, 0, 0, 1, "v");
    small_cluster_join(cluster, 0, 2);
    small_cluster_join(cluster, 1, 2);
    small_cluster_run(cluster, duration_of_seconds(5));
    small_cluster_crash(cluster, 1, KEEP_WRITTEN);
    small_cluster_run(cluster, duration_of_milliseconds(1));
    assert_false(local_has(cluster, 2, "key:0", "v"));
    assert_string_equal(small_cluster_ask(cluster, 0, "GET", "key:0", NULL), "v");
    assert_true(local_has(cluster, 2, "key:0", "v"));
    small_cluster_destroy(cluster);
}

static void replicas_that_differ_converge_by_their_trees(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, false, false, anti_entropy_only);
    set_keys(cluster, 0, 0, 300, "old");
    small_cluster_crash(cluster, 2, KEEP_WRITTEN);
    small_cluster_run(cluster, duration_of_milliseconds(1));
    set_keys(cluster, 0, 250, 400, "new");
    small_cluster_start(cluster, 2);
    small_cluster_run(cluster, duration_of_seconds(20));
    assert_true(small_cluster_has_converged(cluster));
    assert_true(local_has(cluster, 2, "key:399", "new"));
    uint64_t synced = 0;
    for (uint32_t i = 0; i < 3; i++)
        synced += small_cluster_figures(cluster, i).tree_keys_synced;
    /* Only what differed, and hardly more although each pair compares from both sides. */
    assert_in_range(synced, 150, 600);
    small_cluster_destroy(cluster);
}

static void without_anti_entropy_replicas_stay_different(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, false, false, no_repair);
    small_cluster_crash(cluster, 2, KEEP_WRITTEN);
    small_cluster_run(cluster, duration_of_milliseconds(1));
    set_keys(cluster, 0, 0, 10, "v");
    small_cluster_start(cluster, 2);
    small_cluster_run(cluster, duration_of_seconds(60));
    assert_false(small_cluster_has_converged(cluster));
    small_cluster_destroy(cluster);
}

static void a_wiped_disk_is_filled_before_its_reads_count(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, false, false, no_repair);
    set_keys(cluster, 0, 0, 300, "v");
    small_cluster_crash(cluster, 2, LOSE_DISK);
    small_cluster_run(cluster, duration_of_milliseconds(1));
    small_cluster_cut(cluster, 1, 2);
    small_cluster_start(cluster, 2);
    small_cluster_run(cluster, duration_of_seconds(10));
    /* One of the two other owners is missing: what it alone has cannot be known. */
    assert_false(node_holds_partition(small_cluster_node(cluster, 2), 0));
    small_cluster_crash(cluster, 1, KEEP_WRITTEN);
    small_cluster_run(cluster, duration_of_seconds(1));
    const char *reply = small_cluster_ask(cluster, 0, "GET", "key:1", NULL);
    assert_int_equal(reply[0], '-');
    assert_string_equal(small_cluster_ask(cluster, 2, "SET", "fresh", "v", NULL), "+OK");
    small_cluster_join(cluster, 1, 2);
    small_cluster_start(cluster, 1);
    small_cluster_run(cluster, duration_of_seconds(10));
    for (uint16_t partition = 0; partition < 16; partition++)
        assert_true(node_holds_partition(small_cluster_node(cluster, 2), partition));
    assert_true(small_cluster_has_converged(cluster));
    assert_string_equal(small_cluster_ask(cluster, 2, "DBSIZE", NULL), ":301");
    small_cluster_destroy(cluster);
}

static void what_is_held_is_remembered_over_a_crash(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, false, false, no_repair);
    small_cluster_run(cluster, duration_of_seconds(3));
    for (uint32_t i = 0; i < 3; i++)
        small_cluster_crash(cluster, i, LOSE_UNSYNCED);
    small_cluster_start(cluster, 0);
    small_cluster_run(cluster, duration_of_seconds(1));
    for (uint16_t partition = 0; partition < 16; partition++)
        assert_true(node_holds_partition(small_cluster_node(cluster, 0), partition));
    small_cluster_destroy(cluster);
}

/* A replica that lost its last write must not give its dot to another one. */
static void a_lost_write_never_lends_its_dot_to_another(void **state) {
    (void)state;
    static const enum crash_mode MODES[] = {KEEP_WRITTEN, LOSE_UNSYNCED, LOSE_DISK};
    for (uint32_t i = 0; i < 3; i++) {
        struct small_cluster_options options = {
            .nodes = 3, .n = 3, .r = 2, .w = 1, .sync = STORE_SYNC_NEVER, .configure = no_repair};
        struct small_cluster *cluster = small_cluster_create(&options);
        small_cluster_start_all(cluster);
        (void)small_cluster_ask(cluster, 0, "DSET", "k", "", "before", NULL);
        small_cluster_run(cluster, duration_of_seconds(1));
        small_cluster_crash(cluster, 0, MODES[i]);
        small_cluster_start(cluster, 0);
        small_cluster_cut(cluster, 0, 1);
        small_cluster_cut(cluster, 0, 2);
        small_cluster_run(cluster, duration_of_seconds(1));
        (void)small_cluster_ask(cluster, 0, "DSET", "k", "", "after", "W", "1", NULL);
        small_cluster_join(cluster, 0, 1);
        small_cluster_join(cluster, 0, 2);
        small_cluster_run(cluster, duration_of_seconds(10));
        const char *values = small_cluster_values(cluster, 0, "k");
        assert_non_null(strstr(values, "before"));
        assert_non_null(strstr(values, "after"));
        small_cluster_destroy(cluster);
    }
}

static void a_rolled_back_disk_does_not_reissue_dots(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, false, false, anti_entropy_only);
    (void)small_cluster_ask(cluster, 0, "DSET", "k", "", "first", NULL);
    small_cluster_save_disk(cluster, 0);
    (void)small_cluster_ask(cluster, 0, "DSET", "k", "", "lost", NULL);
    small_cluster_crash(cluster, 0, KEEP_WRITTEN);
    small_cluster_restore_disk(cluster, 0);
    small_cluster_start(cluster, 0);
    small_cluster_cut(cluster, 0, 1);
    small_cluster_cut(cluster, 0, 2);
    small_cluster_run(cluster, duration_of_milliseconds(10));
    small_cluster_join(cluster, 0, 1);
    small_cluster_join(cluster, 0, 2);
    small_cluster_run(cluster, duration_of_seconds(1));
    (void)small_cluster_ask(cluster, 0, "DSET", "k", "", "third", NULL);
    small_cluster_run(cluster, duration_of_seconds(10));
    const char *values = small_cluster_values(cluster, 1, "k");
    assert_non_null(strstr(values, "first"));
    assert_non_null(strstr(values, "lost"));
    assert_non_null(strstr(values, "third"));
    assert_true(small_cluster_has_converged(cluster));
    small_cluster_destroy(cluster);
}

static void a_node_refuses_the_disk_of_another(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, false, false, anti_entropy_only);
    (void)small_cluster_ask(cluster, 0, "DSET", "k", "", "v", NULL);
    for (uint32_t i = 0; i < 2; i++)
        small_cluster_crash(cluster, i, KEEP_WRITTEN);
    small_cluster_swap_disks(cluster, 0, 1);
    for (uint32_t i = 0; i < 2; i++)
        small_cluster_start(cluster, i);
    small_cluster_run(cluster, duration_of_seconds(1));
    assert_null(small_cluster_node(cluster, 0));
    assert_non_null(strstr(small_cluster_halt_reason(cluster, 0), "belongs to node n1"));
    assert_non_null(strstr(small_cluster_halt_reason(cluster, 1), "belongs to node n0"));
    small_cluster_swap_disks(cluster, 0, 1);
    for (uint32_t i = 0; i < 2; i++)
        small_cluster_start(cluster, i);
    small_cluster_run(cluster, duration_of_seconds(5));
    assert_non_null(strstr(small_cluster_values(cluster, 0, "k"), "v"));
    small_cluster_destroy(cluster);
}

static void both_sides_of_a_partition_take_writes_and_converge(void **state) {
    (void)state;
    struct small_cluster *cluster = create(5, true, false, handoff_only);
    for (uint32_t left = 0; left < 2; left++) {
        for (uint32_t right = 2; right < 5; right++)
            small_cluster_cut(cluster, left, right);
    }
    small_cluster_run(cluster, duration_of_milliseconds(1));
    char key[16];
    for (uint32_t i = 0; i < 40; i++) {
        (void)snprintf(key, sizeof key, "key:%u", i);
        (void)small_cluster_ask(cluster, i % 2, "DSET", key, "", "left", NULL);
        (void)small_cluster_ask(cluster, 2 + i % 3, "DSET", key, "", "right", NULL);
    }
    for (uint32_t left = 0; left < 2; left++) {
        for (uint32_t right = 2; right < 5; right++)
            small_cluster_join(cluster, left, right);
    }
    small_cluster_run(cluster, duration_of_seconds(20));
    assert_int_equal(pending_hints(cluster, 5), 0);
    assert_true(small_cluster_has_converged(cluster));
    small_cluster_destroy(cluster);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fallback_keeps_a_hint_and_delivers_it_on_return),
        cmocka_unit_test(a_hint_outlives_a_crash_of_its_holder),
        cmocka_unit_test(without_fallbacks_the_coordinator_keeps_the_hint_itself),
        cmocka_unit_test(hints_are_kept_and_not_delivered_when_handoff_is_off),
        cmocka_unit_test(a_node_that_stops_keeps_hints_for_those_that_owe_an_answer),
        cmocka_unit_test(hints_are_bounded),
        cmocka_unit_test(a_read_repairs_the_replica_that_held_less),
        cmocka_unit_test(a_strict_read_repairs_before_it_answers),
        cmocka_unit_test(replicas_that_differ_converge_by_their_trees),
        cmocka_unit_test(without_anti_entropy_replicas_stay_different),
        cmocka_unit_test(a_wiped_disk_is_filled_before_its_reads_count),
        cmocka_unit_test(what_is_held_is_remembered_over_a_crash),
        cmocka_unit_test(a_lost_write_never_lends_its_dot_to_another),
        cmocka_unit_test(a_rolled_back_disk_does_not_reissue_dots),
        cmocka_unit_test(a_node_refuses_the_disk_of_another),
        cmocka_unit_test(both_sides_of_a_partition_take_writes_and_converge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
