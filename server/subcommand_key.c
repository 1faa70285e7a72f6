/* dunlin get, put, del: one key, with its causal context in the open. */
#include "server/client.h"
#include "server/subcommand.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char USAGE[] =
    "usage: dunlin get KEY [OPTIONS]\n"
    "       dunlin put KEY VALUE [--context TOKEN] [OPTIONS]\n"
    "       dunlin del KEY [--context TOKEN] [OPTIONS]\n"
    "\n"
    "get prints every sibling on a line of its own, and the context on standard error (or both "
    "with --json).\n"
    "put and del without --context read the key first and so supersede all that they have seen; "
    "with a context\n"
    "they supersede what that context has seen, and what was written meanwhile stays as a "
    "sibling.\n"
    "\n"
    "  --address HOST:PORT  of any node (default 127.0.0.1:7000)\n"
    "  --password TEXT\n"
    "  --r N, --w N         wait for N replicas instead of the keyspace's quorum\n"
    "  --json               one JSON object on standard output\n"
    "\n"
    "exit code: 0 done, 1 failed or no such key, 2 wrong usage\n"
    "\n"
    "examples:\n"
    "  dunlin put cart:17 apples\n"
    "  dunlin get cart:17 --json --r 1\n"
    "  dunlin put cart:17 pears --context AQHf...  --address 127.0.0.1:7002\n";

enum { KEY_ARGUMENTS_MAX = 8 };

struct key_command {
    struct client_options client;
    const char *context, *quorum;
    bool json;
    const char *key, *value;
};

enum option_name {
    OPTION_ADDRESS = 256,
    OPTION_PASSWORD,
    OPTION_CONTEXT,
    OPTION_QUORUM,
    OPTION_JSON,
    OPTION_HELP
};

static const struct option OPTIONS[] = {
    {"address", required_argument, NULL, OPTION_ADDRESS},
    {"password", required_argument, NULL, OPTION_PASSWORD},
    {"context", required_argument, NULL, OPTION_CONTEXT},
    {"r", required_argument, NULL, OPTION_QUORUM},
    {"w", required_argument, NULL, OPTION_QUORUM},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

/* -1 when the command should run, else the exit code. */
static int parse(struct key_command *command, int argc, char **argv, int texts) {
    int option;
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case OPTION_ADDRESS:
            command->client.address = optarg;
            break;
        case OPTION_PASSWORD:
            command->client.password = optarg;
            break;
        case OPTION_CONTEXT:
            command->context = optarg;
            break;
        case OPTION_QUORUM:
            command->quorum = optarg;
            break;
        case OPTION_JSON:
            command->json = true;
            break;
        case OPTION_HELP:
            fputs(USAGE, stdout);
            return EXIT_DONE;
        default:
            fprintf(stderr, "dunlin: `dunlin %s --help` tells the options\n", argv[0]);
            return EXIT_USAGE;
        }
    }
    if (argc - optind != texts) {
        fprintf(stderr, "dunlin: %s takes %s; `dunlin %s --help` tells more\n", argv[0],
                texts == 2 ? "a key and a value" : "a key", argv[0]);
        return EXIT_USAGE;
    }
    command->key = argv[optind];
    command->value = texts == 2 ? argv[optind + 1] : NULL;
    return -1;
}

static redisReply *ask(redisContext *connection, const char *const *texts) {
    const char *argv[KEY_ARGUMENTS_MAX];
    size_t sizes[KEY_ARGUMENTS_MAX];
    int argc = 0;
    for (; argc < KEY_ARGUMENTS_MAX && texts[argc] != NULL; argc++) {
        argv[argc] = texts[argc];
        sizes[argc] = strlen(texts[argc]);
    }
    return client_ask(connection, argc, argv, sizes);
}

static redisReply *read_key(redisContext *connection, const struct key_command *command) {
    const char *texts[] = {"DGET", command->key, command->quorum != NULL ? "R" : NULL,
                           command->quorum, NULL};
    redisReply *reply = ask(connection, texts);
    if (reply != NULL && (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0)) {
        fputs("dunlin: the node's answer is not what DGET returns; is it a dunlin node?\n", stderr);
        freeReplyObject(reply);
        return NULL;
    }
    return reply;
}

static void print_siblings(const redisReply *reply, bool json) {
    const redisReply *context = reply->element[0];
    if (!json) {
        for (size_t i = 1; i < reply->elements; i++) {
            fwrite(reply->element[i]->str, 1, reply->element[i]->len, stdout);
            putchar('\n');
        }
        fprintf(stderr, "context %s\n", context->str);
        return;
    }
    fputs("{\"context\":", stdout);
    client_print_json(context->str, context->len);
    fputs(",\"values\":[", stdout);
    for (size_t i = 1; i < reply->elements; i++) {
        if (i > 1)
            putchar(',');
        client_print_json(reply->element[i]->str, reply->element[i]->len);
    }
    puts("]}");
}

int subcommand_get(int argc, char **argv) {
    struct key_command command = {0};
    int code = parse(&command, argc, argv, 1);
    if (code >= 0)
        return code;
    redisContext *connection = client_open(&command.client);
    if (connection == NULL)
        return EXIT_FAILED;
    redisReply *reply = read_key(connection, &command);
    code = EXIT_FAILED;
    if (reply != NULL) {
        code = reply->elements > 1 ? EXIT_DONE : EXIT_FAILED;
        if (code == EXIT_FAILED && !command.json)
            fprintf(stderr, "dunlin: no value under '%s'\n", command.key);
        else
            print_siblings(reply, command.json);
        freeReplyObject(reply);
    }
    redisFree(connection);
    return code;
}

/* Writes or deletes under the given context, or under what a read finds. */
static redisReply *change_key(redisContext *connection, const struct key_command *command) {
    redisReply *seen = NULL;
    const char *context = command->context;
    if (context == NULL) {
        struct key_command as_configured = *command;
        as_configured.quorum = NULL;
        seen = read_key(connection, &as_configured);
        if (seen == NULL)
            return NULL;
        context = seen->element[0]->str;
    }
    const char *quorum_word = command->quorum != NULL ? "W" : NULL;
    const char *put[] = {"DSET",      command->key,    context, command->value,
                         quorum_word, command->quorum, NULL};
    const char *del[] = {"DDEL", command->key, context, quorum_word, command->quorum, NULL};
    redisReply *reply = ask(connection, command->value != NULL ? put : del);
    if (seen != NULL)
        freeReplyObject(seen);
    return reply;
}

static int run_change(int argc, char **argv, int texts) {
    struct key_command command = {0};
    int code = parse(&command, argc, argv, texts);
    if (code >= 0)
        return code;
    redisContext *connection = client_open(&command.client);
    if (connection == NULL)
        return EXIT_FAILED;
    redisReply *reply = change_key(connection, &command);
    code = reply != NULL ? EXIT_DONE : EXIT_FAILED;
    if (reply != NULL) {
        if (command.json) {
            fputs("{\"context\":", stdout);
            client_print_json(reply->str, reply->len);
            puts("}");
        } else {
            fprintf(stderr, "context %s\n", reply->str);
        }
        freeReplyObject(reply);
    }
    redisFree(connection);
    return code;
}

int subcommand_put(int argc, char **argv) {
    return run_change(argc, argv, 2);
}

int subcommand_del(int argc, char **argv) {
    return run_change(argc, argv, 1);
}
