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

static void disks_are_held_to_what_can_be(void **state) {
    (void)state;
    static const struct {
        const char *disk, *key, *why;
    } WRONG[] = {
        {"{lost_write: 3/2}", "disk.lost_write: ", "chance"},
        {"{misdirected_write: often}", "disk.misdirected_write: ", "chance"},
        {"{after_sync_error: hopes}", "disk.after_sync_error: ", "none of: forgets, shows"},
        {"{slow_factor: 5}", "disk.slow_factor: ", "needs slow_every and slow_lasting"},
        {"{slow_factor: 0}", "disk.slow_factor: ", "from 1 to"},
        {"{slow_every: {low: 1s}}", "disk: ", "need a slow_factor"},
        {"{rot_every: {kind: exponential}}", "disk.rot_every: ", "needs mean"},
        {"{sector: 1}", "disk.sector: ", "from 64"},
        {"{read_latency: {kind: mixture}}", "disk.read_latency: ", "needs parts"},
        {"{read_latency: {parts: [{low: 1ms}], low: 3ms}}",
         "disk.read_latency: ", "do not go with kind: mixture"},
        {"{read_latency: {kind: constant, low: 1ms, samples: [1ms]}}",
         "disk.read_latency: ", "samples do not go"},
        {"{read_latency: {parts: [{low: 1ms, weight: 0}]}}",
         "disk.read_latency.parts[0].weight: ", "0 is not from 1"},
        {"{read_latency: {parts: [{low: 1ms}, {high: soon}]}}",
         "disk.read_latency.parts[1].high: ", "'soon' is not a duration"},
        {"{read_latency: {parts: [{low: 1ms}, {kind: mixture}]}}",
         "disk.read_latency.parts[1]: ", "no mixture itself"},
        {"{read_latency: {samples: [1ms, 2]}}",
         "disk.read_latency.samples[1]: ", "'2' is not a duration"},
        {"{read_latency: {kind: samples}}", "disk.read_latency: ", "need samples"},
    };
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        char text[256], begin[128];
        snprintf(text, sizeof text, "name: a\ndisk: %s\n", WRONG[i].disk);
        snprintf(begin, sizeof begin, "file.yaml:2: %s", WRONG[i].key);
        assert_refused(text, begin, WRONG[i].why);
    }
    assert_refused("name: a\nfaults:\n  - {at: 1s, kind: disk_swap, nodes: n1}\n",
                   "file.yaml:3: faults[0].nodes: ", "between two nodes, not 1");
    assert_refused("name: a\nfaults:\n  - {at: 1s, kind: bit_rot, nodes: n1, files: song}\n",
                   "file.yaml:3: faults[0].files: ", "none of: log, table, manifest");
    assert_refused("name: a\nfaults:\n  - {at: 1s, kind: bit_rot, nodes: n1, files: \" \"}\n",
                   "file.yaml:3: faults[0].files: ", "no kind of file");
    assert_refused("name: a\nfaults:\n  - {at: 1s, kind: bit_rot, nodes: n1, bits: 0}\n",
                   "file.yaml:3: faults[0].bits: ", "0 is not from 1");
    assert_refused("name: a\nfaults:\n  - {at: 1s, kind: crash, nodes: n1, bits: 1}\n",
                   "file.yaml:3: faults[0].bits: ", "does not go with");
    assert_refused(
        "name: a\nfaults:\n  - {at: 1s, for: 9s, kind: random, every: 1s, kinds: [disk]}\n",
        "file.yaml:3: faults[0].kinds: ", "needs the key disk");
}

static void what_a_disk_does_is_read_with_its_units(void **state) {
    (void)state;
    char problem[1024];
    struct scenario *scenario =
        load("name: disks\n"
             "disk:\n"
             "  read_latency: {parts: [{weight: 9, low: 1ms}, {kind: pareto, low: 2ms}]}\n"
             "  sync_latency: {samples: [1ms, 3ms, 2ms]}\n"
             "  slow_every: {kind: exponential, mean: 5s}\n"
             "  slow_lasting: {low: 1s}\n"
             "  slow_factor: 20\n"
             "  lost_write: 1/1000\n"
             "  misdirected_write: 7\n"
             "  after_sync_error: shows\n"
             "  rot_every: {low: 1s}\n"
             "faults: [{at: 1s, kind: bit_rot, nodes: n1, files: log  table, bits: 3}]\n",
             problem, sizeof problem);
    assert_string_equal(problem, "");
    const struct disk_settings *disk = &scenario->cluster.nodes[2].disk;
    assert_int_equal(disk->read_latency.kind, DISTRIBUTION_MIXTURE);
    assert_int_equal(disk->read_latency.count, 2);
    assert_int_equal(disk->read_latency.parts[0].weight, 9);
    assert_int_equal(disk->read_latency.parts[1].weight, 1);
    assert_int_equal(disk->read_latency.parts[1].distribution.kind, DISTRIBUTION_PARETO);
    assert_int_equal(disk->sync_latency.kind, DISTRIBUTION_SAMPLES);
    assert_int_equal(disk->sync_latency.samples[1], 3000000);
    assert_int_equal(disk->slow_every.mean, 5000000000);
    assert_int_equal(disk->slow_factor, 20);
    assert_int_equal(disk->lost_write_per_million, 1000);
    assert_int_equal(disk->misdirected_write_per_million, 7);
    assert_int_equal(disk->sync_error_aftermath, AFTERMATH_SHOWS);
    assert_int_equal(disk->rot_every.low, 1000000000);
    assert_true(disk_settings_harm(disk));
    assert_int_equal(scenario->faults[0].file_kinds, 1u << FILE_LOG | 1u << FILE_TABLE);
    assert_int_equal(scenario->faults[0].bits, 3);
    scenario_destroy(scenario);
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
        cmocka_unit_test(disks_are_held_to_what_can_be),
        cmocka_unit_test(what_a_disk_does_is_read_with_its_units),
        cmocka_unit_test(expectations_must_make_sense),
        cmocka_unit_test(what_is_no_yaml_is_refused),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(every_cut_of_a_file_loads_or_is_refused),
        cmocka_unit_test(units_and_defaults_are_filled_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
