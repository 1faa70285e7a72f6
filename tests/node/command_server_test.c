#include "tests/node/support/transcript.h"

#include "engine/base/text.h"
#include "engine/data/slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct fake_options USUAL = {0};

/* --- connection ----------------------------------------------------------------------------------------------------- */

static void small_talk_is_answered_and_quit_ends_it(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    transcript_says(&client, "PING\r\nping hi\r\nECHO \"a b\"\r\nPING a b\r\n",
                    "+PONG\r\n$2\r\nhi\r\n$3\r\na b\r\n"
                    "-ERR wrong number of arguments for 'ping' command\r\n");
    transcript_says(&client, "SELECT 0\r\nSELECT 1\r\nSELECT x\r\n",
                    "+OK\r\n-ERR DB index is out of range: Dunlin has database 0 only\r\n"
                    "-ERR value is not an integer or out of range\r\n");
    transcript_says(&client, "TIME\r\n", "*2\r\n$10\r\n1700000000\r\n$6\r\n123000\r\n");
    transcript_says(&client, "READONLY\r\nDBSIZE\r\n", "+OK\r\n:0\r\n");
    transcript_says(&client, "QUIT\r\nPING\r\n", "+OK\r\n");
    assert_true(fake_core_is_closed(client.core, 1));
    transcript_close(&client);
}

static void hello_chooses_the_version(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    static const char FIELDS[] = "$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n"
                                 "$5\r\nproto\r\n:%d\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$7\r\n"
                                 "cluster\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n";
    char two[512];
    char three[512];
    int used = snprintf(two, sizeof two, "*14\r\n");
    (void)snprintf(two + used, sizeof two - (size_t)used, FIELDS, 2);
    used = snprintf(three, sizeof three, "%%7\r\n");
    (void)snprintf(three + used, sizeof three - (size_t)used, FIELDS, 3);
    transcript_says(&client, "HELLO\r\n", two);
    transcript_says(&client, "HELLO 3\r\n", three);
    transcript_says(&client, "GET none\r\n", "_\r\n");
    transcript_says(&client, "HELLO 4\r\nHELLO x\r\nHELLO 3 FOO\r\n",
                    "-NOPROTO unsupported protocol version\r\n"
                    "-ERR Protocol version is not an integer or out of range\r\n"
                    "-ERR Syntax error in HELLO\r\n");
    transcript_says(&client, "HELLO 2 SETNAME me\r\n", two);
    transcript_says(&client, "GET none\r\nCLIENT GETNAME\r\n", "$-1\r\n$2\r\nme\r\n");
    transcript_says(&client, "RESET\r\nCLIENT GETNAME\r\n", "+RESET\r\n$-1\r\n");
    transcript_close(&client);
}

static void nothing_runs_before_the_password(void **state) {
    (void)state;
    struct transcript client = transcript_open(&(struct fake_options){.password = "secret"});
    transcript_says(&client, "GET k\r\nPING\r\nNOSUCH\r\nMULTI\r\n",
                    "-NOAUTH Authentication required.\r\n-NOAUTH Authentication required.\r\n"
                    "-NOAUTH Authentication required.\r\n-NOAUTH Authentication required.\r\n");
    transcript_says(&client, "*2\r\n$3\r\nGET\r\n$50000\r\n", "");
    for (int i = 0; i < 500; i++)
        transcript_sends(&client, "0123456789012345678901234567890123456789012345678901234567890123"
                                  "456789012345678901234567890123456789");
    transcript_says(&client, "\r\n", "-NOAUTH Authentication required.\r\n");
    transcript_sends(&client, "*17\r\n");
    for (int i = 0; i < 17; i++)
        transcript_sends(&client, "$1\r\nx\r\n");
    transcript_hears(&client, "-NOAUTH Authentication required.\r\n");
    transcript_says_begin(&client, "HELLO 3\r\n", "-NOAUTH HELLO must be called");
    transcript_says(&client,
                    "AUTH wrong\r\nAUTH default wrong\r\nAUTH other secret\r\n"
                    "AUTH secre\r\nAUTH secret2\r\n",
                    "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
                    "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
                    "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
                    "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
                    "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    transcript_says(&client, "AUTH default secret\r\nGET k\r\n", "+OK\r\n$-1\r\n");
    transcript_says(&client, "RESET\r\nGET k\r\n",
                    "+RESET\r\n-NOAUTH Authentication required.\r\n");
    transcript_says_begin(&client, "HELLO 2 AUTH default secret\r\n", "*14\r\n");
    transcript_says(&client, "GET k\r\n", "$-1\r\n");
    transcript_close(&client);
    client = transcript_open(&USUAL);
    transcript_says_begin(&client, "AUTH x\r\n",
                          "-ERR AUTH <password> called without any password");
    transcript_close(&client);
}

static void clients_can_be_named_and_listed(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    (void)fake_core_connect(client.core, 3);
    transcript_says(&client, "CLIENT ID\r\nCLIENT SETNAME worker\r\nCLIENT GETNAME\r\n",
                    ":1\r\n+OK\r\n$6\r\nworker\r\n");
    transcript_says(&client, "CLIENT SETINFO LIB-NAME lib\r\nCLIENT SETINFO LIB-VER 1.2\r\n",
                    "+OK\r\n+OK\r\n");
    fake_core_set_time(client.core, 107, 0);
    const char *list = transcript_reply(&client, "CLIENT LIST\r\n");
    assert_non_null(strstr(list, "id=1 addr=10.9.9.9:1234 name=worker age=7 idle=0 "));
    assert_non_null(strstr(list, " cmd=client user=default resp=2 lib-name=lib lib-ver=1.2\n"));
    assert_non_null(strstr(list, "\nid=3 addr=10.9.9.9:1234 name= age=7 idle=7 "));
    assert_null(strstr(transcript_reply(&client, "CLIENT INFO\r\n"), "id=3"));
    transcript_says_begin(&client, "CLIENT SETNAME \"a b\"\r\n", "-ERR Client names cannot");
    transcript_says_begin(&client, "CLIENT KILL x\r\n", "-ERR unknown subcommand");
    transcript_close(&client);
}

static void replies_can_be_switched_off(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    transcript_says(&client, "CLIENT REPLY SKIP\r\nSET a 1\r\nGET a\r\n", "$1\r\n1\r\n");
    transcript_says(&client, "CLIENT REPLY OFF\r\nSET a 2\r\nGET a\r\nMGET a b\r\nNOSUCH\r\n", "");
    transcript_says(&client, "CLIENT REPLY ON\r\nGET a\r\n", "+OK\r\n$1\r\n2\r\n");
    transcript_close(&client);
}

static void wait_counts_the_replicas_of_this_connections_writes(void **state) {
    (void)state;
    struct transcript client = transcript_open(&(struct fake_options){.member_count = 3});
    transcript_says(&client, "WAIT 1 0\r\nSET k v\r\nWAIT 2 100\r\n", ":1\r\n+OK\r\n:1\r\n");
    transcript_says_begin(&client, "DSET k \"\" v W 3\r\nWAIT 2 100\r\n", "$");
    transcript_says(&client, "WAIT 2 100\r\n", ":2\r\n");
    transcript_says(&client, "WAIT x 1\r\n", "-ERR value is not an integer or out of range\r\n");
    transcript_close(&client);
}

/* --- keys ----------------------------------------------------------------------------------------------------------- */

static void a_scan_walks_over_every_key(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    (void)transcript_reply(&client, "MSET a:1 x a:2 x b:1 x b:2 x c x\r\n");
    transcript_says(&client, "SCAN 0 COUNT 2\r\n",
                    "*2\r\n$1\r\n2\r\n*2\r\n$3\r\na:1\r\n$3\r\na:2\r\n");
    transcript_says(&client, "SCAN 2 COUNT 100\r\n",
                    "*2\r\n$1\r\n0\r\n*3\r\n$3\r\nb:1\r\n$3\r\nb:2\r\n$1\r\nc\r\n");
    transcript_says(&client, "SCAN 0 MATCH *:1\r\n",
                    "*2\r\n$1\r\n0\r\n*2\r\n$3\r\na:1\r\n$3\r\nb:1\r\n");
    transcript_says(&client, "SCAN 0 TYPE string COUNT 1\r\nSCAN 0 TYPE hash COUNT 3\r\n",
                    "*2\r\n$1\r\n1\r\n*1\r\n$3\r\na:1\r\n*2\r\n$1\r\n3\r\n*0\r\n");
    transcript_says(&client, "SCAN x\r\nSCAN 0 COUNT 0\r\nSCAN 0 MATCH\r\nSCAN 0 COUNT x\r\n",
                    "-ERR invalid cursor\r\n-ERR syntax error\r\n-ERR syntax error\r\n"
                    "-ERR value is not an integer or out of range\r\n");
    transcript_close(&client);
}

/* --- node ----------------------------------------------------------------------------------------------------------- */

static void settings_are_shown_by_pattern(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    transcript_says(&client, "CONFIG GET save\r\nCONFIG GET appendonly\r\nconfig get nothing\r\n",
                    "*2\r\n$4\r\nsave\r\n$0\r\n\r\n*2\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n*0\r\n");
    transcript_says(&client, "CONFIG GET *-bytes-max key* DATABASES\r\n",
                    "*10\r\n$23\r\nclient-output-bytes-max\r\n$7\r\n1048576\r\n$9\r\ndatabases\r\n"
                    "$1\r\n1\r\n$14\r\nhint-bytes-max\r\n$1\r\n0\r\n$13\r\nkey-bytes-max\r\n$4\r\n"
                    "4096\r\n$15\r\nvalue-bytes-max\r\n$7\r\n1048576\r\n");
    transcript_says_begin(&client, "CONFIG SET save x\r\n", "-ERR CONFIG SET is not offered");
    transcript_close(&client);
}

static void info_has_sections(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    fake_core_set_time(client.core, 100 + 90000, 0);
    const char *all = transcript_reply(&client, "INFO\r\n");
    static const char *const EXPECTED[] = {
        "# Server\r\n",     "redis_version:7.0.0\r\n", "uptime_in_seconds:90000\r\n",
        "# Clients\r\n",    "uptime_in_days:1\r\n",    "connected_clients:1\r\n",
        "# Memory\r\n",     "# Persistence\r\n",       "# Stats\r\n",
        "# Cluster\r\n",    "# Replication\r\n",       "role:master\r\n",
        "tcp_port:7000\r\n"};
    for (size_t i = 0; i < sizeof EXPECTED / sizeof EXPECTED[0]; i++) {
        if (strstr(all, EXPECTED[i]) == NULL)
            fail_msg("INFO lacks '%s'", EXPECTED[i]);
    }
    const char *some = transcript_reply(&client, "INFO stats clients\r\n");
    assert_non_null(strstr(some, "# Clients\r\n"));
    assert_non_null(strstr(some, "# Stats\r\n"));
    assert_null(strstr(some, "# Server\r\n"));
    transcript_says(&client, "INFO nothing\r\n", "$0\r\n\r\n");
    transcript_close(&client);
}

static void commands_describe_themselves(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    transcript_says(&client, "COMMAND COUNT\r\n", ":37\r\n");
    transcript_says(&client, "COMMAND INFO get nosuch\r\n",
                    "*2\r\n*10\r\n$3\r\nget\r\n:2\r\n*1\r\n+readonly\r\n:1\r\n:1\r\n:1\r\n*1\r\n"
                    "+@read\r\n*0\r\n*0\r\n*0\r\n$-1\r\n");
    transcript_says(&client, "COMMAND DOCS ping nosuch\r\n",
                    "*2\r\n$4\r\nping\r\n*6\r\n$7\r\nsummary\r\n$13\r\nReturns PONG.\r\n"
                    "$5\r\nsince\r\n$5\r\n1.0.0\r\n$5\r\ngroup\r\n$10\r\nconnection\r\n");
    transcript_says_begin(&client, "COMMAND\r\n", "*37\r\n*10\r\n$4\r\nauth\r\n");
    transcript_says_begin(&client, "COMMAND DOCS\r\n", "*74\r\n$4\r\nauth\r\n");
    transcript_says_begin(&client, "COMMAND LIST\r\n", "*37\r\n$4\r\nauth\r\n$6\r\nbgsave\r\n");
    transcript_close(&client);
}

static void checkpoints_are_begun_awaited_listed_and_removed(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    transcript_says(&client, "BGSAVE\r\nbgsave schedule\r\n",
                    "+Background saving started\r\n+Background saving started\r\n");
    transcript_says(&client, "SAVE\r\nDCHECKPOINT create\r\n", "+OK\r\n:7\r\n");
    transcript_says(&client, "DCHECKPOINT LIST\r\n", "*0\r\n");
    transcript_says(&client, "DCHECKPOINT REMOVE 7\r\nDCHECKPOINT REMOVE x\r\n",
                    "+OK\r\n-ERR value is not an integer or out of range\r\n");
    assert_int_equal(fake_core_last_operation(client.core).cursor, 7);
    transcript_says(&client, "LASTSAVE\r\n", ":1700000000\r\n");
    transcript_says(&client, "DCHECKPOINT keep\r\n",
                    "-ERR unknown subcommand or wrong number of arguments for 'keep' of "
                    "DCHECKPOINT\r\n");
    transcript_close(&client);
}

static void a_checkpoint_that_cannot_be_made_is_an_error(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    fake_core_fail(client.core, 0, OPERATION_BUSY, "another is being made");
    transcript_says(&client, "BGSAVE\r\n", "-ERR Background save already in progress\r\n");
    fake_core_fail(client.core, 0, OPERATION_REFUSED, "there is no such checkpoint");
    transcript_says(&client, "DCHECKPOINT REMOVE 3\r\n", "-ERR there is no such checkpoint\r\n");
    fake_core_fail(client.core, 0, OPERATION_FAILED, "");
    transcript_says(&client, "SAVE\r\n", "-ERR the store of this node has failed\r\n");
    transcript_close(&client);
}

/* --- cluster -------------------------------------------------------------------------------------------------------- */

static long number_after(const char *text, const char *mark) {
    const char *at = strstr(text, mark);
    assert_non_null(at);
    return strtol(at + strlen(mark), NULL, 10);
}

static void the_slots_of_a_lone_node_are_one_range(void **state) {
    (void)state;
    struct transcript client = transcript_open(&USUAL);
    transcript_says_begin(&client, "CLUSTER SLOTS\r\n",
                          "*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n$8\r\n10.0.0.1\r\n:7000\r\n$40\r\n");
    transcript_says_begin(&client, "CLUSTER SHARDS\r\n",
                          "*1\r\n*4\r\n$5\r\nslots\r\n*2\r\n:0\r\n:16383\r\n$5\r\nnodes\r\n*1\r\n"
                          "*14\r\n$2\r\nid\r\n$40\r\n");
    transcript_says(&client, "CLUSTER KEYSLOT foo\r\nCLUSTER KEYSLOT {foo}bar\r\n",
                    ":12182\r\n:12182\r\n");
    assert_non_null(strstr(transcript_reply(&client, "CLUSTER INFO\r\n"), "cluster_state:ok\r\n"));
    assert_non_null(strstr(transcript_reply(&client, "CLUSTER NODES\r\n"),
                           " 10.0.0.1:7000@0 myself,master - 0 0 0 connected 0-16383\n"));
    char id[64];
    (void)snprintf(id, sizeof id, "%.40s", transcript_reply(&client, "CLUSTER MYID\r\n") + 5);
    assert_non_null(strstr(transcript_reply(&client, "CLUSTER NODES\r\n"), id));
    transcript_says_begin(&client, "CLUSTER MEET x\r\n", "-ERR unknown subcommand");
    transcript_close(&client);
}

static void the_ranges_of_a_cluster_cover_every_slot_once(void **state) {
    (void)state;
    struct transcript client = transcript_open(&(struct fake_options){.member_count = 5});
    const char *at = transcript_reply(&client, "CLUSTER SLOTS\r\n");
    long ranges = number_after(at, "*");
    assert_true(ranges > 5 && ranges <= 64);
    long next = 0;
    for (long i = 0; i < ranges; i++) {
        at = strstr(at, "*5\r\n:");
        assert_non_null(at);
        char *end;
        assert_int_equal(strtol(at + 5, &end, 10), next);
        next = strtol(end + 3, &end, 10) + 1;
        at = end;
    }
    assert_int_equal(next, SLOT_COUNT);
    transcript_close(&client);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_talk_is_answered_and_quit_ends_it),
        cmocka_unit_test(hello_chooses_the_version),
        cmocka_unit_test(nothing_runs_before_the_password),
        cmocka_unit_test(clients_can_be_named_and_listed),
        cmocka_unit_test(replies_can_be_switched_off),
        cmocka_unit_test(wait_counts_the_replicas_of_this_connections_writes),
        cmocka_unit_test(a_scan_walks_over_every_key),
        cmocka_unit_test(settings_are_shown_by_pattern),
        cmocka_unit_test(info_has_sections),
        cmocka_unit_test(commands_describe_themselves),
        cmocka_unit_test(checkpoints_are_begun_awaited_listed_and_removed),
        cmocka_unit_test(a_checkpoint_that_cannot_be_made_is_an_error),
        cmocka_unit_test(the_slots_of_a_lone_node_are_one_range),
        cmocka_unit_test(the_ranges_of_a_cluster_cover_every_slot_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
