#include "engine/data/entry_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct entry_key ENTRIES[] = {
    {.space = ENTRY_DATA, .partition = 0x0102, .leaf = 3, .key = {(const uint8_t *)"key", 3}},
    {.space = ENTRY_DATA, .partition = 16383, .leaf = 255},
    {.space = ENTRY_HINT,
     .target = 0x0102030405060708,
     .partition = 9,
     .leaf = 10,
     .key = {(const uint8_t *)"\0\xff", 2}},
    {.space = ENTRY_META, .key = {(const uint8_t *)"incarnation", 11}},
};
enum { ENTRY_COUNT = sizeof ENTRIES / sizeof ENTRIES[0] };

static void every_entry_reads_back(void **state) {
    (void)state;
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        struct buffer bytes = {0};
        struct entry_key decoded;
        entry_key_encode(&ENTRIES[i], &bytes);
        assert_true(entry_key_decode(buffer_bytes(&bytes), &decoded));
        assert_int_equal(decoded.space, ENTRIES[i].space);
        assert_int_equal(decoded.target, ENTRIES[i].target);
        assert_int_equal(decoded.partition, ENTRIES[i].partition);
        assert_int_equal(decoded.leaf, ENTRIES[i].leaf);
        assert_true(bytes_equal(decoded.key, ENTRIES[i].key));
        buffer_deinit(&bytes);
    }
}

static void the_layout_is_as_documented(void **state) {
    (void)state;
    struct buffer bytes = {0};
    entry_key_encode(&ENTRIES[0], &bytes);
    assert_memory_equal(bytes.data, "d\x01\x02\x03key", 7);
    buffer_clear(&bytes);
    entry_key_encode(&ENTRIES[2], &bytes);
    assert_memory_equal(bytes.data, "h\x01\x02\x03\x04\x05\x06\x07\x08\x00\x09\x0a", 12);
    buffer_deinit(&bytes);
}

static void prefixes_are_what_entries_begin_with(void **state) {
    (void)state;
    struct buffer bytes = {0};
    struct buffer prefix = {0};
    entry_key_encode(&ENTRIES[0], &bytes);
    entry_key_partition_prefix(ENTRIES[0].partition, &prefix);
    assert_true(bytes_start_with(buffer_bytes(&bytes), buffer_bytes(&prefix)));
    buffer_clear(&prefix);
    entry_key_leaf_prefix(ENTRIES[0].partition, ENTRIES[0].leaf, &prefix);
    assert_true(bytes_start_with(buffer_bytes(&bytes), buffer_bytes(&prefix)));
    buffer_clear(&prefix);
    buffer_clear(&bytes);
    entry_key_encode(&ENTRIES[2], &bytes);
    entry_key_hint_prefix(ENTRIES[2].target, &prefix);
    assert_true(bytes_start_with(buffer_bytes(&bytes), buffer_bytes(&prefix)));
    buffer_deinit(&prefix);
    buffer_deinit(&bytes);
}

static void partitions_and_leaves_are_ranges_in_order(void **state) {
    (void)state;
    struct buffer last = {0};
    for (uint32_t partition = 250; partition < 260; partition++) {
        for (unsigned leaf = 0; leaf < 256; leaf++) {
            struct buffer next = {0};
            entry_key_leaf_prefix((uint16_t)partition, (uint8_t)leaf, &next);
            assert_true(bytes_compare(buffer_bytes(&last), buffer_bytes(&next)) < 0);
            buffer_deinit(&last);
            last = next;
        }
    }
    buffer_deinit(&last);
}

static void what_is_too_short_or_unknown_is_refused(void **state) {
    (void)state;
    static const size_t fixed[] = {4, 4, 12, 1};
    struct entry_key decoded;
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        struct buffer bytes = {0};
        entry_key_encode(&ENTRIES[i], &bytes);
        for (size_t size = 0; size <= bytes.size; size++)
            assert_int_equal(entry_key_decode(bytes_of(bytes.data, size), &decoded),
                             size >= fixed[i]);
        for (unsigned space = 0; space < 256; space++) {
            bytes.data[0] = (uint8_t)space;
            bool known = space == 'm' || ((space == 'd' || space == 'h') && bytes.size >= 12) ||
                         (space == 'd' && bytes.size >= 4);
            assert_int_equal(entry_key_decode(buffer_bytes(&bytes), &decoded), known);
        }
        buffer_deinit(&bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_reads_back),
        cmocka_unit_test(the_layout_is_as_documented),
        cmocka_unit_test(prefixes_are_what_entries_begin_with),
        cmocka_unit_test(partitions_and_leaves_are_ranges_in_order),
        cmocka_unit_test(what_is_too_short_or_unknown_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
