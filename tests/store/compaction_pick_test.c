/* What is compacted next, and into which level: on versions made by hand, without files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/store/compaction_expiry.h"
#include "engine/store/compaction_pick.h"
#include "engine/store/level_targets.h"
#include "engine/store/pacing.h"
#include "tests/store/support/table_fixture.h"

enum { RUN = 1000, MEGABYTE = 1 << 20 };

static struct store *store;
static uint64_t next_number;

static int begin(void **state) {
    struct store_config config = store_config_default();
    config.memtable_bytes = RUN;
    store = store_create(&config);
    next_number = 1;
    (void)state;
    return 0;
}

static int end(void **state) {
    store_destroy(store);
    (void)state;
    return 0;
}

/* Adds a table [from, to] of `size` bytes with ten entries, `removed` of them tombstones; of a run of its
 * own. */
static void add(uint32_t level, const char *from, const char *to, uint64_t size, uint64_t removed) {
    struct table_file *file = table_file_create(next_number);
    file->run = next_number++;
    file->size = size;
    file->entry_count = 10;
    file->removed_count = removed;
    buffer_append(&file->smallest, bytes_of_text(from));
    buffer_append(&file->largest, bytes_of_text(to));
    struct version_edit edit = {.added_level = level};
    table_list_add(&edit.added, file);
    store_install(store, &edit);
    table_list_deinit(&edit.added);
    assert_false(table_file_release(file));
}

/* A table with keys "m00" to "m23", of which the i-th of `expiring` expires at i + 1. */
enum { ENTRIES = 24 };
static void add_expiring(uint32_t level, uint32_t expiring) {
    struct fixture_entry entries[ENTRIES] = {0};
    struct buffer bytes = {0};
    struct table_options options = {.block_bytes = 100};
    for (uint32_t i = 0; i < ENTRIES; i++) {
        char key[8];
        snprintf(key, sizeof key, "m%02u", i);
        buffer_append(&entries[i].key, bytes_of_text(key));
        entries[i].expires = i < expiring ? i + 1 : 0;
    }
    table_fixture_build(&options, entries, ENTRIES, 0, &bytes);
    struct table_file *file = table_file_create(next_number);
    file->run = next_number++;
    file->size = RUN;
    file->entry_count = ENTRIES;
    file->expiring_count = expiring;
    file->table = table_fixture_open(buffer_bytes(&bytes));
    assert_non_null(file->table);
    buffer_append(&file->smallest, bytes_of_text("m00"));
    buffer_append(&file->largest, bytes_of_text("m23"));
    struct version_edit edit = {.added_level = level};
    table_list_add(&edit.added, file);
    store_install(store, &edit);
    table_list_deinit(&edit.added);
    assert_false(table_file_release(file));
    for (uint32_t i = 0; i < ENTRIES; i++)
        buffer_deinit(&entries[i].key);
    buffer_deinit(&bytes);
}

static void set_wall(uint64_t wall) {
    store_set_wall(store, (struct wall_time){wall});
}

/* Runs [a0, a5], [b0, b5], ... */
static void add_runs_apart(char count, uint64_t removed) {
    for (char run = 'a'; run < 'a' + count; run++)
        add(0, (char[]){run, '0', 0}, (char[]){run, '5', 0}, RUN, removed);
}

static bool pick(struct compaction_pick *found) {
    return compaction_pick(store, found);
}

static void a_small_store_goes_from_level_0_to_the_last(void **state) {
    struct level_targets targets = level_targets_of(store->version, RUN);
    assert_int_equal(targets.base, LEVEL_LAST);
    add(LEVEL_LAST, "a", "z", LEVEL_BASE_RUNS_MAX * RUN, 0);
    targets = level_targets_of(store->version, RUN);
    assert_int_equal(targets.base, LEVEL_LAST);
    (void)state;
}

static void each_level_is_a_tenth_of_the_next_and_the_base_takes_a_few_flushes(void **state) {
    for (uint64_t last = 1; last < (uint64_t)1 << 40; last = last * 5 / 3 + 1) {
        end(state);
        begin(state);
        add(LEVEL_LAST, "a", "z", last, 0);
        struct level_targets targets = level_targets_of(store->version, RUN);
        uint64_t above = last;
        for (uint32_t level = LEVEL_LAST; level-- > targets.base;) {
            above /= LEVEL_FACTOR;
            assert_int_equal(targets.bytes[level], above);
        }
        for (uint32_t level = 1; level < targets.base; level++)
            assert_int_equal(targets.bytes[level], 0);
        if (targets.base > 1)
            assert_true(above / LEVEL_BASE_RUNS_MAX <= RUN);
        if (targets.base < LEVEL_LAST)
            assert_true(above >= LEVEL_BASE_RUNS_MAX * (uint64_t)RUN / LEVEL_FACTOR);
    }
}

static void fewer_runs_than_make_level_0_full_wait(void **state) {
    struct compaction_pick found;
    for (int run = 1; run < COMPACTION_RUNS; run++)
        add(0, "a", "z", RUN, 0);
    assert_false(pick(&found));
    add(0, "a", "z", RUN, 0);
    assert_true(pick(&found));
    assert_int_equal(found.level, 0);
    assert_int_equal(found.upper_count, COMPACTION_RUNS);
    assert_int_equal(found.to, LEVEL_LAST);
    assert_false(found.moves);
    (void)state;
}

static void level_0_is_full_with_few_runs_when_it_is_as_large_as_the_last_level(void **state) {
    struct compaction_pick found;
    add(LEVEL_LAST, "a", "z", COMPACTION_RUNS_MIN * RUN + 1, 0);
    for (int run = 0; run < COMPACTION_RUNS_MIN; run++)
        add(0, "a", "z", RUN, 0);
    assert_false(pick(&found));
    add(0, "a", "z", 1, 0);
    assert_true(pick(&found));
    assert_int_equal(found.level, 0);
    assert_int_equal(found.upper_count, COMPACTION_RUNS_MIN + 1);
    (void)state;
}

static void fewer_than_a_few_runs_wait_however_large_they_are(void **state) {
    struct compaction_pick found;
    add(LEVEL_LAST, "a", "z", 1, 0);
    for (int run = 1; run < COMPACTION_RUNS_MIN; run++)
        add(0, "a", "z", RUN, 0);
    assert_false(pick(&found));
    (void)state;
}

static void level_0_never_passes_over_a_level_that_holds_something(void **state) {
    struct compaction_pick found;
    add(3, "b", "c", 1, 0);
    for (int run = 0; run < COMPACTION_RUNS; run++)
        add(0, "a", "z", RUN, 0);
    assert_true(pick(&found));
    assert_int_equal(found.level, 0);
    assert_int_equal(found.to, 3);
    (void)state;
}

static void runs_that_are_apart_move_as_they_are(void **state) {
    struct compaction_pick found;
    add_runs_apart(COMPACTION_RUNS, 0);
    assert_true(pick(&found));
    assert_true(found.moves);
    assert_int_equal(found.upper_count, COMPACTION_RUNS);
    add(0, "a1", "b", RUN, 0);
    assert_true(pick(&found));
    assert_false(found.moves);
    (void)state;
}

static void tombstones_are_not_moved_into_the_last_level(void **state) {
    struct compaction_pick found;
    add_runs_apart(COMPACTION_RUNS - 1, 0);
    add(0, "x", "z", RUN, 1);
    assert_true(pick(&found));
    assert_false(found.moves);
    (void)state;
}

/* They would be asked by every read for ever. */
static void removed_ranges_are_not_moved(void **state) {
    struct compaction_pick found;
    add_runs_apart(COMPACTION_RUNS, 0);
    assert_true(pick(&found));
    assert_true(found.moves);
    store->version->levels[0].tables[COMPACTION_RUNS / 2]->range_count = 1;
    assert_true(pick(&found));
    assert_false(found.moves);
    (void)state;
}

static void what_meets_the_level_below_is_merged_with_it(void **state) {
    struct compaction_pick found;
    add(LEVEL_LAST, "a", "b", RUN, 0);
    add(LEVEL_LAST, "e", "g", RUN, 0);
    add(LEVEL_LAST, "x", "z", RUN, 0);
    for (int run = 0; run < COMPACTION_RUNS; run++)
        add(0, "c", "f", RUN, 0);
    assert_true(pick(&found));
    assert_int_equal(found.lower_at, 1);
    assert_int_equal(found.lower_count, 1);
    assert_false(found.moves);
    (void)state;
}

static void a_full_level_gives_the_table_that_overlaps_least(void **state) {
    struct compaction_pick found;
    uint64_t last = 5 * LEVEL_BASE_RUNS_MAX * RUN;
    add(LEVEL_LAST, "a", "f", last / 2, 0);
    add(LEVEL_LAST, "m", "p", last / 4, 0);
    add(LEVEL_LAST, "q", "z", last / 4, 0);
    uint32_t level = level_targets_of(store->version, RUN).base;
    add(level, "b", "c", last, 0);
    add(level, "n", "o", last, 0);
    add(level, "r", "s", 1, 0);
    assert_int_equal(level, LEVEL_LAST - 1);
    assert_true(pick(&found));
    assert_int_equal(found.level, level);
    assert_int_equal(found.upper_at, 1);
    assert_int_equal(found.lower_at, 1);
    (void)state;
}

static void a_table_full_of_tombstones_goes_before_its_level_is_full(void **state) {
    struct compaction_pick found;
    uint64_t last = 20 * LEVEL_BASE_RUNS_MAX * RUN;
    add(LEVEL_LAST, "a", "z", last, 0);
    uint32_t level = level_targets_of(store->version, RUN).base;
    add(level, "b", "c", RUN, 2);
    assert_false(pick(&found));
    add(level, "d", "e", RUN, 3);
    assert_true(pick(&found));
    assert_int_equal(found.level, level);
    assert_int_equal(found.upper_at, 1);
    (void)state;
}

static void at_rest_what_lies_above_the_last_level_goes_down(void **state) {
    struct compaction_pick found;
    add(LEVEL_LAST, "a", "z", 5 * RUN, 0);
    add(0, "a", "z", RUN + RUN / 2, 0);
    assert_false(pick(&found));
    pacing_note_write(store, (struct instant){0});
    pacing_note_time(store, instant_after((struct instant){0}, duration_of_seconds(1)));
    assert_false(pick(&found));
    pacing_note_time(store, instant_after((struct instant){0}, duration_of_seconds(3)));
    assert_true(pick(&found));
    assert_int_equal(found.level, 0);
    pacing_note_write(store, (struct instant){0});
    assert_false(pick(&found));
    (void)state;
}

static void a_table_of_which_a_quarter_has_expired_goes_down_and_is_known_before(void **state) {
    struct compaction_pick found;
    add(LEVEL_LAST, "a", "z", 200 * RUN, 0);
    add_expiring(LEVEL_LAST - 1, 10);
    assert_int_equal(compaction_expiry_due(store).milliseconds, ENTRIES / 4);
    set_wall(ENTRIES / 4 - 1);
    assert_false(pick(&found));
    set_wall(ENTRIES / 4);
    assert_true(pick(&found));
    assert_int_equal(found.level, LEVEL_LAST - 1);
    assert_int_equal(found.to, LEVEL_LAST);
    assert_int_equal(found.lower_count, 1);
    assert_false(found.moves || found.drops);
    assert_int_equal(compaction_expiry_due(store).milliseconds, UINT64_MAX);
    (void)state;
}

static void in_the_last_level_such_a_table_is_written_anew_at_rest_a_sixth_is_enough(void **state) {
    struct compaction_pick found;
    add_expiring(LEVEL_LAST, ENTRIES - 1);
    set_wall(ENTRIES / 6);
    assert_false(pick(&found));
    store->rests = true;
    assert_true(pick(&found));
    assert_int_equal(found.level, LEVEL_LAST);
    assert_int_equal(found.to, LEVEL_LAST);
    assert_int_equal(found.lower_count, 0);
    assert_false(found.moves || found.drops);
    (void)state;
}

static void a_table_that_is_outlived_is_dropped_where_nothing_older_lies_below(void **state) {
    struct compaction_pick found;
    set_wall(ENTRIES);
    add_expiring(LEVEL_LAST - 1, ENTRIES);
    assert_true(pick(&found));
    assert_true(found.moves && found.drops);
    assert_int_equal(found.level, LEVEL_LAST - 1);
    assert_int_equal(found.upper_count, 1);
    add(LEVEL_LAST, "m", "m1", 2 * RUN, 0);
    assert_true(pick(&found));
    assert_false(found.drops);
    assert_int_equal(found.lower_count, 1);
    (void)state;
}

static void a_run_that_is_outlived_stays_above_an_older_run_that_it_meets(void **state) {
    struct compaction_pick found;
    set_wall(ENTRIES);
    add(0, "m1", "n", RUN, 0);
    add_expiring(0, ENTRIES);
    assert_false(pick(&found));
    store->rests = true;
    assert_true(pick(&found));
    assert_false(found.drops);
    assert_int_equal(found.upper_count, 2);
    add(0, "a", "b", RUN, 0);
    add_expiring(0, ENTRIES);
    add_expiring(0, ENTRIES);
    store->rests = false;
    assert_false(pick(&found));
    (void)state;
}

int main(void) {
#define CLAIM(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CLAIM(a_small_store_goes_from_level_0_to_the_last),
        CLAIM(each_level_is_a_tenth_of_the_next_and_the_base_takes_a_few_flushes),
        CLAIM(fewer_runs_than_make_level_0_full_wait),
        CLAIM(level_0_is_full_with_few_runs_when_it_is_as_large_as_the_last_level),
        CLAIM(fewer_than_a_few_runs_wait_however_large_they_are),
        CLAIM(level_0_never_passes_over_a_level_that_holds_something),
        CLAIM(runs_that_are_apart_move_as_they_are),
        CLAIM(tombstones_are_not_moved_into_the_last_level),
        CLAIM(removed_ranges_are_not_moved),
        CLAIM(what_meets_the_level_below_is_merged_with_it),
        CLAIM(a_full_level_gives_the_table_that_overlaps_least),
        CLAIM(a_table_full_of_tombstones_goes_before_its_level_is_full),
        CLAIM(a_table_of_which_a_quarter_has_expired_goes_down_and_is_known_before),
        CLAIM(in_the_last_level_such_a_table_is_written_anew_at_rest_a_sixth_is_enough),
        CLAIM(a_table_that_is_outlived_is_dropped_where_nothing_older_lies_below),
        CLAIM(a_run_that_is_outlived_stays_above_an_older_run_that_it_meets),
        CLAIM(at_rest_what_lies_above_the_last_level_goes_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
