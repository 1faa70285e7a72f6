/* dunlin checkpoint: makes, lists and removes checkpoints of a running node's store. */
#include "server/client.h"
#include "server/subcommand.h"

#include "engine/base/file.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char USAGE[] =
    "usage: dunlin checkpoint create|list [OPTIONS]\n"
    "       dunlin checkpoint remove NUMBER [OPTIONS]\n"
    "\n"
    "A checkpoint is a whole store as it was at one moment, in checkpoint-00000N/ below the "
    "node's\n"
    "directory. It takes hardly any space at first: its tables are hard links. The node serves\n"
    "meanwhile. For a backup, make one and copy its directory away; `dunlin store restore` makes "
    "a\n"
    "node's directory of it.\n"
    "\n"
    "  create               makes one, waits until it is complete, prints its directory's name\n"
    "  list                 the complete ones\n"
    "  remove NUMBER        removes one\n"
    "\n"
    "  --address HOST:PORT  of the node's client port (default 127.0.0.1:7000)\n"
    "  --password TEXT\n"
    "  --json               one JSON value on standard output\n"
    "\n"
    "exit code: 0 done, 1 failed, 2 wrong usage\n"
    "\n"
    "examples:\n"
    "  dunlin checkpoint create --address 127.0.0.1:7001\n"
    "  dunlin checkpoint list --json\n"
    "  dunlin checkpoint remove 3\n";

static redisReply *ask(const struct client_options *options, int argc, const char **words) {
    redisContext *connection = client_open(options);
    if (connection == NULL)
        return NULL;
    size_t sizes[3];
    for (int i = 0; i < argc; i++)
        sizes[i] = strlen(words[i]);
    redisReply *reply = client_ask(connection, argc, words, sizes);
    redisFree(connection);
    return reply;
}

static int create(const struct client_options *options, bool json) {
    redisReply *reply = ask(options, 2, (const char *[]){"DCHECKPOINT", "CREATE"});
    if (reply == NULL)
        return EXIT_FAILED;
    char name[CHECKPOINT_NAME_SIZE];
    checkpoint_name((uint32_t)reply->integer, name);
    if (json)
        printf("{\"number\":%lld,\"directory\":\"%s\"}\n", reply->integer, name);
    else
        printf("%s\n", name);
    freeReplyObject(reply);
    return EXIT_DONE;
}

/* The number behind a name in a reply of names and numbers in turn. */
static long long number_behind(const redisReply *row, const char *name) {
    for (size_t i = 0; i + 1 < row->elements; i += 2) {
        if (row->element[i]->str != NULL && strcmp(row->element[i]->str, name) == 0)
            return row->element[i + 1]->integer;
    }
    return 0;
}

static int list(const struct client_options *options, bool json) {
    redisReply *reply = ask(options, 2, (const char *[]){"DCHECKPOINT", "LIST"});
    if (reply == NULL)
        return EXIT_FAILED;
    if (json)
        putchar('[');
    else if (reply->elements > 0)
        printf("%-20s %8s %14s\n", "directory", "tables", "bytes");
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *row = reply->element[i];
        char name[CHECKPOINT_NAME_SIZE];
        long long number = number_behind(row, "number");
        checkpoint_name((uint32_t)number, name);
        if (json)
            printf("%s{\"number\":%lld,\"directory\":\"%s\",\"tables\":%lld,\"bytes\":%lld}",
                   i > 0 ? "," : "", number, name, number_behind(row, "tables"),
                   number_behind(row, "bytes"));
        else
            printf("%-20s %8lld %14lld\n", name, number_behind(row, "tables"),
                   number_behind(row, "bytes"));
    }
    if (json)
        puts("]");
    freeReplyObject(reply);
    return EXIT_DONE;
}

/* "3" or "checkpoint-000003". */
static bool read_number(const char *text, char number[24]) {
    uint32_t parsed;
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (checkpoint_parse(text, &parsed))
        value = parsed;
    else if (*text < '0' || *text > '9' || *end != 0)
        return false;
    snprintf(number, 24, "%llu", value);
    return true;
}

static int drop(const struct client_options *options, const char *text, bool json) {
    char number[24];
    if (!read_number(text, number)) {
        fprintf(stderr,
                "dunlin: '%s' is not the number of a checkpoint; `dunlin checkpoint list` "
                "shows them\n",
                text);
        return EXIT_USAGE;
    }
    redisReply *reply = ask(options, 3, (const char *[]){"DCHECKPOINT", "REMOVE", number});
    if (reply == NULL)
        return EXIT_FAILED;
    freeReplyObject(reply);
    if (json)
        printf("{\"removed\":%s}\n", number);
    return EXIT_DONE;
}

enum option_name { OPTION_ADDRESS = 256, OPTION_PASSWORD, OPTION_JSON, OPTION_HELP };

static const struct option OPTIONS[] = {
    {"address", required_argument, NULL, OPTION_ADDRESS},
    {"password", required_argument, NULL, OPTION_PASSWORD},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static int run(int count, char **words, const struct client_options *options, bool json) {
    if (count == 1 && strcmp(words[0], "create") == 0)
        return create(options, json);
    if (count == 1 && strcmp(words[0], "list") == 0)
        return list(options, json);
    if (count == 2 && strcmp(words[0], "remove") == 0)
        return drop(options, words[1], json);
    fputs("dunlin: say `dunlin checkpoint create`, `list` or `remove NUMBER`; "
          "`dunlin checkpoint --help` tells more\n",
          stderr);
    return EXIT_USAGE;
}

int subcommand_checkpoint(int argc, char **argv) {
    struct client_options options = {0};
    bool json = false;
    int option;
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case OPTION_ADDRESS:
            options.address = optarg;
            break;
        case OPTION_PASSWORD:
            options.password = optarg;
            break;
        case OPTION_JSON:
            json = true;
            break;
        case OPTION_HELP:
            fputs(USAGE, stdout);
            return EXIT_DONE;
        default:
            fputs("dunlin: `dunlin checkpoint --help` tells the options\n", stderr);
            return EXIT_USAGE;
        }
    }
    return run(argc - optind, argv + optind, &options, json);
}
