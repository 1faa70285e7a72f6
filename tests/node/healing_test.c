/* What a node's disk has lost comes back from the other owners, while the node serves; and where nobody else has it, the node
 * says so and serves the rest.
 */
#include "tests/node/support/whole/small_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { KEYS = 120, DAMAGED = 1 };

static void small_tables(struct node_config *config) {
    config->read_repair = false;
    config->anti_entropy_interval = duration_of_seconds(1);
    config->store.memtable_bytes = 4096;
    config->store.table_bytes = 8192;
    config->store.block_bytes = 512;
    config->store.cache_bytes = 1024;
    config->store.log_segment_bytes = 8192;
}

static struct small_cluster *create(uint32_t nodes) {
    uint8_t n = nodes < 3 ? (uint8_t)nodes : 3;
    struct small_cluster_options options = {.nodes = nodes,
                                            .n = n,
                                            .r = n == 1 ? 1 : 2,
                                            .w = n,
                                            .sync = STORE_SYNC_ALWAYS,
                                            .configure = small_tables};
    struct small_cluster *cluster = small_cluster_create(&options);
    small_cluster_start_all(cluster);
    return cluster;
}

static void set_keys(struct small_cluster *cluster, uint32_t node, const char *value) {
    for (uint32_t i = 0; i < KEYS; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "key:%u", i);
        assert_string_equal(small_cluster_ask(cluster, node, "SET", key, value, NULL), "+OK");
    }
}

/* How many keys this node has itself, with this value; none may have another. */
static uint32_t count_local(struct small_cluster *cluster, uint32_t node, const char *value) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < KEYS; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "key:%u", i);
        const char *reply = small_cluster_ask(cluster, node, "DLOCAL", key, NULL);
        count += strstr(reply, value) != NULL;
    }
    return count;
}

static uint64_t info_of(struct small_cluster *cluster, uint32_t node, const char *name) {
    const char *line = strstr(small_cluster_ask(cluster, node, "INFO", "persistence", NULL), name);
    assert_non_null(line);
    return strtoull(line + strlen(name), NULL, 10);
}

static void restart(struct small_cluster *cluster, enum file_kind kind, size_t from,
                    size_t distance) {
    small_cluster_stop(cluster, DAMAGED);
    assert_true(small_cluster_damage(cluster, DAMAGED, kind, from, distance) > 0);
    small_cluster_start(cluster, DAMAGED);
}

static void expect_healed(struct small_cluster *cluster) {
    assert_true(info_of(cluster, DAMAGED, "damages_found:") > 0);
    assert_int_equal(info_of(cluster, DAMAGED, "damages:"), 0);
    assert_int_equal(small_cluster_figures(cluster, DAMAGED).partitions_not_held, 0);
    assert_int_equal(count_local(cluster, DAMAGED, "value"), KEYS);
    assert_true(small_cluster_has_converged(cluster));
}

static void lost_blocks_are_healed_while_the_node_serves(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3);
    set_keys(cluster, 0, "a value of some length, so that there are blocks and tables");
    uint64_t actor = small_cluster_figures(cluster, DAMAGED).actor;
    assert_true(small_cluster_damage(cluster, DAMAGED, FILE_TABLE, 100, 1500) > 0);
    (void)count_local(cluster, DAMAGED, "value");
    assert_true(small_cluster_figures(cluster, DAMAGED).actor != actor);
    small_cluster_run(cluster, duration_of_seconds(5));
    (void)count_local(cluster, DAMAGED, "value");
    small_cluster_run(cluster, duration_of_seconds(5));
    assert_true(small_cluster_figures(cluster, DAMAGED).partitions_recounted > 0);
    expect_healed(cluster);
    small_cluster_destroy(cluster);
}

static void tables_that_cannot_be_opened_are_healed(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3);
    set_keys(cluster, 0, "a value of some length, so that there are blocks and tables");
    restart(cluster, FILE_TABLE, 50, 60);
    small_cluster_run(cluster, duration_of_seconds(10));
    expect_healed(cluster);
    small_cluster_destroy(cluster);
}

static void a_damaged_manifest_is_healed(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3);
    set_keys(cluster, 0, "a value of some length, so that there are blocks and tables");
    uint64_t incarnation = small_cluster_figures(cluster, DAMAGED).incarnation;
    restart(cluster, FILE_MANIFEST, 30, 50);
    small_cluster_run(cluster, duration_of_seconds(10));
    assert_true(small_cluster_figures(cluster, DAMAGED).incarnation > incarnation);
    expect_healed(cluster);
    small_cluster_destroy(cluster);
}

/* Until it has spoken with all others, what it lost might be absent, or not. */
static void a_damaged_node_does_not_count_before_all_owners_were_compared(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3);
    set_keys(cluster, 0, "a value of some length, so that there are blocks and tables");
    small_cluster_cut(cluster, 0, DAMAGED);
    restart(cluster, FILE_TABLE, 50, 60);
    small_cluster_run(cluster, duration_of_seconds(10));
    assert_true(info_of(cluster, DAMAGED, "damages:") > 0);
    assert_true(small_cluster_figures(cluster, DAMAGED).partitions_not_held > 0);
    small_cluster_join(cluster, 0, DAMAGED);
    small_cluster_run(cluster, duration_of_seconds(10));
    expect_healed(cluster);
    small_cluster_destroy(cluster);
}

/* The recount and the writes meet: whatever the order, the trees end as those of the others. */
static void writes_during_a_recount_are_counted_once(void **state) {
    (void)state;
    for (uint32_t events = 1; events < 60; events += 7) {
        struct small_cluster *cluster = create(3);
        set_keys(cluster, 0, "a value of some length, so that there are blocks and tables");
        assert_true(small_cluster_damage(cluster, DAMAGED, FILE_TABLE, 100, 900) > 0);
        small_cluster_send(cluster, DAMAGED, "DLOCAL", "key:7", NULL);
        small_cluster_run_events(cluster, events);
        set_keys(cluster, 0, "another value, that is written while leaves are counted");
        small_cluster_run(cluster, duration_of_seconds(10));
        (void)count_local(cluster, DAMAGED, "value");
        small_cluster_run(cluster, duration_of_seconds(10));
        assert_int_equal(count_local(cluster, DAMAGED, "another value"), KEYS);
        assert_true(small_cluster_has_converged(cluster));
        small_cluster_destroy(cluster);
    }
}

static void two_keyspaces(struct node_config *config) {
    static struct keyspace_config keyspaces[2];
    small_tables(config);
    keyspaces[0] = config->keyspaces[0];
    keyspaces[1] = config->keyspaces[0];
    keyspaces[1].name = bytes_of_text("single");
    keyspaces[1].prefix = bytes_of_text("single:");
    keyspaces[1].n = keyspaces[1].r = keyspaces[1].w = 1;
    config->keyspaces = keyspaces;
    config->keyspace_count = 2;
}

/* Of keys with three replicas and of keys with one the same table holds some. */
static void what_others_have_is_healed_and_what_nobody_has_is_said_to_be_lost(void **state) {
    (void)state;
    struct small_cluster_options options = {
        .nodes = 3, .n = 3, .r = 2, .w = 3, .sync = STORE_SYNC_ALWAYS, .configure = two_keyspaces};
    struct small_cluster *cluster = small_cluster_create(&options);
    small_cluster_start_all(cluster);
    set_keys(cluster, 0, "a value of some length, so that there are blocks and tables");
    for (uint32_t i = 0; i < KEYS; i++) {
        char key[24];
        (void)snprintf(key, sizeof key, "single:%u", i);
        assert_string_equal(small_cluster_ask(cluster, 0, "SET", key, "alone", NULL), "+OK");
    }
    restart(cluster, FILE_TABLE, 50, 60);
    small_cluster_run(cluster, duration_of_seconds(10));
    assert_int_equal(small_cluster_figures(cluster, DAMAGED).partitions_not_held, 0);
    assert_int_equal(count_local(cluster, DAMAGED, "value"), KEYS);
    assert_true(info_of(cluster, DAMAGED, "damages_beyond_healing:") > 0);
    assert_int_equal(info_of(cluster, DAMAGED, "damages_beyond_healing:"),
                     info_of(cluster, DAMAGED, "damages:"));
    uint32_t lost = 0;
    for (uint32_t i = 0; i < KEYS; i++) {
        char key[24];
        (void)snprintf(key, sizeof key, "single:%u", i);
        const char *reply = small_cluster_ask(cluster, 0, "GET", key, NULL);
        bool refused = reply[0] == '-';
        lost += refused;
        if (!refused)
            assert_string_equal(reply, "alone");
        assert_string_equal(small_cluster_ask(cluster, 0, "SET", key, "newer", NULL), "+OK");
        assert_string_equal(small_cluster_ask(cluster, 0, "GET", key, NULL), "newer");
    }
    assert_true(lost > 0);
    small_cluster_destroy(cluster);
}

static void a_node_alone_answers_an_error_for_what_may_be_lost_and_serves_the_rest(void **state) {
    (void)state;
    struct small_cluster *cluster = create(1);
    for (uint32_t i = 0; i < KEYS; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "key:%u", i);
        assert_string_equal(small_cluster_ask(cluster, 0, "SET", key, "value", NULL), "+OK");
    }
    small_cluster_stop(cluster, 0);
    assert_true(small_cluster_damage(cluster, 0, FILE_TABLE, 700, 100000) > 0);
    small_cluster_start(cluster, 0);
    small_cluster_run(cluster, duration_of_seconds(2));
    uint32_t right = 0, refused = 0;
    for (uint32_t i = 0; i < KEYS; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "key:%u", i);
        const char *reply = small_cluster_ask(cluster, 0, "GET", key, NULL);
        right += strcmp(reply, "value") == 0;
        refused += reply[0] == '-';
    }
    assert_int_equal(right + refused, KEYS);
    assert_true(right > 0 && refused > 0);
    /* What is written anew is there. */
    for (uint32_t i = 0; i < KEYS; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "key:%u", i);
        assert_string_equal(small_cluster_ask(cluster, 0, "SET", key, "newer", NULL), "+OK");
        assert_string_equal(small_cluster_ask(cluster, 0, "GET", key, NULL), "newer");
    }
    assert_true(info_of(cluster, 0, "damages:") > 0);
    assert_true(info_of(cluster, 0, "damages_beyond_healing:") > 0);
    small_cluster_destroy(cluster);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_others_have_is_healed_and_what_nobody_has_is_said_to_be_lost),
        cmocka_unit_test(lost_blocks_are_healed_while_the_node_serves),
        cmocka_unit_test(tables_that_cannot_be_opened_are_healed),
        cmocka_unit_test(a_damaged_manifest_is_healed),
        cmocka_unit_test(a_damaged_node_does_not_count_before_all_owners_were_compared),
        cmocka_unit_test(writes_during_a_recount_are_counted_once),
        cmocka_unit_test(a_node_alone_answers_an_error_for_what_may_be_lost_and_serves_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
