#include "tests/node/support/transcript.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { LINK = 1 };

struct transcript transcript_open(const struct fake_options *options) {
    struct transcript client = {.core = fake_core_create(options)};
    client.session = fake_core_connect(client.core, LINK);
    return client;
}

void transcript_close(struct transcript *client) {
    fake_core_destroy(client->core);
}

void transcript_sends(struct transcript *client, const char *text) {
    session_receive(client->session, bytes_of_text(text));
}

static const char *heard(struct transcript *client) {
    static struct buffer text;
    buffer_clear(&text);
    buffer_append(&text, fake_core_output(client->core, LINK));
    buffer_put_u8(&text, 0);
    return (const char *)text.data;
}

void transcript_hears(struct transcript *client, const char *expected) {
    assert_string_equal(heard(client), expected);
}

void transcript_says(struct transcript *client, const char *text, const char *expected) {
    transcript_sends(client, text);
    transcript_hears(client, expected);
}

const char *transcript_reply(struct transcript *client, const char *text) {
    transcript_sends(client, text);
    return heard(client);
}

void transcript_says_begin(struct transcript *client, const char *text, const char *begin) {
    const char *reply = transcript_reply(client, text);
    if (!bytes_start_with(bytes_of_text(reply), bytes_of_text(begin)))
        fail_msg("to '%s' came '%s', which does not begin with '%s'", text, reply, begin);
}
