/* transcript: what a client says and what it must hear, as text.
 *
 *     struct transcript client = transcript_open(&(struct fake_options){0});
 *     transcript_says(&client, "SET k v\r\n", "+OK\r\n");
 *     transcript_says(&client, "GET k\r\nGET nothing\r\n", "$1\r\nv\r\n$-1\r\n");
 *     transcript_close(&client);
 */
#ifndef DUNLIN_TESTS_TRANSCRIPT_H
#define DUNLIN_TESTS_TRANSCRIPT_H

#include "tests/node/support/fake_core.h"

struct transcript {
    struct node *core;
    struct session *session;
};

struct transcript transcript_open(const struct fake_options *options);
void transcript_close(struct transcript *client);
void transcript_sends(struct transcript *client, const char *text);
/* Everything that came back since the last time is exactly this. */
void transcript_hears(struct transcript *client, const char *expected);
void transcript_says(struct transcript *client, const char *text, const char *expected);
/* The reply begins so. */
void transcript_says_begin(struct transcript *client, const char *text, const char *begin);
/* The reply as zero-terminated text, valid until the next call. */
const char *transcript_reply(struct transcript *client, const char *text);

#endif
