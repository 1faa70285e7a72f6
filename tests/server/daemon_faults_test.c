/* A real node whose system calls on files fail for a while: it says what is wrong, loses nothing that
 * it has acknowledged, and serves again when the disk is well. */
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

enum { KEYS = 400, TRIES = 400, TRY_MILLISECONDS = 25, NOTES_SIZE = 65536 };

static const char SETTINGS[] =
    "keyspaces:\n  - {name: default, n: 1, r: 1, w: 1}\n"
    "store: {sync: always, memtable: 64KiB, table: 64KiB, log_segment: 64KiB}\n";

static struct test_cluster cluster;
static char newest[KEYS][32]; /* acknowledged; empty for none */

static void set_faults(const char *text) {
    char path[TEST_PATH_SIZE + 32], next[TEST_PATH_SIZE + 32];
    snprintf(path, sizeof path, "%s/faults", cluster.directory);
    snprintf(next, sizeof next, "%s/faults.next", cluster.directory);
    FILE *file = fopen(next, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(next, path), 0);
}

static bool has_noted(const char *words) {
    static char notes[NOTES_SIZE];
    char path[TEST_PATH_SIZE + 32];
    snprintf(path, sizeof path, "%s/n1.notes", cluster.directory);
    FILE *file = fopen(path, "r");
    size_t size = file == NULL ? 0 : fread(notes, 1, sizeof notes - 1, file);
    if (file != NULL)
        fclose(file);
    notes[size] = 0;
    return strstr(notes, words) != NULL;
}

static bool set_key(redisContext *connection, int key, int round) {
    char value[32];
    snprintf(value, sizeof value, "%d of round %d", key, round);
    redisReply *reply = redisCommand(connection, "SET key:%d %s", key, value);
    bool acknowledged =
        reply != NULL && reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "OK") == 0;
    if (acknowledged)
        strcpy(newest[key], value);
    else
        newest[key][0] = 0; /* in doubt */
    if (reply != NULL)
        freeReplyObject(reply);
    return acknowledged;
}

/* How many were acknowledged. A node that has ended is started again, as its supervisor would. */
static int set_all(int round) {
    int acknowledged = 0;
    redisContext *connection = NULL;
    for (int i = 0; i < KEYS; i++) {
        if (connection == NULL)
            connection = cluster_connect(&cluster, 0);
        acknowledged += set_key(connection, i, round);
        if (connection->err == 0)
            continue;
        redisFree(connection);
        connection = NULL;
        int status;
        if (waitpid(cluster.processes[0], &status, WNOHANG) == cluster.processes[0])
            cluster_start_node(&cluster, 0);
    }
    if (connection != NULL)
        redisFree(connection);
    return acknowledged;
}

static void check_all(void) {
    redisContext *connection = cluster_connect(&cluster, 0);
    for (int i = 0; i < KEYS; i++) {
        redisReply *reply = redisCommand(connection, "GET key:%d", i);
        assert_non_null(reply);
        bool good = newest[i][0] == 0 ||
                    (reply->type == REDIS_REPLY_STRING && strcmp(reply->str, newest[i]) == 0);
        if (!good)
            fail_msg("GET key:%d answered '%s', and '%s' was acknowledged", i,
                     reply->str == NULL ? "nothing" : reply->str, newest[i]);
        freeReplyObject(reply);
    }
    redisFree(connection);
}

/* Writes with these faults until the node has said `words`, then without, then kills it. */
static void live_through(const char *faults, const char *words) {
    memset(newest, 0, sizeof newest);
    cluster_start_with(&cluster, 1, SETTINGS, "dunlin_faulty");
    assert_int_equal(set_all(1), KEYS);
    set_faults(faults);
    bool noted = false;
    for (int round = 2; round < 10 && !noted; round++) {
        (void)set_all(round);
        noted = has_noted(words);
    }
    if (!noted)
        fail_msg("with '%s' the node never said '%s'", faults, words);
    set_faults("");
    int tries = 0;
    while (set_all(100 + tries) < KEYS && tries++ < TRIES)
        poll(NULL, 0, TRY_MILLISECONDS);
    assert_true(tries < TRIES);
    check_all();
    assert_true(WIFSIGNALED(cluster_end_node(&cluster, 0, SIGKILL)));
    cluster_start_node(&cluster, 0);
    check_all();
    cluster_stop(&cluster);
}

static void a_log_that_cannot_be_synced_is_named(void **state) {
    (void)state;
    live_through("fdatasync EIO .log 5 2\n", ".log: the disk reports an error");
}

static void a_log_that_cannot_be_written_is_named(void **state) {
    (void)state;
    live_through("pwrite EIO .log 5 2\n", ".log: the disk reports an error");
}

static void a_full_disk_is_named_and_waited_out(void **state) {
    (void)state;
    live_through("pwrite ENOSPC . 20 40\nfallocate ENOSPC . 0 40\n",
                 "no space is left on the disk");
}

static bool is_told(redisContext *connection, const char *command, const char *words) {
    redisReply *reply = redisCommand(connection, command);
    assert_non_null(reply);
    bool told = reply->str != NULL && strstr(reply->str, words) != NULL;
    freeReplyObject(reply);
    return told;
}

/* The whole file system is full when the node starts: it does not wait for space to answer what it can. */
static void a_node_that_starts_on_a_full_disk_answers_reads_and_gets_well(void **state) {
    (void)state;
    memset(newest, 0, sizeof newest);
    cluster_start_with(&cluster, 1, SETTINGS, "dunlin_faulty");
    assert_int_equal(set_all(1), KEYS);
    assert_true(WIFSIGNALED(cluster_end_node(&cluster, 0, SIGKILL)));
    set_faults("pwrite ENOSPC .manifest 0 1000000\nfallocate ENOSPC . 0 1000000\n");
    cluster_start_node(&cluster, 0);
    check_all();
    redisContext *connection = cluster_connect(&cluster, 0);
    assert_true(is_told(connection, "INFO persistence", "store_state:full"));
    assert_true(is_told(connection, "INFO persistence", "no space is left on the disk"));
    assert_true(is_told(connection, "SET key:0 other", "FULL"));
    assert_true(is_told(connection, "SAVE", "FULL"));
    redisFree(connection);
    set_faults("");
    int tries = 0;
    while (set_all(2 + tries) < KEYS && tries++ < TRIES)
        poll(NULL, 0, TRY_MILLISECONDS);
    assert_true(tries < TRIES);
    check_all();
    assert_true(WIFSIGNALED(cluster_end_node(&cluster, 0, SIGKILL)));
    cluster_start_node(&cluster, 0);
    check_all();
    cluster_stop(&cluster);
}

/* Errors of the disk at the start are outlived like those that come later. */
static void a_node_whose_disk_errs_while_it_starts_takes_its_time(void **state) {
    (void)state;
    memset(newest, 0, sizeof newest);
    cluster_start_with(&cluster, 1, SETTINGS, "dunlin_faulty");
    assert_int_equal(set_all(1), KEYS);
    assert_true(WIFSIGNALED(cluster_end_node(&cluster, 0, SIGKILL)));
    set_faults("pread EIO .log 0 3\npreadv2 EIO .log 0 3\n");
    cluster_start_node(&cluster, 0);
    check_all();
    assert_true(has_noted(".log: the disk reports an error"));
    assert_true(has_noted("the directory can be read again"));
    cluster_stop(&cluster);
}

static void a_table_that_cannot_be_synced_is_named(void **state) {
    (void)state;
    live_through("fdatasync EIO .table 0 2\n", ".table: the disk reports an error");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_that_cannot_be_synced_is_named),
        cmocka_unit_test(a_log_that_cannot_be_written_is_named),
        cmocka_unit_test(a_full_disk_is_named_and_waited_out),
        cmocka_unit_test(a_table_that_cannot_be_synced_is_named),
        cmocka_unit_test(a_node_that_starts_on_a_full_disk_answers_reads_and_gets_well),
        cmocka_unit_test(a_node_whose_disk_errs_while_it_starts_takes_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
