/* Real processes, real files, real damage: bytes of one node's files are overwritten, and the answers stay right while the node
 * says what it has lost and gets it back from the others. */
#include "tests/server/support/processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { KEYS = 2000, TRIES = 600, TRY_MILLISECONDS = 50, DAMAGED = 1 /* node */ };

static const char SETTINGS[] = "keyspaces:\n  - {name: default, n: 3, r: 2, w: 3, sloppy: false}\n"
                               "partitions: 16\n"
                               "timing: {anti_entropy_interval: 1s}\n"
                               "store: {sync: always, memtable: 128KiB, cache: 64KiB, block: 1KiB, "
                               "table: 128KiB, log_segment: 64KiB}\n";

static struct test_cluster cluster;

static uint64_t info_of(const char *name) {
    redisContext *connection = cluster_connect(&cluster, DAMAGED);
    redisReply *reply = redisCommand(connection, "INFO");
    assert_non_null(reply);
    const char *line = strstr(reply->str, name);
    assert_non_null(line);
    uint64_t value = strtoull(line + strlen(name), NULL, 10);
    freeReplyObject(reply);
    redisFree(connection);
    return value;
}

static void wait_for(const char *name, uint64_t wanted) {
    for (int i = 0; i < TRIES; i++) {
        if (info_of(name) == wanted)
            return;
        poll(NULL, 0, TRY_MILLISECONDS);
    }
    fail_msg("%s%llu never came", name, (unsigned long long)wanted);
}

static void write_keys(int round) {
    redisContext *connection = cluster_connect(&cluster, 0);
    for (int key = 0; key < KEYS; key++) {
        redisReply *reply = NULL;
        for (int i = 0; i < TRIES; i++) {
            reply = redisCommand(connection, "SET key:%d %0100d:%d", key, round, key);
            if (reply != NULL && reply->type == REDIS_REPLY_STATUS)
                break;
            freeReplyObject(reply);
            reply = NULL;
            poll(NULL, 0, TRY_MILLISECONDS);
        }
        assert_non_null(reply);
        freeReplyObject(reply);
    }
    redisFree(connection);
}

/* Through the damaged node, at the cluster's quorum: an answer may be refused for a while, and is never wrong. */
static void read_keys(int round) {
    redisContext *connection = cluster_connect(&cluster, DAMAGED);
    for (int key = 0; key < KEYS; key++) {
        char expected[160];
        snprintf(expected, sizeof expected, "%0100d:%d", round, key);
        bool right = false;
        for (int i = 0; i < TRIES && !right; i++) {
            redisReply *reply = redisCommand(connection, "GET key:%d", key);
            assert_non_null(reply);
            if (reply->type == REDIS_REPLY_STRING)
                assert_string_equal(reply->str, expected);
            else
                assert_int_equal(reply->type, REDIS_REPLY_ERROR);
            right = reply->type == REDIS_REPLY_STRING;
            freeReplyObject(reply);
            if (!right)
                poll(NULL, 0, TRY_MILLISECONDS);
        }
        assert_true(right);
    }
    redisFree(connection);
}

/* Walks over everything that the damaged node itself has. */
static int scan_keys(void) {
    redisContext *connection = cluster_connect(&cluster, DAMAGED);
    char cursor[32] = "0";
    int keys = 0;
    do {
        redisReply *reply = redisCommand(connection, "SCAN %s COUNT 500", cursor);
        assert_non_null(reply);
        assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
        snprintf(cursor, sizeof cursor, "%s", reply->element[0]->str);
        keys += (int)reply->element[1]->elements;
        freeReplyObject(reply);
    } while (strcmp(cursor, "0") != 0);
    redisFree(connection);
    return keys;
}

/* Overwrites a few bytes in every `distance` of each file of this kind; returns how many files there were. */
static int damage(const char *extension, off_t from, off_t distance) {
    char directory[TEST_PATH_SIZE + 8], path[TEST_PATH_SIZE * 3];
    snprintf(directory, sizeof directory, "%s/n%d", cluster.directory, DAMAGED + 1);
    DIR *opened = opendir(directory);
    assert_non_null(opened);
    int files = 0;
    for (struct dirent *entry; (entry = readdir(opened)) != NULL;) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || strcmp(dot, extension) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        struct stat about;
        int file = open(path, O_RDWR);
        assert_true(file >= 0 && fstat(file, &about) == 0);
        for (off_t at = from; at + 8 < about.st_size; at += distance)
            assert_int_equal(pwrite(file, "\x55\xaa\x55\xaa", 4, at), 4);
        close(file);
        files++;
    }
    closedir(opened);
    return files;
}

/* Until the node has every key. A walk may only miss what is damaged, and was not known to be before: a merge in the background, or the walk
 * itself, is the first to read it. */
static void wait_until_whole(void) {
    for (;;) {
        uint64_t found = info_of("damages_found:");
        wait_for("\r\ndamages:", 0);
        wait_for("partitions_not_held:", 0);
        if (scan_keys() >= KEYS)
            return;
        assert_true(info_of("damages_found:") > found);
    }
}

static void damaged_tables_are_healed_while_the_node_serves(void **state) {
    (void)state;
    write_keys(1);
    uint64_t found = info_of("damages_found:");
    assert_true(damage(".table", 2000, 9000) > 0);
    read_keys(1);
    (void)scan_keys();
    assert_true(info_of("damages_found:") > found);
    wait_until_whole();
    read_keys(1);
}

static void restart_damaged(const char *extension, off_t from, off_t distance) {
    cluster_end_node(&cluster, DAMAGED, SIGKILL);
    assert_true(damage(extension, from, distance) > 0);
    cluster_start_node(&cluster, DAMAGED);
}

static void a_damaged_log_is_healed_after_a_restart(void **state) {
    (void)state;
    write_keys(2);
    restart_damaged(".log", 500, 20000);
    read_keys(2);
    assert_true(info_of("damages_found:") > 0);
    wait_until_whole();
}

static void tables_that_cannot_be_opened_are_healed_after_a_restart(void **state) {
    (void)state;
    write_keys(3);
    restart_damaged(".table", 100, 700);
    read_keys(3);
    wait_until_whole();
}

static void a_node_without_a_manifest_gets_everything_back(void **state) {
    (void)state;
    write_keys(4);
    restart_damaged(".manifest", 30, 50);
    read_keys(4);
    wait_until_whole();
    /* What was healed outlives the next kill. */
    cluster_end_node(&cluster, DAMAGED, SIGKILL);
    cluster_start_node(&cluster, DAMAGED);
    read_keys(4);
    assert_int_equal(info_of("damages_found:"), 0);
}

static int start(void **state) {
    (void)state;
    cluster_start(&cluster, 3, SETTINGS);
    return 0;
}

static int stop(void **state) {
    (void)state;
    cluster_stop(&cluster);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(damaged_tables_are_healed_while_the_node_serves, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_damaged_log_is_healed_after_a_restart, start, stop),
        cmocka_unit_test_setup_teardown(tables_that_cannot_be_opened_are_healed_after_a_restart,
                                        start, stop),
        cmocka_unit_test_setup_teardown(a_node_without_a_manifest_gets_everything_back, start,
                                        stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
