#include "tests/node/support/whole/small_cluster_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants these before it. */
#include <cmocka.h>

static void put_command(struct buffer *to, va_list words) {
    char line[32];
    struct buffer body = {0};
    uint32_t count = 0;
    for (const char *word = va_arg(words, const char *); word != NULL;
         word = va_arg(words, const char *)) {
        (void)snprintf(line, sizeof line, "$%zu\r\n", strlen(word));
        buffer_append(&body, bytes_of_text(line));
        buffer_append(&body, bytes_of_text(word));
        buffer_append(&body, bytes_of_text("\r\n"));
        count++;
    }
    (void)snprintf(line, sizeof line, "*%u\r\n", count);
    buffer_append(to, bytes_of_text(line));
    buffer_append(to, buffer_bytes(&body));
    buffer_deinit(&body);
}

static void send_command(struct small_cluster *cluster, uint32_t index, va_list words) {
    struct small_node *small = &cluster->nodes[index];
    assert_non_null(small->node);
    if (small->client.value == 0) {
        small->client = small_cluster_open(cluster, index, LINK_CLIENT);
        buffer_clear(&small->client_output);
    }
    struct queued_event *queued = small_queue_add(cluster, index, EVENT_LINK_BYTES);
    queued->event.link = small->client;
    put_command(&queued->bytes, words);
}

static struct bytes take_line(struct reader *reader) {
    const uint8_t *end = reader->left < 2 ? NULL : memchr(reader->data, '\r', reader->left - 1);
    if (end == NULL) {
        reader->failed = true;
        return (struct bytes){0};
    }
    struct bytes line = reader_take(reader, (size_t)(end - reader->data));
    (void)reader_take(reader, 2);
    return line;
}

static long number_of(struct bytes line) {
    char text[32] = {0};
    memcpy(text, line.data + 1, line.size - 1 < 31 ? line.size - 1 : 31);
    return strtol(text, NULL, 10);
}

/* Appends one reply as text; reader->failed when it is not complete yet. */
static void show_reply(struct reader *reader, struct buffer *text) {
    struct bytes line = take_line(reader);
    if (reader->failed || line.size == 0)
        return;
    long count;
    switch (line.data[0]) {
    case '$':
        count = number_of(line);
        if (count < 0) {
            buffer_append(text, bytes_of_text("(nil)"));
            return;
        }
        buffer_append(text, reader_take(reader, (size_t)count));
        (void)reader_take(reader, 2);
        return;
    case '*':
        count = number_of(line);
        buffer_append(text, bytes_of_text("["));
        for (long i = 0; i < count && !reader->failed; i++) {
            if (i > 0)
                buffer_append(text, bytes_of_text(", "));
            show_reply(reader, text);
        }
        buffer_append(text, bytes_of_text("]"));
        return;
    default:
        buffer_append(text, line);
    }
}

static char *next_reply(struct small_cluster *cluster) {
    return cluster->replies[cluster->reply_count++ % REPLIES_KEPT];
}

static bool take_reply(struct small_cluster *cluster, uint32_t index, char *into) {
    struct buffer *output = &cluster->nodes[index].client_output;
    struct reader reader = reader_of(buffer_bytes(output));
    struct buffer text = {0};
    show_reply(&reader, &text);
    bool complete = !reader.failed;
    if (complete) {
        (void)snprintf(into, sizeof cluster->replies[0], "%.*s", (int)text.size,
                       (const char *)text.data);
        buffer_consume(output, output->size - reader.left);
    }
    buffer_deinit(&text);
    return complete;
}

/* A reply that comes after all must not be taken for that of the next command. */
static void hang_up(struct small_cluster *cluster, uint32_t index) {
    struct small_node *small = &cluster->nodes[index];
    uint32_t end;
    struct connection *connection = small_links_find(cluster, index, small->client, &end);
    if (connection != NULL)
        small_links_close(cluster, connection, (int)(1 - end));
    small->client.value = 0;
}

const char *small_cluster_reply(struct small_cluster *cluster, uint32_t index) {
    char *into = next_reply(cluster);
    struct instant until = instant_after(cluster->now, duration_of_seconds(30));
    while (!take_reply(cluster, index, into)) {
        if (cluster->nodes[index].node == NULL)
            return "(down)";
        if (!small_cluster_advance(cluster, until)) {
            hang_up(cluster, index);
            return "(no reply)";
        }
    }
    return into;
}

void small_cluster_send(struct small_cluster *cluster, uint32_t index, ...) {
    va_list words;
    va_start(words, index);
    send_command(cluster, index, words);
    va_end(words);
}

const char *small_cluster_ask(struct small_cluster *cluster, uint32_t index, ...) {
    va_list words;
    va_start(words, index);
    send_command(cluster, index, words);
    va_end(words);
    return small_cluster_reply(cluster, index);
}

const char *small_cluster_context(struct small_cluster *cluster, uint32_t node, const char *key) {
    const char *reply = small_cluster_ask(cluster, node, "DGET", key, NULL);
    char *into = next_reply(cluster);
    size_t size = strcspn(reply + 1, ",]");
    assert_int_equal(reply[0], '[');
    (void)snprintf(into, sizeof cluster->replies[0], "%.*s", (int)size, reply + 1);
    return into;
}

const char *small_cluster_values(struct small_cluster *cluster, uint32_t node, const char *key) {
    const char *reply = small_cluster_ask(cluster, node, "DGET", key, NULL);
    if (reply[0] != '[')
        return reply;
    const char *comma = strchr(reply, ',');
    char *into = next_reply(cluster);
    (void)snprintf(into, sizeof cluster->replies[0], "[%s", comma == NULL ? "]" : comma + 2);
    return into;
}
