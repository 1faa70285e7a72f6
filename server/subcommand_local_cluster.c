/* dunlin local-cluster: N nodes as processes of this machine, on loopback, for trying out. */
#include "server/subcommand.h"

#include "engine/base/bytes.h"
#include "engine/base/text.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CLUSTER_NODES_MAX = 64, PEER_PORT_DISTANCE = 1000, PORT_MAX = 65535 };

static const char USAGE[] =
    "usage: dunlin local-cluster N [OPTIONS]\n"
    "\n"
    "Starts N nodes on 127.0.0.1 and stays in the foreground; Ctrl-C stops them gracefully. Their "
    "data and\n"
    "configuration files stay in the directory: the same command goes on where the last one "
    "ended.\n"
    "\n"
    "  --port PORT       of the first node's clients; the next nodes take the next ports (default "
    "7000).\n"
    "                    Peers listen 1000 ports higher\n"
    "  --dir DIRECTORY   where the nodes keep data (default dunlin-cluster)\n"
    "  --sync POLICY     always, interval (default) or never\n"
    "  --n N --r R --w W replicas, and the quorums of reads and writes (default 3, 2, 2; fewer on "
    "a\n"
    "                    smaller cluster)\n"
    "  --log-level LEVEL none, error, warning (default), info or detail\n"
    "\n"
    "examples:\n"
    "  dunlin local-cluster 3\n"
    "  dunlin local-cluster 5 --port 9000 --dir /tmp/five --sync always --n 3 --r 1 --w 1\n";

struct local_cluster {
    uint64_t nodes, port;
    const char *directory, *sync, *log_level;
    uint64_t n, r, w;
    pid_t processes[CLUSTER_NODES_MAX];
};

/* The signals that the command waits for; blocked otherwise, so that none is missed. */
static void block_signals(sigset_t *signals) {
    sigemptyset(signals);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, signals, NULL);
}

/* Writes one node's configuration file; `path` receives its name. */
static bool write_config(const struct local_cluster *cluster, uint64_t node, char path[PATH_MAX]) {
    snprintf(path, PATH_MAX, "%s/n%llu.yaml", cluster->directory, (unsigned long long)node + 1);
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return false;
    fprintf(file, "cluster: local\nnode: n%llu\ndirectory: %s/n%llu\nlog_level: %s\n",
            (unsigned long long)node + 1, cluster->directory, (unsigned long long)node + 1,
            cluster->log_level);
    fprintf(file, "listen: 127.0.0.1:%llu\nlisten_peers: 127.0.0.1:%llu\n",
            (unsigned long long)(cluster->port + node),
            (unsigned long long)(cluster->port + PEER_PORT_DISTANCE + node));
    fprintf(file,
            "store:\n  sync: %s\nkeyspaces:\n  - name: default\n    n: %llu\n    r: %llu\n    w: "
            "%llu\n",
            cluster->sync, (unsigned long long)cluster->n, (unsigned long long)cluster->r,
            (unsigned long long)cluster->w);
    fprintf(file, "members:\n");
    for (uint64_t i = 0; i < cluster->nodes; i++)
        fprintf(
            file,
            "  - name: n%llu\n    address: 127.0.0.1:%llu\n    client_address: 127.0.0.1:%llu\n",
            (unsigned long long)i + 1, (unsigned long long)(cluster->port + PEER_PORT_DISTANCE + i),
            (unsigned long long)(cluster->port + i));
    return fclose(file) == 0;
}

static pid_t start_node(const char *config_path) {
    char program[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    if (size <= 0)
        return -1;
    program[size] = 0;
    pid_t parent = getpid();
    pid_t process = fork();
    if (process != 0)
        return process;
    /* A node must not outlive the command, nor be stopped by the terminal before the command says
     * so. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(EXIT_FAILED);
    setpgid(0, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execl(program, program, "serve", "--config", config_path, (char *)NULL);
    _exit(EXIT_FAILED);
}

static void stop_nodes(struct local_cluster *cluster) {
    for (uint64_t i = 0; i < cluster->nodes; i++) {
        if (cluster->processes[i] > 0)
            kill(cluster->processes[i], SIGTERM);
    }
    for (uint64_t i = 0; i < cluster->nodes; i++) {
        if (cluster->processes[i] > 0)
            waitpid(cluster->processes[i], NULL, 0);
    }
}

static bool start_nodes(struct local_cluster *cluster) {
    if (mkdir(cluster->directory, 0750) != 0 && errno != EEXIST) {
        fprintf(stderr, "dunlin: cannot make directory %s: %s\n", cluster->directory,
                strerror(errno));
        return false;
    }
    for (uint64_t i = 0; i < cluster->nodes; i++) {
        char path[PATH_MAX];
        if (!write_config(cluster, i, path)) {
            fprintf(stderr, "dunlin: cannot write %s: %s\n", path, strerror(errno));
            return false;
        }
        cluster->processes[i] = start_node(path);
        if (cluster->processes[i] < 0) {
            fprintf(stderr, "dunlin: cannot start a process: %s\n", strerror(errno));
            return false;
        }
        printf("n%llu  clients 127.0.0.1:%llu  process %d  data %s/n%llu\n",
               (unsigned long long)i + 1, (unsigned long long)(cluster->port + i),
               (int)cluster->processes[i], cluster->directory, (unsigned long long)i + 1);
    }
    printf("try: redis-cli -p %llu SET greeting hello\nstop: Ctrl-C\n",
           (unsigned long long)cluster->port);
    fflush(stdout);
    return true;
}

/* Takes note of nodes that ended by themselves. Returns how many. */
static uint64_t reap(struct local_cluster *cluster) {
    uint64_t count = 0;
    int status;
    pid_t ended;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
        for (uint64_t i = 0; i < cluster->nodes; i++) {
            if (cluster->processes[i] != ended)
                continue;
            cluster->processes[i] = 0;
            count++;
            fprintf(stderr, "dunlin: n%llu ended (%s %d); the cluster goes on without it\n",
                    (unsigned long long)i + 1, WIFSIGNALED(status) ? "signal" : "exit code",
                    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        }
    }
    return count;
}

static int watch(struct local_cluster *cluster, const sigset_t *signals) {
    uint64_t running = cluster->nodes;
    while (running > 0) {
        int number;
        sigwait(signals, &number);
        if (number != SIGCHLD)
            return EXIT_DONE;
        running -= reap(cluster);
    }
    return EXIT_FAILED;
}

static int run(struct local_cluster *cluster) {
    sigset_t signals;
    block_signals(&signals);
    int code = start_nodes(cluster) ? watch(cluster, &signals) : EXIT_FAILED;
    stop_nodes(cluster);
    return code;
}

static bool parse_number(const char *name, const char *text, uint64_t low, uint64_t high,
                         uint64_t *number) {
    if (text_parse_u64(bytes_of_text(text), number) && *number >= low && *number <= high)
        return true;
    fprintf(stderr, "dunlin: %s must be a number from %llu to %llu, not '%s'\n", name,
            (unsigned long long)low, (unsigned long long)high, text);
    return false;
}

enum option_name {
    OPTION_PORT = 256,
    OPTION_DIRECTORY,
    OPTION_SYNC,
    OPTION_N,
    OPTION_R,
    OPTION_W,
    OPTION_LOG_LEVEL,
    OPTION_HELP,
};

static const struct option OPTIONS[] = {
    {"port", required_argument, NULL, OPTION_PORT},
    {"dir", required_argument, NULL, OPTION_DIRECTORY},
    {"sync", required_argument, NULL, OPTION_SYNC},
    {"n", required_argument, NULL, OPTION_N},
    {"r", required_argument, NULL, OPTION_R},
    {"w", required_argument, NULL, OPTION_W},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

/* Fills what the flags left out, and checks that it fits together. */
static bool complete(struct local_cluster *cluster) {
    if (cluster->n == 0)
        cluster->n = cluster->nodes < 3 ? cluster->nodes : 3;
    if (cluster->r == 0)
        cluster->r = cluster->n / 2 + 1;
    if (cluster->w == 0)
        cluster->w = cluster->n / 2 + 1;
    if (cluster->n > cluster->nodes || cluster->r > cluster->n || cluster->w > cluster->n) {
        fprintf(stderr,
                "dunlin: --n may be at most the number of nodes (%llu), --r and --w at most --n\n",
                (unsigned long long)cluster->nodes);
        return false;
    }
    if (cluster->port + PEER_PORT_DISTANCE + cluster->nodes > PORT_MAX) {
        fprintf(stderr, "dunlin: --port is too high: peers listen %d ports higher\n",
                PEER_PORT_DISTANCE);
        return false;
    }
    return true;
}

int subcommand_local_cluster(int argc, char **argv) {
    struct local_cluster cluster = {
        .port = 7000, .directory = "dunlin-cluster", .sync = "interval", .log_level = "warning"};
    bool valid = true;
    int option;
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case OPTION_PORT:
            valid &= parse_number("--port", optarg, 1, PORT_MAX, &cluster.port);
            break;
        case OPTION_DIRECTORY:
            cluster.directory = optarg;
            break;
        case OPTION_SYNC:
            cluster.sync = optarg;
            break;
        case OPTION_N:
            valid &= parse_number("--n", optarg, 1, 8, &cluster.n);
            break;
        case OPTION_R:
            valid &= parse_number("--r", optarg, 1, 8, &cluster.r);
            break;
        case OPTION_W:
            valid &= parse_number("--w", optarg, 1, 8, &cluster.w);
            break;
        case OPTION_LOG_LEVEL:
            cluster.log_level = optarg;
            break;
        case OPTION_HELP:
            fputs(USAGE, stdout);
            return EXIT_DONE;
        default:
            valid = false;
        }
    }
    if (valid && optind + 1 != argc) {
        fputs("dunlin: say how many nodes: dunlin local-cluster 3\n", stderr);
        valid = false;
    }
    if (!valid || !parse_number("N", argv[optind], 1, CLUSTER_NODES_MAX, &cluster.nodes) ||
        !complete(&cluster)) {
        fputs("dunlin: `dunlin local-cluster --help` tells the options\n", stderr);
        return EXIT_USAGE;
    }
    return run(&cluster);
}
