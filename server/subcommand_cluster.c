/* dunlin cluster status: who the members are, how one of them sees the others, and what each says of itself. */
#include "server/client.h"
#include "server/subcommand.h"

#include "engine/base/check.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char USAGE[] =
    "usage: dunlin cluster status [OPTIONS]\n"
    "\n"
    "Asks one node for the members and how it sees them, then each member for its own figures.\n"
    "\n"
    "  --address HOST:PORT  of any node's client port (default 127.0.0.1:7000)\n"
    "  --password TEXT\n"
    "  --json               one JSON object on standard output\n"
    "\n"
    "exit code: 0 every member answers, 1 some do not or the node cannot be reached, 2 wrong "
    "usage\n"
    "\n"
    "examples:\n"
    "  dunlin cluster status\n"
    "  dunlin cluster status --address 10.0.0.2:7000 --password correct-horse --json\n";

enum { STATUS_MEMBERS_MAX = 1024, STATUS_TEXT_SIZE = 64 };

/* What is shown of a member; texts are empty when it did not answer. */
struct member_row {
    char address[STATUS_TEXT_SIZE + 8];
    bool seen_alive;
    bool answers;
    char name[STATUS_TEXT_SIZE], uptime[STATUS_TEXT_SIZE], keys[STATUS_TEXT_SIZE];
    char hints[STATUS_TEXT_SIZE], clients[STATUS_TEXT_SIZE], incarnation[STATUS_TEXT_SIZE];
};

/* Copies the value behind "name:" in an INFO text. */
static void copy_figure(const char *info, const char *name, char to[STATUS_TEXT_SIZE]) {
    char wanted[STATUS_TEXT_SIZE];
    snprintf(wanted, sizeof wanted, "\n%s:", name);
    const char *found = strstr(info, wanted);
    if (found == NULL)
        return;
    found += strlen(wanted);
    size_t size = strcspn(found, ",\r\n");
    if (size >= STATUS_TEXT_SIZE)
        size = STATUS_TEXT_SIZE - 1;
    memcpy(to, found, size);
    to[size] = 0;
}

static void ask_member(struct member_row *row, const struct client_options *options) {
    struct client_options member = {.address = row->address, .password = options->password};
    redisContext *connection = client_open(&member);
    if (connection == NULL)
        return;
    redisReply *reply = client_ask(connection, 1, (const char *[]){"INFO"}, (const size_t[]){4});
    if (reply != NULL && reply->str != NULL) {
        row->answers = true;
        copy_figure(reply->str, "node_name", row->name);
        copy_figure(reply->str, "uptime_in_seconds", row->uptime);
        copy_figure(reply->str, "connected_clients", row->clients);
        copy_figure(reply->str, "hints_pending", row->hints);
        copy_figure(reply->str, "incarnation", row->incarnation);
        copy_figure(reply->str, "db0", row->keys); /* "keys=N" */
    }
    if (reply != NULL)
        freeReplyObject(reply);
    redisFree(connection);
}

/* Reads the lines of CLUSTER NODES: "id host:port@bus flags master ping pong epoch state slots". */
static unsigned parse_members(char *text, struct member_row *rows) {
    unsigned count = 0;
    char *rest;
    for (char *line = strtok_r(text, "\r\n", &rest); line != NULL && count < STATUS_MEMBERS_MAX;
         line = strtok_r(NULL, "\r\n", &rest)) {
        char address[STATUS_TEXT_SIZE + 8], flags[STATUS_TEXT_SIZE];
        if (sscanf(line, "%*s %71[^@ ]%*s %63s", address, flags) != 2)
            continue;
        struct member_row *row = &rows[count++];
        memset(row, 0, sizeof *row);
        strcpy(row->address, address);
        row->seen_alive = strstr(flags, "fail") == NULL;
    }
    return count;
}

static const char *or_dash(const char *text) {
    return text[0] == 0 ? "-" : text;
}

/* The figure itself of "keys=17". */
static const char *after_equals(const char *text) {
    const char *equals = strchr(text, '=');
    return equals != NULL ? equals + 1 : text;
}

static void print_table(const struct member_row *rows, unsigned count) {
    printf("%-12s %-22s %-8s %-8s %10s %8s %8s %9s\n", "member", "clients at", "seen as", "answers",
           "uptime s", "keys", "hints", "clients");
    for (unsigned i = 0; i < count; i++)
        printf("%-12s %-22s %-8s %-8s %10s %8s %8s %9s\n", or_dash(rows[i].name), rows[i].address,
               rows[i].seen_alive ? "alive" : "failing", rows[i].answers ? "yes" : "no",
               or_dash(rows[i].uptime), or_dash(after_equals(rows[i].keys)), or_dash(rows[i].hints),
               or_dash(rows[i].clients));
}

static void print_number(const char *name, const char *value) {
    printf(",\"%s\":%s", name, value[0] == 0 ? "null" : value);
}

static void print_json(const struct member_row *rows, unsigned count) {
    fputs("{\"members\":[", stdout);
    for (unsigned i = 0; i < count; i++) {
        printf("%s{\"name\":", i > 0 ? "," : "");
        client_print_json(rows[i].name, strlen(rows[i].name));
        fputs(",\"address\":", stdout);
        client_print_json(rows[i].address, strlen(rows[i].address));
        printf(",\"seen_alive\":%s,\"answers\":%s", rows[i].seen_alive ? "true" : "false",
               rows[i].answers ? "true" : "false");
        print_number("uptime_seconds", rows[i].uptime);
        print_number("keys", after_equals(rows[i].keys));
        print_number("hints_pending", rows[i].hints);
        print_number("clients", rows[i].clients);
        print_number("incarnation", rows[i].incarnation);
        putchar('}');
    }
    puts("]}");
}

static int show_status(const struct client_options *options, bool json) {
    redisContext *connection = client_open(options);
    if (connection == NULL)
        return EXIT_FAILED;
    redisReply *reply =
        client_ask(connection, 2, (const char *[]){"CLUSTER", "NODES"}, (const size_t[]){7, 5});
    redisFree(connection);
    if (reply == NULL)
        return EXIT_FAILED;
    struct member_row *rows = calloc(STATUS_MEMBERS_MAX, sizeof *rows);
    CHECK(rows != NULL);
    unsigned count = reply->str != NULL ? parse_members(reply->str, rows) : 0, answering = 0;
    freeReplyObject(reply);
    for (unsigned i = 0; i < count; i++) {
        ask_member(&rows[i], options);
        answering += rows[i].answers;
    }
    if (json)
        print_json(rows, count);
    else
        print_table(rows, count);
    free(rows);
    return answering == count ? EXIT_DONE : EXIT_FAILED;
}

enum option_name { OPTION_ADDRESS = 256, OPTION_PASSWORD, OPTION_JSON, OPTION_HELP };

static const struct option OPTIONS[] = {
    {"address", required_argument, NULL, OPTION_ADDRESS},
    {"password", required_argument, NULL, OPTION_PASSWORD},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

int subcommand_cluster(int argc, char **argv) {
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
            fputs("dunlin: `dunlin cluster --help` tells the options\n", stderr);
            return EXIT_USAGE;
        }
    }
    if (argc - optind != 1 || strcmp(argv[optind], "status") != 0) {
        fputs("dunlin: say `dunlin cluster status`; `dunlin cluster --help` tells more\n", stderr);
        return EXIT_USAGE;
    }
    return show_status(&options, json);
}
