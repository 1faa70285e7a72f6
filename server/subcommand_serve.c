/* dunlin serve: one node, until it is told to stop. */
#include "server/host.h"
#include "server/host_memory.h"
#include "server/server_config.h"
#include "server/subcommand.h"

#include <getopt.h>
#include <stdio.h>

/* Enough to outlive one request that asks for too much at the wrong time. */
enum { MEMORY_RESERVE_BYTES = 4 << 20 };

static const char USAGE[] =
    "usage: dunlin serve [--config FILE] [OPTIONS]\n"
    "\n"
    "Runs one node in the foreground; SIGTERM and SIGINT stop it gracefully.\n"
    "\n"
    "  --config FILE        settings in YAML (docs/operations.md); without it, a cluster of one\n"
    "  --node NAME          which of the file's members this node is\n"
    "  --dir DIRECTORY      where it keeps its data (default dunlin-data)\n"
    "  --listen HOST:PORT   for clients (default 127.0.0.1:7000)\n"
    "  --listen-peers HOST:PORT   for the other nodes (default 127.0.0.1:8000)\n"
    "  --password TEXT      clients and peers must know it; needed to listen beyond loopback\n"
    "  --sync POLICY        when the log is synced: always, interval or never\n"
    "  --sync-interval TIME for --sync interval (default 1s)\n"
    "  --log-level LEVEL    none, error, warning, info or detail\n"
    "\n"
    "examples:\n"
    "  dunlin serve --dir /tmp/one --listen 127.0.0.1:7000\n"
    "  dunlin serve --config /etc/dunlin/n1.yaml --sync always\n";

enum option_name {
    OPTION_CONFIG = 256,
    OPTION_NODE,
    OPTION_DIRECTORY,
    OPTION_LISTEN,
    OPTION_LISTEN_PEERS,
    OPTION_PASSWORD,
    OPTION_SYNC,
    OPTION_SYNC_INTERVAL,
    OPTION_LOG_LEVEL,
    OPTION_HELP,
};

static const struct option OPTIONS[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"node", required_argument, NULL, OPTION_NODE},
    {"dir", required_argument, NULL, OPTION_DIRECTORY},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"listen-peers", required_argument, NULL, OPTION_LISTEN_PEERS},
    {"password", required_argument, NULL, OPTION_PASSWORD},
    {"sync", required_argument, NULL, OPTION_SYNC},
    {"sync-interval", required_argument, NULL, OPTION_SYNC_INTERVAL},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static int serve(const char *path, const struct server_overrides *overrides) {
    struct buffer problem = {0};
    struct server_config config;
    int code = EXIT_USAGE;
    if (server_config_load(&config, path, overrides, &problem)) {
        struct host_options options = {.node = &config.node,
                                       .directory = config.directory,
                                       .client_address = config.listen,
                                       .peer_address = config.listen_peers};
        host_memory_reserve(MEMORY_RESERVE_BYTES);
        struct host *host = host_create(&options, &problem);
        code = EXIT_FAILED;
        if (host != NULL) {
            fprintf(stderr,
                    "dunlin: node %.*s of cluster %.*s, clients at %s, peers at %s, data in %s\n",
                    (int)config.node.name.size, (const char *)config.node.name.data,
                    (int)config.node.cluster.size, (const char *)config.node.cluster.data,
                    config.listen, config.listen_peers, config.directory);
            code = host_run(host) == 0 ? EXIT_DONE : EXIT_FAILED;
            host_destroy(host);
        }
        server_config_deinit(&config);
    }
    if (problem.size > 0)
        fprintf(stderr, "dunlin: %.*s\n", (int)problem.size, (const char *)problem.data);
    buffer_deinit(&problem);
    return code;
}

int subcommand_serve(int argc, char **argv) {
    struct server_overrides overrides = {0};
    const char *path = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case OPTION_CONFIG:
            path = optarg;
            break;
        case OPTION_NODE:
            overrides.node = optarg;
            break;
        case OPTION_DIRECTORY:
            overrides.directory = optarg;
            break;
        case OPTION_LISTEN:
            overrides.listen = optarg;
            break;
        case OPTION_LISTEN_PEERS:
            overrides.listen_peers = optarg;
            break;
        case OPTION_PASSWORD:
            overrides.password = optarg;
            break;
        case OPTION_SYNC:
            overrides.sync = optarg;
            break;
        case OPTION_SYNC_INTERVAL:
            overrides.sync_interval = optarg;
            break;
        case OPTION_LOG_LEVEL:
            overrides.log_level = optarg;
            break;
        case OPTION_HELP:
            fputs(USAGE, stdout);
            return EXIT_DONE;
        default:
            fputs("dunlin: `dunlin serve --help` tells the options\n", stderr);
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "dunlin: '%s' was not expected; `dunlin serve --help` tells the options\n",
                argv[optind]);
        return EXIT_USAGE;
    }
    return serve(path, &overrides);
}
