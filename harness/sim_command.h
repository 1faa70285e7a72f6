/* sim_command: the commands of dunlin-sim, each in its own source, and what they share.
 *
 *     int code = command_run_scenarios(count, arguments);     // arguments[0] is the command's name
 */
#ifndef DUNLIN_HARNESS_SIM_COMMAND_H
#define DUNLIN_HARNESS_SIM_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

enum {
    EXIT_PASSED = 0,
    EXIT_PROPERTY_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_CONVERGED = 3,
    EXIT_PROGRAM_FAILED = 4,
};

int command_run_scenarios(int count, char **arguments);
int command_replay(int count, char **arguments);
/* A check is broken and the process about to end: ends the story that is being told with its verdict. */
void command_replay_broken(bool engine_checked);
int command_verify(int count, char **arguments);
int command_tradeoff(int count, char **arguments);

/* A decimal number that fills the text. */
bool command_parse_number(const char *text, uint64_t *number);
/* "7" or "1..200". */
bool command_parse_seeds(const char *text, uint64_t *first, uint64_t *last);

#endif
