/* dunlin-sim: runs scenarios against the production engine in a simulated world. */
#include "harness/sim_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Says where. A check of the engine is a promise that the engine broke under this scenario and seed; any other means that
 * the program itself is at fault. */
void host_check_failed(const char *expression, const char *file, int line) {
    fflush(stdout);
    fprintf(stderr, "check failed: %s (%s:%d)\n", expression, file, line);
    fflush(stderr);
    size_t root = strlen(__FILE__) - strlen("harness/main.c");
    bool engine = strlen(file) > root && strncmp(file + root, "engine/", strlen("engine/")) == 0;
    command_replay_broken(engine);
    _Exit(engine ? EXIT_PROPERTY_FAILED : EXIT_PROGRAM_FAILED);
}

static const struct {
    const char *name, *summary;
    int (*run)(int count, char **arguments);
} COMMANDS[] = {
    {"run", "run scenarios on seeds and judge them", command_run_scenarios},
    {"replay", "tell the story of one run", command_replay},
    {"verify", "check that a run is the same twice", command_verify},
    {"tradeoff", "measure latency, staleness and availability for every N, R and W",
     command_tradeoff},
};
enum { COMMAND_COUNT = sizeof COMMANDS / sizeof COMMANDS[0] };

static void print_help(FILE *stream) {
    fprintf(stream,
            "Usage: dunlin-sim COMMAND [OPTIONS] FILE...\n\n"
            "Simulates a cluster of the production engine under the faults of a scenario file, and "
            "checks what it\n"
            "promises. The same file and seed give the same run, event by event.\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(stream, "  %-9s %s\n", COMMANDS[i].name, COMMANDS[i].summary);
    fprintf(
        stream,
        "\nExamples:\n"
        "  dunlin-sim run scenarios/*.yaml --seeds 1..200\n"
        "  dunlin-sim replay scenarios/partition_heals.yaml --seed 42\n"
        "  dunlin-sim COMMAND --help\n\n"
        "Exit: 0 all passed, 1 a safety property failed, 2 usage or bad file, 3 did not converge,\n"
        "      4 the program itself failed\n");
}

int main(int count, char **arguments) {
    if (count < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(arguments[1], "--help") == 0 || strcmp(arguments[1], "-h") == 0 ||
        strcmp(arguments[1], "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(arguments[1], "--version") == 0) {
        puts("dunlin-sim 0.1.0");
        return 0;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(arguments[1], COMMANDS[i].name) == 0)
            return COMMANDS[i].run(count - 1, arguments + 1);
    }
    fprintf(stderr, "dunlin-sim: there is no command '%s'; see dunlin-sim --help\n", arguments[1]);
    return EXIT_USAGE;
}
