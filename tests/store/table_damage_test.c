/* What a table reader makes of files that were damaged, misplaced or forged. */
#include "tests/store/support/table_fixture.h"

#include "engine/base/hash.h"
#include "engine/store/block_builder.h"
#include "engine/store/block_pack.h"
#include "engine/store/table_file.h"
#include "engine/store/table_format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Every way in which a small table may be laid out. */
static const struct table_options SHAPES[] = {
    {.block_bytes = 128, .filter_bits_per_key = 10},
    {.block_bytes = 128, .filter_bits_per_key = 10, .compression = COMPRESSION_LZ4},
    {.block_bytes = 200, .filter_bits_per_key = 10, .compression = COMPRESSION_ZSTD},
    {.block_bytes = 64, .filter_bits_per_key = 10, .partition_above = 100},
    {.block_bytes = 64, .partition_above = 60},
};
enum { SHAPE_COUNT = sizeof SHAPES / sizeof SHAPES[0] };

static struct table_context context = {.pinned_bytes_max = UINT64_MAX};

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

static void build_small(uint64_t seed, const struct table_options *shape,
                        struct fixture_entry **entries, size_t *count, struct buffer *file) {
    struct prng prng;
    prng_init(&prng, seed, 2);
    *entries = table_fixture_random(&prng, 22, 6, 24, count);
    table_fixture_build(shape, *entries, *count, 0, file);
}

static void flip_every_bit(const struct table_options *shape) {
    struct fixture_entry *entries;
    size_t count;
    struct buffer file = {0};
    build_small(6, shape, &entries, &count, &file);
    struct table *sound = table_fixture_open(buffer_bytes(&file));
    assert_int_equal(table_partition_count(sound) > 1, shape->partition_above > 0);
    table_close(sound);
    assert_false(damage_is_noticed(buffer_bytes(&file), entries, count));
    for (size_t bit = 0; bit < file.size * 8; bit++) {
        file.data[bit / 8] = (uint8_t)(file.data[bit / 8] ^ 1u << bit % 8);
        assert_true(damage_is_noticed(buffer_bytes(&file), entries, count));
        file.data[bit / 8] = (uint8_t)(file.data[bit / 8] ^ 1u << bit % 8);
    }
    table_fixture_free(entries, count);
    buffer_deinit(&file);
}

static void every_bit_flip_is_noticed(void **state) {
    (void)state;
    for (size_t i = 0; i < SHAPE_COUNT; i++)
        flip_every_bit(&SHAPES[i]);
}

static void every_bit_flip_is_noticed_when_nothing_stays_in_memory(void **state) {
    (void)state;
    context.pinned_bytes_max = 0;
    table_fixture_pin(0);
    for (size_t i = 0; i < SHAPE_COUNT; i++)
        flip_every_bit(&SHAPES[i]);
    table_fixture_pin(UINT64_MAX);
    context.pinned_bytes_max = UINT64_MAX;
}

static void truncate_everywhere(const struct table_options *shape) {
    struct fixture_entry *entries;
    size_t count;
    struct buffer file = {0};
    build_small(7, shape, &entries, &count, &file);
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
        assert_null(table_open(footer, bytes_of(cut, size), &context, &status));
        assert_int_equal(status, TABLE_CORRUPT);
        free(cut);
    }
    buffer_put_u8(&file, 0);
    assert_null(table_fixture_open(buffer_bytes(&file)));
    table_fixture_free(entries, count);
    buffer_deinit(&file);
}

static void every_truncation_is_noticed(void **state) {
    (void)state;
    for (size_t i = 0; i < SHAPE_COUNT; i++)
        truncate_everywhere(&SHAPES[i]);
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
    struct bytes bytes = buffer_bytes(&file);
    assert_int_equal(table_fixture_at(table, bytes, 0, &first), TABLE_HAS_BLOCK);
    assert_int_equal(table_fixture_at(table, bytes, 1, &second), TABLE_HAS_BLOCK);
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
    struct table_footer footer = {.top_size = 9, .properties_size = 69};
    struct block_handle metadata;
    table_footer_encode(&footer, &file);
    assert_int_equal(table_footer_decode(buffer_bytes(&file), 9 + 69 + 64, &metadata), TABLE_OK);
    uint32_t version = TABLE_FORMAT_VERSION + 1;
    memcpy(file.data + 44, &version, sizeof version);
    uint64_t checksum = hash64(bytes_of(file.data, 48));
    memcpy(file.data + 48, &checksum, sizeof checksum);
    assert_int_equal(table_footer_decode(buffer_bytes(&file), 9 + 69 + 64, &metadata),
                     TABLE_TOO_NEW);
    buffer_deinit(&file);
}

struct claim {
    const char *separator;
    uint64_t offset, size;
    bool removed;
    bool cut; /* the value ends early */
};

enum { CLAIMED_DATA_SIZE = 20 };

static void build_claimed_index(const struct claim *claims, size_t count, struct buffer *run,
                                struct block_handle *handle) {
    struct block_builder index = {0};
    struct buffer value = {0};
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
    block_pack(&context.codec, block_builder_finish(&index), COMPRESSION_NONE, run, handle);
    block_builder_deinit(&index);
    buffer_deinit(&value);
}

/* What a forged file says beside its index. */
struct forgery {
    struct table_properties properties;
    struct table_partition partition; /* sizes and checksum of the index are added to it */
    const char *last;                 /* separator of the partition */
    uint32_t partition_count;
};

/* Opens a table whose checksums are sound but whose index claims this about 20 bytes of data. */
static enum table_status open_forged(const struct claim *claims, size_t count,
                                     const struct forgery *told) {
    struct buffer run = {0};
    struct buffer value = {0};
    struct buffer properties = {0};
    struct buffer tail = {0};
    struct block_builder top = {0};
    struct block_handle index = {0};
    struct block_handle sealed = {0};
    struct forgery forgery = *told;
    build_claimed_index(claims, count, &run, &index);
    forgery.partition.index_size += index.size;
    forgery.partition.index_checksum += index.checksum;
    struct table_footer footer = {.data_end = CLAIMED_DATA_SIZE,
                                  .partitions_size = run.size,
                                  .properties_size = TABLE_PROPERTIES_SIZE + 1 + BLOCK_TRAILER_SIZE,
                                  .partition_count = forgery.partition_count};
    table_partition_encode(&forgery.partition, &value);
    block_builder_add(&top, bytes_of_text(forgery.last), buffer_bytes(&value), false);
    block_pack(&context.codec, block_builder_finish(&top), COMPRESSION_NONE, &run, &sealed);
    footer.top_size = sealed.size;
    forgery.properties.file_size += table_footer_file_size(&footer);
    table_properties_encode(&forgery.properties, &(struct removed_ranges){0}, &(struct expiries){0},
                            &properties);
    block_pack(&context.codec, buffer_bytes(&properties), COMPRESSION_NONE, &run, &sealed);
    enum table_status status;
    table_footer_encode(&footer, &tail);
    table_close(table_open(buffer_bytes(&tail), buffer_bytes(&run), &context, &status));
    block_builder_deinit(&top);
    buffer_deinit(&run);
    buffer_deinit(&value);
    buffer_deinit(&properties);
    buffer_deinit(&tail);
    return status;
}

static const struct forgery SOUND_FORGERY = {
    .properties = {.entry_count = 2, .block_count = 2, .format_version = TABLE_FORMAT_VERSION},
    .partition = {.block_count = 2, .data_size = CLAIMED_DATA_SIZE},
    .last = "b",
    .partition_count = 1,
};
static const struct claim SOUND_CLAIMS[] = {{"a", 0, 10, false, false},
                                            {"b", 10, 10, false, false}};

static void an_index_that_does_not_add_up_is_corrupt(void **state) {
    (void)state;
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
    assert_int_equal(open_forged(SOUND_CLAIMS, 2, &SOUND_FORGERY), TABLE_OK);
    for (size_t i = 0; i < sizeof BROKEN / sizeof BROKEN[0]; i++)
        assert_int_equal(open_forged(BROKEN[i], 2, &SOUND_FORGERY), TABLE_CORRUPT);
}

static void properties_that_do_not_fit_are_corrupt(void **state) {
    (void)state;
    static const struct table_properties LIES[] = {
        {.entry_count = 3, .block_count = 3, .format_version = 1},
        {.entry_count = 2, .block_count = 1, .format_version = 1},
        {.entry_count = 1, .block_count = 2, .format_version = 1},
        {.entry_count = 2, .block_count = 2, .removed_count = 3, .format_version = 1},
        {.entry_count = 2, .block_count = 2, .file_size = 1, .format_version = 1},
        {.entry_count = 2, .block_count = 2, .format_version = 2},
        {.entry_count = 2, .block_count = 2, .format_version = 1, .compression = 3},
        {.entry_count = UINT64_MAX, .block_count = UINT64_MAX, .format_version = 1},
    };
    for (size_t i = 0; i < sizeof LIES / sizeof LIES[0]; i++) {
        struct forgery forgery = SOUND_FORGERY;
        forgery.properties = LIES[i];
        assert_int_equal(open_forged(SOUND_CLAIMS, 2, &forgery), TABLE_CORRUPT);
    }
}

static void a_partition_that_does_not_add_up_is_corrupt(void **state) {
    (void)state;
    static const struct table_partition LIES[] = {
        {.block_count = 1, .data_size = 20},
        {.block_count = 3, .data_size = 20},
        {.block_count = 0, .data_size = 20},
        {.block_count = 2, .data_size = 19},
        {.block_count = 2, .data_size = 21},
        {.block_count = 2, .data_size = UINT64_MAX},
        {.block_count = 2, .data_size = 20, .filter_size = 1},
        {.block_count = 2, .data_size = 20, .filter_checksum = 1},
        {.block_count = 2, .data_size = 20, .index_size = 1},
        {.block_count = 2, .data_size = 20, .index_size = (uint64_t)-1},
        {.block_count = 2, .data_size = 20, .index_checksum = 1},
    };
    struct forgery forgery = SOUND_FORGERY;
    for (size_t i = 0; i < sizeof LIES / sizeof LIES[0]; i++) {
        forgery.partition = LIES[i];
        assert_int_equal(open_forged(SOUND_CLAIMS, 2, &forgery), TABLE_CORRUPT);
    }
    forgery = SOUND_FORGERY;
    forgery.last = "c"; /* the index ends with another separator */
    assert_int_equal(open_forged(SOUND_CLAIMS, 2, &forgery), TABLE_CORRUPT);
    for (uint32_t count = 0; count < 4; count++) {
        forgery = SOUND_FORGERY;
        forgery.partition_count = count;
        assert_int_equal(open_forged(SOUND_CLAIMS, 2, &forgery),
                         count == 1 ? TABLE_OK : TABLE_CORRUPT);
    }
}

/* A disk that mixed two files up is noticed even when both are whole. */
static void a_table_under_another_number_is_corrupt(void **state) {
    (void)state;
    struct fixture_entry *entries;
    size_t count;
    struct table_options options = SHAPES[0];
    struct buffer file = {0};
    options.number = 17;
    build_small(8, &options, &entries, &count, &file);
    for (uint64_t number = 16; number <= 18; number++) {
        struct table_file *opened = table_file_create(number);
        opened->size = file.size;
        struct block_handle metadata;
        struct bytes footer =
            bytes_slice(buffer_bytes(&file), file.size - TABLE_FOOTER_SIZE, TABLE_FOOTER_SIZE);
        assert_int_equal(table_footer_decode(footer, file.size, &metadata), TABLE_OK);
        opened->tail_size = file.size - metadata.offset;
        struct bytes tail =
            bytes_slice(buffer_bytes(&file), metadata.offset, (size_t)opened->tail_size);
        assert_int_equal(table_file_open(opened, tail, &context),
                         number == 17 ? TABLE_OK : TABLE_CORRUPT);
        table_file_destroy(opened);
    }
    table_fixture_free(entries, count);
    buffer_deinit(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_flip_is_noticed),
        cmocka_unit_test(every_bit_flip_is_noticed_when_nothing_stays_in_memory),
        cmocka_unit_test(every_truncation_is_noticed),
        cmocka_unit_test(a_sound_block_in_the_wrong_place_is_corrupt),
        cmocka_unit_test(a_later_format_is_too_new_and_not_corrupt),
        cmocka_unit_test(an_index_that_does_not_add_up_is_corrupt),
        cmocka_unit_test(properties_that_do_not_fit_are_corrupt),
        cmocka_unit_test(a_partition_that_does_not_add_up_is_corrupt),
        cmocka_unit_test(a_table_under_another_number_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
