#include "tests/store/support/table_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SEEDS = 60 };

static const struct table_options SMALL_BLOCKS = {
    .block_bytes = 128, .filter_bits_per_key = 10, .compression = COMPRESSION_LZ4};

static struct table_options random_options(struct prng *prng) {
    return (struct table_options){.block_bytes = prng_below(prng, 2000),
                                  .filter_bits_per_key = prng_below(prng, 16),
                                  .compression = (enum block_compression)prng_below(prng, 3),
                                  .partition_above = prng_below(prng, 2000)};
}

static void expect_found(const struct table *table, struct bytes file,
                         const struct fixture_entry *entry, struct buffer *value) {
    bool removed;
    assert_int_equal(table_fixture_get(table, file, buffer_bytes(&entry->key), value, &removed),
                     LOOKUP_FOUND);
    assert_true(bytes_equal(buffer_bytes(value), buffer_bytes(&entry->value)));
    assert_int_equal(removed, entry->removed);
}

/* Walks the table from its first key >= `from` and expects the entries from there on, as a scan
 * does: seek, then block after block. */
static void expect_scan(const struct table *table, struct bytes file, struct bytes from,
                        const struct fixture_entry *entries, size_t count) {
    struct block_cursor cursor = {0};
    struct buffer contents = {0};
    struct block_handle handle;
    uint32_t position;
    size_t i = 0;
    while (i < count && bytes_compare(buffer_bytes(&entries[i].key), from) < 0)
        i++;
    bool more = table_fixture_find(table, file, from, &position, &handle) == TABLE_HAS_BLOCK;
    for (bool first = true; more; first = false) {
        buffer_clear(&contents);
        assert_int_equal(table_fixture_block(table, file, &handle, &contents), TABLE_OK);
        assert_int_equal(block_cursor_open(&cursor, buffer_bytes(&contents)), TABLE_OK);
        if (first)
            block_cursor_seek(&cursor, from);
        else
            block_cursor_first(&cursor);
        for (; cursor.valid; block_cursor_next(&cursor), i++) {
            assert_true(i < count);
            assert_true(bytes_equal(cursor.key, buffer_bytes(&entries[i].key)));
            assert_true(bytes_equal(cursor.value, buffer_bytes(&entries[i].value)));
        }
        assert_false(cursor.corrupt);
        more = table_fixture_at(table, file, ++position, &handle) == TABLE_HAS_BLOCK;
    }
    assert_int_equal(i, count);
    block_cursor_deinit(&cursor);
    buffer_deinit(&contents);
}

static bool is_among(const struct fixture_entry *entries, size_t count, struct bytes key) {
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal(buffer_bytes(&entries[i].key), key))
            return true;
    }
    return false;
}

static void a_table_holds_what_a_sorted_array_holds(void **state) {
    (void)state;
    struct buffer value = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct prng prng;
        size_t count, sought_count;
        bool removed;
        struct buffer file = {0};
        prng_init(&prng, seed, 2);
        struct table_options options = random_options(&prng);
        struct fixture_entry *entries = table_fixture_random(&prng, prng_below(&prng, 400),
                                                             1 + prng_below(&prng, 14), 60, &count);
        struct fixture_entry *sought = table_fixture_random(&prng, 30, 14, 0, &sought_count);
        table_fixture_build(&options, entries, count, prng_below(&prng, 300), &file);
        struct bytes bytes = buffer_bytes(&file);
        struct table *table = table_fixture_open(bytes);
        assert_non_null(table);
        assert_int_equal(table_properties(table)->entry_count, count);
        assert_int_equal(table_properties(table)->file_size, file.size);
        for (size_t i = 0; i < count; i++)
            expect_found(table, bytes, &entries[i], &value);
        expect_scan(table, bytes, bytes_of("", 0), entries, count);
        for (size_t i = 0; i < sought_count; i++) {
            struct bytes key = buffer_bytes(&sought[i].key);
            bool found = table_fixture_get(table, bytes, key, &value, &removed) == LOOKUP_FOUND;
            assert_int_equal(found, is_among(entries, count, key));
            expect_scan(table, bytes, key, entries, count);
        }
        table_close(table);
        table_fixture_free(entries, count);
        table_fixture_free(sought, sought_count);
        buffer_deinit(&file);
    }
    buffer_deinit(&value);
}

static void the_bytes_do_not_depend_on_how_they_are_drained(void **state) {
    (void)state;
    static const size_t DRAINS[] = {1, 2, 3, 5, 7, 64, 100, 127, 999, 1000, 4096, 1 << 20};
    struct prng prng;
    size_t count;
    struct buffer whole = {0};
    prng_init(&prng, 5, 2);
    struct fixture_entry *entries = table_fixture_random(&prng, 300, 10, 100, &count);
    table_fixture_build(&SMALL_BLOCKS, entries, count, 0, &whole);
    for (size_t i = 0; i < sizeof DRAINS / sizeof DRAINS[0]; i++) {
        struct buffer file = {0};
        table_fixture_build(&SMALL_BLOCKS, entries, count, DRAINS[i], &file);
        assert_true(bytes_equal(buffer_bytes(&file), buffer_bytes(&whole)));
        buffer_deinit(&file);
    }
    table_fixture_free(entries, count);
    buffer_deinit(&whole);
}

static void the_summary_tells_what_went_in(void **state) {
    (void)state;
    struct table_builder *builder = table_builder_create(&SMALL_BLOCKS);
    uint64_t offset;
    table_builder_add(builder, bytes_of_text("a"), bytes_of_text("value"), false);
    table_builder_add(builder, bytes_of_text("bb"), bytes_of("", 0), true);
    table_builder_add(builder, bytes_of_text("ccc"), bytes_of_text("v"), false);
    table_builder_finish(builder);
    struct table_summary summary = table_builder_summary(builder);
    struct table_properties properties = summary.properties;
    assert_true(bytes_equal(summary.smallest, bytes_of_text("a")));
    assert_true(bytes_equal(summary.largest, bytes_of_text("ccc")));
    assert_false(summary.largest_excluded);
    assert_int_equal(properties.entry_count, 3);
    assert_int_equal(properties.removed_count, 1);
    assert_int_equal(properties.key_bytes, 6);
    assert_int_equal(properties.value_bytes, 6);
    assert_int_equal(properties.block_count, 1);
    assert_int_equal(properties.file_size, table_builder_output(builder, &offset).size);
    table_builder_destroy(builder);
}

static void an_empty_table_opens_and_holds_nothing(void **state) {
    (void)state;
    struct buffer file = {0};
    struct buffer value = {0};
    bool removed;
    table_fixture_build(&SMALL_BLOCKS, NULL, 0, 0, &file);
    struct table *table = table_fixture_open(buffer_bytes(&file));
    assert_non_null(table);
    assert_int_equal(
        table_fixture_get(table, buffer_bytes(&file), bytes_of_text("a"), &value, &removed),
        LOOKUP_ABSENT);
    table_close(table);
    buffer_deinit(&value);
    buffer_deinit(&file);
}

/* One table of ever longer keys, each the prefix of the next, in blocks of every shape. */
static void keys_may_have_every_size(void **state) {
    (void)state;
    enum { COUNT = 700 };
    struct fixture_entry *entries = calloc(COUNT, sizeof *entries);
    struct buffer file = {0};
    struct buffer value = {0};
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = i < 600 ? i : TABLE_KEY_MAX - (COUNT - 1 - i) * 641;
        memset(buffer_reserve(&entries[i].key, size), 'k', size);
        entries[i].key.size = size;
        buffer_put_u64(&entries[i].value, i);
    }
    struct table_options options = {
        .block_bytes = 4096, .filter_bits_per_key = 10, .compression = COMPRESSION_LZ4};
    table_fixture_build(&options, entries, COUNT, 4096, &file);
    struct table *table = table_fixture_open(buffer_bytes(&file));
    assert_non_null(table);
    for (size_t i = 0; i < COUNT; i++)
        expect_found(table, buffer_bytes(&file), &entries[i], &value);
    expect_scan(table, buffer_bytes(&file), bytes_of("", 0), entries, COUNT);
    assert_int_equal(entries[COUNT - 1].key.size, TABLE_KEY_MAX);
    table_close(table);
    table_fixture_free(entries, COUNT);
    buffer_deinit(&file);
    buffer_deinit(&value);
}

static void values_may_have_every_size_up_to_a_mebibyte(void **state) {
    (void)state;
    static const size_t SIZES[] = {0,    1,    63,   64,    127,   128,           4095,   4096,
                                   4097, 8191, 8192, 16383, 65535, (1 << 20) - 1, 1 << 20};
    enum { COUNT = sizeof SIZES / sizeof SIZES[0] };
    for (int noise = 0; noise < 2; noise++) {
        struct fixture_entry *entries = calloc(COUNT, sizeof *entries);
        struct buffer file = {0};
        struct buffer value = {0};
        struct prng prng;
        prng_init(&prng, 8, 2);
        for (size_t i = 0; i < COUNT; i++) {
            buffer_put_u8(&entries[i].key, (uint8_t)('a' + i));
            for (size_t at = 0; at < SIZES[i]; at++)
                buffer_put_u8(&entries[i].value, noise ? (uint8_t)prng_u32(&prng) : 'v');
        }
        struct table_options options = {
            .block_bytes = 4096, .filter_bits_per_key = 10, .compression = COMPRESSION_LZ4};
        table_fixture_build(&options, entries, COUNT, 70000, &file);
        assert_true(noise || file.size < 1 << 17);
        struct table *table = table_fixture_open(buffer_bytes(&file));
        assert_non_null(table);
        for (size_t i = 0; i < COUNT; i++)
            expect_found(table, buffer_bytes(&file), &entries[i], &value);
        table_close(table);
        table_fixture_free(entries, COUNT);
        buffer_deinit(&file);
        buffer_deinit(&value);
    }
}

static void index_keys_are_shortened(void **state) {
    (void)state;
    struct buffer keys[2] = {{0}, {0}};
    struct table_options options = {.block_bytes = 0, .filter_bits_per_key = 0};
    struct table_builder *builder = table_builder_create(&options);
    uint64_t offset;
    for (size_t i = 0; i < 2; i++) {
        buffer_put_u8(&keys[i], (uint8_t)('a' + i));
        for (int at = 0; at < 5000; at++)
            buffer_put_u8(&keys[i], 'x');
    }
    table_builder_add(builder, buffer_bytes(&keys[0]), bytes_of("", 0), false);
    table_builder_add(builder, buffer_bytes(&keys[1]), bytes_of("", 0), false);
    table_builder_finish(builder);
    struct bytes file = table_builder_output(builder, &offset);
    /* Two whole keys in the blocks, but only the largest in the index and above it. */
    assert_true(file.size < 4 * 5001 + 300);
    struct table *table = table_fixture_open(file);
    assert_non_null(table);
    assert_true(table_memory(table) < 2 * 5001 + 1000);
    table_close(table);
    table_builder_destroy(builder);
    buffer_deinit(&keys[0]);
    buffer_deinit(&keys[1]);
}

/* Each entry a block of its own, so that index and filter are large. */
static void a_large_table_keeps_only_its_top_level_index(void **state) {
    (void)state;
    enum { COUNT = 20000, STEP = 97 };
    struct table_options options = {.block_bytes = 0, .filter_bits_per_key = 10};
    struct fixture_entry *entries = calloc(COUNT, sizeof *entries);
    struct buffer file = {0};
    struct buffer value = {0};
    for (uint32_t i = 0; i < COUNT; i++) {
        for (int shift = 24; shift >= 0; shift -= 8)
            buffer_put_u8(&entries[i].key, (uint8_t)(i >> shift));
        buffer_put_u32(&entries[i].value, i);
    }
    table_fixture_build(&options, entries, COUNT, 4096, &file);
    struct table *table = table_fixture_open(buffer_bytes(&file));
    assert_non_null(table);
    assert_false(table_is_resident(table));
    assert_in_range(table_partition_count(table), 20, 200);
    assert_true(table_memory(table) < TABLE_RESIDENT_MAX / 10);
    for (uint32_t i = 0; i < COUNT; i += STEP)
        expect_found(table, buffer_bytes(&file), &entries[i], &value);
    table_close(table);
    table_fixture_free(entries, COUNT);
    buffer_deinit(&file);
    buffer_deinit(&value);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_holds_what_a_sorted_array_holds),
        cmocka_unit_test(the_bytes_do_not_depend_on_how_they_are_drained),
        cmocka_unit_test(the_summary_tells_what_went_in),
        cmocka_unit_test(an_empty_table_opens_and_holds_nothing),
        cmocka_unit_test(keys_may_have_every_size),
        cmocka_unit_test(values_may_have_every_size_up_to_a_mebibyte),
        cmocka_unit_test(index_keys_are_shortened),
        cmocka_unit_test(a_large_table_keeps_only_its_top_level_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
