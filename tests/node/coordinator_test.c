/* Quorums: who is asked, who answers, and which of the three errors a client gets. */
#include "tests/node/support/whole/small_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct small_cluster *create(uint32_t nodes, uint8_t n, uint8_t r, uint8_t w, bool sloppy) {
    struct small_cluster_options options = {
        .nodes = nodes, .n = n, .r = r, .w = w, .sloppy = sloppy};
    struct small_cluster *cluster = small_cluster_create(&options);
    small_cluster_start_all(cluster);
    return cluster;
}

static bool begins_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void every_node_coordinates_every_key_at_every_quorum(void **state) {
    (void)state;
    for (uint8_t n = 1; n <= 3; n++) {
        for (uint8_t r = 1; r <= n; r++) {
            for (uint8_t w = 1; w <= n; w++) {
                struct small_cluster *cluster = create(4, n, r, w, false);
                for (uint32_t node = 0; node < 4; node++) {
                    char key[2] = {(char)('a' + node), 0};
                    assert_string_equal(small_cluster_ask(cluster, node, "SET", key, "v", NULL),
                                        "+OK");
                    /* Whatever W was: the other copies are on their way. */
                    small_cluster_run(cluster, duration_of_milliseconds(1));
                    for (uint32_t reader = 0; reader < 4; reader++)
                        assert_string_equal(small_cluster_ask(cluster, reader, "GET", key, NULL),
                                            "v");
                }
                assert_true(small_cluster_has_converged(cluster));
                small_cluster_destroy(cluster);
            }
        }
    }
}

static void a_sequence_of_blind_sets_leaves_no_siblings(void **state) {
    (void)state;
    struct small_cluster *cluster = create(5, 3, 1, 1, true);
    static const char *const VALUES[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    for (uint32_t i = 0; i < 8; i++)
        assert_string_equal(small_cluster_ask(cluster, i % 5, "SET", "k", VALUES[i], NULL), "+OK");
    small_cluster_run(cluster, duration_of_seconds(1));
    for (uint32_t node = 0; node < 5; node++)
        assert_string_equal(small_cluster_values(cluster, node, "k"), "[h]");
    assert_true(small_cluster_has_converged(cluster));
    small_cluster_destroy(cluster);
}

static void concurrent_updates_become_siblings_and_a_merge_ends_them(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, 3, 2, 2, true);
    (void)small_cluster_ask(cluster, 0, "DSET", "k", "", "first", NULL);
    const char *context = small_cluster_context(cluster, 0, "k");
    (void)small_cluster_ask(cluster, 1, "DSET", "k", context, "left", NULL);
    (void)small_cluster_ask(cluster, 2, "DSET", "k", context, "right", NULL);
    const char *values = small_cluster_values(cluster, 0, "k");
    assert_true(strcmp(values, "[left, right]") == 0 || strcmp(values, "[right, left]") == 0);
    context = small_cluster_context(cluster, 1, "k");
    (void)small_cluster_ask(cluster, 1, "DSET", "k", context, "merged", NULL);
    assert_string_equal(small_cluster_values(cluster, 2, "k"), "[merged]");
    small_cluster_destroy(cluster);
}

static void the_context_of_a_write_supersedes_it_and_never_an_unseen_sibling(void **state) {
    (void)state;
    struct small_cluster *cluster = create(1, 1, 1, 1, false);
    char context[256];
    (void)strcpy(context, small_cluster_ask(cluster, 0, "DSET", "k", "", "a", NULL));
    assert_true(context[0] != 0);
    (void)strcpy(context, small_cluster_ask(cluster, 0, "DSET", "k", context, "b", NULL));
    assert_string_equal(small_cluster_values(cluster, 0, "k"), "[b]");
    /* Another client, who has seen nothing: its context cannot name its own write without b's. */
    (void)strcpy(context, small_cluster_ask(cluster, 0, "DSET", "k", "", "c", NULL));
    assert_string_equal(small_cluster_values(cluster, 0, "k"), "[b, c]");
    (void)small_cluster_ask(cluster, 0, "DSET", "k", context, "d", NULL);
    assert_string_equal(small_cluster_values(cluster, 0, "k"), "[b, c, d]");
    small_cluster_destroy(cluster);
}

static void too_few_replicas_are_unavailable_and_nothing_is_written(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, 3, 2, 2, false);
    small_cluster_crash(cluster, 1, KEEP_WRITTEN);
    assert_string_equal(small_cluster_ask(cluster, 0, "SET", "k", "v", NULL), "+OK");
    assert_string_equal(small_cluster_ask(cluster, 0, "GET", "k", NULL), "v");
    small_cluster_crash(cluster, 2, KEEP_WRITTEN);
    small_cluster_run(cluster, duration_of_milliseconds(1));
    assert_true(begins_with(small_cluster_ask(cluster, 0, "SET", "k", "w", NULL), "-UNAVAILABLE"));
    assert_true(begins_with(small_cluster_ask(cluster, 0, "GET", "k", NULL), "-UNAVAILABLE"));
    assert_string_equal(small_cluster_ask(cluster, 0, "DGET", "k", "R", "1", NULL) + 0,
                        small_cluster_ask(cluster, 0, "DGET", "k", "R", "1", NULL));
    assert_string_equal(strstr(small_cluster_ask(cluster, 0, "DGET", "k", "R", "1", NULL), ", v"),
                        ", v]");
    small_cluster_destroy(cluster);
}

static void a_write_that_was_begun_and_not_acknowledged_is_in_doubt(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, 3, 2, 2, false);
    for (uint32_t node = 1; node < 3; node++)
        small_cluster_stall(cluster, node, 0, true);
    assert_true(begins_with(small_cluster_ask(cluster, 0, "SET", "k", "v", NULL), "-INDOUBT"));
    assert_int_equal(small_cluster_figures(cluster, 0).writes_in_doubt, 1);
    for (uint32_t node = 1; node < 3; node++)
        small_cluster_stall(cluster, node, 0, false);
    small_cluster_run(cluster, duration_of_seconds(5));
    assert_string_equal(small_cluster_ask(cluster, 1, "GET", "k", NULL), "v");
    small_cluster_destroy(cluster);
}

static void a_put_whose_replica_is_lost_after_the_hand_over_is_in_doubt(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, 1, 1, 1, false);
    uint32_t owner = small_cluster_owner(cluster, "k", 0);
    uint32_t other = (owner + 1) % 3;
    small_cluster_hold_disk(cluster, owner, true);
    small_cluster_send(cluster, other, "SET", "k", "v", NULL);
    small_cluster_run(cluster, duration_of_milliseconds(1));
    small_cluster_crash(cluster, owner, LOSE_UNSYNCED);
    assert_true(begins_with(small_cluster_reply(cluster, other), "-INDOUBT"));
    assert_true(
        begins_with(small_cluster_ask(cluster, other, "SET", "k", "v", NULL), "-UNAVAILABLE"));
    small_cluster_destroy(cluster);
}

static void impossible_quorums_and_large_values_are_refused(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, 3, 2, 2, true);
    const char *reply = small_cluster_ask(cluster, 0, "DSET", "k", "", "v", "W", "4", NULL);
    assert_int_equal(reply[0], '-');
    reply = small_cluster_ask(cluster, 0, "DGET", "k", "PR", "4", NULL);
    assert_int_equal(reply[0], '-');
    assert_string_equal(small_cluster_ask(cluster, 0, "GET", "k", NULL), "(nil)");
    small_cluster_destroy(cluster);
}

static void primary_quorums_do_not_count_fallbacks(void **state) {
    (void)state;
    struct small_cluster *cluster = create(5, 3, 2, 2, true);
    uint32_t first = small_cluster_owner(cluster, "k", 0);
    uint32_t second = small_cluster_owner(cluster, "k", 1);
    uint32_t third = small_cluster_owner(cluster, "k", 2);
    small_cluster_crash(cluster, second, KEEP_WRITTEN);
    small_cluster_crash(cluster, third, KEEP_WRITTEN);
    small_cluster_run(cluster, duration_of_milliseconds(1));
    assert_string_equal(small_cluster_ask(cluster, first, "SET", "k", "v", NULL), "+OK");
    const char *reply = small_cluster_ask(cluster, first, "DSET", "k", "", "w", "PW", "2", NULL);
    assert_true(begins_with(reply, "-UNAVAILABLE"));
    reply = small_cluster_ask(cluster, first, "DGET", "k", "PR", "2", NULL);
    assert_true(begins_with(reply, "-UNAVAILABLE"));
    assert_string_equal(small_cluster_ask(cluster, first, "GET", "k", NULL), "v");
    small_cluster_destroy(cluster);
}

static void a_slow_replica_does_not_hold_up_a_quorum(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, 3, 2, 2, true);
    small_cluster_hold_disk(cluster, 2, true);
    for (uint32_t i = 0; i < 50; i++)
        assert_string_equal(small_cluster_ask(cluster, 0, "SET", "k", "v", NULL), "+OK");
    assert_string_equal(small_cluster_ask(cluster, 1, "GET", "k", NULL), "v");
    small_cluster_hold_disk(cluster, 2, false);
    small_cluster_destroy(cluster);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_coordinates_every_key_at_every_quorum),
        cmocka_unit_test(a_sequence_of_blind_sets_leaves_no_siblings),
        cmocka_unit_test(concurrent_updates_become_siblings_and_a_merge_ends_them),
        cmocka_unit_test(the_context_of_a_write_supersedes_it_and_never_an_unseen_sibling),
        cmocka_unit_test(too_few_replicas_are_unavailable_and_nothing_is_written),
        cmocka_unit_test(a_write_that_was_begun_and_not_acknowledged_is_in_doubt),
        cmocka_unit_test(a_put_whose_replica_is_lost_after_the_hand_over_is_in_doubt),
        cmocka_unit_test(impossible_quorums_and_large_values_are_refused),
        cmocka_unit_test(primary_quorums_do_not_count_fallbacks),
        cmocka_unit_test(a_slow_replica_does_not_hold_up_a_quorum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
