/* client: a connection to one node for the commands that talk to a running cluster (hiredis
 * underneath). */
#ifndef DUNLIN_SERVER_CLIENT_H
#define DUNLIN_SERVER_CLIENT_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

struct client_options {
    const char *address;  /* "host:port"; null: 127.0.0.1:7000 */
    const char *password; /* null: none */
};

/* Null when it cannot be reached or the password is wrong; then a sentence went to standard error.
 */
redisContext *client_open(const struct client_options *options);
/* Sends one command; null or an error reply ends in a sentence on standard error and null. */
redisReply *client_ask(redisContext *connection, int argc, const char **argv, const size_t *sizes);
/* Prints text as a JSON string, with the quotes. Bytes that are not UTF-8 appear as \u00NN. */
void client_print_json(const char *text, size_t size);

#endif
