/* A backup is put back: real nodes, a checkpoint made under load, and a disk that goes back in time. */
#include "tests/server/support/processes.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { KEYS = 400, TRIES = 600, TRY_MILLISECONDS = 50, OUTPUT_SIZE = 8192 };

/* A read asks one replica only, the nearest: the node's own, when that counts. */
static const char READ_ONE[] = "keyspaces:\n  - {name: default, n: 3, r: 1, w: 3, sloppy: false}\n";

static void set(redisContext *connection, int key, const char *value) {
    for (int i = 0; i < TRIES; i++) {
        redisReply *reply = redisCommand(connection, "SET key:%d %s", key, value);
        assert_non_null(reply);
        bool done = reply->type == REDIS_REPLY_STATUS;
        freeReplyObject(reply);
        if (done)
            return;
        poll(NULL, 0, TRY_MILLISECONDS);
    }
    fail_msg("key:%d cannot be set", key);
}

static void set_all(const struct test_cluster *cluster, int node, const char *value) {
    redisContext *connection = cluster_connect(cluster, node);
    for (int key = 0; key < KEYS; key++)
        set(connection, key, value);
    redisFree(connection);
}

/* The line "name:..." of INFO. */
static void figure(redisContext *connection, const char *name, char to[64]) {
    redisReply *reply = redisCommand(connection, "INFO");
    assert_non_null(reply);
    const char *found = strstr(reply->str, name);
    assert_non_null(found);
    snprintf(to, 64, "%.*s", (int)strcspn(found, "\r"), found);
    freeReplyObject(reply);
}

static int run(char output[OUTPUT_SIZE], const char *first, const char *second, const char *third,
               const char *fourth) {
    char *words[] = {(char *)"dunlin", (char *)first,  (char *)second,
                     (char *)third,    (char *)fourth, NULL};
    return run_program(words, output, OUTPUT_SIZE);
}

static void make_checkpoint(const struct test_cluster *cluster, int node) {
    char output[OUTPUT_SIZE], address[64];
    snprintf(address, sizeof address, "--address=127.0.0.1:%d", cluster->port + node);
    int code = run(output, "checkpoint", "create", address, NULL);
    if (code != 0 || strstr(output, "checkpoint-000001") == NULL)
        fail_msg("%s", output);
}

/* The node's directory becomes what the checkpoint holds. */
static void restore(const struct test_cluster *cluster, int node) {
    char directory[2 * TEST_PATH_SIZE], old[2 * TEST_PATH_SIZE], checkpoint[3 * TEST_PATH_SIZE];
    char output[OUTPUT_SIZE];
    snprintf(directory, sizeof directory, "%s/n%d", cluster->directory, node + 1);
    snprintf(old, sizeof old, "%s/old", cluster->directory);
    snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint-000001", old);
    assert_int_equal(rename(directory, old), 0);
    if (run(output, "store", "restore", checkpoint, directory) != 0)
        fail_msg("%s", output);
    if (run(output, "store", "check", directory, NULL) != 0)
        fail_msg("%s", output);
}

/* What the node itself holds under the key is this. */
static bool holds(redisContext *connection, int key, const char *value) {
    redisReply *reply = redisCommand(connection, "DLOCAL key:%d", key);
    assert_non_null(reply);
    bool same = reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 &&
                reply->element[0]->elements == 5 && reply->element[0]->element[4]->str != NULL &&
                strcmp(reply->element[0]->element[4]->str, value) == 0;
    freeReplyObject(reply);
    return same;
}

/* A read may wait for a replica that counts, and may fail, but it never shows what was overwritten. */
static void expect_no_old_value(redisContext *connection) {
    for (int key = 0; key < KEYS; key++) {
        redisReply *reply = redisCommand(connection, "GET key:%d", key);
        assert_non_null(reply);
        if (reply->type != REDIS_REPLY_ERROR &&
            (reply->type != REDIS_REPLY_STRING || strcmp(reply->str, "new") != 0))
            fail_msg("key:%d is read as %s", key, reply->str == NULL ? "nothing" : reply->str);
        freeReplyObject(reply);
    }
}

static void expect_healed(redisContext *connection) {
    int key = 0;
    for (int i = 0; i < TRIES && key < KEYS; i++) {
        while (key < KEYS && holds(connection, key, "new"))
            key++;
        if (key < KEYS)
            poll(NULL, 0, TRY_MILLISECONDS);
    }
    assert_int_equal(key, KEYS);
}

static void a_restored_node_is_another_actor_and_never_shows_what_was_overwritten(void **state) {
    (void)state;
    /* After a clean stop the actor would be kept, were it the same disk. */
    static const int ENDS[] = {SIGTERM, SIGKILL};
    for (int i = 0; i < 2; i++) {
        struct test_cluster cluster;
        char before[64], after[64], older[64], newer[64];
        cluster_start(&cluster, 3, READ_ONE);
        set_all(&cluster, 1, "old");
        make_checkpoint(&cluster, 0);
        set_all(&cluster, 1, "new");
        redisContext *connection = cluster_connect(&cluster, 0);
        figure(connection, "actor:", before);
        figure(connection, "incarnation:", older);
        redisFree(connection);
        (void)cluster_end_node(&cluster, 0, ENDS[i]);
        restore(&cluster, 0);
        cluster_start_node(&cluster, 0);
        connection = cluster_connect(&cluster, 0);
        expect_no_old_value(connection);
        figure(connection, "actor:", after);
        figure(connection, "incarnation:", newer);
        assert_string_not_equal(before, after);
        assert_true(strtoull(strchr(newer, ':') + 1, NULL, 10) >
                    strtoull(strchr(older, ':') + 1, NULL, 10));
        expect_healed(connection);
        redisFree(connection);
        cluster_stop(&cluster);
    }
}

static void a_lone_node_goes_on_from_its_checkpoint(void **state) {
    (void)state;
    struct test_cluster cluster;
    cluster_start(&cluster, 1, "keyspaces:\n  - {name: default, n: 1, r: 1, w: 1}\n");
    set_all(&cluster, 0, "old");
    make_checkpoint(&cluster, 0);
    set_all(&cluster, 0, "new");
    (void)cluster_end_node(&cluster, 0, SIGKILL);
    restore(&cluster, 0);
    cluster_start_node(&cluster, 0);
    redisContext *connection = cluster_connect(&cluster, 0);
    for (int key = 0; key < KEYS; key++)
        assert_true(holds(connection, key, "old"));
    set(connection, 1, "newer");
    assert_true(holds(connection, 1, "newer"));
    redisFree(connection);
    cluster_stop(&cluster);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restored_node_is_another_actor_and_never_shows_what_was_overwritten),
        cmocka_unit_test(a_lone_node_goes_on_from_its_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
