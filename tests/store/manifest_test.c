/* The manifest's facts: their bytes, and what contradicts itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/store/manifest.h"

static struct table_file *example_table(uint64_t number) {
    struct table_file *file = table_file_create(number);
    file->run = 7;
    file->size = 900;
    file->tail_size = 300;
    file->entry_count = 12;
    file->removed_count = 2;
    file->range_count = 1;
    file->largest_excluded = true;
    buffer_append(&file->smallest, bytes_of_text("a"));
    buffer_append(&file->largest, bytes_of_text("k"));
    return file;
}

static void example_payload(struct buffer *to) {
    struct manifest_facts facts = {
        .next_file = 8, .flushed_sequence = 40, .log_first = 6, .open_from = 2};
    struct table_file *file = example_table(7);
    manifest_put_facts(to, &facts, true);
    manifest_put_added(to, 0, file);
    table_file_destroy(file);
}

/* The example of docs/formats/manifest.md. */
static void a_snapshot_is_as_documented(void **state) {
    (void)state;
    static const uint8_t EXPECTED[] = {0x01, 0x08, 0x02, 0x28, 0x03, 0x06, 0x04, 0x02,
                                       0x07, 0x00, 0x07, 0x07, 0x84, 0x07, 0xac, 0x02,
                                       0x0c, 0x02, 0x01, 0x01, 0x61, 0x01, 0x6b, 0x01};
    struct buffer payload = {0};
    example_payload(&payload);
    assert_int_equal(payload.size, sizeof EXPECTED);
    assert_memory_equal(payload.data, EXPECTED, sizeof EXPECTED);
    buffer_deinit(&payload);
}

static void what_is_written_is_read(void **state) {
    (void)state;
    struct buffer payload = {0};
    struct manifest_state read = {0};
    example_payload(&payload);
    assert_true(manifest_state_apply(&read, buffer_bytes(&payload)));
    assert_int_equal(read.facts.next_file, 8);
    assert_int_equal(read.facts.flushed_sequence, 40);
    assert_int_equal(read.facts.log_first, 6);
    assert_int_equal(read.facts.open_from, 2);
    assert_false(read.facts.closed);
    assert_int_equal(read.table_count, 1);
    assert_int_equal(read.tables[0].file->number, 7);
    assert_int_equal(read.tables[0].file->tail_size, 300);
    assert_int_equal(read.tables[0].file->range_count, 1);
    assert_true(read.tables[0].file->largest_excluded);
    assert_true(bytes_equal(table_file_largest(read.tables[0].file), bytes_of_text("k")));
    manifest_state_deinit(&read);
    buffer_deinit(&payload);
}

static void a_payload_cut_inside_a_fact_is_refused(void **state) {
    (void)state;
    struct buffer payload = {0};
    example_payload(&payload);
    uint32_t accepted = 0;
    for (size_t size = 0; size < payload.size; size++) {
        struct manifest_state read = {0};
        uint8_t *copy = malloc(size + 1);
        memcpy(copy, payload.data, size);
        accepted += manifest_state_apply(&read, bytes_of(copy, size));
        free(copy);
        manifest_state_deinit(&read);
    }
    /* Whole facts make a sound payload: none, and one to four of them. */
    assert_int_equal(accepted, 5);
    buffer_deinit(&payload);
}

static bool apply_table(struct manifest_state *read, uint64_t number, bool added) {
    struct buffer payload = {0};
    struct table_file *file = example_table(number);
    if (added)
        manifest_put_added(&payload, 1, file);
    else
        manifest_put_removed(&payload, file);
    bool applied = manifest_state_apply(read, buffer_bytes(&payload));
    table_file_destroy(file);
    buffer_deinit(&payload);
    return applied;
}

static void a_table_is_added_once_and_removed_only_when_it_is_there(void **state) {
    (void)state;
    struct manifest_state read = {0};
    assert_true(apply_table(&read, 5, true));
    assert_false(apply_table(&read, 5, true));
    assert_false(apply_table(&read, 6, false));
    assert_true(apply_table(&read, 5, false));
    assert_false(apply_table(&read, 5, false));
    assert_int_equal(read.table_count, 0);
    manifest_state_deinit(&read);
}

static void the_mark_of_a_clean_close_holds_until_the_next_record(void **state) {
    (void)state;
    struct manifest_state read = {0};
    struct buffer payload = {0};
    struct manifest_facts facts = {.next_file = 3, .closed = true, .closed_sequence = 9};
    manifest_put_facts(&payload, &facts, true);
    assert_true(manifest_state_apply(&read, buffer_bytes(&payload)));
    assert_true(read.facts.closed);
    assert_int_equal(read.facts.closed_sequence, 9);
    assert_true(apply_table(&read, 5, true));
    assert_false(read.facts.closed);
    manifest_state_deinit(&read);
    buffer_deinit(&payload);
}

static void sealed_segments_stay_until_their_batches_are_flushed(void **state) {
    (void)state;
    struct manifest_state read = {0};
    struct manifest_facts facts = {.next_file = 9};
    struct buffer payload = {0};
    manifest_facts_seal(&facts, (struct sealed_segment){3, 500, 10});
    manifest_facts_seal(&facts, (struct sealed_segment){4, 600, 20});
    manifest_put_facts(&payload, &facts, true);
    assert_true(manifest_state_apply(&read, buffer_bytes(&payload)));
    assert_int_equal(read.facts.sealed_count, 2);
    facts.flushed_sequence = 10;
    buffer_clear(&payload);
    manifest_put_facts(&payload, &facts, false);
    assert_true(manifest_state_apply(&read, buffer_bytes(&payload)));
    assert_int_equal(read.facts.sealed_count, 1);
    assert_int_equal(read.facts.sealed[0].number, 4);
    manifest_facts_deinit(&facts);
    manifest_state_deinit(&read);
    buffer_deinit(&payload);
}

static void a_rollback_holds_until_a_record_that_does_not_say_so(void **state) {
    (void)state;
    struct manifest_facts facts = {.next_file = 8, .rolled_back = true};
    struct manifest_state read = {0};
    struct buffer payload = {0};
    for (uint32_t record = 0; record < 4; record++) {
        facts.rolled_back = record < 2;
        buffer_clear(&payload);
        manifest_put_facts(&payload, &facts, false);
        assert_true(manifest_state_apply(&read, buffer_bytes(&payload)));
        assert_int_equal(read.facts.rolled_back, record < 2);
    }
    manifest_state_deinit(&read);
    buffer_deinit(&payload);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_is_as_documented),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_payload_cut_inside_a_fact_is_refused),
        cmocka_unit_test(a_table_is_added_once_and_removed_only_when_it_is_there),
        cmocka_unit_test(the_mark_of_a_clean_close_holds_until_the_next_record),
        cmocka_unit_test(sealed_segments_stay_until_their_batches_are_flushed),
        cmocka_unit_test(a_rollback_holds_until_a_record_that_does_not_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
