#include "harness/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct scenario *load(const char *text, char *problem, size_t size) {
    struct buffer why = {0};
    struct scenario *scenario = scenario_load_bytes(bytes_of_text(text), "file.yaml", &why);
    snprintf(problem, size, "%.*s", (int)why.size, (const char *)why.data);
    buffer_deinit(&why);
    return scenario;
}

static void assert_refused(const char *text, const char *begin, const char *within) {
    char problem[1024];
    struct scenario *scenario = load(text, problem, sizeof problem);
    if (scenario != NULL || strncmp(problem, begin, strlen(begin)) != 0 ||
        strstr(problem, within) == NULL)
        print_error("for\n%sgot '%s'\n", text, problem);
    assert_null(scenario);
    assert_int_equal(strncmp(problem, begin, strlen(begin)), 0);
    assert_non_null(strstr(problem, within));
}

static void an_unknown_key_is_named_with_its_line(void **state) {
    (void)state;
    assert_refused("name: a\nclutser: {nodes: 3}\n", "file.yaml:2: clutser: ", "unknown key");
    assert_refused("name: a\ncluster:\n  nodes: 3\n  store:\n    memtabel: 1KiB\n",
                   "file.yaml:5: cluster.store.memtabel: ", "unknown key");
    assert_refused(
        "name: a\nfaults:\n  - {at: 1s, kind: heal}\n  - at: 2s\n    kind: heal\n    knid: x\n",
        "file.yaml:6: faults[1].knid: ", "unknown key");
}

static void a_wrong_type_is_named_with_its_line(void **state) {
    (void)state;
    assert_refused("name: a\ncluster:\n  nodes: three\n", "file.yaml:3: cluster.nodes: ", "three");
    assert_refused("name: a\ncluster: 3\n", "file.yaml:2: cluster: ", "");
    assert_refused("name: a\nfaults: {at: 1s}\n", "file.yaml:2: faults: ", "");
    assert_refused("name: [a, b]\n", "file.yaml:1: name: ", "");
    assert_refused("name: a\nclients:\n  - {failover: perhaps}\n",
                   "file.yaml:3: clients[0].failover: ", "perhaps");
}

static void an_impossible_value_is_named_with_its_line(void **state) {
    (void)state;
    assert_refused("name: a\nduration: soon\n",
                   "file.yaml:2: duration: ", "'soon' is not a duration");
    assert_refused("name: a\nduration: 0\n", "file.yaml:2: duration: ", "is 0");
    assert_refused("name: a\ncluster:\n  nodes: 0\n", "file.yaml:3: cluster.nodes: ", "from 1 to");
    assert_refused("name: a\ncluster:\n  partitions: 100\n",
                   "file.yaml:3: cluster.partitions: ", "power of two");
    assert_refused("name: a\ncluster:\n  keyspace:\n    n: 3\n    w: 4\n",
                   "file.yaml:5: cluster.keyspace.w: ", "4 is not from 1 to 3");
    assert_refused("name: a\nnetwork:\n  link:\n    loss: 3/2\n",
                   "file.yaml:4: network.link.loss: ", "chance");
    assert_refused(
        "name: a\nnetwork:\n  link:\n    latency: {kind: uniform, low: 5ms, high: 1ms}\n",
        "file.yaml:4: network.link.latency.high: ", "below low");
    assert_refused("name: a\nclients:\n  - {rate: 0}\n", "file.yaml:3: clients[0].rate: ", "");
    assert_refused("name: a\nclients:\n  - {mix: {get: 0}}\n",
                   "file.yaml:3: clients[0].mix: ", "0");
    assert_refused("name: a\nclients:\n  - {value_size: 3}\n",
                   "file.yaml:3: clients[0].value_size: ", "below");
}

static void faults_are_held_to_their_kind(void **state) {
    (void)state;
    assert_refused("name: a\nfaults:\n  - {at: 1s}\n", "file.yaml:3: faults[0]: ", "needs kind");
    assert_refused("name: a\nfaults:\n  - {at: 1s, kind: earthquake}\n",
                   "file.yaml:3: faults[0].kind: ", "none of");
    assert_refused("name: a\nfaults:\n  - {at: 1s, kind: crash}\n",
                   "file.yaml:3: faults[0]: ", "needs nodes");
    assert_refused("name: a\nfaults:\n  - {at: 1s, kind: heal, nodes: n1}\n",
                   "file.yaml:3: faults[0].nodes: ", "does not go with");
    assert_refused("name: a\nfaults:\n  - {at: 1s, kind: crash, nodes: n9}\n",
                   "file.yaml:3: faults[0].nodes: ", "'n9' names no");
    assert_refused("name: a\nfaults:\n  - {at: 31s, kind: crash, nodes: n1}\n",
                   "file.yaml:3: faults[0].at: ", "beyond");
    assert_refused("name: a\nfaults:\n  - {at: 9s..3s, kind: crash, nodes: n1}\n",
                   "file.yaml:3: faults[0].at: ", "before it begins");
    assert_refused("name: a\nfaults:\n  - {at: 1s, kind: partition, groups: [n1]}\n",
                   "file.yaml:3: faults[0].groups: ", "two groups");
    assert_refused(
        "name: a\nfaults:\n  - {at: 1s, for: 2s, kind: random, every: 1s, kinds: [random]}\n",
        "file.yaml:3: faults[0].kinds: ", "cannot be drawn");
}

static void expectations_must_make_sense(void **state) {
    (void)state;
    assert_refused("name: a\nexpect: {stale_reads: perhaps}\n",
                   "file.yaml:2: expect.stale_reads: ", "none of");
    assert_refused("name: a\nexpect: {regular_reads: checked}\n",
                   "file.yaml:2: expect.regular_reads: ", "promised only");
    assert_refused("name: a\nexpect: {figures: [{figure: luck, at_least: 1}]}\n",
                   "file.yaml:2: expect.figures[0].figure: ", "luck");
    assert_refused("name: a\nexpect: {figures: [{figure: reads}]}\n",
                   "file.yaml:2: expect.figures[0]: ", "at_least");
}

static void what_is_no_yaml_is_refused(void **state) {
    (void)state;
    assert_refused("name: a\n bad: [\n", "file.yaml:2: ", "");
    assert_refused("", "file.yaml:1: ", "");
    assert_refused("name: a\nname: b\n", "file.yaml:", "already");
    assert_refused("duration: 3s\n", "file.yaml:1: name: ", "must be given");
}

static void a_missing_file_is_named(void **state) {
    (void)state;
    struct buffer problem = {0};
    assert_null(scenario_load("no/such/file.yaml", &problem));
    assert_true(bytes_start_with(buffer_bytes(&problem),
                                 bytes_of_text("no/such/file.yaml:1: No such file")));
    buffer_clear(&problem);
    assert_null(scenario_load(".", &problem));
    buffer_deinit(&problem);
}

static void every_cut_of_a_file_loads_or_is_refused(void **state) {
    (void)state;
    static const char TEXT[] =
        "name: whole\nduration: 9s\ncluster: {nodes: 4, keyspace: {n: 3, r: 1, w: 1}}\n"
        "clients:\n  - {name: a, rate: 5, mix: {put: 1}}\n"
        "faults:\n  - {at: 1s..2s, for: 1s, kind: partition, groups: [\"n1 a\", rest]}\n"
        "expect: {stale_reads: measured, figures: [{figure: reads, at_most: 9}]}\n";
    for (size_t size = 0; size < sizeof TEXT; size++) {
        struct buffer problem = {0};
        struct scenario *scenario = scenario_load_bytes(bytes_of(TEXT, size), "cut.yaml", &problem);
        assert_true((scenario == NULL) == (problem.size > 0));
        scenario_destroy(scenario);
        buffer_deinit(&problem);
    }
}

static void units_and_defaults_are_filled_in(void **state) {
    (void)state;
    char problem[1024];
    struct scenario *scenario =
        load("name: units\nduration: 1.5s\n"
             "cluster:\n  keyspace: {n: 1}\n  node_settings: [{nodes: n2, datacentre: east, "
             "weight: 3}]\n"
             "network: {link: {latency: {low: 2ms}, loss: 1/1000, segment: 64KiB}}\n"
             "clients: [{count: 2, rate: 1/2}]\n"
             "faults: [{at: 500ms..1s, kind: clock_step, nodes: n1, by: -2s..1s}]\n",
             problem, sizeof problem);
    assert_string_equal(problem, "");
    assert_non_null(scenario);
    assert_int_equal(scenario->duration.nanoseconds, 1500000000);
    assert_int_equal(scenario->cluster.node_count, 3);
    assert_int_equal(scenario->cluster.keyspaces[0].r, 1);
    assert_int_equal(scenario->cluster.keyspaces[0].w, 1);
    assert_string_equal(scenario->cluster.nodes[1].datacentre, "east");
    assert_int_equal(scenario->cluster.nodes[1].weight, 3);
    assert_int_equal(scenario->world.link.latency.low, 2000000);
    assert_int_equal(scenario->world.link.loss_per_million, 1000);
    assert_int_equal(scenario->world.link.segment_bytes_max, 65536);
    assert_int_equal(scenario->groups[0].rate_millis, 250);
    assert_int_equal((int64_t)scenario->faults[0].by.low, -2000);
    assert_int_equal((int64_t)scenario->faults[0].by.high, 1000);
    scenario_destroy(scenario);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_key_is_named_with_its_line),
        cmocka_unit_test(a_wrong_type_is_named_with_its_line),
        cmocka_unit_test(an_impossible_value_is_named_with_its_line),
        cmocka_unit_test(faults_are_held_to_their_kind),
        cmocka_unit_test(expectations_must_make_sense),
        cmocka_unit_test(what_is_no_yaml_is_refused),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(every_cut_of_a_file_loads_or_is_refused),
        cmocka_unit_test(units_and_defaults_are_filled_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
