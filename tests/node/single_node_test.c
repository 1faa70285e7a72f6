/* What one node alone promises: it starts, serves, stops, and remembers. */
#include "tests/node/support/whole/small_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct small_cluster *one_node(enum store_sync sync) {
    struct small_cluster_options options = {.nodes = 1, .n = 3, .r = 2, .w = 2, .sync = sync};
    struct small_cluster *cluster = small_cluster_create(&options);
    small_cluster_start_all(cluster);
    return cluster;
}

static void a_value_that_was_set_is_read_back(void **state) {
    (void)state;
    struct small_cluster *cluster = one_node(STORE_SYNC_INTERVAL);
    assert_string_equal(small_cluster_ask(cluster, 0, "GET", "k", NULL), "(nil)");
    assert_string_equal(small_cluster_ask(cluster, 0, "SET", "k", "v", NULL), "+OK");
    assert_string_equal(small_cluster_ask(cluster, 0, "GET", "k", NULL), "v");
    assert_string_equal(small_cluster_ask(cluster, 0, "DBSIZE", NULL), ":1");
    assert_string_equal(small_cluster_ask(cluster, 0, "DEL", "k", NULL), ":1");
    assert_string_equal(small_cluster_ask(cluster, 0, "GET", "k", NULL), "(nil)");
    assert_string_equal(small_cluster_ask(cluster, 0, "DEL", "k", NULL), ":0");
    assert_string_equal(small_cluster_ask(cluster, 0, "DBSIZE", NULL), ":0");
    small_cluster_destroy(cluster);
}

static void what_was_synced_survives_a_loss_of_power(void **state) {
    (void)state;
    struct small_cluster *cluster = one_node(STORE_SYNC_ALWAYS);
    assert_string_equal(small_cluster_ask(cluster, 0, "SET", "k", "v", NULL), "+OK");
    small_cluster_crash(cluster, 0, LOSE_UNSYNCED);
    small_cluster_start_all(cluster);
    assert_string_equal(small_cluster_ask(cluster, 0, "GET", "k", NULL), "v");
    small_cluster_destroy(cluster);
}

static void with_dw_a_write_is_durable_whatever_the_policy(void **state) {
    (void)state;
    struct small_cluster *cluster = one_node(STORE_SYNC_NEVER);
    const char *reply =
        small_cluster_ask(cluster, 0, "DSET", "k", "", "v", "W", "1", "DW", "1", NULL);
    assert_true(reply[0] != '-');
    small_cluster_crash(cluster, 0, LOSE_UNSYNCED);
    small_cluster_start_all(cluster);
    assert_string_equal(small_cluster_ask(cluster, 0, "GET", "k", NULL), "v");
    small_cluster_destroy(cluster);
}

static void a_clean_stop_keeps_the_actor_and_a_crash_draws_a_new_one(void **state) {
    (void)state;
    struct small_cluster *cluster = one_node(STORE_SYNC_INTERVAL);
    struct node_figures born = small_cluster_figures(cluster, 0);
    assert_string_equal(small_cluster_ask(cluster, 0, "SET", "k", "v", NULL), "+OK");
    small_cluster_stop(cluster, 0);
    assert_string_equal(small_cluster_halt_reason(cluster, 0), "stopped");
    small_cluster_start_all(cluster);
    struct node_figures restarted = small_cluster_figures(cluster, 0);
    assert_int_equal(restarted.actor, born.actor);
    assert_true(restarted.incarnation > born.incarnation);
    assert_string_equal(small_cluster_ask(cluster, 0, "GET", "k", NULL), "v");
    small_cluster_crash(cluster, 0, KEEP_WRITTEN);
    small_cluster_start_all(cluster);
    struct node_figures crashed = small_cluster_figures(cluster, 0);
    assert_int_not_equal(crashed.actor, born.actor);
    assert_true(crashed.incarnation > restarted.incarnation);
    assert_string_equal(small_cluster_ask(cluster, 0, "GET", "k", NULL), "v");
    small_cluster_destroy(cluster);
}

static void a_broken_disk_fails_the_write_and_halts_the_node(void **state) {
    (void)state;
    struct small_cluster *cluster = one_node(STORE_SYNC_INTERVAL);
    small_cluster_break_disk(cluster, 0);
    small_cluster_send(cluster, 0, "SET", "k", "v", NULL);
    const char *reply = small_cluster_reply(cluster, 0);
    assert_int_equal(reply[0], '-');
    /* It is not given up at the first attempt. */
    small_cluster_run(cluster, duration_of_seconds(20));
    assert_null(small_cluster_node(cluster, 0));
    assert_true(small_cluster_halt_reason(cluster, 0)[0] != 0);
    small_cluster_destroy(cluster);
}

static void a_scan_visits_every_key_once(void **state) {
    (void)state;
    struct small_cluster *cluster = one_node(STORE_SYNC_INTERVAL);
    char key[8] = "k00";
    for (int i = 0; i < 60; i++) {
        key[1] = (char)('0' + i / 10);
        key[2] = (char)('0' + i % 10);
        assert_string_equal(small_cluster_ask(cluster, 0, "SET", key, "v", NULL), "+OK");
    }
    uint32_t found = 0;
    char cursor[24] = "0";
    do {
        const char *reply = small_cluster_ask(cluster, 0, "SCAN", cursor, "COUNT", "7", NULL);
        size_t size = strcspn(reply + 1, ",");
        memcpy(cursor, reply + 1, size);
        cursor[size] = 0;
        for (const char *at = reply + 1 + size; *at != 0; at++)
            found += *at == 'k';
    } while (strcmp(cursor, "0") != 0);
    assert_int_equal(found, 60);
    small_cluster_destroy(cluster);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_that_was_set_is_read_back),
        cmocka_unit_test(what_was_synced_survives_a_loss_of_power),
        cmocka_unit_test(with_dw_a_write_is_durable_whatever_the_policy),
        cmocka_unit_test(a_clean_stop_keeps_the_actor_and_a_crash_draws_a_new_one),
        cmocka_unit_test(a_broken_disk_fails_the_write_and_halts_the_node),
        cmocka_unit_test(a_scan_visits_every_key_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
