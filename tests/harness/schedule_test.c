#include "harness/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct scenario *load(const char *text) {
    struct buffer problem = {0};
    struct scenario *scenario = scenario_load_bytes(bytes_of_text(text), "schedule.yaml", &problem);
    if (scenario == NULL)
        print_error("%.*s\n", (int)problem.size, (const char *)problem.data);
    assert_non_null(scenario);
    buffer_deinit(&problem);
    return scenario;
}

static void make(struct schedule *schedule, const struct scenario *scenario, uint64_t seed) {
    struct prng prng;
    prng_init(&prng, seed, 7);
    *schedule = (struct schedule){0};
    schedule_make(schedule, scenario, &prng);
}

static const char RANDOM[] =
    "name: random\nduration: 60s\ncluster: {nodes: 5, keyspace: {n: 3, r: 2, w: 2}}\n"
    "faults:\n"
    "  - {at: 1s, for: 50s, kind: random, every: 500ms..2s, lasting: 1s..5s,\n"
    "     kinds: [partition, crash, disk_wipe, pause, clock_step, flap]}\n";

static bool equal(const struct schedule *left, const struct schedule *right) {
    bool same = left->count == right->count;
    for (uint32_t i = 0; same && i < left->count; i++)
        same = left->actions[i].at == right->actions[i].at &&
               left->actions[i].kind == right->actions[i].kind &&
               memcmp(left->actions[i].from.words, right->actions[i].from.words,
                      sizeof left->actions[i].from.words) == 0;
    return same;
}

static void one_seed_is_one_schedule_and_another_seed_another(void **state) {
    (void)state;
    struct scenario *scenario = load(RANDOM);
    struct schedule first, again, other;
    make(&first, scenario, 1);
    make(&again, scenario, 1);
    assert_true(first.count > 20);
    assert_true(equal(&first, &again));
    for (uint64_t seed = 2; seed <= 200; seed++) {
        make(&other, scenario, seed);
        assert_false(equal(&first, &other));
        schedule_deinit(&other);
    }
    schedule_deinit(&first);
    schedule_deinit(&again);
    scenario_destroy(scenario);
}

static void actions_are_in_the_order_of_their_times(void **state) {
    (void)state;
    struct scenario *scenario = load(RANDOM);
    struct schedule schedule;
    make(&schedule, scenario, 3);
    for (uint32_t i = 1; i < schedule.count; i++)
        assert_true(schedule.actions[i - 1].at <= schedule.actions[i].at);
    schedule_deinit(&schedule);
    scenario_destroy(scenario);
}

/* With W = 2, one disk may be lost, and two nodes of five may be down at once. */
static void survivable_faults_leave_what_an_acknowledgement_promised(void **state) {
    (void)state;
    struct scenario *scenario = load(RANDOM);
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct schedule schedule;
        struct host_set wiped = {0};
        uint64_t down = 0;
        make(&schedule, scenario, seed);
        for (uint32_t i = 0; i < schedule.count; i++) {
            const struct action *action = &schedule.actions[i];
            bool ends =
                action->kind == ACT_KILL || action->kind == ACT_POWER || action->kind == ACT_PAUSE;
            bool begins = action->kind == ACT_START || action->kind == ACT_RESUME;
            for (uint32_t node = 0; node < 5; node++) {
                if (!host_set_has(&action->from, node))
                    continue;
                down = ends     ? down | (uint64_t)1 << node
                       : begins ? down & ~((uint64_t)1 << node)
                                : down;
                if (action->kind == ACT_WIPE || action->kind == ACT_POWER)
                    host_set_add(&wiped, node);
            }
            assert_true(__builtin_popcountll(down) <= 2);
        }
        assert_true(host_set_count(&wiped) <= 1);
        schedule_deinit(&schedule);
    }
    scenario_destroy(scenario);
}

static void a_partition_names_each_side_and_the_rest(void **state) {
    (void)state;
    struct scenario *scenario =
        load("name: sides\ncluster: {nodes: 4}\n"
             "clients: [{name: left, count: 2}]\n"
             "faults: [{at: 1s, for: 2s, kind: partition, groups: [\"n2 left\", rest]}]\n");
    struct schedule schedule;
    make(&schedule, scenario, 1);
    assert_int_equal(schedule.count, 3);
    assert_int_equal(schedule.actions[0].kind, ACT_BLOCK);
    assert_int_equal(schedule.actions[0].from.words[0], 1 << 1 | 1 << 4 | 1 << 5);
    assert_int_equal(schedule.actions[0].to.words[0], 1 << 0 | 1 << 2 | 1 << 3);
    assert_int_equal(schedule.actions[1].from.words[0], schedule.actions[0].to.words[0]);
    assert_int_equal(schedule.actions[2].kind, ACT_UNBLOCK);
    assert_int_equal(schedule.actions[2].at, 3000000000u);
    assert_true(schedule.actions[0].begins && schedule.actions[2].ends);
    schedule_deinit(&schedule);
    scenario_destroy(scenario);
}

static void in_a_ring_each_node_sees_a_majority_and_no_two_the_same(void **state) {
    (void)state;
    for (uint32_t count = 3; count <= 9; count++) {
        char text[160];
        snprintf(text, sizeof text,
                 "name: ring\ncluster: {nodes: %u}\n"
                 "faults: [{at: 1s, kind: partition, shape: ring_of_majorities}]\n",
                 count);
        struct scenario *scenario = load(text);
        struct schedule schedule;
        make(&schedule, scenario, 5);
        uint64_t sees[9];
        for (uint32_t i = 0; i < count; i++)
            sees[i] = (1u << count) - 1;
        for (uint32_t i = 0; i < schedule.count; i++) {
            for (uint32_t node = 0; node < count; node++) {
                if (host_set_has(&schedule.actions[i].from, node))
                    sees[node] &= ~schedule.actions[i].to.words[0];
            }
        }
        for (uint32_t i = 0; i < count; i++) {
            assert_true((uint32_t)__builtin_popcountll(sees[i]) * 2 > count);
            for (uint32_t j = 0; j < count; j++)
                assert_int_equal(sees[i] >> j & 1, sees[j] >> i & 1);
        }
        schedule_deinit(&schedule);
        scenario_destroy(scenario);
    }
}

static void a_picked_node_is_the_same_wherever_it_is_named(void **state) {
    (void)state;
    struct scenario *scenario = load("name: picks\ncluster: {nodes: 5}\n"
                                     "faults:\n"
                                     "  - {at: 1s, kind: pause, nodes: \"pick:1\"}\n"
                                     "  - {at: 2s, kind: resume, nodes: \"pick:1\"}\n"
                                     "  - {at: 3s, kind: pause, nodes: \"pick:2\"}\n");
    uint64_t seen = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct schedule schedule;
        make(&schedule, scenario, seed);
        assert_int_equal(schedule.actions[0].from.words[0], schedule.actions[1].from.words[0]);
        assert_int_not_equal(schedule.actions[0].from.words[0], schedule.actions[2].from.words[0]);
        seen |= schedule.actions[0].from.words[0];
        schedule_deinit(&schedule);
    }
    assert_int_equal(seen, 31);
    scenario_destroy(scenario);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_seed_is_one_schedule_and_another_seed_another),
        cmocka_unit_test(actions_are_in_the_order_of_their_times),
        cmocka_unit_test(survivable_faults_leave_what_an_acknowledgement_promised),
        cmocka_unit_test(a_partition_names_each_side_and_the_rest),
        cmocka_unit_test(in_a_ring_each_node_sees_a_majority_and_no_two_the_same),
        cmocka_unit_test(a_picked_node_is_the_same_wherever_it_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
