#include "tests/sim/support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MILLISECOND = 1000, SECOND = 1000000 }; /* in microseconds */

static void a_connect_takes_a_round_trip(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    uint64_t accepted = stage_connect(&stage, 0, 1);
    assert_int_equal(accepted % 2, 0);
    assert_int_equal(stage_last(&stage, 1, EVENT_LINK_ACCEPTED)->at_microseconds, MILLISECOND);
    assert_int_equal(stage_last(&stage, 1, EVENT_LINK_ACCEPTED)->role, LINK_PEER);
    assert_memory_equal(stage_last(&stage, 1, EVENT_LINK_ACCEPTED)->data, "n0:", 3);
    assert_int_equal(stage_last(&stage, 0, EVENT_LINK_OPENED)->at_microseconds, 2 * MILLISECOND);
    stage_close(&stage);
}

static void the_port_says_whether_a_client_or_a_peer_calls(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    effects_connect(stage_asks(&stage, 0), (struct link_id){1}, bytes_of_text("n1:7000"));
    stage_act(&stage, 0);
    stage_run(&stage, 2 * MILLISECOND);
    assert_int_equal(stage_last(&stage, 1, EVENT_LINK_ACCEPTED)->role, LINK_CLIENT);
    uint64_t first = stage_last(&stage, 1, EVENT_LINK_ACCEPTED)->link;
    stage_bounce(&stage, 1, CRASH_KILL);
    effects_connect(stage_asks(&stage, 0), (struct link_id){3}, bytes_of_text("n1:7000"));
    stage_act(&stage, 0);
    stage_run(&stage, 2 * MILLISECOND);
    assert_int_not_equal(stage_last(&stage, 1, EVENT_LINK_ACCEPTED)->link, first);
    stage_close(&stage);
}

static void a_connect_to_a_host_that_is_down_or_unknown_fails(void **state) {
    (void)state;
    static const char *const ADDRESSES[] = {"n1:7001", "nobody:7001", "n1", ":", ""};
    for (size_t i = 0; i < sizeof ADDRESSES / sizeof ADDRESSES[0]; i++) {
        for (enum crash_kind kind = CRASH_KILL; kind <= CRASH_POWER; kind++) {
            struct stage stage;
            stage_open(&stage, 1, 2, NULL);
            world_crash_host(stage.world, 1, kind);
            effects_connect(stage_asks(&stage, 0), (struct link_id){1},
                            bytes_of_text(ADDRESSES[i]));
            effects_send(stage_asks(&stage, 0), (struct link_id){1}, bytes_of_text("too early"));
            stage_act(&stage, 0);
            stage_run(&stage, 3 * MILLISECOND);
            assert_int_equal(stage_last(&stage, 0, EVENT_LINK_CLOSED)->link, 1);
            assert_int_equal(stage_last(&stage, 0, EVENT_LINK_CLOSED)->at_microseconds,
                             i == 0 ? 2 * MILLISECOND : MILLISECOND);
            assert_int_equal(stage_count(&stage, 0, EVENT_LINK_OPENED), 0);
            stage_close(&stage);
        }
    }
}

static void what_is_sent_before_the_link_opens_arrives_afterwards(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    effects_connect(stage_asks(&stage, 0), (struct link_id){1}, bytes_of_text("n1:7001"));
    effects_send(stage_asks(&stage, 0), (struct link_id){1}, bytes_of_text("early"));
    stage_act(&stage, 0);
    stage_run(&stage, 4 * MILLISECOND);
    assert_string_equal(stage_last(&stage, 1, EVENT_LINK_BYTES)->data, "early");
    assert_int_equal(stage_last(&stage, 1, EVENT_LINK_BYTES)->at_microseconds, 3 * MILLISECOND);
    stage_close(&stage);
}

static void sends_arrive_one_by_one_after_the_latency(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    uint64_t link = stage_connect(&stage, 0, 1);
    stage_send(&stage, 0, 1, "one");
    stage_send(&stage, 0, 1, "two");
    stage_send(&stage, 1, link, "back");
    stage_run(&stage, MILLISECOND - 1);
    assert_int_equal(stage_count(&stage, 1, EVENT_LINK_BYTES), 0);
    stage_run(&stage, 1);
    assert_int_equal(stage_count(&stage, 1, EVENT_LINK_BYTES), 2);
    assert_memory_equal(stage.actors[1].stream.data, "onetwo", 6);
    assert_string_equal(stage_last(&stage, 0, EVENT_LINK_BYTES)->data, "back");
    stage_close(&stage);
}

/* Sends `count` numbered sends of growing size and checks that the other side's bytes are the same
 * run. */
static size_t send_run(struct stage *stage, uint32_t count) {
    struct buffer sent = {0};
    for (uint32_t i = 0; i < count; i++) {
        size_t from = sent.size;
        for (uint32_t j = 0; j <= i; j++)
            buffer_put_u8(&sent, (uint8_t)(i * 7 + j));
        effects_send(
            stage_asks(stage, 0), (struct link_id){1},
            arena_copy(&stage_asks(stage, 0)->arena, bytes_of(sent.data + from, sent.size - from)));
        stage_act(stage, 0);
        stage_run(stage, 100);
    }
    stage_run(stage, 100 * MILLISECOND);
    assert_int_equal(stage->actors[1].stream.size, sent.size);
    assert_memory_equal(stage->actors[1].stream.data, sent.data, sent.size);
    buffer_deinit(&sent);
    return stage_count(stage, 1, EVENT_LINK_BYTES);
}

static void bytes_never_overtake_earlier_bytes(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world_defaults defaults;
        stage_defaults(&defaults);
        defaults.link.latency = (struct distribution){
            .kind = DISTRIBUTION_PARETO, .low = 10000, .shape_hundredths = 80, .high = 20000000};
        struct stage stage;
        stage_open(&stage, seed, 2, &defaults);
        (void)stage_connect(&stage, 0, 1);
        assert_int_equal(send_run(&stage, 40), 40);
        stage_close(&stage);
    }
}

static void segments_are_cut_and_joined_anywhere(void **state) {
    (void)state;
    size_t fewest = SIZE_MAX, most = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world_defaults defaults;
        stage_defaults(&defaults);
        defaults.link.segment_bytes_max = 30;
        defaults.link.latency =
            (struct distribution){.kind = DISTRIBUTION_UNIFORM, .low = 100000, .high = 10000000};
        struct stage stage;
        stage_open(&stage, seed, 2, &defaults);
        (void)stage_connect(&stage, 0, 1);
        size_t events = send_run(&stage, 40);
        fewest = events < fewest ? events : fewest;
        most = events > most ? events : most;
        stage_close(&stage);
    }
    assert_in_range(fewest, 2, 39);
    assert_in_range(most, fewest + 1, 820);
}

static void bandwidth_delays_what_is_behind(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    (void)stage_connect(&stage, 0, 1);
    world_link(stage.world, 0, 1)->bandwidth = 1000; /* a byte takes a millisecond */
    uint64_t begin = stage_microseconds(&stage);
    stage_send(&stage, 0, 1, "0123456789");
    stage_send(&stage, 0, 1, "01234");
    stage_run(&stage, 15 * MILLISECOND);
    assert_int_equal(stage_count(&stage, 1, EVENT_LINK_BYTES), 1);
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_DRAINED), 0);
    stage_run(&stage, MILLISECOND);
    assert_int_equal(stage_last(&stage, 1, EVENT_LINK_BYTES)->at_microseconds,
                     begin + 16 * MILLISECOND);
    assert_int_equal(stage_last(&stage, 0, EVENT_LINK_DRAINED)->at_microseconds,
                     begin + 15 * MILLISECOND + 1);
    stage_close(&stage);
}

static void a_large_send_is_reported_as_drained(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    (void)stage_connect(&stage, 0, 1);
    static uint8_t large[1 << 16];
    effects_send(stage_asks(&stage, 0), (struct link_id){1}, bytes_of(large, sizeof large));
    stage_act(&stage, 0);
    stage_run(&stage, 10);
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_DRAINED), 1);
    stage_close(&stage);
}

static void a_close_delivers_what_was_sent_before(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    uint64_t link = stage_connect(&stage, 0, 1);
    effects_send(stage_asks(&stage, 0), (struct link_id){1}, bytes_of_text("last words"));
    effects_close(stage_asks(&stage, 0), (struct link_id){1});
    stage_act(&stage, 0);
    stage_send(&stage, 1, link, "into the void");
    stage_run(&stage, 10 * MILLISECOND);
    const struct actor *other = &stage.actors[1];
    assert_string_equal(other->heard[other->heard_count - 2].data, "last words");
    assert_int_equal(other->heard[other->heard_count - 1].kind, EVENT_LINK_CLOSED);
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_BYTES), 0);
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_CLOSED), 0);
    stage_close(&stage);
}

static void a_partition_holds_bytes_until_it_heals(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    uint64_t link = stage_connect(&stage, 0, 1);
    stage_block(&stage, 0, 1, true);
    stage_block(&stage, 1, 0, true);
    stage_send(&stage, 0, 1, "wait");
    stage_send(&stage, 0, 1, "ing");
    stage_send(&stage, 1, link, "too");
    stage_run(&stage, 900 * MILLISECOND);
    assert_int_equal(stage_count(&stage, 1, EVENT_LINK_BYTES), 0);
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_DRAINED), 0);
    stage_block(&stage, 0, 1, false);
    stage_block(&stage, 1, 0, false);
    stage_run(&stage, 3 * SECOND);
    assert_memory_equal(stage.actors[1].stream.data, "waiting", 7);
    assert_memory_equal(stage.actors[0].stream.data, "too", 3);
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_DRAINED), 1);
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_CLOSED), 0);
    assert_int_equal(stage_count(&stage, 1, EVENT_LINK_CLOSED), 0);
    stage_close(&stage);
}

static void an_end_whose_bytes_wait_too_long_gives_up_and_the_other_stays_half_open(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    uint64_t link = stage_connect(&stage, 0, 1);
    stage_block(&stage, 0, 1, true);
    stage_block(&stage, 1, 0, true);
    uint64_t begin = stage_microseconds(&stage);
    stage_send(&stage, 0, 1, "never arrives");
    stage_run(&stage, 5 * SECOND);
    assert_int_equal(stage_last(&stage, 0, EVENT_LINK_CLOSED)->at_microseconds, begin + SECOND);
    assert_int_equal(stage_count(&stage, 1, EVENT_LINK_CLOSED), 0);

    /* Healed, the half-open end learns by a reset as soon as it sends. */
    stage_block(&stage, 0, 1, false);
    stage_block(&stage, 1, 0, false);
    stage_run(&stage, 5 * SECOND);
    assert_int_equal(stage_count(&stage, 1, EVENT_LINK_CLOSED), 0);
    begin = stage_microseconds(&stage);
    stage_send(&stage, 1, link, "hello?");
    stage_run(&stage, 5 * SECOND);
    assert_int_equal(stage_last(&stage, 1, EVENT_LINK_CLOSED)->at_microseconds,
                     begin + 2 * MILLISECOND);
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_BYTES), 0);
    assert_int_equal(stage_count(&stage, 1, EVENT_LINK_BYTES), 0);
    stage_close(&stage);
}

static void in_a_one_way_partition_the_other_way_works_but_is_not_acknowledged(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    uint64_t link = stage_connect(&stage, 0, 1);
    stage_block(&stage, 1, 0, true);
    stage_send(&stage, 0, 1, "one way");
    stage_run(&stage, 500 * MILLISECOND);
    assert_string_equal(stage_last(&stage, 1, EVENT_LINK_BYTES)->data, "one way");
    stage_send(&stage, 1, link, "answer");
    stage_run(&stage, 450 * MILLISECOND);
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_CLOSED), 0);
    stage_run(&stage, SECOND);
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_BYTES), 0);
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_CLOSED), 1);
    assert_int_equal(stage_count(&stage, 1, EVENT_LINK_CLOSED), 1);
    stage_close(&stage);
}

static void a_connect_through_a_blocked_direction_times_out(void **state) {
    (void)state;
    for (uint32_t from = 0; from < 2; from++) {
        struct stage stage;
        stage_open(&stage, 1, 2, NULL);
        stage_block(&stage, from, 1 - from, true);
        effects_connect(stage_asks(&stage, 0), (struct link_id){1}, bytes_of_text("n1:7001"));
        stage_act(&stage, 0);
        stage_run(&stage, 999 * MILLISECOND);
        assert_int_equal(stage_count(&stage, 0, EVENT_LINK_CLOSED), 0);
        stage_run(&stage, 3 * MILLISECOND);
        assert_int_equal(stage_count(&stage, 0, EVENT_LINK_CLOSED), 1);
        assert_int_equal(stage_count(&stage, 0, EVENT_LINK_OPENED), 0);
        assert_int_equal(stage_count(&stage, 1, EVENT_LINK_ACCEPTED), from == 0 ? 0 : 1);
        stage_run(&stage, 3 * SECOND);
        stage_close(&stage);
    }
}

static void a_connect_succeeds_when_the_partition_heals_in_time(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    stage_block(&stage, 0, 1, true);
    effects_connect(stage_asks(&stage, 0), (struct link_id){1}, bytes_of_text("n1:7001"));
    stage_act(&stage, 0);
    stage_run(&stage, 900 * MILLISECOND);
    stage_block(&stage, 0, 1, false);
    stage_run(&stage, 3 * SECOND);
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_OPENED), 1);
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_CLOSED), 0);
    stage_close(&stage);
}

static void peers_of_a_killed_process_hear_of_it_after_its_last_bytes(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    uint64_t link = stage_connect(&stage, 0, 1);
    uint64_t begin = stage_microseconds(&stage);
    stage_send(&stage, 1, link, "famous last words");
    world_crash_host(stage.world, 1, CRASH_KILL);
    stage_run(&stage, 10 * MILLISECOND);
    assert_string_equal(stage_last(&stage, 0, EVENT_LINK_BYTES)->data, "famous last words");
    assert_int_equal(stage_last(&stage, 0, EVENT_LINK_CLOSED)->at_microseconds,
                     begin + MILLISECOND);
    stage_close(&stage);
}

static void peers_of_a_host_without_power_notice_only_by_their_own_bytes(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    (void)stage_connect(&stage, 0, 1);
    world_crash_host(stage.world, 1, CRASH_POWER);
    stage_run(&stage, 60 * SECOND);
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_CLOSED), 0);
    uint64_t begin = stage_microseconds(&stage);
    stage_send(&stage, 0, 1, "are you there?");
    stage_run(&stage, 5 * SECOND);
    assert_int_equal(stage_last(&stage, 0, EVENT_LINK_CLOSED)->at_microseconds, begin + SECOND);
    stage_close(&stage);
}

static void a_restarted_host_answers_old_connections_with_a_reset(void **state) {
    (void)state;
    for (uint32_t sends_first = 0; sends_first < 2; sends_first++) {
        struct stage stage;
        stage_open(&stage, 1, 2, NULL);
        (void)stage_connect(&stage, 0, 1);
        if (sends_first == 1)
            stage_send(&stage, 0, 1, "in flight when the lights go out");
        stage_run(&stage, 500);
        world_crash_host(stage.world, 1, CRASH_POWER);
        stage_forget(&stage, 1);
        stage_run(&stage, 500 * MILLISECOND);
        world_start_host(stage.world, 1);
        uint64_t begin = stage_microseconds(&stage);
        if (sends_first == 0)
            stage_send(&stage, 0, 1, "hello again");
        stage_run(&stage, 5 * SECOND);
        assert_int_equal(stage_last(&stage, 0, EVENT_LINK_CLOSED)->at_microseconds,
                         begin + 2 * MILLISECOND);
        assert_int_equal(stage_count(&stage, 1, EVENT_LINK_BYTES), 0);
        assert_int_equal(stage_count(&stage, 1, EVENT_LINK_CLOSED), 0);
        stage_close(&stage);
    }
}

static void a_kill_that_a_partition_hid_is_answered_with_a_reset_after_it_heals(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    (void)stage_connect(&stage, 0, 1);
    stage_block(&stage, 1, 0, true);
    world_crash_host(stage.world, 1, CRASH_KILL);
    stage_run(&stage, 5 * SECOND);
    stage_block(&stage, 1, 0, false);
    stage_run(&stage, 5 * SECOND);
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_CLOSED), 0);
    stage_send(&stage, 0, 1, "anybody?");
    stage_run(&stage, 2 * MILLISECOND);
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_CLOSED), 1);
    stage_close(&stage);
}

static void a_cut_closes_both_ends(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 3, NULL);
    (void)stage_connect(&stage, 0, 1);
    (void)stage_connect(&stage, 2, 1);
    stage_send(&stage, 0, 1, "lost");
    world_cut_links(stage.world, 1, 0);
    stage_run(&stage, 5 * SECOND);
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_CLOSED), 1);
    assert_int_equal(stage_count(&stage, 1, EVENT_LINK_CLOSED), 1);
    assert_int_equal(stage_count(&stage, 2, EVENT_LINK_CLOSED), 0);
    assert_int_equal(stage_count(&stage, 1, EVENT_LINK_BYTES), 0);
    stage_close(&stage);
}

static void a_lost_segment_kills_the_connection_after_the_timeout(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    (void)stage_connect(&stage, 0, 1);
    world_link(stage.world, 0, 1)->loss_per_million = 1000000;
    uint64_t begin = stage_microseconds(&stage);
    stage_send(&stage, 0, 1, "lost");
    stage_send(&stage, 0, 1, "behind it");
    stage_run(&stage, 5 * SECOND);
    for (uint32_t host = 0; host < 2; host++) {
        assert_int_equal(stage_last(&stage, host, EVENT_LINK_CLOSED)->at_microseconds,
                         begin + SECOND);
        assert_int_equal(stage_count(&stage, host, EVENT_LINK_CLOSED), 1);
    }
    assert_int_equal(stage_count(&stage, 1, EVENT_LINK_BYTES), 0);
    stage_close(&stage);
}

static void a_flip_changes_one_bit(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    (void)stage_connect(&stage, 0, 1);
    world_link(stage.world, 0, 1)->flip_per_million = 1000000;
    static const char TEXT[] = "sixteen bytes ok";
    stage_send(&stage, 0, 1, TEXT);
    stage_run(&stage, 2 * MILLISECOND);
    int bits = 0;
    assert_int_equal(stage.actors[1].stream.size, sizeof TEXT - 1);
    for (size_t i = 0; i < sizeof TEXT - 1; i++)
        bits += __builtin_popcount((unsigned)(stage.actors[1].stream.data[i] ^ (uint8_t)TEXT[i]));
    assert_int_equal(bits, 1);
    stage_close(&stage);
}

static void a_stall_holds_up_everything_behind_it(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    (void)stage_connect(&stage, 0, 1);
    struct link_settings *link = world_link(stage.world, 0, 1);
    link->stall_per_million = 1000000;
    link->stall = (struct distribution){.kind = DISTRIBUTION_CONSTANT, .low = 50000000};
    uint64_t begin = stage_microseconds(&stage);
    stage_send(&stage, 0, 1, "clogged");
    link->stall_per_million = 0;
    stage_send(&stage, 0, 1, "behind");
    stage_run(&stage, SECOND);
    assert_string_equal(stage_last(&stage, 1, EVENT_LINK_BYTES)->data, "behind");
    assert_int_equal(stage_last(&stage, 1, EVENT_LINK_BYTES)->at_microseconds,
                     begin + 51 * MILLISECOND);
    stage_close(&stage);
}

static void a_host_can_talk_to_itself(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 1, NULL);
    uint64_t link = stage_connect(&stage, 0, 0);
    stage_send(&stage, 0, 1, "hello, me");
    stage_send(&stage, 0, link, "hello, you");
    stage_run(&stage, 2 * MILLISECOND);
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_BYTES), 2);
    stage_bounce(&stage, 0, CRASH_KILL);
    stage_run(&stage, SECOND);
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_CLOSED), 0);
    stage_close(&stage);
}

/* One thing by chance, done to or by `host`. `links` counts the links asked for so far. */
static void do_something(struct stage *stage, uint32_t host, struct prng *prng, uint64_t *links) {
    struct effects *asks = stage_asks(stage, host);
    uint32_t other = prng_below(prng, 3);
    char address[] = "n0:7001";
    address[1] = (char)('0' + other);
    switch (prng_below(prng, 10)) {
    case 0:
        effects_connect(asks, (struct link_id){2 * (*links)++ + 1},
                        arena_copy(&asks->arena, bytes_of_text(address)));
        break;
    case 1:
        stage_block(stage, host, other, prng_chance(prng, 1, 2));
        break;
    case 2:
        if (prng_chance(prng, 1, 8))
            world_cut_links(stage->world, host, other);
        break;
    case 3:
        if (prng_chance(prng, 1, 4))
            world_crash_host(stage->world, host,
                             prng_chance(prng, 1, 2) ? CRASH_KILL : CRASH_POWER);
        break;
    case 4:
        effects_close(asks, (struct link_id){prng_between(prng, 1, 2 * *links + 1)});
        break;
    default:
        for (uint64_t link = 1; link < 2 * *links + 8; link++)
            effects_send(asks, (struct link_id){link}, bytes_of_text("abcdefgh"));
        break;
    }
}

static void assert_nothing_follows_a_close(const struct actor *actor) {
    for (size_t i = 0; i < actor->heard_count; i++) {
        if (actor->heard[i].kind != EVENT_LINK_CLOSED)
            continue;
        for (size_t j = i + 1; j < actor->heard_count; j++)
            assert_int_not_equal(actor->heard[j].link, actor->heard[i].link);
    }
}

/* The bytes of each link are the sender's run of letters from its start, however they were cut. */
static void assert_links_carry_what_was_sent(const struct actor *actor) {
    static uint32_t position[2048];
    memset(position, 0, sizeof position);
    for (size_t i = 0; i < actor->heard_count; i++) {
        const struct heard *heard = &actor->heard[i];
        if (heard->kind != EVENT_LINK_BYTES)
            continue;
        assert_in_range(heard->link, 1, 2047);
        for (size_t j = 0; j < heard->size && j < STAGE_DATA_MAX; j++)
            assert_int_equal(heard->data[j], 'a' + (position[heard->link] + j) % 8);
        position[heard->link] += (uint32_t)heard->size;
    }
}

static void chaos_never_breaks_the_rules_of_a_link(void **state) {
    (void)state;
    size_t closed = 0, bytes = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct world_defaults defaults;
        stage_defaults(&defaults);
        defaults.link.segment_bytes_max = 5;
        defaults.link.loss_per_million = 2000;
        defaults.link.latency =
            (struct distribution){.kind = DISTRIBUTION_EXPONENTIAL, .low = 100000, .mean = 2000000};
        defaults.step_cost =
            (struct distribution){.kind = DISTRIBUTION_UNIFORM, .low = 0, .high = 300000};
        struct stage stage;
        stage_open(&stage, seed, 3, &defaults);
        struct prng prng;
        prng_init(&prng, seed, 1);
        uint64_t links = 0;
        for (uint32_t i = 0; i < 200; i++) {
            uint32_t host = prng_below(&prng, 3);
            if (!world_host_is_up(stage.world, host))
                world_start_host(stage.world, host);
            do_something(&stage, host, &prng, &links);
            if (world_host_is_up(stage.world, host))
                stage_act(&stage, host);
            stage_run(&stage, prng_below(&prng, 60 * MILLISECOND));
        }
        for (uint32_t host = 0; host < 3; host++) {
            assert_nothing_follows_a_close(&stage.actors[host]);
            assert_links_carry_what_was_sent(&stage.actors[host]);
            closed += stage_count(&stage, host, EVENT_LINK_CLOSED);
            bytes += stage_count(&stage, host, EVENT_LINK_BYTES);
        }
        stage_close(&stage);
    }
    assert_true(closed > 200 && bytes > 2000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connect_takes_a_round_trip),
        cmocka_unit_test(the_port_says_whether_a_client_or_a_peer_calls),
        cmocka_unit_test(a_connect_to_a_host_that_is_down_or_unknown_fails),
        cmocka_unit_test(what_is_sent_before_the_link_opens_arrives_afterwards),
        cmocka_unit_test(sends_arrive_one_by_one_after_the_latency),
        cmocka_unit_test(bytes_never_overtake_earlier_bytes),
        cmocka_unit_test(segments_are_cut_and_joined_anywhere),
        cmocka_unit_test(bandwidth_delays_what_is_behind),
        cmocka_unit_test(a_large_send_is_reported_as_drained),
        cmocka_unit_test(a_close_delivers_what_was_sent_before),
        cmocka_unit_test(a_partition_holds_bytes_until_it_heals),
        cmocka_unit_test(an_end_whose_bytes_wait_too_long_gives_up_and_the_other_stays_half_open),
        cmocka_unit_test(in_a_one_way_partition_the_other_way_works_but_is_not_acknowledged),
        cmocka_unit_test(a_connect_through_a_blocked_direction_times_out),
        cmocka_unit_test(a_connect_succeeds_when_the_partition_heals_in_time),
        cmocka_unit_test(peers_of_a_killed_process_hear_of_it_after_its_last_bytes),
        cmocka_unit_test(peers_of_a_host_without_power_notice_only_by_their_own_bytes),
        cmocka_unit_test(a_restarted_host_answers_old_connections_with_a_reset),
        cmocka_unit_test(a_kill_that_a_partition_hid_is_answered_with_a_reset_after_it_heals),
        cmocka_unit_test(a_cut_closes_both_ends),
        cmocka_unit_test(a_lost_segment_kills_the_connection_after_the_timeout),
        cmocka_unit_test(a_flip_changes_one_bit),
        cmocka_unit_test(a_stall_holds_up_everything_behind_it),
        cmocka_unit_test(a_host_can_talk_to_itself),
        cmocka_unit_test(chaos_never_breaks_the_rules_of_a_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
