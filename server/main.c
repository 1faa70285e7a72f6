/* dunlin: the daemon, and the commands around it. */
#include "server/subcommand.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char USAGE[] =
    "dunlin: a leaderless key-value store\n"
    "\n"
    "usage: dunlin COMMAND [OPTIONS]\n"
    "\n"
    "  serve           run one node\n"
    "  local-cluster   run a cluster of N nodes on this machine, for trying out\n"
    "  cluster status  show the members of a running cluster and how they are\n"
    "  checkpoint      make, list and remove checkpoints of a running node, for backups\n"
    "  store           check, dump, repair and restore the files of a node that is stopped\n"
    "  get, put, del   read, write and delete one key, with causal contexts\n"
    "\n"
    "examples:\n"
    "  dunlin local-cluster 3                 three nodes on 127.0.0.1:7000 to 7002\n"
    "  dunlin put cart:17 apples              write through the node on 127.0.0.1:7000\n"
    "  dunlin get cart:17\n"
    "  redis-cli -p 7001 GET cart:17          any Redis client works too\n"
    "\n"
    "`dunlin COMMAND --help` tells the options of a command.\n";

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} COMMANDS[] = {
    {"serve", subcommand_serve},     {"local-cluster", subcommand_local_cluster},
    {"cluster", subcommand_cluster}, {"checkpoint", subcommand_checkpoint},
    {"store", subcommand_store},     {"get", subcommand_get},
    {"put", subcommand_put},         {"del", subcommand_del},
};

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        fputs(USAGE, stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        fputs(USAGE, stdout);
        return EXIT_DONE;
    }
    for (unsigned i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++) {
        if (strcmp(argv[1], COMMANDS[i].name) == 0)
            return COMMANDS[i].run(argc - 1, argv + 1);
    }
    fprintf(stderr, "dunlin: '%s' is not a command; `dunlin --help` lists them\n", argv[1]);
    return EXIT_USAGE;
}
