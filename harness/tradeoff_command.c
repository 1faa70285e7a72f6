#include "harness/sim_command.h"

#include <stdio.h>

int command_tradeoff(int count, char **arguments) {
    (void)count;
    (void)arguments;
    fprintf(stderr, "dunlin-sim tradeoff: not there yet\n");
    return EXIT_USAGE;
}
