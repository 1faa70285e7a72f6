/* subcommand: what `dunlin` can be asked to do. Each takes its own arguments (argv[0] is its name) and
 * returns the exit code: 0 done, 1 it failed, 2 wrong usage or a bad file. */
#ifndef DUNLIN_SERVER_SUBCOMMAND_H
#define DUNLIN_SERVER_SUBCOMMAND_H

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

int subcommand_serve(int argc, char **argv);
int subcommand_local_cluster(int argc, char **argv);
int subcommand_checkpoint(int argc, char **argv);
int subcommand_cluster(int argc, char **argv);
int subcommand_store(int argc, char **argv);
int subcommand_get(int argc, char **argv);
int subcommand_put(int argc, char **argv);
int subcommand_del(int argc, char **argv);

#endif
