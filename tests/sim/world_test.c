#include "tests/sim/support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MILLISECOND = 1000, SECOND = 1000000 }; /* in microseconds */

static const struct file_id LOG = {.kind = FILE_LOG, .number = 1};

struct run {
    uint64_t hash, events;
    uint64_t first_arrival; /* at host 1, in microseconds */
};

/* A busy little cluster with every kind of happening in it. */
static struct run busy_run(uint64_t seed, void (*adjust)(struct world_defaults *),
                           const struct world_observer *observer, bool notes) {
    struct world_defaults defaults;
    world_defaults_fill(&defaults);
    if (adjust != NULL)
        adjust(&defaults);
    struct stage stage;
    stage_open(&stage, seed, 3, &defaults);
    world_observe(stage.world, observer);
    stage.actors[1].echoes = true;
    stage.actors[2].ticks = duration_of_milliseconds(3);
    stage_bounce(&stage, 2, CRASH_KILL);
    stage_run(&stage, MILLISECOND);
    effects_connect(stage_asks(&stage, 0), (struct link_id){1}, bytes_of_text("n1:7001"));
    stage_act(&stage, 0);
    stage_run(&stage, 10 * MILLISECOND);
    for (uint64_t i = 0; i < 30; i++) {
        effects_send(stage_asks(&stage, 0), (struct link_id){1}, bytes_of_text("hello, neighbour"));
        effects_write(stage_asks(&stage, 0), i, LOG, 100 * i, bytes_of_text("a record"));
        if (notes)
            effects_note(stage_asks(&stage, 0), NOTE_INFO, bytes_of_text("sends and writes"));
        effects_sync(stage_asks(&stage, 0), 100 + i, LOG);
        stage_act(&stage, 0);
        stage_run(&stage, MILLISECOND);
    }
    uint64_t first = 0;
    for (size_t i = 0; i < stage.actors[1].heard_count && first == 0; i++) {
        if (stage.actors[1].heard[i].kind == EVENT_LINK_BYTES)
            first = stage.actors[1].heard[i].at_microseconds;
    }
    stage_bounce(&stage, 0, CRASH_POWER);
    effects_read(stage_asks(&stage, 0), 1, LOG, 0, 10000);
    effects_list(stage_asks(&stage, 0), 2);
    stage_act(&stage, 0);
    stage_run(&stage, SECOND / 10);
    struct run run = {.hash = world_hash(stage.world),
                      .events = world_event_count(stage.world),
                      .first_arrival = first};
    stage_close(&stage);
    return run;
}

static void the_same_seed_gives_the_same_run_and_another_seed_another(void **state) {
    (void)state;
    struct run first = busy_run(1, NULL, NULL, false), again = busy_run(1, NULL, NULL, false);
    assert_int_equal(first.hash, again.hash);
    assert_int_equal(first.events, again.events);
    assert_int_not_equal(first.hash, busy_run(2, NULL, NULL, false).hash);
}

/* Pinned: every compiler and optimisation level must find this number. When the world's rules
 * change on purpose, so does the number. */
static void the_run_is_the_same_on_every_machine(void **state) {
    (void)state;
    assert_int_equal(busy_run(7, NULL, NULL, false).hash, 0xbb78ff836ab37977);
}

static void count_event(void *context, struct instant at, uint32_t host,
                        const struct event *event) {
    (void)at, (void)host, (void)event;
    ((uint64_t *)context)[0]++;
}

static void count_effect(void *context, struct instant at, uint32_t host,
                         const struct effect *effect) {
    (void)at, (void)host;
    ((uint64_t *)context)[effect->kind == EFFECT_NOTE ? 2 : 1]++;
}

static void narration_changes_nothing(void **state) {
    (void)state;
    uint64_t counts[3] = {0};
    struct world_observer observer = {
        .context = counts, .event = count_event, .effect = count_effect};
    struct run silent = busy_run(1, NULL, NULL, false);
    struct run narrated = busy_run(1, NULL, &observer, true);
    assert_int_equal(silent.hash, narrated.hash);
    assert_int_equal(silent.events, narrated.events);
    assert_int_equal(counts[2], 30);
    assert_true(counts[0] > 60 && counts[1] > 60);
}

static void flip_bits(struct world_defaults *defaults) {
    defaults->link.flip_per_million = 500000;
}
static void lose_segments(struct world_defaults *defaults) {
    defaults->link.loss_per_million = 1;
}
static void fail_disks(struct world_defaults *defaults) {
    defaults->disk.read_error_per_million = 500000;
    defaults->disk.write_error_per_million = 500000;
    defaults->disk.sync_error_per_million = 500000;
    defaults->disk.bit_rot_per_million = 500000;
}

static void one_fault_does_not_shift_another_stream(void **state) {
    (void)state;
    uint64_t plain = busy_run(5, NULL, NULL, false).first_arrival;
    assert_true(plain > 0);
    assert_int_equal(busy_run(5, flip_bits, NULL, false).first_arrival, plain);
    assert_int_equal(busy_run(5, lose_segments, NULL, false).first_arrival, plain);
    assert_int_equal(busy_run(5, fail_disks, NULL, false).first_arrival, plain);
    assert_int_not_equal(busy_run(5, fail_disks, NULL, false).hash,
                         busy_run(5, NULL, NULL, false).hash);
}

static void streams_of_a_driver_depend_on_seed_host_and_purpose_only(void **state) {
    (void)state;
    struct stage stage, other;
    stage_open(&stage, 1, 2, NULL);
    stage_open(&other, 1, 3, NULL);
    stage_run(&other, SECOND);
    struct prng left, right;
    world_stream(stage.world, 1, "faults", &left);
    world_stream(other.world, 1, "faults", &right);
    assert_int_equal(prng_u64(&left), prng_u64(&right));
    world_stream(stage.world, 1, "load", &left);
    world_stream(stage.world, 0, "load", &right);
    assert_int_not_equal(prng_u64(&left), prng_u64(&right));
    stage_close(&stage);
    stage_close(&other);
}

static void a_paused_host_hears_everything_when_it_resumes(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    (void)stage_connect(&stage, 0, 1);
    world_pause_host(stage.world, 1);
    stage_send(&stage, 0, 1, "one");
    stage_send(&stage, 0, 1, "two");
    stage_run(&stage, 10 * SECOND);
    assert_int_equal(stage_count(&stage, 1, EVENT_LINK_BYTES), 0);
    effects_close(stage_asks(&stage, 0), (struct link_id){1});
    stage_act(&stage, 0);
    stage_run(&stage, SECOND);
    world_resume_host(stage.world, 1);
    stage_run(&stage, 0);
    assert_memory_equal(stage.actors[1].stream.data, "onetwo", 6);
    assert_int_equal(stage_count(&stage, 1, EVENT_LINK_CLOSED), 1);
    stage_close(&stage);
}

static void a_paused_host_that_is_killed_restarts_unpaused(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    (void)stage_connect(&stage, 0, 1);
    world_pause_host(stage.world, 1);
    stage_send(&stage, 0, 1, "never heard");
    stage_run(&stage, SECOND);
    stage_bounce(&stage, 1, CRASH_KILL);
    stage_run(&stage, SECOND);
    assert_int_equal(stage_count(&stage, 1, EVENT_START), 2);
    assert_int_equal(stage_count(&stage, 1, EVENT_LINK_BYTES), 0);
    assert_int_equal(stage.actors[1].lives, 2);
    stage_close(&stage);
}

static void a_busy_host_takes_one_event_at_a_time(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    (void)stage_connect(&stage, 0, 1);
    struct distribution cost = {.kind = DISTRIBUTION_CONSTANT, .low = 100000};
    world_set_step_cost(stage.world, 1, &cost);
    stage.actors[1].echoes = true;
    uint64_t begin = stage_microseconds(&stage);
    for (uint32_t i = 0; i < 5; i++)
        effects_send(stage_asks(&stage, 0), (struct link_id){1}, bytes_of_text("work"));
    stage_act(&stage, 0);
    stage_run(&stage, SECOND);
    size_t heard = stage.actors[1].heard_count;
    for (uint64_t i = 0; i < 5; i++)
        assert_int_equal(stage.actors[1].heard[heard - 5 + i].at_microseconds,
                         begin + MILLISECOND + 100 * i);
    /* What a step asks for begins when its cost is paid. */
    assert_int_equal(stage_last(&stage, 0, EVENT_LINK_BYTES)->at_microseconds,
                     begin + MILLISECOND + 500 + MILLISECOND);
    stage_close(&stage);
}

static void timeouts_come_at_the_deadline(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 1, NULL);
    stage.actors[0].ticks = duration_of_milliseconds(10);
    stage_bounce(&stage, 0, CRASH_KILL);
    stage_forget(&stage, 0);
    stage_run(&stage, 100 * MILLISECOND);
    assert_int_equal(stage_count(&stage, 0, EVENT_TIMEOUT), 10);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(stage.actors[0].heard[i].at_microseconds, (i + 1) * 10 * MILLISECOND);
    stage_close(&stage);
}

static void a_deadline_in_the_past_does_not_stop_time(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 1, NULL);
    stage.actors[0].deadline = (struct instant){0};
    stage_act(&stage, 0);
    stage_run(&stage, 0);
    assert_int_equal(stage_count(&stage, 0, EVENT_TIMEOUT), 0);
    stage_run(&stage, 1);
    assert_int_equal(stage_count(&stage, 0, EVENT_TIMEOUT), 1);
    stage_close(&stage);
}

static void a_later_deadline_replaces_an_earlier_one(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 1, NULL);
    struct instant now = stage_last(&stage, 0, EVENT_START)->now;
    stage.actors[0].deadline = instant_after(now, duration_of_milliseconds(10));
    stage_act(&stage, 0);
    stage.actors[0].deadline = instant_after(now, duration_of_milliseconds(30));
    stage_act(&stage, 0);
    stage_run(&stage, 29 * MILLISECOND);
    assert_int_equal(stage_count(&stage, 0, EVENT_TIMEOUT), 0);
    stage.actors[0].deadline = instant_after(now, duration_of_microseconds(29500));
    stage_act(&stage, 0);
    stage_run(&stage, 600);
    assert_int_equal(stage_last(&stage, 0, EVENT_TIMEOUT)->at_microseconds, 29500);
    stage_run(&stage, SECOND);
    assert_int_equal(stage_count(&stage, 0, EVENT_TIMEOUT), 1);
    stage_close(&stage);
}

static void timeouts_follow_a_clock_that_drifts(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 1, NULL);
    struct clock_settings fast = {.drift_per_million = 1000000}; /* twice as fast */
    stage.actors[0].deadline =
        instant_after(stage_last(&stage, 0, EVENT_START)->now, duration_of_milliseconds(100));
    stage_act(&stage, 0);
    world_set_clock(stage.world, 0, &fast);
    stage_run(&stage, SECOND);
    assert_int_equal(stage_last(&stage, 0, EVENT_TIMEOUT)->at_microseconds, 50 * MILLISECOND);
    stage_close(&stage);
}

static void a_stopped_host_is_down_when_its_program_halts(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    uint64_t link = stage_connect(&stage, 0, 1);
    assert_int_equal(world_host_halt_reason(stage.world, 1).size, 0);
    effects_send(stage_asks(&stage, 1), (struct link_id){link}, bytes_of_text("bye"));
    effects_halt(stage_asks(&stage, 1), bytes_of_text("asked to"));
    assert_true(world_host_is_up(stage.world, 1));
    stage_act(&stage, 1);
    assert_false(world_host_is_up(stage.world, 1));
    assert_null(world_program(stage.world, 1));
    assert_true(bytes_equal(world_host_halt_reason(stage.world, 1), bytes_of_text("asked to")));
    stage_run(&stage, SECOND);
    assert_string_equal(stage_last(&stage, 0, EVENT_LINK_BYTES)->data, "bye");
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_CLOSED), 1);
    world_start_host(stage.world, 1);
    assert_int_equal(world_host_halt_reason(stage.world, 1).size, 0);
    stage_close(&stage);
}

static void each_start_brings_fresh_entropy_and_a_new_monotonic_clock(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    struct heard first = *stage_last(&stage, 0, EVENT_START);
    struct heard other = *stage_last(&stage, 1, EVENT_START);
    stage_bounce(&stage, 0, CRASH_KILL);
    const struct heard *second = stage_last(&stage, 0, EVENT_START);
    assert_memory_not_equal(first.entropy, second->entropy, sizeof first.entropy);
    assert_memory_not_equal(first.entropy, other.entropy, sizeof first.entropy);
    assert_int_not_equal(first.now.nanoseconds, second->now.nanoseconds);
    assert_int_not_equal(first.now.nanoseconds, other.now.nanoseconds);
    stage_close(&stage);
}

static void an_event_for_a_link_that_the_program_closed_is_not_delivered(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    uint64_t link = stage_connect(&stage, 0, 1);
    world_pause_host(stage.world, 1);
    effects_close(stage_asks(&stage, 1), (struct link_id){link});
    world_stop_host(stage.world, 1);
    stage_send(&stage, 0, 1, "too late");
    stage_run(&stage, 10 * MILLISECOND);
    world_resume_host(stage.world, 1);
    stage_run(&stage, 10 * MILLISECOND);
    assert_int_equal(stage_count(&stage, 1, EVENT_LINK_BYTES), 0);
    assert_int_equal(stage_count(&stage, 0, EVENT_LINK_CLOSED), 1);
    stage_close(&stage);
}

static void run_until_stands_at_the_instant_asked_for(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 1, NULL);
    stage_run(&stage, 12345);
    assert_int_equal(stage_microseconds(&stage), 12345);
    assert_false(world_step(stage.world));
    assert_int_equal(world_host_count(stage.world), 1);
    assert_string_equal(world_host_name(stage.world, 0), "n0");
    stage_close(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_run_and_another_seed_another),
        cmocka_unit_test(the_run_is_the_same_on_every_machine),
        cmocka_unit_test(narration_changes_nothing),
        cmocka_unit_test(one_fault_does_not_shift_another_stream),
        cmocka_unit_test(streams_of_a_driver_depend_on_seed_host_and_purpose_only),
        cmocka_unit_test(a_paused_host_hears_everything_when_it_resumes),
        cmocka_unit_test(a_paused_host_that_is_killed_restarts_unpaused),
        cmocka_unit_test(a_busy_host_takes_one_event_at_a_time),
        cmocka_unit_test(timeouts_come_at_the_deadline),
        cmocka_unit_test(a_deadline_in_the_past_does_not_stop_time),
        cmocka_unit_test(a_later_deadline_replaces_an_earlier_one),
        cmocka_unit_test(timeouts_follow_a_clock_that_drifts),
        cmocka_unit_test(a_stopped_host_is_down_when_its_program_halts),
        cmocka_unit_test(each_start_brings_fresh_entropy_and_a_new_monotonic_clock),
        cmocka_unit_test(an_event_for_a_link_that_the_program_closed_is_not_delivered),
        cmocka_unit_test(run_until_stands_at_the_instant_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
