/* Bounds: what happens at each limit, before the node serves, and to a peer that sends anything. */
#include "engine/base/hash.h"
#include "engine/base/prng.h"
#include "engine/data/object.h"
#include "tests/node/support/whole/small_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void few_clients(struct node_config *config) {
    config->clients_max = 2;
}

static void few_requests(struct node_config *config) {
    config->requests_max = 4;
}

static void different_passwords(struct node_config *config) {
    config->password = config->name;
}

static struct small_cluster *create(uint32_t nodes, void (*configure)(struct node_config *config)) {
    struct small_cluster_options options = {
        .nodes = nodes, .n = 3, .r = 2, .w = 2, .sloppy = true, .configure = configure};
    return small_cluster_create(&options);
}

static bool begins_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void commands_sent_before_the_node_serves_wait(void **state) {
    (void)state;
    struct small_cluster *cluster = create(1, NULL);
    small_cluster_start(cluster, 0);
    small_cluster_send(cluster, 0, "SET", "k", "v", NULL);
    assert_string_equal(small_cluster_reply(cluster, 0), "+OK");
    small_cluster_destroy(cluster);
}

static void too_many_bytes_before_the_node_serves_are_told_to_come_back(void **state) {
    (void)state;
    struct small_cluster *cluster = create(1, NULL);
    small_cluster_hold_disk(cluster, 0, true);
    small_cluster_start(cluster, 0);
    struct link_id link = small_cluster_open(cluster, 0, LINK_CLIENT);
    struct link_id peer = small_cluster_open(cluster, 0, LINK_PEER);
    uint8_t *much = calloc(1, 1 << 20);
    assert_non_null(much);
    for (uint32_t i = 0; i < 2; i++) {
        small_cluster_send_raw(cluster, 0, link, bytes_of(much, 1 << 20));
        small_cluster_send_raw(cluster, 0, peer, bytes_of(much, 1 << 20));
    }
    small_cluster_run(cluster, duration_of_milliseconds(1));
    assert_false(small_cluster_is_open(cluster, 0, link));
    assert_false(small_cluster_is_open(cluster, 0, peer));
    small_cluster_hold_disk(cluster, 0, false);
    assert_string_equal(small_cluster_ask(cluster, 0, "SET", "k", "v", NULL), "+OK");
    free(much);
    small_cluster_destroy(cluster);
}

static void too_many_clients_are_refused_and_the_others_served(void **state) {
    (void)state;
    struct small_cluster *cluster = create(1, few_clients);
    small_cluster_start_all(cluster);
    assert_string_equal(small_cluster_ask(cluster, 0, "SET", "k", "v", NULL), "+OK");
    struct link_id second = small_cluster_open(cluster, 0, LINK_CLIENT);
    struct link_id third = small_cluster_open(cluster, 0, LINK_CLIENT);
    small_cluster_run(cluster, duration_of_milliseconds(1));
    assert_true(small_cluster_is_open(cluster, 0, second));
    assert_false(small_cluster_is_open(cluster, 0, third));
    assert_string_equal(small_cluster_ask(cluster, 0, "GET", "k", NULL), "v");
    assert_int_equal(small_cluster_figures(cluster, 0).clients, 2);
    small_cluster_destroy(cluster);
}

static void too_many_requests_are_busy_and_nothing_is_written(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, few_requests);
    small_cluster_start_all(cluster);
    small_cluster_stall(cluster, 1, 0, true);
    small_cluster_stall(cluster, 2, 0, true);
    for (uint32_t i = 0; i < 6; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "k%u", i);
        small_cluster_send(cluster, 0, "SET", key, "v", NULL);
    }
    for (uint32_t i = 0; i < 4; i++)
        assert_true(begins_with(small_cluster_reply(cluster, 0), "-INDOUBT"));
    for (uint32_t i = 4; i < 6; i++)
        assert_true(begins_with(small_cluster_reply(cluster, 0), "-BUSY"));
    assert_int_equal(small_cluster_figures(cluster, 0).requests_under_way, 0);
    small_cluster_destroy(cluster);
}

static void a_slow_replica_does_not_pile_up_requests(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, few_requests);
    small_cluster_start_all(cluster);
    small_cluster_stall(cluster, 2, 0, true);
    for (uint32_t i = 0; i < 40; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "k%u", i);
        assert_string_equal(small_cluster_ask(cluster, 0, "SET", key, "v", NULL), "+OK");
    }
    /* The oldest end early: their hints are kept here until the replica can be reached. */
    assert_true(small_cluster_figures(cluster, 0).hints_pending >= 30);
    small_cluster_destroy(cluster);
}

static void peers_with_another_password_are_refused(void **state) {
    (void)state;
    struct small_cluster *cluster = create(2, different_passwords);
    small_cluster_start(cluster, 0);
    small_cluster_start(cluster, 1);
    small_cluster_run(cluster, duration_of_seconds(5));
    assert_true(small_cluster_believes_in(cluster, 0, 0));
    assert_false(small_cluster_believes_in(cluster, 0, 1));
    assert_false(small_cluster_believes_in(cluster, 1, 0));
    small_cluster_destroy(cluster);
}

/* --- a peer that sends anything ----------------------------------------------------------------- */

static void put_hello(struct buffer *to, const char *member) {
    struct peer_message hello = {
        .kind = PEER_HELLO,
        .version = PEER_PROTOCOL_VERSION,
        .cluster = bytes_of_text("test"),
        .member = hash64(bytes_of_text(member)),
        .incarnation = 1,
    };
    peer_message_encode(&hello, to);
}

/* Fields are mostly what a peer could mean, and often what none would. */
static void put_random_message(struct prng *prng, struct buffer *to) {
    static const char *const KEYS[] = {"", "k", "another key", "k2"};
    static const char *const MEMBERS[] = {"n0", "n1", "n2", "nobody"};
    uint8_t payload[64];
    for (uint32_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)prng_below(prng, 4);
    struct object object = {0};
    struct object_write write = {.value = bytes_of_text("x"), .blind = true};
    struct dot dot;
    assert_int_equal(object_write(&object, prng_below(prng, 3) + 1, NULL, &write, &dot), OBJECT_OK);
    struct buffer encoded = {0};
    object_encode(&object, &encoded);
    struct peer_tree_item items[8];
    for (uint32_t i = 0; i < 8; i++)
        items[i] = (struct peer_tree_item){
            .position = prng_chance(prng, 1, 2) ? prng_below(prng, 4096) : prng_u32(prng),
            .digest = prng_u64(prng)};
    struct peer_message message = {
        .kind = (enum peer_message_kind)(1 + prng_below(prng, PEER_KIND_COUNT - 1)),
        .request = prng_chance(prng, 1, 2)
                       ? prng_u64(prng)
                       : (uint64_t)prng_below(prng, 8) << 56 | (uint64_t)prng_below(prng, 4) << 28 |
                             prng_below(prng, 70),
        .clock = {prng_u64(prng)},
        .status = (enum peer_status)prng_below(prng, PEER_STATUS_COUNT),
        .flags = prng_below(prng, 256),
        .member = hash64(bytes_of_text(MEMBERS[prng_below(prng, 4)])),
        .key = bytes_of_text(KEYS[prng_below(prng, 4)]),
        .payload = prng_chance(prng, 1, 2) ? buffer_bytes(&encoded)
                                           : bytes_of(payload, prng_below(prng, 64)),
        .quorum = {.w = (uint8_t)prng_below(prng, 5),
                   .dw = (uint8_t)prng_below(prng, 3),
                   .pw = (uint8_t)prng_below(prng, 5),
                   .timeout_milliseconds = prng_below(prng, 3) * prng_u32(prng)},
        .context = prng_chance(prng, 1, 2) ? &object.vector : NULL,
        .items = items,
        .item_count = prng_below(prng, 9),
    };
    if (prng_chance(prng, 1, 20))
        message.member = prng_u64(prng);
    peer_message_encode(&message, to);
    buffer_deinit(&encoded);
}

static void a_peer_that_sends_anything_does_no_harm(void **state) {
    (void)state;
    struct small_cluster *cluster = create(3, NULL);
    small_cluster_start(cluster, 0);
    small_cluster_start(cluster, 1);
    small_cluster_run(cluster, duration_of_seconds(1));
    struct prng prng;
    prng_init(&prng, 1, 1);
    for (uint32_t round = 0; round < 400; round++) {
        struct link_id link = small_cluster_open(cluster, 0, LINK_PEER);
        struct buffer bytes = {0};
        put_hello(&bytes, "n2");
        uint32_t messages = prng_below(&prng, 12);
        for (uint32_t i = 0; i < messages; i++)
            put_random_message(&prng, &bytes);
        if (prng_chance(&prng, 1, 4))
            bytes.data[prng_below(&prng, (uint32_t)bytes.size)] ^=
                (uint8_t)(1 + prng_below(&prng, 255));
        small_cluster_send_raw(cluster, 0, link, buffer_bytes(&bytes));
        small_cluster_run(cluster, duration_of_milliseconds(prng_below(&prng, 40)));
        buffer_deinit(&bytes);
    }
    assert_string_equal(small_cluster_ask(cluster, 1, "SET", "sane", "v", NULL), "+OK");
    assert_string_equal(small_cluster_ask(cluster, 0, "PING", NULL), "+PONG");
    small_cluster_destroy(cluster);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_sent_before_the_node_serves_wait),
        cmocka_unit_test(too_many_bytes_before_the_node_serves_are_told_to_come_back),
        cmocka_unit_test(too_many_clients_are_refused_and_the_others_served),
        cmocka_unit_test(too_many_requests_are_busy_and_nothing_is_written),
        cmocka_unit_test(a_slow_replica_does_not_pile_up_requests),
        cmocka_unit_test(peers_with_another_password_are_refused),
        cmocka_unit_test(a_peer_that_sends_anything_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
