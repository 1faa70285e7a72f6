/* A node whose host can lend little more memory takes no write in, and goes on with all else. */
#include "tests/node/support/whole/small_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_node_short_of_memory_refuses_writes_and_answers_reads(void **state) {
    (void)state;
    struct small_cluster_options options = {.nodes = 1, .n = 3, .r = 2, .w = 2};
    struct small_cluster *cluster = small_cluster_create(&options);
    small_cluster_start_all(cluster);
    assert_string_equal(small_cluster_ask(cluster, 0, "SET", "k", "v", NULL), "+OK");
    small_cluster_short_of_memory(cluster, 0, true);
    const char *refusal =
        "-BUSY nothing was written, ask again later: this node is short of memory";
    assert_string_equal(small_cluster_ask(cluster, 0, "SET", "k", "w", NULL), refusal);
    assert_string_equal(small_cluster_ask(cluster, 0, "DEL", "k", NULL), refusal);
    assert_string_equal(small_cluster_ask(cluster, 0, "GET", "k", NULL), "v");
    small_cluster_short_of_memory(cluster, 0, false);
    assert_string_equal(small_cluster_ask(cluster, 0, "SET", "k", "w", NULL), "+OK");
    small_cluster_destroy(cluster);
}

static void hand_off_soon(struct node_config *config) {
    config->handoff_interval = duration_of_seconds(1);
}

/* One of three owners is short of memory: the others take the write, and a hint for it. */
static void what_a_replica_short_of_memory_put_off_reaches_it_later(void **state) {
    (void)state;
    struct small_cluster_options options = {
        .nodes = 3, .n = 3, .r = 1, .w = 2, .sloppy = true, .configure = hand_off_soon};
    struct small_cluster *cluster = small_cluster_create(&options);
    small_cluster_start_all(cluster);
    small_cluster_short_of_memory(cluster, 2, true);
    assert_string_equal(small_cluster_ask(cluster, 0, "SET", "k", "v", NULL), "+OK");
    assert_string_equal(small_cluster_ask(cluster, 2, "DLOCAL", "k", NULL), "[]");
    small_cluster_short_of_memory(cluster, 2, false);
    small_cluster_run(cluster, duration_of_seconds(20));
    assert_non_null(strstr(small_cluster_ask(cluster, 2, "DLOCAL", "k", NULL), "v"));
    small_cluster_destroy(cluster);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_short_of_memory_refuses_writes_and_answers_reads),
        cmocka_unit_test(what_a_replica_short_of_memory_put_off_reaches_it_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
