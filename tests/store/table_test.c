#include "tests/store/support/table_fixture.h"

#include "engine/base/hash.h"
#include "engine/store/block_builder.h"
#include "engine/store/block_pack.h"
#include "engine/store/table_format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SEEDS = 60 };

static const struct table_options SMALL_BLOCKS = {
    .block_bytes = 128, .filter_bits_per_key = 10, .compress = true};

static struct table_options random_options(struct prng *prng) {
    return (struct table_options){.block_bytes = prng_below(prng, 2000),
                                  .filter_bits_per_key = prng_below(prng, 16),
                                  .compress = prng_chance(prng, 1, 2)};
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
    bool more = table_find_block(table, from, &position, &handle);
    for (bool first = true; more; first = false) {
        buffer_clear(&contents);
        assert_int_equal(table_fixture_block(file, &handle, &contents), TABLE_OK);
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
        more = table_block_at(table, ++position, &handle);
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
    struct table_properties properties;
    struct bytes smallest, largest;
    uint64_t offset;
    table_builder_add(builder, bytes_of_text("a"), bytes_of_text("value"), false);
    table_builder_add(builder, bytes_of_text("bb"), bytes_of("", 0), true);
    table_builder_add(builder, bytes_of_text("ccc"), bytes_of_text("v"), false);
    table_builder_finish(builder);
    table_builder_summary(builder, &properties, &smallest, &largest);
    assert_true(bytes_equal(smallest, bytes_of_text("a")));
    assert_true(bytes_equal(largest, bytes_of_text("ccc")));
    assert_int_equal(properties.entry_count, 3);
    assert_int_equal(properties.removed_count, 1);
    assert_int_equal(properties.key_bytes, 6);
    assert_int_equal(properties.value_bytes, 6);
    assert_int_equal(properties.block_count, 1);
    assert_int_equal(properties.file_size, table_builder_output(builder, &offset).size);
    table_builder_destroy(builder);
}

/* Every lookup in a damaged file must give the truth or say that it is corrupt. Returns whether any
 * said so. */
static bool damage_is_noticed(struct bytes file, const struct fixture_entry *entries,
                              size_t count) {
    struct buffer value = {0};
    bool noticed = false;
    struct table *table = table_fixture_open(file);
    for (size_t i = 0; table != NULL && i < count; i++) {
        bool removed;
        enum lookup found =
            table_fixture_get(table, file, buffer_bytes(&entries[i].key), &value, &removed);
        noticed = noticed || found == LOOKUP_CORRUPT;
        if (found == LOOKUP_CORRUPT)
            continue;
        assert_int_equal(found, LOOKUP_FOUND);
        assert_true(bytes_equal(buffer_bytes(&value), buffer_bytes(&entries[i].value)));
        assert_int_equal(removed, entries[i].removed);
    }
    noticed = noticed || table == NULL;
    table_close(table);
    buffer_deinit(&value);
    return noticed;
}

static void build_small(uint64_t seed, struct fixture_entry **entries, size_t *count,
                        struct buffer *file) {
    struct prng prng;
    prng_init(&prng, seed, 2);
    *entries = table_fixture_random(&prng, 40, 6, 24, count);
    table_fixture_build(&SMALL_BLOCKS, *entries, *count, 0, file);
}

static void every_bit_flip_is_noticed(void **state) {
    (void)state;
    struct fixture_entry *entries;
    size_t count;
    struct buffer file = {0};
    build_small(6, &entries, &count, &file);
    assert_false(damage_is_noticed(buffer_bytes(&file), entries, count));
    for (size_t bit = 0; bit < file.size * 8; bit++) {
        file.data[bit / 8] = (uint8_t)(file.data[bit / 8] ^ 1u << bit % 8);
        assert_true(damage_is_noticed(buffer_bytes(&file), entries, count));
        file.data[bit / 8] = (uint8_t)(file.data[bit / 8] ^ 1u << bit % 8);
    }
    table_fixture_free(entries, count);
    buffer_deinit(&file);
}

static void every_truncation_is_noticed(void **state) {
    (void)state;
    struct fixture_entry *entries;
    size_t count;
    struct buffer file = {0};
    build_small(7, &entries, &count, &file);
    for (size_t size = 0; size < file.size; size++) {
        uint8_t *cut = malloc(size + 1);
        memcpy(cut, file.data, size);
        assert_null(table_fixture_open(bytes_of(cut, size)));
        /* The footer of a longer file, found where the truth says. */
        struct block_handle metadata;
        enum table_status status;
        struct bytes footer =
            bytes_of(file.data + file.size - TABLE_FOOTER_SIZE, TABLE_FOOTER_SIZE);
        assert_int_equal(table_footer_decode(footer, size, &metadata), TABLE_CORRUPT);
        assert_null(table_open(footer, bytes_of(cut, size), &status));
        assert_int_equal(status, TABLE_CORRUPT);
        free(cut);
    }
    buffer_put_u8(&file, 0);
    assert_null(table_fixture_open(buffer_bytes(&file)));
    table_fixture_free(entries, count);
    buffer_deinit(&file);
}

static void a_sound_block_in_the_wrong_place_is_corrupt(void **state) {
    (void)state;
    struct buffer file = {0};
    struct block_handle first, second;
    struct table_options options = {.block_bytes = 0, .filter_bits_per_key = 0, .compress = false};
    struct table_builder *builder = table_builder_create(&options);
    uint64_t offset;
    table_builder_add(builder, bytes_of_text("a"), bytes_of_text("1"), false);
    table_builder_add(builder, bytes_of_text("b"), bytes_of_text("2"), false);
    table_builder_finish(builder);
    buffer_append(&file, table_builder_output(builder, &offset));
    struct table *table = table_fixture_open(buffer_bytes(&file));
    assert_non_null(table);
    assert_true(table_block_at(table, 0, &first) && table_block_at(table, 1, &second));
    assert_int_equal(first.size, second.size);
    memcpy(file.data + second.offset, file.data + first.offset, first.size);
    struct buffer contents = {0};
    assert_int_equal(table_fixture_block(buffer_bytes(&file), &first, &contents), TABLE_OK);
    assert_int_equal(table_fixture_block(buffer_bytes(&file), &second, &contents), TABLE_CORRUPT);
    buffer_deinit(&contents);
    table_close(table);
    table_builder_destroy(builder);
    buffer_deinit(&file);
}

static void a_later_format_is_too_new_and_not_corrupt(void **state) {
    (void)state;
    struct buffer file = {0};
    struct table_footer footer = {
        .filter = {.size = 5}, .properties = {.size = 53}, .index = {.size = 9}};
    struct block_handle metadata;
    table_footer_encode(&footer, &file);
    assert_int_equal(table_footer_decode(buffer_bytes(&file), 5 + 53 + 9 + 64, &metadata),
                     TABLE_OK);
    uint32_t version = TABLE_FORMAT_VERSION + 1;
    memcpy(file.data + 44, &version, sizeof version);
    uint64_t checksum = hash64(bytes_of(file.data, 48));
    memcpy(file.data + 48, &checksum, sizeof checksum);
    assert_int_equal(table_footer_decode(buffer_bytes(&file), 131, &metadata), TABLE_TOO_NEW);
    buffer_deinit(&file);
}

struct claim {
    const char *separator;
    uint64_t offset, size;
    bool removed;
    bool cut; /* the value ends early */
};

/* Opens a table whose checksums are sound but whose index claims this about 20 bytes of data. */
static enum table_status open_claims(const struct claim *claims, size_t count,
                                     const struct table_properties *told) {
    struct block_builder index = {0};
    struct buffer run = {0};
    struct buffer value = {0};
    struct table_properties properties = *told;
    struct table_footer footer = {.filter.offset = 20, .properties.size = 53};
    for (size_t i = 0; i < count; i++) {
        buffer_clear(&value);
        buffer_put_varint(&value, claims[i].offset);
        buffer_put_varint(&value, claims[i].size);
        buffer_put_u32(&value, 0);
        value.size -= claims[i].cut ? 1 : 0;
        value.size = claims[i].removed ? 0 : value.size;
        block_builder_add(&index, bytes_of_text(claims[i].separator), buffer_bytes(&value),
                          claims[i].removed);
    }
    struct buffer sealed_index = {0};
    struct buffer contents = {0};
    block_pack(block_builder_finish(&index), false, &sealed_index, &footer.index);
    block_pack(bytes_of("", 0), false, &run, &footer.filter);
    properties.file_size += 20 + footer.filter.size + 53 + footer.index.size + TABLE_FOOTER_SIZE;
    table_properties_encode(&properties, &contents);
    block_pack(buffer_bytes(&contents), false, &run, &footer.properties);
    buffer_append(&run, buffer_bytes(&sealed_index));
    struct buffer tail = {0};
    enum table_status status;
    table_footer_encode(&footer, &tail);
    table_close(table_open(buffer_bytes(&tail), buffer_bytes(&run), &status));
    block_builder_deinit(&index);
    buffer_deinit(&run);
    buffer_deinit(&value);
    buffer_deinit(&sealed_index);
    buffer_deinit(&contents);
    buffer_deinit(&tail);
    return status;
}

static void an_index_that_does_not_add_up_is_corrupt(void **state) {
    (void)state;
    static const struct claim SOUND[] = {{"a", 0, 10, false, false}, {"b", 10, 10, false, false}};
    static const struct claim BROKEN[][2] = {
        {{"a", 0, 10, false, false}, {"b", 11, 10, false, false}}, /* a gap */
        {{"a", 0, 10, false, false}, {"b", 9, 10, false, false}},  /* an overlap */
        {{"a", 1, 9, false, false}, {"b", 10, 10, false, false}},  /* does not begin at 0 */
        {{"a", 0, 10, false, false}, {"b", 10, 9, false, false}},  /* ends before the filter */
        {{"a", 0, 10, false, false}, {"b", 10, 11, false, false}}, /* runs into the filter */
        {{"a", 0, 16, false, false}, {"b", 16, 4, false, false}},  /* smaller than a trailer */
        {{"a", 0, 10, false, false}, {"b", 10, 10, true, false}},  /* a removed index entry */
        {{"a", 0, 10, false, false}, {"b", 10, 10, false, true}},  /* no whole checksum */
        {{"a", 0, UINT64_MAX, false, false}, {"b", UINT64_MAX, 21, false, false}}, /* wraps */
    };
    const struct table_properties told = {.entry_count = 2, .block_count = 2};
    assert_int_equal(open_claims(SOUND, 2, &told), TABLE_OK);
    for (size_t i = 0; i < sizeof BROKEN / sizeof BROKEN[0]; i++)
        assert_int_equal(open_claims(BROKEN[i], 2, &told), TABLE_CORRUPT);
}

static void properties_that_do_not_fit_are_corrupt(void **state) {
    (void)state;
    static const struct claim SOUND[] = {{"a", 0, 10, false, false}, {"b", 10, 10, false, false}};
    static const struct table_properties LIES[] = {
        {.entry_count = 3, .block_count = 3},
        {.entry_count = 2, .block_count = 1},
        {.entry_count = 1, .block_count = 2},
        {.entry_count = 2, .block_count = 2, .removed_count = 3},
        {.entry_count = 2, .block_count = 2, .file_size = 1},
        {.entry_count = UINT64_MAX, .block_count = UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof LIES / sizeof LIES[0]; i++)
        assert_int_equal(open_claims(SOUND, 2, &LIES[i]), TABLE_CORRUPT);
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
        .block_bytes = 4096, .filter_bits_per_key = 10, .compress = true};
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
            .block_bytes = 4096, .filter_bits_per_key = 10, .compress = true};
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
    struct table_options options = {.block_bytes = 0, .filter_bits_per_key = 0, .compress = false};
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
    /* Two whole keys in the blocks, but only the largest in the index. */
    assert_true(file.size < 3 * 5001 + 300);
    struct table *table = table_fixture_open(file);
    assert_non_null(table);
    assert_true(table_memory(table) < 5001 + 5001 + 1000);
    table_close(table);
    table_builder_destroy(builder);
    buffer_deinit(&keys[0]);
    buffer_deinit(&keys[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_holds_what_a_sorted_array_holds),
        cmocka_unit_test(the_bytes_do_not_depend_on_how_they_are_drained),
        cmocka_unit_test(the_summary_tells_what_went_in),
        cmocka_unit_test(every_bit_flip_is_noticed),
        cmocka_unit_test(every_truncation_is_noticed),
        cmocka_unit_test(a_sound_block_in_the_wrong_place_is_corrupt),
        cmocka_unit_test(a_later_format_is_too_new_and_not_corrupt),
        cmocka_unit_test(an_index_that_does_not_add_up_is_corrupt),
        cmocka_unit_test(properties_that_do_not_fit_are_corrupt),
        cmocka_unit_test(an_empty_table_opens_and_holds_nothing),
        cmocka_unit_test(keys_may_have_every_size),
        cmocka_unit_test(values_may_have_every_size_up_to_a_mebibyte),
        cmocka_unit_test(index_keys_are_shortened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
