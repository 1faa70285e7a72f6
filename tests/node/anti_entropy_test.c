/* Comparing trees: pages, several keyspaces, stores that must be read from disk; and what blind
 * writes on both sides of a partition come to. */
#include "tests/node/support/whole/small_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { KEYS = 1600 };

static struct keyspace_config keyspaces[3];

static void one_partition(struct node_config *config) {
    config->partition_count = 1;
    config->read_repair = false;
}

static void tiny_stores(struct node_config *config) {
    one_partition(config);
    config->store.memtable_bytes = 4096;
    config->store.cache_bytes = 8192;
    config->store.block_bytes = 256;
    config->store.table_bytes = 8192;
    config->store.log_segment_bytes = 8192;
}

static void three_keyspaces(struct node_config *config) {
    static const char *const PREFIXES[] = {"", "two:", "one:"};
    for (uint32_t i = 0; i < 3; i++) {
        keyspaces[i] = keyspace_config_default();
        keyspaces[i].name = bytes_of_text(PREFIXES[i]);
        keyspaces[i].prefix = bytes_of_text(PREFIXES[i]);
        keyspaces[i].n = (uint8_t)(3 - i);
        keyspaces[i].r = keyspaces[i].w = 1;
        keyspaces[i].sloppy = false;
    }
    config->keyspaces = keyspaces;
    config->keyspace_count = 3;
    config->read_repair = false;
    config->anti_entropy_interval = duration_of_milliseconds(200);
}

static void handoff_only(struct node_config *config) {
    config->read_repair = false;
    config->handoff_interval = duration_of_milliseconds(200);
}

static struct small_cluster *create(uint32_t nodes, bool sloppy,
                                    void (*configure)(struct node_config *config)) {
    struct small_cluster_options options = {
        .nodes = nodes, .n = 3, .r = 1, .w = 1, .sloppy = sloppy, .configure = configure};
    struct small_cluster *cluster = small_cluster_create(&options);
    small_cluster_start_all(cluster);
    return cluster;
}

static void fill(struct small_cluster *cluster) {
    for (uint32_t i = 0; i < KEYS; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "key:%u", i);
        assert_string_equal(small_cluster_ask(cluster, i % 2, "SET", key, "value", NULL), "+OK");
    }
}

static void fills_a_wiped_replica(void (*configure)(struct node_config *config)) {
    struct small_cluster *cluster = create(3, false, configure);
    fill(cluster);
    small_cluster_crash(cluster, 2, LOSE_DISK);
    small_cluster_start(cluster, 2);
    small_cluster_run(cluster, duration_of_seconds(10));
    assert_true(small_cluster_has_converged(cluster));
    assert_string_equal(small_cluster_ask(cluster, 2, "DBSIZE", NULL), ":1600");
    assert_true(node_holds_partition(small_cluster_node(cluster, 2), 0));
    small_cluster_destroy(cluster);
}

static void many_keys_are_compared_in_pages(void **state) {
    (void)state;
    fills_a_wiped_replica(one_partition);
}

static void an_exchange_waits_for_blocks_and_for_room(void **state) {
    (void)state;
    fills_a_wiped_replica(tiny_stores);
}

static void a_scan_waits_for_blocks(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, false, tiny_stores);
    fill(cluster);
    small_cluster_stop(cluster, 1);
    small_cluster_start(cluster, 1);
    small_cluster_run(cluster, duration_of_seconds(5));
    uint32_t found = 0;
    char cursor[24] = "0";
    do {
        const char *reply = small_cluster_ask(cluster, 1, "SCAN", cursor, "COUNT", "100", NULL);
        assert_int_equal(reply[0], '[');
        size_t size = strcspn(reply + 1, ",");
        memcpy(cursor, reply + 1, size);
        cursor[size] = 0;
        for (const char *at = reply + 1 + size; *at != 0; at++)
            found += *at == 'k';
    } while (strcmp(cursor, "0") != 0);
    assert_int_equal(found, KEYS);
    for (uint32_t i = 0; i < KEYS; i += 100) {
        char key[16];
        (void)snprintf(key, sizeof key, "key:%u", i);
        assert_string_equal(small_cluster_ask(cluster, 1, "GET", key, NULL), "value");
    }
    small_cluster_destroy(cluster);
}

static uint32_t copies_of(struct small_cluster *cluster, const char *key, uint32_t nodes) {
    uint32_t copies = 0;
    for (uint32_t node = 0; node < nodes; node++)
        copies += strstr(small_cluster_ask(cluster, node, "DLOCAL", key, NULL), "value") != NULL;
    return copies;
}

static void each_keyspace_has_as_many_copies_as_it_asks_for(void **state) {
    (void)state;
    struct small_cluster *cluster = create(4, false, three_keyspaces);
    static const char *const PREFIXES[] = {"", "two:", "one:"};
    char key[16];
    for (uint32_t i = 0; i < 60; i++) {
        (void)snprintf(key, sizeof key, "%s%u", PREFIXES[i % 3], i);
        assert_string_equal(small_cluster_ask(cluster, i % 4, "SET", key, "value", NULL), "+OK");
    }
    small_cluster_run(cluster, duration_of_seconds(5));
    small_cluster_crash(cluster, 3, LOSE_DISK);
    small_cluster_start(cluster, 3);
    small_cluster_run(cluster, duration_of_seconds(10));
    for (uint32_t i = 0; i < 60; i++) {
        (void)snprintf(key, sizeof key, "%s%u", PREFIXES[i % 3], i);
        bool was_alone = i % 3 == 2 && small_cluster_owner(cluster, key, 0) == 3;
        assert_int_equal(copies_of(cluster, key, 4), was_alone ? 0 : 3 - i % 3);
    }
    /* Members that own different subsets of a partition do not differ for ever. */
    uint64_t before = small_cluster_figures(cluster, 0).tree_keys_synced;
    uint64_t exchanges = small_cluster_figures(cluster, 0).tree_exchanges;
    small_cluster_run(cluster, duration_of_seconds(10));
    assert_int_equal(small_cluster_figures(cluster, 0).tree_keys_synced, before);
    assert_true(small_cluster_figures(cluster, 0).tree_exchanges > exchanges);
    small_cluster_destroy(cluster);
}

static void blind_sets_on_both_sides_of_a_partition_leave_no_siblings(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, true, handoff_only);
    small_cluster_cut(cluster, 0, 1);
    small_cluster_cut(cluster, 0, 2);
    small_cluster_run(cluster, duration_of_milliseconds(5));
    assert_string_equal(small_cluster_ask(cluster, 0, "SET", "k", "left", NULL), "+OK");
    small_cluster_run(cluster, duration_of_milliseconds(5));
    assert_string_equal(small_cluster_ask(cluster, 1, "SET", "k", "right", NULL), "+OK");
    small_cluster_join(cluster, 0, 1);
    small_cluster_join(cluster, 0, 2);
    small_cluster_run(cluster, duration_of_seconds(10));
    assert_true(small_cluster_has_converged(cluster));
    for (uint32_t node = 0; node < 3; node++)
        assert_string_equal(small_cluster_values(cluster, node, "k"), "[right]");
    small_cluster_destroy(cluster);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_keys_are_compared_in_pages),
        cmocka_unit_test(an_exchange_waits_for_blocks_and_for_room),
        cmocka_unit_test(a_scan_waits_for_blocks),
        cmocka_unit_test(each_keyspace_has_as_many_copies_as_it_asks_for),
        cmocka_unit_test(blind_sets_on_both_sides_of_a_partition_leave_no_siblings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
