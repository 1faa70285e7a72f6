/* Real processes on real sockets and files: what was acknowledged survives a kill -9, and mistakes
 * are named. */
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { KEYS = 3000, SETTLE_TRIES = 400, SETTLE_MILLISECONDS = 50 };

static const char THREE_REPLICAS[] = "keyspaces:\n  - {name: default, n: 3, r: 2, w: 2}\n";
static const char ONE_REPLICA[] = "keyspaces:\n  - {name: default, n: 1, r: 1, w: 1}\n";

static bool is_ok(const redisReply *reply) {
    return reply != NULL && reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "OK") == 0;
}

/* Sets key i; true when it was acknowledged. Moves on to another node when this one is gone. */
static bool set_key(const struct test_cluster *cluster, redisContext **connection, int *node,
                    int key) {
    redisReply *reply = redisCommand(*connection, "SET key:%d value:%d", key, key);
    bool acknowledged = is_ok(reply);
    if (reply != NULL) {
        freeReplyObject(reply);
        return acknowledged;
    }
    redisFree(*connection);
    *node = (*node + 1) % cluster->nodes;
    *connection = cluster_connect(cluster, *node);
    return false;
}

static bool reads_back(redisContext *connection, int key) {
    char value[32];
    snprintf(value, sizeof value, "value:%d", key);
    redisReply *reply = redisCommand(connection, "GET key:%d", key);
    assert_non_null(reply);
    bool same = reply->type == REDIS_REPLY_STRING && strcmp(reply->str, value) == 0;
    if (!same)
        print_message("GET key:%d answered type %d: %s\n", key, reply->type, reply->str);
    freeReplyObject(reply);
    return same;
}

/* Writes until it is acknowledged: the cluster as a whole serves. */
static void wait_until_serving(const struct test_cluster *cluster, int node) {
    redisContext *connection = cluster_connect(cluster, node);
    for (int i = 0; i < SETTLE_TRIES; i++) {
        redisReply *set = redisCommand(connection, "SET ready yes");
        redisReply *get = redisCommand(connection, "GET ready");
        bool serves = is_ok(set) && get != NULL && get->type == REDIS_REPLY_STRING;
        freeReplyObject(set);
        freeReplyObject(get);
        if (serves) {
            redisFree(connection);
            return;
        }
        poll(NULL, 0, SETTLE_MILLISECONDS);
    }
    fail_msg("the cluster does not serve through n%d", node + 1);
}

static void no_acknowledged_write_is_lost_when_a_node_of_three_is_killed_under_load(void **state) {
    (void)state;
    struct test_cluster cluster;
    cluster_start(&cluster, 3, THREE_REPLICAS);
    for (int i = 0; i < 3; i++)
        wait_until_serving(&cluster, i);
    bool *acknowledged = calloc(KEYS, sizeof *acknowledged);
    int node = 1, count = 0;
    redisContext *connection = cluster_connect(&cluster, node);
    for (int i = 0; i < KEYS; i++) {
        if (i == KEYS / 3)
            cluster_end_node(&cluster, 1, SIGKILL);
        if (i == 2 * KEYS / 3)
            cluster_start_node(&cluster, 1);
        acknowledged[i] = set_key(&cluster, &connection, &node, i);
        count += acknowledged[i];
    }
    redisFree(connection);
    assert_true(count > KEYS * 9 / 10);
    for (int i = 0; i < 3; i++) {
        wait_until_serving(&cluster, i);
        connection = cluster_connect(&cluster, i);
        for (int key = 0; key < KEYS; key++) {
            if (acknowledged[key])
                assert_true(reads_back(connection, key));
        }
        redisFree(connection);
    }
    free(acknowledged);
    cluster_stop(&cluster);
}

static void a_single_node_keeps_what_it_acknowledged_across_kill_and_graceful_stop(void **state) {
    (void)state;
    struct test_cluster cluster;
    cluster_start(&cluster, 1, ONE_REPLICA);
    static const int SIGNALS[] = {SIGKILL, SIGTERM, SIGKILL};
    int written = 0;
    for (int round = 0; round < 3; round++) {
        wait_until_serving(&cluster, 0);
        redisContext *connection = cluster_connect(&cluster, 0);
        for (int key = 0; key < written; key++)
            assert_true(reads_back(connection, key));
        int node = 0;
        for (int i = 0; i < KEYS / 3; i++, written++)
            assert_true(set_key(&cluster, &connection, &node, written));
        redisFree(connection);
        int status = cluster_end_node(&cluster, 0, SIGNALS[round]);
        if (SIGNALS[round] == SIGTERM)
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        cluster_start_node(&cluster, 0);
    }
    cluster_stop(&cluster);
}

static void a_node_refuses_to_listen_beyond_loopback_without_a_password(void **state) {
    (void)state;
    char output[4096];
    char *arguments[] = {
        "dunlin", "serve", "--listen", "0.0.0.0:7999", "--dir", "/tmp/dunlin-never", NULL};
    assert_int_equal(run_program(arguments, output, sizeof output), 2);
    assert_non_null(strstr(output, "no password is set"));
    assert_int_equal(access("/tmp/dunlin-never", F_OK), -1);
}

/* Writes `text` as a configuration file and runs the node with it. */
static int serve_with(const char *text, char *output, size_t size) {
    char path[] = "/tmp/dunlin-config-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, strlen(text)), strlen(text));
    close(descriptor);
    char *arguments[] = {"dunlin", "serve", "--config", path, NULL};
    int code = run_program(arguments, output, size);
    unlink(path);
    return code;
}

static void a_mistake_in_the_configuration_is_named_with_its_key(void **state) {
    (void)state;
    static const struct {
        const char *text, *named;
    } CASES[] = {
        {"nod: n1\n", "nod"},
        {"node: n1\nstore:\n  memtabel: 1MiB\n", "memtabel"},
        {"partitions: many\n", "partitions"},
        {"partitions: 1000\n", "partition"},
        {"store: {sync: sometimes}\n", "sometimes"},
        {"timing: {request_timeout: 5 apples}\n", "request_timeout"},
        {"keyspaces: [{n: 3, r: 4}]\n", "r"},
        {"members: [{name: n2, address: \"127.0.0.1:1\"}]\nnode: n1\n", "n1"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char output[4096];
        int code = serve_with(CASES[i].text, output, sizeof output);
        if (code != 2 || strstr(output, CASES[i].named) == NULL)
            fail_msg("exit %d for:\n%s\nsaid: %s", code, CASES[i].text, output);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_acknowledged_write_is_lost_when_a_node_of_three_is_killed_under_load),
        cmocka_unit_test(a_single_node_keeps_what_it_acknowledged_across_kill_and_graceful_stop),
        cmocka_unit_test(a_node_refuses_to_listen_beyond_loopback_without_a_password),
        cmocka_unit_test(a_mistake_in_the_configuration_is_named_with_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
