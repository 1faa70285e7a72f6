#include "tests/node/support/transcript.h"

#include "engine/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct fake_options USUAL = {0};

static void append_bulk(struct buffer *to, size_t size, uint8_t byte) {
    text_append(to, "$");
    text_append_u64(to, size);
    text_append(to, "\r\n");
    memset(buffer_reserve(to, size), byte, size);
    to->size += size;
    text_append(to, "\r\n");
}

/* --- order ---------------------------------------------------------------------------------------------------------- */

static void replies_leave_in_the_order_of_the_commands(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    transcript_says(&client, "SET a 1\r\nSET b 2\r\nSET c 3\r\n", "+OK\r\n+OK\r\n+OK\r\n");
    fake_core_hold(client.core, true);
    transcript_says(&client, "GET a\r\nGET b\r\nPING\r\nGET c\r\n", "");
    assert_int_equal(fake_core_waiting(client.core), 3);
    fake_core_finish(client.core, 2);
    transcript_hears(&client, "");
    fake_core_finish(client.core, 0);
    transcript_hears(&client, "$1\r\n1\r\n");
    fake_core_finish(client.core, 0);
    transcript_hears(&client, "$1\r\n2\r\n+PONG\r\n$1\r\n3\r\n");
    transcript_close(&client);
}

static void a_read_waits_for_an_earlier_write_of_its_key(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    fake_core_hold(client.core, true);
    transcript_sends(&client, "SET k 1\r\nGET k\r\nGET other\r\n");
    assert_int_equal(fake_core_waiting(client.core), 1);
    fake_core_finish(client.core, 0);
    assert_int_equal(fake_core_waiting(client.core), 2);
    fake_core_finish(client.core, 1);
    fake_core_finish(client.core, 0);
    transcript_hears(&client, "+OK\r\n$1\r\n1\r\n$-1\r\n");
    transcript_close(&client);
}

static void a_write_waits_for_an_earlier_read_of_its_key(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    fake_core_hold(client.core, true);
    transcript_sends(&client, "GET k\r\nGET k\r\nSET k 1\r\n");
    assert_int_equal(fake_core_waiting(client.core), 2);
    fake_core_finish(client.core, 1);
    assert_int_equal(fake_core_waiting(client.core), 1);
    fake_core_finish(client.core, 0);
    assert_int_equal(fake_core_waiting(client.core), 1);
    fake_core_finish(client.core, 0);
    transcript_hears(&client, "$-1\r\n$-1\r\n+OK\r\n");
    transcript_close(&client);
}

static void a_command_over_many_keys_waits_for_each_of_them(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    fake_core_hold(client.core, true);
    transcript_sends(&client, "MSET a 1 b 2\r\nMGET x b\r\n");
    assert_int_equal(fake_core_waiting(client.core), 2);
    fake_core_finish(client.core, 0);
    assert_int_equal(fake_core_waiting(client.core), 1);
    fake_core_finish(client.core, 0);
    assert_int_equal(fake_core_waiting(client.core), 2);
    fake_core_finish(client.core, 0);
    fake_core_finish(client.core, 0);
    transcript_hears(&client, "+OK\r\n*2\r\n$-1\r\n$1\r\n2\r\n");
    transcript_close(&client);
}

static void very_many_keys_count_as_every_key(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    fake_core_hold(client.core, true);
    transcript_sends(&client, "SET z 1\r\nMGET 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\r\n");
    assert_int_equal(fake_core_waiting(client.core), 1);
    fake_core_finish(client.core, 0);
    assert_int_equal(fake_core_waiting(client.core), 17);
    transcript_sends(&client, "GET z\r\n");
    assert_int_equal(fake_core_waiting(client.core), 18);
    transcript_sends(&client, "SET z 1\r\n");
    assert_int_equal(fake_core_waiting(client.core), 18);
    transcript_close(&client);
}

static void what_changes_the_session_waits_for_everything_before_it(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    fake_core_hold(client.core, true);
    transcript_says(&client, "GET a\r\nHELLO 3\r\nGET b\r\n", "");
    assert_int_equal(fake_core_waiting(client.core), 1);
    fake_core_finish(client.core, 0);
    assert_int_equal(fake_core_waiting(client.core), 1);
    fake_core_finish(client.core, 0);
    transcript_says_begin(&client, "", "$-1\r\n%7\r\n$6\r\nserver");
    transcript_close(&client);
}

/* --- bounds --------------------------------------------------------------------------------------------------------- */

static void no_more_commands_than_pipeline_max_are_under_way(void **state) {
    (void)state;
    struct transcript client = transcript_open(&(struct fake_options){.pipeline_max = 5});
    fake_core_hold(client.core, true);
    for (int i = 0; i < 4; i++)
        transcript_sends(&client, "GET a\r\nGET b\r\nGET c\r\nGET d\r\nGET e\r\n");
    assert_int_equal(fake_core_waiting(client.core), 5);
    for (int left = 20; left > 0; left--) {
        assert_int_equal(fake_core_waiting(client.core), left < 5 ? left : 5);
        fake_core_finish(client.core, 0);
    }
    struct bytes heard = fake_core_output(client.core, 1);
    assert_int_equal(heard.size, 20 * strlen("$-1\r\n"));
    transcript_close(&client);
}

static void a_client_that_does_not_take_its_replies_gets_no_more(void **state) {
    (void)state;
    struct transcript client =
        transcript_open(&(struct fake_options){.client_output_bytes_max = 200000});
    struct buffer set = {0};
    text_append(&set, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n");
    append_bulk(&set, 50000, 'v');
    session_receive(client.session, buffer_bytes(&set));
    transcript_hears(&client, "+OK\r\n");
    for (int i = 0; i < 100; i++)
        transcript_sends(&client, "GET k\r\n");
    size_t owed = fake_core_output(client.core, 1).size;
    assert_true(owed > 200000 && owed < 300000);
    size_t heard = owed;
    for (int i = 0; i < 40 && owed > 0; i++) {
        session_drained(client.session);
        owed = fake_core_output(client.core, 1).size;
        assert_true(owed < 300000);
        heard += owed;
    }
    assert_int_equal(heard, 100 * (strlen("$50000\r\n") + 50000 + 2));
    buffer_deinit(&set);
    transcript_close(&client);
}

static void input_that_may_not_run_yet_is_bounded(void **state) {
    (void)state;
    struct transcript client =
        transcript_open(&(struct fake_options){.pipeline_max = 1, .value_bytes_max = 1 << 16});
    fake_core_hold(client.core, true);
    transcript_sends(&client, "GET a\r\n");
    static uint8_t piece[1 << 20];
    memset(piece, '\n', sizeof piece);
    assert_true(session_wants_bytes(client.session));
    session_receive(client.session, bytes_of(piece, sizeof piece));
    assert_false(session_wants_bytes(client.session));
    int pieces = 1;
    for (; pieces < 100 && !fake_core_is_closed(client.core, 1); pieces++)
        session_receive(client.session, bytes_of(piece, sizeof piece));
    assert_true(pieces > 10 && pieces < 20);
    fake_core_finish(client.core, 0);
    transcript_close(&client);
}

static void waiting_input_wants_bytes_again_once_it_has_run(void **state) {
    (void)state;
    struct transcript client =
        transcript_open(&(struct fake_options){.pipeline_max = 1, .value_bytes_max = 1 << 16});
    fake_core_hold(client.core, true);
    transcript_sends(&client, "GET a\r\n");
    static uint8_t piece[1 << 20];
    memset(piece, '\n', sizeof piece);
    session_receive(client.session, bytes_of(piece, sizeof piece));
    transcript_sends(&client, "PING\r\n");
    fake_core_finish(client.core, 0);
    transcript_hears(&client, "$-1\r\n+PONG\r\n");
    assert_true(session_wants_bytes(client.session));
    transcript_close(&client);
}

/* --- limits and malformed input ------------------------------------------------------------------------------------- */

static void a_key_that_is_too_long_is_refused_and_the_session_goes_on(void **state) {
    (void)state;
    struct transcript client = transcript_open(&(struct fake_options){.key_bytes_max = 4});
    transcript_says(&client, "*2\r\n$3\r\nGET\r\n$5\r\nabcde\r\nPING\r\n",
                    "-REFUSED nothing was done: the key has more than 4 bytes\r\n+PONG\r\n");
    transcript_says(&client, "GET abcde\r\nSET abcd v\r\nGET abcd\r\n",
                    "-REFUSED nothing was done: the key has more than 4 bytes\r\n"
                    "+OK\r\n$1\r\nv\r\n");
    transcript_says(&client, "MSET a 1 abcde 2\r\n",
                    "-REFUSED nothing was done: the key has more than 4 bytes\r\n");
    assert_int_equal(fake_core_operation_count(client.core), 2);
    transcript_close(&client);
}

static void a_value_that_is_too_long_is_refused_before_it_is_kept(void **state) {
    (void)state;
    struct transcript client = transcript_open(&(struct fake_options){.value_bytes_max = 20000});
    transcript_sends(&client, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$400000000\r\n");
    static const uint8_t PIECE[100000];
    for (int i = 0; i < 4000; i++)
        session_receive(client.session, bytes_of(PIECE, sizeof PIECE));
    transcript_says(&client, "\r\nPING\r\n",
                    "-REFUSED nothing was done: the value has more than 20000 bytes\r\n+PONG\r\n");
    assert_int_equal(fake_core_operation_count(client.core), 0);
    transcript_close(&client);
}

static void a_value_just_over_the_limit_is_refused_and_one_at_the_limit_is_kept(void **state) {
    (void)state;
    struct transcript client = transcript_open(&(struct fake_options){.value_bytes_max = 10});
    transcript_says(&client, "SET k 0123456789\r\nSET k 01234567890\r\nGET k\r\n",
                    "+OK\r\n-REFUSED nothing was done: the value has more than 10 bytes\r\n"
                    "$10\r\n0123456789\r\n");
    transcript_says(&client, "DSET k \"\" 01234567890\r\nMSET a 1 b 01234567890\r\n",
                    "-REFUSED nothing was done: the value has more than 10 bytes\r\n"
                    "-REFUSED nothing was done: the value has more than 10 bytes\r\n");
    transcript_close(&client);
}

static void too_many_words_are_refused(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    struct buffer request = {0};
    text_append(&request, "*65537\r\n$4\r\nMGET\r\n");
    for (int i = 0; i < 65536; i++)
        text_append(&request, "$1\r\nk\r\n");
    session_receive(client.session, buffer_bytes(&request));
    transcript_says(&client, "PING\r\n",
                    "-REFUSED nothing was done: the request has more than 65536 words\r\n"
                    "+PONG\r\n");
    buffer_deinit(&request);
    transcript_close(&client);
}

static void malformed_input_closes_the_link_after_the_replies_before_it(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    fake_core_hold(client.core, true);
    transcript_says(&client, "GET a\r\n*1\r\n#\r\nGET b\r\n", "");
    assert_false(fake_core_is_closed(client.core, 1));
    fake_core_finish(client.core, 0);
    assert_true(fake_core_is_closed(client.core, 1));
    transcript_says(&client, "PING\r\n", "$-1\r\n-ERR Protocol error: expected '$', got '#'\r\n");
    assert_int_equal(fake_core_operation_count(client.core), 1);
    transcript_close(&client);
}

static void one_clients_mistakes_do_not_touch_another(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    struct session *other = fake_core_connect(client.core, 2);
    session_receive(other, bytes_of_text("*2\r\n$3\r\nGE"));
    transcript_says(&client, "*z\r\n", "-ERR Protocol error: invalid multibulk length\r\n");
    assert_true(fake_core_is_closed(client.core, 1));
    session_receive(other, bytes_of_text("T\r\n$1\r\nk\r\n"));
    struct bytes heard = fake_core_output(client.core, 2);
    assert_true(bytes_equal(heard, bytes_of_text("$-1\r\n")));
    transcript_close(&client);
}

static void nothing_is_said_to_a_client_that_has_gone(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    fake_core_hold(client.core, true);
    transcript_sends(&client, "SET k v\r\nGET a\r\n");
    fake_core_disconnect(client.core, 1);
    fake_core_finish(client.core, 1);
    fake_core_finish(client.core, 0);
    client.session = fake_core_connect(client.core, 1);
    fake_core_hold(client.core, false);
    transcript_says(&client, "GET k\r\n", "$1\r\nv\r\n");
    transcript_close(&client);
}

/* --- every cut ------------------------------------------------------------------------------------------------------ */

static const char MIXED[] =
    "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING hello\r\n"
    "*2\r\n$3\r\nGET\r\n$10\r\n0123456789\r\n*0\r\nMSET a 1 b 2\r\nMGET a b k none\r\n"
    "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$30\r\nabcdefghijabcdefghijabcdefghij\r\nDGET k\r\nNOSUCH\r\n"
    "HELLO 3\r\nGET none\r\nDEL a b none\r\nSCAN 0\r\n*1\r\n$1\r\n\r\nX\r\n";

static void hear_mixed(size_t cut, size_t again, struct buffer *heard) {
    struct transcript client =
        transcript_open(&(struct fake_options){.key_bytes_max = 8, .value_bytes_max = 20});
    struct bytes bytes = bytes_of_text(MIXED);
    size_t at[] = {0, cut < again ? cut : again, cut < again ? again : cut, bytes.size};
    for (int i = 0; i < 3; i++)
        session_receive(client.session, bytes_slice(bytes, at[i], at[i + 1] - at[i]));
    buffer_append(heard, fake_core_output(client.core, 1));
    assert_true(fake_core_is_closed(client.core, 1));
    transcript_close(&client);
}

static void the_replies_are_the_same_wherever_the_bytes_are_cut(void **state) {
    (void)state;
    struct buffer whole = {0};
    hear_mixed(0, 0, &whole);
    assert_true(whole.size > 300);
    for (size_t cut = 1; cut < sizeof MIXED; cut++) {
        for (size_t again = cut; again < sizeof MIXED; again += 37) {
            struct buffer heard = {0};
            hear_mixed(cut, again, &heard);
            assert_true(bytes_equal(buffer_bytes(&heard), buffer_bytes(&whole)));
            buffer_deinit(&heard);
        }
    }
    buffer_deinit(&whole);
}

static void a_large_value_in_many_pieces_arrives_whole(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    struct buffer request = {0};
    text_append(&request, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n");
    append_bulk(&request, 1 << 20, 'x');
    text_append(&request, "STRLEN k\r\n");
    for (size_t at = 0; at < request.size; at += 1000) {
        size_t left = request.size - at;
        session_receive(client.session,
                        bytes_slice(buffer_bytes(&request), at, left < 1000 ? left : 1000));
    }
    transcript_hears(&client, "+OK\r\n:1048576\r\n");
    buffer_deinit(&request);
    transcript_close(&client);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_leave_in_the_order_of_the_commands),
        cmocka_unit_test(a_read_waits_for_an_earlier_write_of_its_key),
        cmocka_unit_test(a_write_waits_for_an_earlier_read_of_its_key),
        cmocka_unit_test(a_command_over_many_keys_waits_for_each_of_them),
        cmocka_unit_test(very_many_keys_count_as_every_key),
        cmocka_unit_test(what_changes_the_session_waits_for_everything_before_it),
        cmocka_unit_test(no_more_commands_than_pipeline_max_are_under_way),
        cmocka_unit_test(a_client_that_does_not_take_its_replies_gets_no_more),
        cmocka_unit_test(input_that_may_not_run_yet_is_bounded),
        cmocka_unit_test(waiting_input_wants_bytes_again_once_it_has_run),
        cmocka_unit_test(a_key_that_is_too_long_is_refused_and_the_session_goes_on),
        cmocka_unit_test(a_value_that_is_too_long_is_refused_before_it_is_kept),
        cmocka_unit_test(a_value_just_over_the_limit_is_refused_and_one_at_the_limit_is_kept),
        cmocka_unit_test(too_many_words_are_refused),
        cmocka_unit_test(malformed_input_closes_the_link_after_the_replies_before_it),
        cmocka_unit_test(one_clients_mistakes_do_not_touch_another),
        cmocka_unit_test(nothing_is_said_to_a_client_that_has_gone),
        cmocka_unit_test(the_replies_are_the_same_wherever_the_bytes_are_cut),
        cmocka_unit_test(a_large_value_in_many_pieces_arrives_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
