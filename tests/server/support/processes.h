/* processes: real nodes as child processes of a test, in a directory of their own. */
#ifndef DUNLIN_TESTS_PROCESSES_H
#define DUNLIN_TESTS_PROCESSES_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <sys/types.h>

enum { TEST_NODES_MAX = 8, TEST_PATH_SIZE = 256 };

struct test_cluster {
    char directory[TEST_PATH_SIZE];
    int nodes;
    int port; /* clients of node i (from 0) */
    pid_t processes[TEST_NODES_MAX];
    /* Not null: this program beside the test instead of dunlin. Its notes go to n1.notes and so on in the directory, and the
     * faults that it reads (faulty_files.h) come from the file "faults" there. */
    const char *program;
};

/* The path of the dunlin program beside the test. */
const char *dunlin_program(void);
/* Writes configuration files for so many nodes, with this text of further settings in each, and
 * starts them. */
void cluster_start_with(struct test_cluster *cluster, int nodes, const char *settings,
                        const char *program);
void cluster_start(struct test_cluster *cluster, int nodes, const char *settings);
void cluster_start_node(struct test_cluster *cluster, int node);
/* Ends one node with this signal and returns its wait status. */
int cluster_end_node(struct test_cluster *cluster, int node, int signal);
void cluster_stop(struct test_cluster *cluster);
/* A connection to a node that serves, waiting for it; fails the test after a while. */
redisContext *cluster_connect(const struct test_cluster *cluster, int node);
/* Runs the program with these arguments; returns its exit code and what it wrote to both outputs.
 */
int run_program(char *const arguments[], char *output, size_t size);

#endif
