/* A fault planted into the nodes makes the scenario that isolates its mechanism fail, within a few seeds. */
#include "harness/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { SEEDS_MAX = 12 };

static struct scenario *load(const char *name) {
    static const char HERE[] = "tests/harness/sabotage_test.c";
    char path[1024];
    size_t root = strlen(__FILE__) - strlen(HERE);
    snprintf(path, sizeof path, "%.*sscenarios/%s.yaml", (int)root, __FILE__, name);
    struct buffer problem = {0};
    struct scenario *scenario = scenario_load(path, &problem);
    if (scenario == NULL)
        print_error("%.*s\n", (int)problem.size, (const char *)problem.data);
    assert_non_null(scenario);
    buffer_deinit(&problem);
    return scenario;
}

static uint64_t first_failing_seed(const char *name, enum sabotage sabotage) {
    struct scenario *scenario = load(name);
    uint64_t failing = 0;
    for (uint64_t seed = 1; seed <= SEEDS_MAX && failing == 0; seed++) {
        struct run_result result;
        struct run *run = run_create_sabotaged(scenario, seed, sabotage);
        run_execute(run, INSTANT_NEVER, &result);
        run_destroy(run);
        if (result.status == RUN_FAILED || result.status == RUN_NOT_CONVERGED) {
            print_message("%s, seed %u: %s: %s\n", name, (unsigned)seed, oracle_name(result.oracle),
                          result.sentence);
            failing = seed;
        }
    }
    scenario_destroy(scenario);
    return failing;
}

static void a_log_that_was_never_synced_fails_the_crashes(void **state) {
    (void)state;
    assert_true(first_failing_seed("crash_restart", SABOTAGE_SYNC_LIES) != 0);
}

static void hints_that_do_not_arrive_fail_the_hints(void **state) {
    (void)state;
    assert_true(first_failing_seed("hint_survives_crash", SABOTAGE_HINTS_LOST) != 0);
}

static void branches_that_are_skipped_fail_the_lost_disk(void **state) {
    (void)state;
    assert_true(first_failing_seed("disk_lost", SABOTAGE_BRANCHES_SKIPPED) != 0);
}

static void replicas_that_are_ignored_fail_the_fresh_reads(void **state) {
    (void)state;
    assert_true(first_failing_seed("fresh_reads", SABOTAGE_REPLICA_IGNORED) != 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_that_was_never_synced_fails_the_crashes),
        cmocka_unit_test(hints_that_do_not_arrive_fail_the_hints),
        cmocka_unit_test(branches_that_are_skipped_fail_the_lost_disk),
        cmocka_unit_test(replicas_that_are_ignored_fail_the_fresh_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
