#include "harness/run.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char LIVELY[] =
    "name: lively\nduration: 4s\n"
    "cluster: {nodes: 4, keyspace: {n: 3, r: 2, w: 2}, gossip_interval: 200ms, store: {memtable: "
    "16KiB}}\n"
    "clients: [{count: 3, node: any, rate: 60, keys: 10, mix: {read: 2, put: 3, delete: 1, set: 1, "
    "get: 1}}]\n"
    "faults: [{at: 1s, for: 2s, kind: random, every: 200ms..500ms, lasting: 100ms..1s,\n"
    "          kinds: [crash, partition, pause, cut, clock_step]}]\n";

static struct scenario *load(const char *text) {
    struct buffer problem = {0};
    struct scenario *scenario = scenario_load_bytes(bytes_of_text(text), "run.yaml", &problem);
    if (scenario == NULL)
        print_error("%.*s\n", (int)problem.size, (const char *)problem.data);
    assert_non_null(scenario);
    buffer_deinit(&problem);
    return scenario;
}

static struct run_result run_once(const struct scenario *scenario, uint64_t seed) {
    struct run_result result;
    struct run *run = run_create(scenario, seed);
    run_execute(run, INSTANT_NEVER, &result);
    run_destroy(run);
    return result;
}

static void the_same_seed_gives_the_same_run(void **state) {
    (void)state;
    struct scenario *scenario = load(LIVELY);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct run_result first = run_once(scenario, seed), again = run_once(scenario, seed);
        assert_true(first.status == RUN_PASSED);
        assert_int_equal(first.hash, again.hash);
        assert_int_equal(first.events, again.events);
        assert_memory_equal(first.figures, again.figures, sizeof first.figures);
    }
    scenario_destroy(scenario);
}

static void another_seed_gives_another_run(void **state) {
    (void)state;
    struct scenario *scenario = load(LIVELY);
    assert_int_not_equal(run_once(scenario, 1).hash, run_once(scenario, 2).hash);
    scenario_destroy(scenario);
}

static void a_run_that_goes_on_in_pieces_is_the_same_run(void **state) {
    (void)state;
    struct scenario *scenario = load(LIVELY);
    struct run_result whole = run_once(scenario, 4), piece;
    struct run *run = run_create(scenario, 4);
    for (uint64_t milliseconds = 700; milliseconds < 4000; milliseconds += 700) {
        run_execute(run, (struct instant){milliseconds * 1000000}, &piece);
        assert_true(piece.status == RUN_CUT_SHORT);
        assert_int_equal(piece.ended.nanoseconds, milliseconds * 1000000);
    }
    run_execute(run, INSTANT_NEVER, &piece);
    assert_int_equal(piece.hash, whole.hash);
    run_destroy(run);
    scenario_destroy(scenario);
}

static void a_figure_beyond_its_limit_fails_the_run(void **state) {
    (void)state;
    struct scenario *scenario = load("name: limit\nduration: 2s\nclients: [{rate: 20}]\n"
                                     "expect: {figures: [{figure: operations, at_most: 3}]}\n");
    struct run_result result = run_once(scenario, 1);
    assert_true(result.status == RUN_FAILED);
    assert_non_null(strstr(result.sentence, "operations"));
    scenario_destroy(scenario);
}

/* Nothing can repair what a partition kept apart: no hints, no trees, no reads. */
static void replicas_that_cannot_agree_are_not_converged(void **state) {
    (void)state;
    struct scenario *scenario = load(
        "name: apart\nduration: 4s\nconverge_within: 3s\n"
        "cluster: {nodes: 3, keyspace: {n: 3, r: 1, w: 1, sloppy: false}, read_repair: false,\n"
        "          anti_entropy_interval: 0, handoff_interval: 0, request_timeout: 200ms}\n"
        "network: {connection_timeout: 500ms}\n"
        "clients: [{rate: 40, nodes: n1, start: 2s, keys: 5, context: last, mix: {put: 1}}]\n"
        "faults: [{at: 1s, for: 3s, kind: partition, groups: [n3, rest]}]\n");
    struct run_result result = run_once(scenario, 1);
    assert_true(result.status == RUN_NOT_CONVERGED);
    assert_true(result.oracle == ORACLE_CONVERGENCE);
    scenario_destroy(scenario);
}

static void every_scenario_of_the_repository_loads(void **state) {
    (void)state;
    static const char HERE[] = "tests/harness/run_test.c";
    char pattern[1024];
    snprintf(pattern, sizeof pattern, "%.*sscenarios/*.yaml",
             (int)(strlen(__FILE__) - strlen(HERE)), __FILE__);
    glob_t files;
    assert_int_equal(glob(pattern, 0, NULL, &files), 0);
    assert_true(files.gl_pathc >= 15);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        struct buffer problem = {0};
        struct scenario *scenario = scenario_load(files.gl_pathv[i], &problem);
        if (scenario == NULL)
            print_error("%.*s\n", (int)problem.size, (const char *)problem.data);
        assert_non_null(scenario);
        assert_true(scenario->proves[0] != 0);
        scenario_destroy(scenario);
        buffer_deinit(&problem);
    }
    globfree(&files);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_run),
        cmocka_unit_test(another_seed_gives_another_run),
        cmocka_unit_test(a_run_that_goes_on_in_pieces_is_the_same_run),
        cmocka_unit_test(a_figure_beyond_its_limit_fails_the_run),
        cmocka_unit_test(replicas_that_cannot_agree_are_not_converged),
        cmocka_unit_test(every_scenario_of_the_repository_loads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
