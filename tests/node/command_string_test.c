#include "tests/node/support/transcript.h"

#include "engine/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct fake_options USUAL = {0};

static void plain_commands_behave_as_in_redis(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    transcript_says(&client, "GET k\r\nSTRLEN k\r\nTYPE k\r\nTTL k\r\nPTTL k\r\nEXISTS k\r\n",
                    "$-1\r\n:0\r\n+none\r\n:-2\r\n:-2\r\n:0\r\n");
    transcript_says(&client,
                    "set k hello\r\nget k\r\nstrlen k\r\ntype k\r\nttl k\r\nexists k k\r\n",
                    "+OK\r\n$5\r\nhello\r\n:5\r\n+string\r\n:-1\r\n:2\r\n");
    transcript_says(&client, "SET k \"\"\r\nGET k\r\nEXISTS k\r\n", "+OK\r\n$0\r\n\r\n:1\r\n");
    transcript_says(&client, "DEL k\r\nDEL k\r\nGET k\r\nUNLINK k\r\n",
                    ":1\r\n:0\r\n$-1\r\n:0\r\n");
    transcript_close(&client);
}

static void many_keys_are_answered_in_their_order(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    transcript_says(&client, "MSET a 1 b 2 c 3\r\n", "+OK\r\n");
    transcript_says(&client, "MGET c none a a\r\n",
                    "*4\r\n$1\r\n3\r\n$-1\r\n$1\r\n1\r\n$1\r\n1\r\n");
    transcript_says(&client, "EXISTS a b none c\r\n", ":3\r\n");
    transcript_says(&client, "DEL a none b\r\nEXISTS a b c\r\n", ":2\r\n:1\r\n");
    (void)transcript_reply(&client, "HELLO 3\r\n");
    transcript_says(&client, "MGET c none\r\n", "*2\r\n$1\r\n3\r\n_\r\n");
    transcript_close(&client);
}

static void a_key_named_twice_in_one_write_has_the_last_value(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    fake_core_hold(client.core, true);
    transcript_sends(&client, "MSET k 1 other 2 k 3\r\n");
    assert_int_equal(fake_core_waiting(client.core), 2);
    fake_core_finish(client.core, 1);
    fake_core_finish(client.core, 0);
    fake_core_hold(client.core, false);
    transcript_says(&client, "GET k\r\nDEL k k k\r\n", "+OK\r\n$1\r\n3\r\n:1\r\n");
    transcript_close(&client);
}

/* The last of `count` values of each of 10 keys must win, and all replies must come. */
static void write_many(struct transcript *client, uint32_t count) {
    struct buffer request = {0};
    text_append(&request, "MSET");
    for (uint32_t i = 0; i < count; i++) {
        text_append(&request, " key");
        text_append_u64(&request, i % 10);
        text_append(&request, " ");
        text_append_u64(&request, i);
    }
    text_append(&request, "\r\n");
    session_receive(client->session, buffer_bytes(&request));
    buffer_deinit(&request);
}

static void a_key_named_often_among_many_has_the_last_value(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    write_many(&client, 1000);
    assert_int_equal(fake_core_operation_count(client.core), 10);
    transcript_hears(&client, "+OK\r\n");
    transcript_says(&client, "MGET key0 key9\r\n", "*2\r\n$3\r\n990\r\n$3\r\n999\r\n");
    transcript_close(&client);
}

static void a_command_over_very_many_keys_runs_a_bounded_number_at_once(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    fake_core_hold(client.core, true);
    struct buffer request = {0};
    text_append(&request, "MSET");
    for (uint32_t i = 0; i < 500; i++) {
        text_append(&request, " k");
        text_append_u64(&request, i);
        text_append(&request, " v");
        text_append_u64(&request, i);
    }
    text_append(&request, "\r\n");
    session_receive(client.session, buffer_bytes(&request));
    memset(request.data, 'x', request.size); /* the session may not look at it any more */
    while (fake_core_waiting(client.core) > 0)
        fake_core_finish(client.core, fake_core_waiting(client.core) / 2);
    transcript_hears(&client, "+OK\r\n");
    assert_int_equal(fake_core_operation_count(client.core), 500);
    assert_int_equal(fake_core_waiting_most(client.core), 64);
    fake_core_hold(client.core, false);
    transcript_says(&client, "MGET k0 k63 k64 k499\r\n",
                    "*4\r\n$2\r\nv0\r\n$3\r\nv63\r\n$3\r\nv64\r\n$4\r\nv499\r\n");
    buffer_deinit(&request);
    transcript_close(&client);
}

static void an_mget_that_is_too_large_is_an_error_and_not_memory(void **state) {
    (void)state;
    struct transcript client =
        transcript_open(&(struct fake_options){.client_output_bytes_max = 1 << 18});
    struct buffer set = {0};
    text_append(&set, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n");
    memset(buffer_reserve(&set, 1000000), 'v', 1000000);
    set.size += 1000000;
    text_append(&set, "\r\n");
    session_receive(client.session, buffer_bytes(&set));
    transcript_hears(&client, "+OK\r\n");
    transcript_says_begin(&client, "MGET k k\r\n", "-ERR the values together are more");
    buffer_deinit(&set);
    transcript_close(&client);
}

static void what_cannot_be_offered_says_so(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    transcript_says_begin(&client, "SET k v EX 10\r\n", "-ERR SET does not offer the option 'EX'");
    transcript_says_begin(&client, "SET k v NX\r\n", "-ERR SET does not offer the option 'NX'");
    transcript_says_begin(&client, "MULTI\r\n", "-ERR MULTI is not offered: ");
    transcript_says_begin(&client, "watch k\r\n", "-ERR WATCH is not offered: ");
    transcript_says_begin(&client, "EXPIRE k 1\r\n", "-ERR EXPIRE is not offered: ");
    transcript_says(&client, "FOO a \"b\\r\\nc\"\r\n",
                    "-ERR unknown command 'FOO', with args beginning with: 'a' 'b??c' \r\n");
    transcript_says(&client, "GET\r\nGET a b\r\nMSET a\r\nMSET a 1 b\r\n",
                    "-ERR wrong number of arguments for 'get' command\r\n"
                    "-ERR wrong number of arguments for 'get' command\r\n"
                    "-ERR wrong number of arguments for 'mset' command\r\n"
                    "-ERR wrong number of arguments for 'mset' command\r\n");
    assert_int_equal(fake_core_operation_count(client.core), 0);
    transcript_close(&client);
}

static void each_failure_has_its_own_error(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    static const struct {
        enum operation_status status;
        const char *write;
        const char *read;
    } CASES[] = {
        {OPERATION_REFUSED, "-REFUSED nothing was written: why\r\n",
         "-REFUSED nothing was read: why\r\n"},
        {OPERATION_UNAVAILABLE,
         "-UNAVAILABLE nothing was written, too few replicas can be reached: why\r\n",
         "-UNAVAILABLE too few replicas can be reached: why\r\n"},
        {OPERATION_IN_DOUBT, "-INDOUBT the write may or may not have happened: why\r\n",
         "-UNAVAILABLE too few replicas answered in time: why\r\n"},
        {OPERATION_BUSY, "-BUSY nothing was written, ask again later: why\r\n",
         "-BUSY ask again later: why\r\n"},
        {OPERATION_FAILED, "-ERR the store of this node has failed: why\r\n",
         "-ERR the store of this node has failed: why\r\n"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        fake_core_fail(client.core, 0, CASES[i].status, "why");
        transcript_says(&client, "SET k v\r\n", CASES[i].write);
        transcript_says(&client, "DEL k\r\n", CASES[i].write);
        transcript_says(&client, "DSET k \"\" v\r\n", CASES[i].write);
        transcript_says(&client, "GET k\r\n", CASES[i].read);
        transcript_says(&client, "MGET k l\r\n", CASES[i].read);
        transcript_says(&client, "DGET k\r\n", CASES[i].read);
        transcript_says(&client, "SCAN 0\r\n", CASES[i].read);
    }
    transcript_close(&client);
}

static void a_write_of_many_keys_that_half_failed_is_in_doubt(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    fake_core_fail(client.core, 2, OPERATION_UNAVAILABLE, "why");
    transcript_says(&client, "MSET a 1 b 2 c 3\r\n",
                    "-INDOUBT 2 of 3 keys were written, the others were not: why\r\n");
    fake_core_fail(client.core, 0, OPERATION_UNAVAILABLE, "why");
    transcript_says(&client, "MSET a 1 b 2 c 3\r\n",
                    "-UNAVAILABLE nothing was written, too few replicas can be reached: why\r\n");
    fake_core_fail(client.core, 1, OPERATION_IN_DOUBT, "why");
    transcript_says(&client, "DEL a b\r\n",
                    "-INDOUBT 1 of 2 keys were written, others may have been: why\r\n");
    fake_core_fail(client.core, 0, OPERATION_OK, NULL);
    transcript_says(&client, "MGET a b c\r\n", "*3\r\n$-1\r\n$-1\r\n$-1\r\n");
    transcript_close(&client);
}

static void siblings_are_an_error_where_the_keyspace_says_so(void **state) {
    (void)state;
    static const char TWO[] = "DSET k \"\" one\r\nDSET k \"\" two\r\n";
    struct transcript client = transcript_open(&(struct fake_options){.siblings = KEYSPACE_ERROR});
    transcript_sends(&client, TWO);
    (void)transcript_reply(&client, "");
    transcript_says_begin(&client, "GET k\r\n", "-SIBLINGS the key has 2 concurrent values");
    transcript_says_begin(&client, "MGET x k\r\n", "-SIBLINGS the key has 2 concurrent values");
    transcript_says_begin(&client, "STRLEN k\r\n", "-SIBLINGS");
    transcript_says(&client, "EXISTS k\r\nTYPE k\r\n", ":1\r\n+string\r\n");
    transcript_says(&client, "SET k three\r\nGET k\r\n", "+OK\r\n$5\r\nthree\r\n");
    transcript_close(&client);
    client = transcript_open(&USUAL);
    transcript_sends(&client, TWO);
    (void)transcript_reply(&client, "");
    transcript_says(&client, "GET k\r\n", "$3\r\ntwo\r\n");
    transcript_close(&client);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_commands_behave_as_in_redis),
        cmocka_unit_test(many_keys_are_answered_in_their_order),
        cmocka_unit_test(a_key_named_twice_in_one_write_has_the_last_value),
        cmocka_unit_test(a_key_named_often_among_many_has_the_last_value),
        cmocka_unit_test(a_command_over_very_many_keys_runs_a_bounded_number_at_once),
        cmocka_unit_test(an_mget_that_is_too_large_is_an_error_and_not_memory),
        cmocka_unit_test(what_cannot_be_offered_says_so),
        cmocka_unit_test(each_failure_has_its_own_error),
        cmocka_unit_test(a_write_of_many_keys_that_half_failed_is_in_doubt),
        cmocka_unit_test(siblings_are_an_error_where_the_keyspace_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
