#include "recorded_history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

const char RECORDED_PLAIN[] = "name: recorded\n"
                              "cluster: {nodes: 3, keyspace: {n: 3, r: 1, w: 2}}\n"
                              "clients:\n"
                              "  - {name: client, count: 2, keys: 4}\n"
                              "expect: {replica_monotone: checked}\n";
const char RECORDED_STRICT[] =
    "name: recorded\n"
    "cluster: {nodes: 3, keyspace: {n: 3, r: 2, w: 2, sloppy: false, strict: true}}\n"
    "clients:\n"
    "  - {name: client, count: 2, keys: 4}\n";

static struct instant at(uint64_t milliseconds) {
    return (struct instant){milliseconds * 1000000};
}

void recorded_begin(struct recorded *recorded, const char *scenario) {
    struct buffer problem = {0};
    recorded->scenario = scenario_load_bytes(bytes_of_text(scenario), "recorded.yaml", &problem);
    if (recorded->scenario == NULL)
        print_error("%.*s\n", (int)problem.size, (const char *)problem.data);
    assert_non_null(recorded->scenario);
    buffer_deinit(&problem);
    recorded->history = history_create(recorded->scenario);
}

void recorded_end(struct recorded *recorded) {
    history_destroy(recorded->history);
    scenario_destroy(recorded->scenario);
}

static struct id_set set_of(const uint32_t *ids, uint32_t count) {
    struct id_set set = {0};
    for (uint32_t i = 0; i < count; i++)
        assert_true(id_set_add(&set, ids[i]));
    return set;
}

uint32_t recorded_write(struct recorded *recorded, struct write_request request,
                        const uint32_t *seen, uint32_t seen_count, uint64_t begun, uint64_t ended,
                        enum write_outcome outcome) {
    struct id_set set = set_of(seen, seen_count);
    uint32_t id = history_begin_write(recorded->history, &request, &set, at(begun));
    if (outcome != WRITE_UNDER_WAY)
        history_end_write(recorded->history, id, outcome, at(ended));
    return id;
}

uint32_t recorded_put(struct recorded *recorded, uint32_t client, uint32_t key,
                      const uint32_t *seen, uint32_t seen_count, uint64_t begun, uint64_t ended) {
    struct write_request request = {.client = client, .key = key, .copies = 2};
    return recorded_write(recorded, request, seen, seen_count, begun, ended, WRITE_ACKNOWLEDGED);
}

uint32_t recorded_delete(struct recorded *recorded, uint32_t client, uint32_t key,
                         const uint32_t *seen, uint32_t seen_count, uint64_t begun,
                         uint64_t ended) {
    struct write_request request = {.client = client, .key = key, .copies = 2, .deletes = true};
    return recorded_write(recorded, request, seen, seen_count, begun, ended, WRITE_ACKNOWLEDGED);
}

uint32_t recorded_set(struct recorded *recorded, uint32_t client, uint32_t key, uint64_t begun,
                      uint64_t ended) {
    struct write_request request = {.client = client, .key = key, .copies = 2, .blind = true};
    return recorded_write(recorded, request, NULL, 0, begun, ended, WRITE_ACKNOWLEDGED);
}

void recorded_read(struct recorded *recorded, uint32_t client, uint32_t key, const uint32_t *ids,
                   uint32_t count, uint64_t begun, uint64_t ended) {
    struct id_set set = set_of(ids, count);
    struct read_record read;
    history_begin_read(recorded->history, &read, client, key, at(begun));
    history_end_read(recorded->history, &read, &set, at(ended));
}

void recorded_finish(struct recorded *recorded, uint32_t key, const uint32_t *ids, uint32_t count) {
    struct id_set set = set_of(ids, count);
    oracle_check_end(recorded->history, key, &set, at(100000));
}

void assert_oracle_speaks(const struct recorded *recorded, enum oracle oracle) {
    const struct verdict *verdict = &recorded->history->verdict;
    assert_true(verdict->failed);
    assert_string_equal(oracle_name(verdict->oracle), oracle_name(oracle));
    assert_true(verdict->sentence[0] != 0);
}

void assert_oracle_silent(const struct recorded *recorded) {
    if (recorded->history->verdict.failed)
        print_error("%s: %s\n", oracle_name(recorded->history->verdict.oracle),
                    recorded->history->verdict.sentence);
    assert_false(recorded->history->verdict.failed);
}
