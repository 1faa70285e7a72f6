/* Transcripts of several memberships on a scripted network; see support/scripted_network.h. */
#include "tests/cluster/support/scripted_network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

enum { SEEDS = 25, LONG_SEEDS = 10, MINUTE = 60000 };

/* fail_msg() would cut the transcript short. */
#define CLAIM(network, claim)                                                                      \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            fputs(network_transcript(network), stderr);                                            \
            fail_msg("seed %llu at %llu ms: not %s", (unsigned long long)(network)->options.seed,  \
                     (unsigned long long)network_milliseconds(network), #claim);                   \
        }                                                                                          \
    } while (0)

/* Silence of the longest patience, found by a beat, after phases that beats have to close. */
static uint64_t suspected_within(const struct network *network) {
    return network->options.suspect_after * MEMBERSHIP_SUSPECT_FACTOR_MAX +
           network->options.gossip_interval * 7;
}

static struct network *running(uint32_t members, uint64_t seed) {
    struct network *network = network_create(
        &(struct network_options){.members = members, .seed = seed, .delay = 10, .jitter = 90});
    network_run(network, 2 * MINUTE);
    CLAIM(network, network_is_whole(network));
    return network;
}

static void members_that_start_together_are_usable_within_five_beats(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct network *network = network_create(
            &(struct network_options){.members = 5, .seed = seed, .delay = 10, .jitter = 90});
        network_run(network, 5000);
        CLAIM(network, network_is_whole(network));
        network_destroy(network);
    }
}

static void a_healthy_but_jittery_network_never_gives_a_suspicion(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= LONG_SEEDS; seed++) {
        struct network *network = network_create(&(struct network_options){
            .members = 3 + (uint32_t)(seed % 3), .seed = seed, .delay = 5, .jitter = 1200});
        network_run(network, 10000 * (uint64_t)1000);
        CLAIM(network, network->suspicions == 0);
        CLAIM(network, network_is_whole(network));
        network_destroy(network);
    }
}

static void little_patience_gives_no_suspicion_while_answers_take_less(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= LONG_SEEDS; seed++) {
        struct network *network = network_create(&(struct network_options){.members = 5,
                                                                           .seed = seed,
                                                                           .gossip_interval = 200,
                                                                           .suspect_after = 600,
                                                                           .delay = 5,
                                                                           .jitter = 250});
        network_run(network, 2000 * (uint64_t)1000);
        CLAIM(network, network->suspicions == 0);
        network_destroy(network);
    }
}

static void a_network_that_loses_a_fifth_of_the_messages_gives_no_suspicion(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= LONG_SEEDS / 2; seed++) {
        struct network *network = network_create(&(struct network_options){
            .members = 5, .seed = seed, .delay = 5, .jitter = 300, .loss_percent = 20});
        network_run(network, 10000 * (uint64_t)1000);
        CLAIM(network, network->suspicions == 0);
        network_destroy(network);
    }
}

static void a_crash_is_suspected_by_all_not_too_soon_and_not_too_late(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct network *network = running(5, seed);
        network_crash(network, 2);
        network_run(network, network->options.suspect_after - 2 * 100);
        CLAIM(network, network->suspicions == 0);
        network_run(network, suspected_within(network) - network->options.suspect_after + 2 * 100);
        CLAIM(network, network->suspicions == 4);
        network_run(network, network->options.dead_after + 1000);
        CLAIM(network, network_all_think(network, 2, MEMBER_DEAD));
        CLAIM(network, network_is_whole(network));
        /* And it stays so: no echo of an old heartbeat brings it back. */
        network_run(network, 10 * MINUTE);
        CLAIM(network, network_all_think(network, 2, MEMBER_DEAD) && network->suspicions == 4);
        network_destroy(network);
    }
}

static void a_quick_network_suspects_a_crash_within_twice_the_least_patience(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct network *network = network_create(&(struct network_options){
            .members = 5, .seed = seed, .gossip_interval = 200, .suspect_after = 2000, .delay = 1});
        network_run(network, MINUTE);
        network_crash(network, 0);
        network_run(network, 2 * network->options.suspect_after);
        CLAIM(network, network_all_think(network, 0, MEMBER_SUSPECT));
        network_destroy(network);
    }
}

static void an_outage_survived_does_not_make_the_next_crash_harder_to_see(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct network *network = network_create(&(struct network_options){
            .members = 5, .seed = seed, .gossip_interval = 200, .suspect_after = 2000, .delay = 1});
        network_run(network, MINUTE);
        network_split(network, 1, true);
        network_run(network, MINUTE);
        network_split(network, 1, false);
        network_run(network, 5000);
        CLAIM(network, network_is_whole(network));
        network_crash(network, 0);
        network_run(network, 2 * network->options.suspect_after);
        CLAIM(network, network_all_think(network, 0, MEMBER_SUSPECT));
        network_destroy(network);
    }
}

static void a_higher_incarnation_revives_the_dead(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct network *network = running(4, seed);
        network_crash(network, 3);
        network_run(network, MINUTE);
        CLAIM(network, network_all_think(network, 3, MEMBER_DEAD));
        network_restart(network, 3);
        network_run(network, 10000);
        CLAIM(network, network_is_whole(network));
        for (uint32_t i = 0; i < 4; i++)
            CLAIM(network, membership_incarnation(network->members[i], 3) == 2);
        network_destroy(network);
    }
}

static void a_restart_sooner_than_suspicion_is_noticed_by_its_incarnation_alone(void **state) {
    (void)state;
    struct network *network = running(4, 7);
    network_crash(network, 1);
    network_run(network, 500);
    network_restart(network, 1);
    network_run(network, 10000);
    CLAIM(network, network->suspicions == 0);
    for (uint32_t i = 0; i < 4; i++)
        CLAIM(network, membership_incarnation(network->members[i], 1) == 2);
    network_destroy(network);
}

static void halves_of_a_partition_give_each_other_up_and_find_each_other_again(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct network *network = running(5, seed);
        network_split(network, 3, true);
        network_run(network, 5 * MINUTE);
        for (uint32_t i = 0; i < 5; i++)
            for (uint32_t j = 0; j < 5; j++) {
                bool together = (i < 2) == (j < 2);
                enum member_status status = membership_status(network->members[i], j);
                CLAIM(network, status == (together ? MEMBER_ALIVE : MEMBER_DEAD));
            }
        network_split(network, 3, false);
        network_run(network, 30000);
        CLAIM(network, network_is_whole(network));
        network_destroy(network);
    }
}

static void all_alone_still_find_each_other_after_an_hour(void **state) {
    (void)state;
    struct network *network = running(2, 3);
    network_split(network, 1, true);
    network_run(network, 60 * MINUTE);
    CLAIM(network, membership_status(network->members[0], 1) == MEMBER_DEAD);
    network_split(network, 1, false);
    network_run(network, 5000);
    CLAIM(network, network_is_whole(network));
    network_destroy(network);
}

static void who_lives_but_cannot_answer_us_is_alive_and_unusable(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct network *network = running(5, seed);
        network->cut[0][1] = network->cut[1][0] = true;
        network_run(network, 30000);
        CLAIM(network, !membership_is_usable(network->members[0], 1));
        CLAIM(network, !membership_is_usable(network->members[1], 0));
        CLAIM(network, membership_is_usable(network->members[2], 1));
        network_run(network, 10 * MINUTE);
        CLAIM(network, network->suspicions == 0);
        network->cut[0][1] = network->cut[1][0] = false;
        network_run(network, 10000);
        CLAIM(network, network_is_whole(network));
        network_destroy(network);
    }
}

static void a_path_cut_one_way_makes_both_ends_unusable_to_each_other(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct network *network = running(4, seed);
        network->cut[0][1] = true;
        network_run(network, 5 * MINUTE);
        CLAIM(network, !membership_is_usable(network->members[0], 1));
        CLAIM(network, !membership_is_usable(network->members[1], 0));
        CLAIM(network, network->suspicions == 0);
        network->cut[0][1] = false;
        network_run(network, 10000);
        CLAIM(network, network_is_whole(network));
        network_destroy(network);
    }
}

static void who_hears_nobody_convinces_nobody(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct network *network = running(5, seed);
        for (uint32_t i = 0; i < 5; i++)
            network->cut[i][4] = i != 4;
        network_run(network, 5 * MINUTE);
        CLAIM(network, network->suspicions == 4);
        for (uint32_t i = 0; i < 4; i++) {
            CLAIM(network, membership_status(network->members[4], i) == MEMBER_DEAD);
            CLAIM(network, membership_status(network->members[i], 4) == MEMBER_ALIVE);
            CLAIM(network, !membership_is_usable(network->members[i], 4));
        }
        network->cut[0][4] = network->cut[1][4] = network->cut[2][4] = network->cut[3][4] = false;
        network_run(network, 30000);
        CLAIM(network, network_is_whole(network));
        network_destroy(network);
    }
}

static void a_member_that_slept_blames_nobody(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct network *network = running(5, seed);
        network->paused_until[3] = network->now + 60 * (uint64_t)1000000000;
        network_run(network, 59000);
        CLAIM(network, network_all_think(network, 3, MEMBER_DEAD));
        network_run(network, 30000);
        CLAIM(network, network_is_whole(network));
        CLAIM(network, network->suspicions == 4);
        network_destroy(network);
    }
}

static void when_all_sleep_at_once_nothing_changes(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct network *network = running(5, seed);
        size_t written = network->transcript.size;
        for (uint32_t i = 0; i < 5; i++)
            network->paused_until[i] = network->now + 60 * (uint64_t)1000000000;
        network_run(network, 2 * MINUTE);
        CLAIM(network, network->transcript.size == written);
        network_destroy(network);
    }
}

static void a_lost_link_makes_unusable_at_once_and_an_answer_usable_again(void **state) {
    (void)state;
    struct network *network = running(3, 11);
    network_lose_link(network, 0, 1);
    CLAIM(network, !membership_is_usable(network->members[0], 1));
    CLAIM(network, membership_status(network->members[0], 1) == MEMBER_ALIVE);
    network_run(network, 300);
    CLAIM(network, network_is_whole(network));
    CLAIM(network, network->suspicions == 0);
    network_destroy(network);
}

static void requests_without_answer_find_out_a_deaf_member_sooner(void **state) {
    (void)state;
    struct network *network = running(3, 5);
    network->cut[0][1] = network->cut[1][0] = true;
    membership_unanswered(network->members[0], 1, (struct instant){network->now});
    network_run(network, network->options.suspect_after + network->options.gossip_interval);
    CLAIM(network, !membership_is_usable(network->members[0], 1));
    network_destroy(network);
}

static void the_same_seed_gives_the_same_transcript_and_another_seed_another(void **state) {
    (void)state;
    struct buffer transcripts[3] = {{0}};
    for (uint64_t i = 0; i < 3; i++) {
        struct network *network = running(5, i == 2 ? 2 : 1);
        network_crash(network, 1);
        network_run(network, MINUTE);
        network_restart(network, 1);
        network_run(network, MINUTE);
        buffer_append(&transcripts[i], buffer_bytes(&network->transcript));
        network_destroy(network);
    }
    assert_true(bytes_equal(buffer_bytes(&transcripts[0]), buffer_bytes(&transcripts[1])));
    assert_false(bytes_equal(buffer_bytes(&transcripts[0]), buffer_bytes(&transcripts[2])));
    for (uint64_t i = 0; i < 3; i++)
        buffer_deinit(&transcripts[i]);
}

static void a_quiet_cluster_of_five_exchanges_little_more_than_one_gossip_a_beat(void **state) {
    (void)state;
    struct network *network = running(5, 1);
    uint64_t sent = network->sent;
    uint64_t bytes = network->sent_bytes;
    network_run(network, 1000 * (uint64_t)1000);
    /* A push and a reply per member and second, and now and then a probe and its reply. */
    uint64_t per_beat_percent = (network->sent - sent) * 100 / (5 * 1000);
    CLAIM(network, per_beat_percent >= 200 && per_beat_percent < 230);
    CLAIM(network, (network->sent_bytes - bytes) / (network->sent - sent) < 120);
    network_destroy(network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_that_start_together_are_usable_within_five_beats),
        cmocka_unit_test(a_healthy_but_jittery_network_never_gives_a_suspicion),
        cmocka_unit_test(little_patience_gives_no_suspicion_while_answers_take_less),
        cmocka_unit_test(a_network_that_loses_a_fifth_of_the_messages_gives_no_suspicion),
        cmocka_unit_test(a_crash_is_suspected_by_all_not_too_soon_and_not_too_late),
        cmocka_unit_test(a_quick_network_suspects_a_crash_within_twice_the_least_patience),
        cmocka_unit_test(an_outage_survived_does_not_make_the_next_crash_harder_to_see),
        cmocka_unit_test(a_higher_incarnation_revives_the_dead),
        cmocka_unit_test(a_restart_sooner_than_suspicion_is_noticed_by_its_incarnation_alone),
        cmocka_unit_test(halves_of_a_partition_give_each_other_up_and_find_each_other_again),
        cmocka_unit_test(all_alone_still_find_each_other_after_an_hour),
        cmocka_unit_test(who_lives_but_cannot_answer_us_is_alive_and_unusable),
        cmocka_unit_test(a_path_cut_one_way_makes_both_ends_unusable_to_each_other),
        cmocka_unit_test(who_hears_nobody_convinces_nobody),
        cmocka_unit_test(a_member_that_slept_blames_nobody),
        cmocka_unit_test(when_all_sleep_at_once_nothing_changes),
        cmocka_unit_test(a_lost_link_makes_unusable_at_once_and_an_answer_usable_again),
        cmocka_unit_test(requests_without_answer_find_out_a_deaf_member_sooner),
        cmocka_unit_test(the_same_seed_gives_the_same_transcript_and_another_seed_another),
        cmocka_unit_test(a_quiet_cluster_of_five_exchanges_little_more_than_one_gossip_a_beat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
