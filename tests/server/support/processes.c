#include "tests/server/support/processes.h"

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
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Below the ports that the system gives to clients. Tests that run side by side have process numbers that lie close to one another. */
enum {
    CONNECT_TRIES = 600,
    TRY_MILLISECONDS = 50,
    PORT_FIRST = 21000,
    PORTS_PER_TEST = 2 * TEST_NODES_MAX,
    PORT_BLOCKS = 700,
};

const char *dunlin_program(void) {
    static char path[TEST_PATH_SIZE];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 16);
    assert_true(size > 0);
    path[size] = 0;
    strcpy(strrchr(path, '/'), "/dunlin");
    return path;
}

static void write_config(const struct test_cluster *cluster, int node, const char *settings) {
    char path[TEST_PATH_SIZE + 32];
    snprintf(path, sizeof path, "%s/n%d.yaml", cluster->directory, node + 1);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "cluster: test\nnode: n%d\ndirectory: %s/n%d\nlisten: 127.0.0.1:%d\nlisten_peers: "
            "127.0.0.1:%d\n%smembers:\n",
            node + 1, cluster->directory, node + 1, cluster->port + node,
            cluster->port + TEST_NODES_MAX + node, settings);
    for (int i = 0; i < cluster->nodes; i++)
        fprintf(file,
                "  - {name: n%d, address: \"127.0.0.1:%d\", client_address: \"127.0.0.1:%d\"}\n",
                i + 1, cluster->port + TEST_NODES_MAX + i, cluster->port + i);
    assert_int_equal(fclose(file), 0);
}

void cluster_start(struct test_cluster *cluster, int nodes, const char *settings) {
    cluster_start_with(cluster, nodes, settings, NULL);
}

void cluster_start_with(struct test_cluster *cluster, int nodes, const char *settings,
                        const char *program) {
    memset(cluster, 0, sizeof *cluster);
    cluster->program = program;
    cluster->nodes = nodes;
    cluster->port = PORT_FIRST + (int)(getpid() % PORT_BLOCKS) * PORTS_PER_TEST;
    /* Faults are as good on a file system in memory, and its syncs take no time. */
    bool in_memory = program != NULL && access("/dev/shm", W_OK) == 0;
    strcpy(cluster->directory,
           in_memory ? "/dev/shm/dunlin-test-XXXXXX" : "/tmp/dunlin-test-XXXXXX");
    assert_non_null(mkdtemp(cluster->directory));
    for (int i = 0; i < nodes; i++)
        write_config(cluster, i, settings);
    for (int i = 0; i < nodes; i++)
        cluster_start_node(cluster, i);
}

/* In the child. */
static void lead_to_directory(const struct test_cluster *cluster, int node) {
    char path[TEST_PATH_SIZE + 32];
    snprintf(path, sizeof path, "%s/n%d.notes", cluster->directory, node + 1);
    int notes = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(notes, STDERR_FILENO);
    snprintf(path, sizeof path, "%s/faults", cluster->directory);
    setenv("DUNLIN_FAULTS", path, 1);
}

void cluster_start_node(struct test_cluster *cluster, int node) {
    char config[TEST_PATH_SIZE + 32];
    snprintf(config, sizeof config, "%s/n%d.yaml", cluster->directory, node + 1);
    char other[TEST_PATH_SIZE + 32];
    const char *program = dunlin_program();
    if (cluster->program != NULL) {
        snprintf(other, sizeof other, "%.*s/%s", (int)(strrchr(program, '/') - program), program,
                 cluster->program);
        program = other;
    }
    pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (cluster->program != NULL)
            lead_to_directory(cluster, node);
        execl(program, program, "serve", "--config", config, (char *)NULL);
        _exit(127);
    }
    cluster->processes[node] = process;
}

int cluster_end_node(struct test_cluster *cluster, int node, int signal) {
    int status = 0;
    assert_int_equal(kill(cluster->processes[node], signal), 0);
    assert_int_equal(waitpid(cluster->processes[node], &status, 0), cluster->processes[node]);
    cluster->processes[node] = 0;
    return status;
}

void cluster_stop(struct test_cluster *cluster) {
    for (int i = 0; i < cluster->nodes; i++) {
        if (cluster->processes[i] > 0)
            cluster_end_node(cluster, i, SIGKILL);
    }
    char command[TEST_PATH_SIZE + 32];
    snprintf(command, sizeof command, "rm -rf %s", cluster->directory);
    assert_int_equal(system(command), 0);
}

redisContext *cluster_connect(const struct test_cluster *cluster, int node) {
    for (int i = 0; i < CONNECT_TRIES; i++) {
        redisContext *connection = redisConnect("127.0.0.1", cluster->port + node);
        assert_non_null(connection);
        redisReply *reply = connection->err == 0 ? redisCommand(connection, "PING") : NULL;
        bool serves = reply != NULL && reply->type == REDIS_REPLY_STATUS;
        if (reply != NULL)
            freeReplyObject(reply);
        if (serves)
            return connection;
        redisFree(connection);
        poll(NULL, 0, TRY_MILLISECONDS);
    }
    fail_msg("n%d does not serve on port %d", node + 1, cluster->port + node);
    return NULL;
}

int run_program(char *const arguments[], char *output, size_t size) {
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0) {
        dup2(pipes[1], STDOUT_FILENO);
        dup2(pipes[1], STDERR_FILENO);
        close(pipes[0]);
        execv(dunlin_program(), arguments);
        _exit(127);
    }
    close(pipes[1]);
    size_t used = 0;
    ssize_t got;
    while (used + 1 < size && (got = read(pipes[0], output + used, size - 1 - used)) > 0)
        used += (size_t)got;
    output[used] = 0;
    close(pipes[0]);
    int status;
    assert_int_equal(waitpid(process, &status, 0), process);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
