#include "tests/node/support/transcript.h"

#include "engine/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const struct fake_options USUAL = {0};

/* The first bulk string of a reply: a context. Valid until the next call. */
static const char *context_in(const char *reply) {
    static char context[256];
    const char *at = reply;
    while (*at != '$')
        at++;
    unsigned size = 0;
    for (at++; *at != '\r'; at++)
        size = size * 10 + (unsigned)(*at - '0');
    assert_true(size < sizeof context);
    memcpy(context, at + 2, size);
    context[size] = 0;
    return context;
}

/* Sends `format` with the context in the place of its %s. */
static const char *reply_with(struct transcript *client, const char *format, const char *context) {
    static char request[512];
    char copy[256];
    (void)snprintf(copy, sizeof copy, "%s", context);
    (void)snprintf(request, sizeof request, format, copy);
    return transcript_reply(client, request);
}

static void nothing_seen_is_the_empty_context(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    transcript_says(&client, "DGET k\r\n", "*1\r\n$0\r\n\r\n");
    transcript_says(&client, "DLOCAL k\r\n", "*0\r\n");
    transcript_close(&client);
}

static void concurrent_writes_become_siblings_and_a_context_merges_them(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    (void)transcript_reply(&client, "DSET k \"\" apples\r\n");
    (void)transcript_reply(&client, "DSET k \"\" pears\r\n");
    const char *both = transcript_reply(&client, "DGET k\r\n");
    assert_true(bytes_start_with(bytes_of_text(both), bytes_of_text("*3\r\n$")));
    assert_non_null(strstr(both, "$6\r\napples\r\n$5\r\npears\r\n"));
    const char *context = context_in(both);
    const char *merged = reply_with(&client, "DSET k %s basket\r\n", context);
    assert_true(merged[0] == '$');
    const char *one = transcript_reply(&client, "DGET k\r\n");
    assert_true(bytes_start_with(bytes_of_text(one), bytes_of_text("*2\r\n$")));
    assert_non_null(strstr(one, "$6\r\nbasket\r\n"));
    transcript_close(&client);
}

static void a_delete_takes_away_only_what_its_context_covers(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    char old[256];
    (void)snprintf(old, sizeof old, "%s",
                   context_in(transcript_reply(&client, "DSET k \"\" seen\r\n")));
    (void)transcript_reply(&client, "DSET k \"\" unseen\r\n");
    (void)reply_with(&client, "DDEL k %s\r\n", old);
    const char *left = transcript_reply(&client, "DGET k\r\n");
    assert_null(strstr(left, "$4\r\nseen\r\n"));
    assert_non_null(strstr(left, "$6\r\nunseen\r\n"));
    transcript_close(&client);
}

static void what_is_local_shows_tombstones_too(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    (void)transcript_reply(&client, "SET k v\r\n");
    transcript_says_begin(&client, "DLOCAL k\r\n",
                          "*1\r\n*5\r\n$16\r\n0000000000000ac7\r\n:1\r\n:111411200");
    const char *context = context_in(transcript_reply(&client, "DGET k\r\n"));
    (void)reply_with(&client, "DDEL k %s\r\n", context);
    const char *local = transcript_reply(&client, "DLOCAL k\r\n");
    assert_non_null(strstr(local, ":2\r\n"));
    assert_non_null(strstr(local, "$9\r\ntombstone\r\n$0\r\n\r\n"));
    const char *gone = transcript_reply(&client, "DGET k\r\n");
    assert_true(bytes_start_with(bytes_of_text(gone), bytes_of_text("*1\r\n$")));
    assert_true(strlen(context_in(gone)) > 0);
    transcript_close(&client);
}

static void a_context_that_fails_its_check_writes_nothing(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    char context[256];
    (void)snprintf(context, sizeof context, "%s",
                   context_in(transcript_reply(&client, "DSET k \"\" v\r\n")));
    uint64_t before = fake_core_operation_count(client.core);
    static const char *const WRONG[] = {"DSET other %s v\r\n", "DSET k %sA v\r\n",
                                        "DSET k x%s v\r\n", "DDEL other %s\r\n", "DDEL k %s!\r\n"};
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        const char *reply = reply_with(&client, WRONG[i], context);
        assert_true(bytes_start_with(bytes_of_text(reply), bytes_of_text("-BADCONTEXT ")));
    }
    assert_int_equal(fake_core_operation_count(client.core), before);
    transcript_close(&client);
}

static void quorums_may_be_asked_for(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    (void)transcript_reply(&client, "DGET k R 3 PR 1\r\n");
    assert_int_equal(fake_core_last_operation(client.core).r, 3);
    assert_int_equal(fake_core_last_operation(client.core).pr, 1);
    (void)transcript_reply(&client, "DSET k \"\" v w 1 dw 0 pw 2\r\n");
    assert_int_equal(fake_core_last_operation(client.core).w, 1);
    assert_int_equal(fake_core_last_operation(client.core).dw, 0);
    assert_int_equal(fake_core_last_operation(client.core).pw, 2);
    (void)transcript_reply(&client, "DDEL k \"\" W 3\r\n");
    assert_int_equal(fake_core_last_operation(client.core).kind, OPERATION_DELETE);
    assert_int_equal(fake_core_last_operation(client.core).w, 3);
    assert_int_equal(fake_core_last_operation(client.core).pw, QUORUM_DEFAULT);
    transcript_close(&client);
}

static void quorums_that_make_no_sense_are_refused(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    static const char *const WRONG[] = {
        "DGET k R\r\n",          "DGET k R 0\r\n",           "DGET k R 4\r\n",
        "DGET k W 1\r\n",        "DGET k R 1 R 1\r\n",       "DGET k R -1\r\n",
        "DSET k \"\" v R 1\r\n", "DSET k \"\" v W 1 PW\r\n", "DSET k \"\" v DW 4\r\n",
        "DDEL k \"\" W 255\r\n", "DDEL k \"\" X 1\r\n",
    };
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++)
        transcript_says_begin(&client, WRONG[i], "-ERR the option '");
    assert_int_equal(fake_core_operation_count(client.core), 0);
    transcript_close(&client);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_seen_is_the_empty_context),
        cmocka_unit_test(concurrent_writes_become_siblings_and_a_context_merges_them),
        cmocka_unit_test(a_delete_takes_away_only_what_its_context_covers),
        cmocka_unit_test(what_is_local_shows_tombstones_too),
        cmocka_unit_test(a_context_that_fails_its_check_writes_nothing),
        cmocka_unit_test(quorums_may_be_asked_for),
        cmocka_unit_test(quorums_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
