/* command: what `dunlin` can be asked to do. Each takes its own arguments (argv[0] is its name) and
 * returns the exit code: 0 done, 1 it failed, 2 wrong usage or a bad file. */
#ifndef DUNLIN_SERVER_COMMAND_H
#define DUNLIN_SERVER_COMMAND_H

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

int command_serve(int argc, char **argv);
int command_local_cluster(int argc, char **argv);
int command_cluster(int argc, char **argv);
int command_get(int argc, char **argv);
int command_put(int argc, char **argv);
int command_del(int argc, char **argv);

#endif
