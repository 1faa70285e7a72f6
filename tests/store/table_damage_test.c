/* What a table reader makes of files that were damaged, misplaced or forged. */
#include "tests/store/support/table_fixture.h"

#include "engine/base/hash.h"
#include "engine/store/block_builder.h"
#include "engine/store/block_pack.h"
#include "engine/store/table_format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct table_options SMALL_BLOCKS = {
    .block_bytes = 128, .filter_bits_per_key = 10, .compression = COMPRESSION_LZ4};

static struct block_codec codec;

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
        assert_null(table_open(footer, bytes_of(cut, size), &codec, &status));
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
    struct table_options options = {.block_bytes = 0, .filter_bits_per_key = 0};
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
    assert_int_equal(table_fixture_block(table, buffer_bytes(&file), &first, &contents), TABLE_OK);
    assert_int_equal(table_fixture_block(table, buffer_bytes(&file), &second, &contents),
                     TABLE_CORRUPT);
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
    struct table_footer footer = {.filter.offset = 20, .properties.size = 54};
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
    block_pack(&codec, block_builder_finish(&index), COMPRESSION_NONE, &sealed_index,
               &footer.index);
    block_pack(&codec, bytes_of("", 0), COMPRESSION_NONE, &run, &footer.filter);
    properties.file_size += 20 + footer.filter.size + 54 + footer.index.size + TABLE_FOOTER_SIZE;
    table_properties_encode(&properties, &(struct removed_ranges){0}, &contents);
    block_pack(&codec, buffer_bytes(&contents), COMPRESSION_NONE, &run, &footer.properties);
    buffer_append(&run, buffer_bytes(&sealed_index));
    struct buffer tail = {0};
    enum table_status status;
    table_footer_encode(&footer, &tail);
    table_close(table_open(buffer_bytes(&tail), buffer_bytes(&run), &codec, &status));
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_flip_is_noticed),
        cmocka_unit_test(every_truncation_is_noticed),
        cmocka_unit_test(a_sound_block_in_the_wrong_place_is_corrupt),
        cmocka_unit_test(a_later_format_is_too_new_and_not_corrupt),
        cmocka_unit_test(an_index_that_does_not_add_up_is_corrupt),
        cmocka_unit_test(properties_that_do_not_fit_are_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
