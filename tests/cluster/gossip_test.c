/* One membership, spoken to word by word. Member i has the id 10 * (i + 1). */
#include "engine/cluster/member_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

enum { SELF = 1, SELF_ID = 20, INCARNATION = 5 };

struct listener {
    struct membership *membership;
    uint64_t ids[600];
    struct instant now;
    struct buffer payload;
    struct member_record records[MEMBER_RECORDS_MAX]; /* of the last gossip that it sent */
    uint32_t record_count;
};

static struct listener *listen_among(uint32_t members) {
    struct listener *listener = calloc(1, sizeof *listener);
    assert_non_null(listener);
    for (uint32_t i = 0; i < members; i++)
        listener->ids[i] = 10 * ((uint64_t)i + 1);
    listener->membership = membership_create(&(struct membership_options){
        .member_count = members,
        .member_ids = listener->ids,
        .self = SELF,
        .gossip_interval = duration_of_seconds(1),
        .suspect_after_min = duration_of_seconds(5),
        .dead_after = duration_of_seconds(5),
        .seed = 9,
    });
    membership_start(listener->membership, INCARNATION, listener->now);
    return listener;
}

static void stop(struct listener *listener) {
    membership_destroy(listener->membership);
    buffer_deinit(&listener->payload);
    free(listener);
}

static bool say(struct listener *listener, uint32_t from, enum peer_message_kind kind,
                struct member_record record) {
    buffer_clear(&listener->payload);
    member_records_encode(&record, 1, &listener->payload);
    struct peer_message message = {
        .kind = kind, .request = 77, .payload = buffer_bytes(&listener->payload)};
    return membership_receive(listener->membership, from, &message, listener->now);
}

/* Finds the next message of this kind, whatever waits before it. */
static bool next_of(struct listener *listener, enum peer_message_kind kind, uint32_t *target,
                    struct peer_message *message) {
    while (membership_next_message(listener->membership, target, message)) {
        if (message->kind != kind)
            continue;
        if (kind == PEER_GOSSIP || kind == PEER_GOSSIP_REPLY)
            assert_true(member_records_decode(message->payload, listener->records,
                                              &listener->record_count));
        return true;
    }
    return false;
}

static const struct member_record *record_of(const struct listener *listener, uint64_t id) {
    for (uint32_t i = 0; i < listener->record_count; i++)
        if (listener->records[i].id == id)
            return &listener->records[i];
    return NULL;
}

static struct member_record record(uint64_t id, uint64_t incarnation, uint64_t heartbeat,
                                   enum member_status status) {
    return (struct member_record){
        .id = id, .incarnation = incarnation, .heartbeat = heartbeat, .status = status};
}

static void a_push_is_answered_with_what_its_sender_lacks(void **state) {
    (void)state;
    struct listener *listener = listen_among(4);
    uint32_t target;
    struct peer_message message;
    assert_true(say(listener, 0, PEER_GOSSIP, record(30, 1, 8, MEMBER_ALIVE)));
    assert_true(next_of(listener, PEER_GOSSIP_REPLY, &target, &message));
    assert_int_equal(target, 0);
    assert_int_equal(message.request, 77);
    assert_int_equal(listener->record_count, 1);
    assert_non_null(record_of(listener, SELF_ID));
    /* Somebody with older news of member 30 is told the newer. */
    assert_true(say(listener, 3, PEER_GOSSIP, record(30, 1, 7, MEMBER_ALIVE)));
    assert_true(next_of(listener, PEER_GOSSIP_REPLY, &target, &message));
    assert_int_equal(target, 3);
    assert_int_equal(listener->record_count, 2);
    assert_int_equal(record_of(listener, 30)->heartbeat, 8);
    stop(listener);
}

static void a_member_called_dead_contradicts_at_once(void **state) {
    (void)state;
    struct listener *listener = listen_among(4);
    uint32_t target;
    struct peer_message message;
    assert_true(say(listener, 0, PEER_GOSSIP_REPLY, record(SELF_ID, INCARNATION, 40, MEMBER_DEAD)));
    assert_true(next_of(listener, PEER_GOSSIP, &target, &message));
    assert_int_equal(target, 0);
    assert_int_equal(record_of(listener, SELF_ID)->heartbeat, 41);
    assert_int_equal(record_of(listener, SELF_ID)->status, MEMBER_ALIVE);
    /* But only once a beat. */
    assert_true(say(listener, 0, PEER_GOSSIP_REPLY, record(SELF_ID, INCARNATION, 41, MEMBER_DEAD)));
    assert_false(next_of(listener, PEER_GOSSIP, &target, &message));
    /* Whoever pushes the accusation has its answer in the reply. */
    assert_true(say(listener, 2, PEER_GOSSIP, record(SELF_ID, INCARNATION, 42, MEMBER_SUSPECT)));
    assert_true(next_of(listener, PEER_GOSSIP_REPLY, &target, &message));
    assert_int_equal(record_of(listener, SELF_ID)->heartbeat, 43);
    stop(listener);
}

static void a_greater_incarnation_of_ourselves_is_a_rival_and_not_contradicted(void **state) {
    (void)state;
    struct listener *listener = listen_among(3);
    assert_int_equal(membership_rival_incarnation(listener->membership), 0);
    assert_true(say(listener, 0, PEER_GOSSIP, record(SELF_ID, INCARNATION - 1, 9, MEMBER_DEAD)));
    assert_int_equal(membership_rival_incarnation(listener->membership), 0);
    assert_true(say(listener, 0, PEER_GOSSIP, record(SELF_ID, INCARNATION + 2, 9, MEMBER_ALIVE)));
    assert_int_equal(membership_rival_incarnation(listener->membership), INCARNATION + 2);
    assert_int_equal(membership_incarnation(listener->membership, SELF), INCARNATION);
    assert_int_equal(membership_heartbeat(listener->membership, SELF), 1);
    stop(listener);
}

static void older_news_changes_nothing(void **state) {
    (void)state;
    struct listener *listener = listen_among(3);
    assert_true(say(listener, 0, PEER_GOSSIP, record(30, 4, 8, MEMBER_ALIVE)));
    assert_true(say(listener, 0, PEER_GOSSIP, record(30, 4, 7, MEMBER_DEAD)));
    assert_true(say(listener, 0, PEER_GOSSIP, record(30, 3, 900, MEMBER_ALIVE)));
    assert_int_equal(membership_incarnation(listener->membership, 2), 4);
    assert_int_equal(membership_heartbeat(listener->membership, 2), 8);
    assert_int_equal(membership_status(listener->membership, 2), MEMBER_ALIVE);
    stop(listener);
}

static void an_accusation_leads_to_a_probe_and_not_to_belief(void **state) {
    (void)state;
    struct listener *listener = listen_among(3);
    uint32_t target;
    struct peer_message message;
    assert_true(say(listener, 2, PEER_GOSSIP, record(30, 4, 8, MEMBER_ALIVE)));
    membership_answered(listener->membership, 2, listener->now);
    while (membership_next_message(listener->membership, &target, &message))
        ;
    listener->now = instant_after(listener->now, duration_of_seconds(2));
    assert_true(say(listener, 0, PEER_GOSSIP_REPLY, record(30, 4, 8, MEMBER_DEAD)));
    assert_int_equal(membership_status(listener->membership, 2), MEMBER_ALIVE);
    assert_true(next_of(listener, PEER_PROBE, &target, &message));
    assert_int_equal(target, 2);
    assert_int_equal(message.member, 30);
    stop(listener);
}

static void a_last_heartbeat_that_comes_from_an_accuser_revives_nobody(void **state) {
    (void)state;
    struct listener *listener = listen_among(3);
    assert_true(say(listener, 0, PEER_GOSSIP_REPLY, record(30, 4, 8, MEMBER_DEAD)));
    assert_int_equal(membership_status(listener->membership, 2), MEMBER_UNKNOWN);
    assert_int_equal(membership_heartbeat(listener->membership, 2), 8);
    assert_true(say(listener, 0, PEER_GOSSIP_REPLY, record(30, 4, 9, MEMBER_ALIVE)));
    assert_int_equal(membership_status(listener->membership, 2), MEMBER_ALIVE);
    stop(listener);
}

static void strangers_are_ignored_and_malformed_payloads_reported(void **state) {
    (void)state;
    struct listener *listener = listen_among(3);
    assert_true(say(listener, 0, PEER_GOSSIP, record(31, 4, 8, MEMBER_ALIVE)));
    struct peer_message message = {.kind = PEER_GOSSIP, .payload = bytes_of_text("\2nonsense")};
    assert_false(membership_receive(listener->membership, 2, &message, listener->now));
    assert_int_equal(membership_status(listener->membership, 2), MEMBER_UNKNOWN);
    stop(listener);
}

static void a_probe_for_another_is_passed_on_and_its_answer_back(void **state) {
    (void)state;
    struct listener *listener = listen_among(4);
    uint32_t target;
    struct peer_message probe = {.kind = PEER_PROBE, .request = 5, .member = 40};
    assert_true(membership_receive(listener->membership, 0, &probe, listener->now));
    struct peer_message message;
    bool passed_on = false;
    while (next_of(listener, PEER_PROBE, &target, &message))
        passed_on |= target == 3 && message.member == 40;
    assert_true(passed_on);
    struct peer_message answer = {.kind = PEER_PROBE_REPLY, .member = 40};
    assert_true(membership_receive(listener->membership, 3, &answer, listener->now));
    assert_true(next_of(listener, PEER_PROBE_REPLY, &target, &message));
    assert_int_equal(target, 0);
    assert_int_equal(message.request, 5);
    assert_int_equal(message.member, 40);
    assert_int_equal(message.status, PEER_OK);
    /* Answered once. */
    assert_true(membership_receive(listener->membership, 3, &answer, listener->now));
    assert_false(next_of(listener, PEER_PROBE_REPLY, &target, &message));
    stop(listener);
}

static void a_probe_of_a_stranger_is_refused_and_a_flood_of_probes_is_bounded(void **state) {
    (void)state;
    struct listener *listener = listen_among(4);
    uint32_t target;
    struct peer_message probe = {.kind = PEER_PROBE, .request = 5, .member = 41};
    assert_true(membership_receive(listener->membership, 0, &probe, listener->now));
    struct peer_message message;
    assert_true(next_of(listener, PEER_PROBE_REPLY, &target, &message));
    assert_int_equal(message.status, PEER_REFUSED);
    probe.member = 40;
    for (uint32_t i = 0; i < 10000; i++)
        assert_true(membership_receive(listener->membership, 0, &probe, listener->now));
    uint32_t waiting = 0;
    while (membership_next_message(listener->membership, &target, &message))
        waiting++;
    assert_true(waiting < 100);
    stop(listener);
}

/* Member 2 is silent for `beats`, the others answer whatever they are asked; those that are asked
 * after member 2 vouch for it or do not. Returns how often somebody else was asked. */
static uint32_t pass_beats(struct listener *listener, uint32_t beats, bool helpers_vouch) {
    uint32_t asked = 0;
    for (uint32_t beat = 0; beat < beats; beat++) {
        listener->now = membership_deadline(listener->membership);
        membership_answered(listener->membership, 0, listener->now);
        membership_answered(listener->membership, 3, listener->now);
        membership_tick(listener->membership, listener->now);
        uint32_t target;
        struct peer_message message;
        while (next_of(listener, PEER_PROBE, &target, &message)) {
            if (message.member != 30 || target == 2)
                continue;
            assert_int_equal(membership_status(listener->membership, 2), MEMBER_ALIVE);
            asked++;
            struct peer_message answer = {
                .kind = PEER_PROBE_REPLY, .member = 30, .request = message.request};
            if (helpers_vouch)
                assert_true(
                    membership_receive(listener->membership, target, &answer, listener->now));
        }
    }
    return asked;
}

static void the_silent_are_asked_after_through_others_before_they_are_suspected(void **state) {
    (void)state;
    struct listener *listener = listen_among(4);
    membership_answered(listener->membership, 2, listener->now);
    assert_int_equal(pass_beats(listener, 10, false), 2);
    assert_int_equal(membership_status(listener->membership, 2), MEMBER_SUSPECT);
    assert_int_equal(pass_beats(listener, 10, false), 0);
    assert_int_equal(membership_status(listener->membership, 2), MEMBER_DEAD);
    stop(listener);
}

static void whom_others_vouch_for_is_not_suspected(void **state) {
    (void)state;
    struct listener *listener = listen_among(4);
    membership_answered(listener->membership, 2, listener->now);
    assert_true(pass_beats(listener, 100, true) > 10);
    assert_int_equal(membership_status(listener->membership, 2), MEMBER_ALIVE);
    assert_false(membership_is_usable(listener->membership, 2));
    stop(listener);
}

static void what_others_vouch_for_is_alive_but_of_no_use_to_us(void **state) {
    (void)state;
    struct listener *listener = listen_among(3);
    struct peer_message answer = {.kind = PEER_PROBE_REPLY, .member = 30};
    assert_true(membership_receive(listener->membership, 0, &answer, listener->now));
    assert_int_equal(membership_status(listener->membership, 2), MEMBER_ALIVE);
    assert_false(membership_is_usable(listener->membership, 2));
    answer.member = 10;
    assert_true(membership_receive(listener->membership, 0, &answer, listener->now));
    assert_true(membership_is_usable(listener->membership, 0));
    stop(listener);
}

static void a_large_cluster_is_told_of_in_turns(void **state) {
    (void)state;
    enum { MEMBERS = 600 };
    struct listener *listener = listen_among(MEMBERS);
    uint32_t target;
    struct peer_message message;
    for (uint32_t i = 0; i < MEMBERS; i++)
        if (i != SELF)
            assert_true(
                say(listener, i, PEER_GOSSIP_REPLY, record(listener->ids[i], 1, 1, MEMBER_ALIVE)));
    while (membership_next_message(listener->membership, &target, &message))
        ;
    static bool told[MEMBERS];
    for (uint32_t beat = 0; beat < 4; beat++) {
        listener->now = membership_deadline(listener->membership);
        membership_tick(listener->membership, listener->now);
        while (next_of(listener, PEER_GOSSIP, &target, &message)) {
            assert_true(listener->record_count <= MEMBER_RECORDS_MAX);
            assert_non_null(record_of(listener, SELF_ID));
            for (uint32_t i = 0; i < listener->record_count; i++)
                told[listener->records[i].id / 10 - 1] = true;
        }
    }
    for (uint32_t i = 0; i < MEMBERS; i++)
        assert_true(told[i]);
    stop(listener);
}

static void before_the_start_and_all_alone_nothing_happens(void **state) {
    (void)state;
    uint64_t id = 3;
    struct membership *membership = membership_create(&(struct membership_options){
        .member_count = 1, .member_ids = &id, .gossip_interval = duration_of_seconds(1)});
    assert_int_equal(membership_deadline(membership).nanoseconds, INSTANT_NEVER.nanoseconds);
    membership_tick(membership, (struct instant){0});
    assert_true(membership_is_usable(membership, 0));
    membership_start(membership, 1, (struct instant){0});
    assert_int_equal(membership_status(membership, 0), MEMBER_ALIVE);
    uint32_t target;
    struct peer_message message;
    for (uint32_t i = 0; i < 100; i++) {
        membership_tick(membership, membership_deadline(membership));
        assert_false(membership_next_message(membership, &target, &message));
        assert_false(membership_next_change(membership, &target));
    }
    membership_destroy(membership);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_push_is_answered_with_what_its_sender_lacks),
        cmocka_unit_test(a_member_called_dead_contradicts_at_once),
        cmocka_unit_test(a_greater_incarnation_of_ourselves_is_a_rival_and_not_contradicted),
        cmocka_unit_test(older_news_changes_nothing),
        cmocka_unit_test(an_accusation_leads_to_a_probe_and_not_to_belief),
        cmocka_unit_test(a_last_heartbeat_that_comes_from_an_accuser_revives_nobody),
        cmocka_unit_test(strangers_are_ignored_and_malformed_payloads_reported),
        cmocka_unit_test(a_probe_for_another_is_passed_on_and_its_answer_back),
        cmocka_unit_test(a_probe_of_a_stranger_is_refused_and_a_flood_of_probes_is_bounded),
        cmocka_unit_test(the_silent_are_asked_after_through_others_before_they_are_suspected),
        cmocka_unit_test(whom_others_vouch_for_is_not_suspected),
        cmocka_unit_test(what_others_vouch_for_is_alive_but_of_no_use_to_us),
        cmocka_unit_test(a_large_cluster_is_told_of_in_turns),
        cmocka_unit_test(before_the_start_and_all_alone_nothing_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
