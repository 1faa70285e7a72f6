#include "server/client.h"

#include "server/address.h"

#include <stdio.h>
#include <string.h>

static const char DEFAULT_ADDRESS[] = "127.0.0.1:7000";
enum { CONNECT_SECONDS = 3 };

redisContext *client_open(const struct client_options *options) {
    const char *address = options->address != NULL ? options->address : DEFAULT_ADDRESS;
    char host[ADDRESS_TEXT_SIZE];
    int port;
    if (!address_split(address, host, &port)) {
        fprintf(stderr, "dunlin: '%s' is not an address: write HOST:PORT\n", address);
        return NULL;
    }
    struct timeval timeout = {.tv_sec = CONNECT_SECONDS};
    redisContext *connection = redisConnectWithTimeout(host, port, timeout);
    if (connection == NULL || connection->err != 0) {
        fprintf(stderr,
                "dunlin: no node answers at %s (%s); is it running? --address tells where\n",
                address, connection == NULL ? "out of memory" : connection->errstr);
        if (connection != NULL)
            redisFree(connection);
        return NULL;
    }
    if (options->password != NULL) {
        const char *argv[] = {"AUTH", options->password};
        const size_t sizes[] = {4, strlen(options->password)};
        redisReply *reply = client_ask(connection, 2, argv, sizes);
        if (reply == NULL) {
            redisFree(connection);
            return NULL;
        }
        freeReplyObject(reply);
    }
    return connection;
}

redisReply *client_ask(redisContext *connection, int argc, const char **argv, const size_t *sizes) {
    redisReply *reply = redisCommandArgv(connection, argc, argv, sizes);
    if (reply == NULL) {
        fprintf(stderr, "dunlin: the node closed the connection (%s)\n", connection->errstr);
        return NULL;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        fprintf(stderr, "dunlin: %s\n", reply->str);
        freeReplyObject(reply);
        return NULL;
    }
    return reply;
}

/* How many bytes the UTF-8 sequence at text[0] has; 0 when it is not one. */
static size_t utf8_size(const unsigned char *text, size_t left) {
    size_t size = text[0] < 0x80                      ? 1
                  : text[0] >= 0xc2 && text[0] < 0xe0 ? 2
                  : (text[0] & 0xf0) == 0xe0          ? 3
                  : text[0] >= 0xf0 && text[0] < 0xf5 ? 4
                                                      : 0;
    if (size > left)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    return size;
}

void client_print_json(const char *text, size_t size) {
    const unsigned char *bytes = (const unsigned char *)text;
    putchar('"');
    for (size_t i = 0; i < size;) {
        size_t step = utf8_size(bytes + i, size - i);
        if (bytes[i] == '"' || bytes[i] == '\\')
            printf("\\%c", bytes[i]);
        else if (step == 0 || bytes[i] < 0x20)
            printf("\\u%04x", bytes[i]);
        else
            fwrite(bytes + i, 1, step, stdout);
        i += step == 0 ? 1 : step;
    }
    putchar('"');
}
