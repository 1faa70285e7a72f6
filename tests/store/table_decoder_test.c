/* A second reader of table files, written from docs/formats/table.md alone. It shares no code with
 * engine/store: when it disagrees with the builder, the page or the builder is wrong. */
#include "tests/store/support/table_fixture.h"

#include <lz4.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <xxhash.h>
#include <zstd.h>

#include <cmocka.h>

enum { FOOTER = 64, TRAILER = 5, RESTART_EVERY = 16 };

static uint64_t number(const uint8_t *at, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

/* Reads a varint and moves on. */
static uint64_t varint(const uint8_t **at, const uint8_t *end) {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        assert_true(*at < end && shift < 64);
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            assert_true(byte != 0 || shift == 0);
            return value;
        }
    }
}

struct stretch {
    uint8_t *data;
    size_t size;
};

/* The contents of the block that lies at `at` and has this size. */
static struct stretch unwrap(const uint8_t *at, uint64_t size) {
    assert_true(size >= TRAILER);
    size_t stored = (size_t)size - TRAILER;
    uint64_t hash = XXH3_64bits(at, stored + 1);
    assert_int_equal(number(at + stored + 1, 4), hash & 0xffffffff);
    struct stretch contents = {.size = stored};
    if (at[stored] == 0) {
        contents.data = malloc(stored + 1);
        memcpy(contents.data, at, stored);
        return contents;
    }
    assert_in_range(at[stored], 1, 2);
    contents.size = (size_t)number(at, 4);
    assert_true(stored <= contents.size - (contents.size + 7) / 8);
    contents.data = malloc(contents.size + 1);
    size_t decoded = at[stored] == 2
                         ? ZSTD_decompress(contents.data, contents.size, at + 4, stored - 4)
                         : (size_t)LZ4_decompress_safe((const char *)at + 4, (char *)contents.data,
                                                       (int)stored - 4, (int)contents.size);
    assert_int_equal(decoded, contents.size);
    return contents;
}

struct decoded_entry {
    uint8_t *key;
    size_t key_size;
    const uint8_t *value; /* in the contents */
    size_t value_size;
    bool removed;
};

static int compare_keys(const struct decoded_entry *left, const struct decoded_entry *right) {
    size_t shorter = left->key_size < right->key_size ? left->key_size : right->key_size;
    int order = memcmp(left->key, right->key, shorter);
    if (order != 0)
        return order;
    return (left->key_size > right->key_size) - (left->key_size < right->key_size);
}

/* Every entry of the contents of a data or index block, in an array that the caller frees. */
static struct decoded_entry *decode_entries(struct stretch contents, size_t *count) {
    size_t restarts = (size_t)number(contents.data + contents.size - 4, 4);
    const uint8_t *array = contents.data + contents.size - 4 - 4 * restarts;
    struct decoded_entry *entries = calloc(restarts * RESTART_EVERY + 1, sizeof *entries);
    *count = 0;
    for (const uint8_t *at = contents.data; at < array;) {
        struct decoded_entry *entry = &entries[*count];
        if (*count % RESTART_EVERY == 0)
            assert_int_equal(number(array + 4 * (*count / RESTART_EVERY), 4), at - contents.data);
        size_t shared = (size_t)varint(&at, array);
        size_t unshared = (size_t)varint(&at, array);
        uint64_t tag = varint(&at, array);
        assert_true(*count % RESTART_EVERY != 0 || shared == 0);
        entry->key_size = shared + unshared;
        assert_true(entry->key_size <= 65535);
        entry->key = malloc(entry->key_size + 1);
        if (shared > 0)
            memcpy(entry->key, entries[*count - 1].key, shared);
        memcpy(entry->key + shared, at, unshared);
        entry->value = at + unshared;
        entry->value_size = (size_t)(tag / 2);
        entry->removed = tag % 2 == 1;
        at += unshared + entry->value_size;
        assert_true(at <= array);
        assert_true(*count == 0 || compare_keys(&entries[*count - 1], entry) < 0);
        ++*count;
    }
    assert_int_equal(restarts, (*count + RESTART_EVERY - 1) / RESTART_EVERY);
    return entries;
}

static void free_entries(struct decoded_entry *entries, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(entries[i].key);
    free(entries);
}

static bool passes(struct stretch filter, const uint8_t *key, size_t key_size) {
    if (filter.size == 0)
        return true;
    uint64_t lines = (filter.size - 1) / 64;
    uint64_t hash = XXH3_64bits(key, key_size);
    uint64_t line = ((hash >> 32) * lines) >> 32;
    uint64_t mixed = hash * 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 32)) * 0xd6e8feb86659fd93;
    for (unsigned i = 0; i < filter.data[filter.size - 1]; i++) {
        uint64_t bit = (mixed >> (9 * i)) & 511;
        if ((filter.data[line * 64 + bit / 8] >> (bit % 8) & 1) == 0)
            return false;
    }
    return true;
}

/* The parts of a file, as its footer names them. */
struct parts {
    struct stretch filter;
    struct stretch properties;
    struct stretch index;
    uint64_t filter_at;
};

static struct parts take_apart(struct bytes file) {
    const uint8_t *footer = file.data + file.size - FOOTER;
    assert_memory_equal(footer + 56, "dunlinTB", 8);
    assert_true(number(footer + 48, 8) == XXH3_64bits(footer, 48));
    assert_int_equal(number(footer + 44, 4), 1);
    for (size_t i = 32; i < 44; i++)
        assert_int_equal(footer[i], 0);
    uint64_t filter_at = number(footer, 8);
    uint64_t properties_at = filter_at + number(footer + 8, 8);
    uint64_t index_at = properties_at + number(footer + 16, 8);
    assert_int_equal(index_at + number(footer + 24, 8) + FOOTER, file.size);
    return (struct parts){
        .filter_at = filter_at,
        .filter = unwrap(file.data + filter_at, number(footer + 8, 8)),
        .properties = unwrap(file.data + properties_at, number(footer + 16, 8)),
        .index = unwrap(file.data + index_at, number(footer + 24, 8)),
    };
}

static void expect_block(struct bytes file, struct parts parts, uint64_t at, uint64_t size,
                         const struct decoded_entry *separator,
                         const struct fixture_entry *expected, size_t *met) {
    struct stretch contents = unwrap(file.data + at, size);
    size_t count;
    struct decoded_entry *entries = decode_entries(contents, &count);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++, ++*met) {
        const struct fixture_entry *wanted = &expected[*met];
        assert_int_equal(entries[i].key_size, wanted->key.size);
        assert_true(wanted->key.size == 0 ||
                    memcmp(entries[i].key, wanted->key.data, wanted->key.size) == 0);
        assert_int_equal(entries[i].value_size, wanted->value.size);
        assert_true(wanted->value.size == 0 ||
                    memcmp(entries[i].value, wanted->value.data, wanted->value.size) == 0);
        assert_int_equal(entries[i].removed, wanted->removed);
        assert_true(passes(parts.filter, entries[i].key, entries[i].key_size));
    }
    assert_true(compare_keys(&entries[count - 1], separator) <= 0);
    free_entries(entries, count);
    free(contents.data);
}

static void expect_properties(struct stretch properties, struct bytes file, size_t blocks,
                              const struct fixture_entry *entries, size_t count) {
    uint64_t removed = 0, key_bytes = 0, value_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        removed += entries[i].removed ? 1 : 0;
        key_bytes += entries[i].key.size;
        value_bytes += entries[i].value.size;
    }
    assert_int_equal(properties.size, 49);
    assert_int_equal(number(properties.data, 8), count);
    assert_int_equal(number(properties.data + 8, 8), removed);
    assert_int_equal(number(properties.data + 16, 8), key_bytes);
    assert_int_equal(number(properties.data + 24, 8), value_bytes);
    assert_int_equal(number(properties.data + 32, 8), blocks);
    assert_int_equal(number(properties.data + 40, 8), file.size);
    assert_int_equal(properties.data[48], 0);
}

static void expect_filter_shape(struct stretch filter, uint32_t bits, size_t count) {
    size_t lines = (bits * count + 511) / 512;
    uint32_t probes = 69 * bits / 100;
    assert_int_equal(filter.size, lines == 0 ? 0 : lines * 64 + 1);
    if (lines > 0)
        assert_int_equal(filter.data[filter.size - 1], probes < 1 ? 1 : probes > 7 ? 7 : probes);
}

static void expect_file(struct bytes file, uint32_t filter_bits,
                        const struct fixture_entry *entries, size_t count) {
    struct parts parts = take_apart(file);
    size_t blocks;
    size_t met = 0;
    uint64_t end = 0;
    struct decoded_entry *index = decode_entries(parts.index, &blocks);
    for (size_t i = 0; i < blocks; i++) {
        const uint8_t *value = index[i].value;
        const uint8_t *value_end = value + index[i].value_size;
        uint64_t at = varint(&value, value_end);
        uint64_t size = varint(&value, value_end);
        assert_int_equal(value_end - value, 4);
        assert_memory_equal(value, file.data + at + size - 4, 4);
        assert_int_equal(at, end);
        assert_false(index[i].removed);
        struct decoded_entry next = {0};
        if (met < count) {
            next.key = entries[met].key.data == NULL ? (uint8_t *)"" : entries[met].key.data;
            next.key_size = entries[met].key.size;
            assert_true(i == 0 || compare_keys(&index[i - 1], &next) < 0);
        }
        expect_block(file, parts, at, size, &index[i], entries, &met);
        end = at + size;
    }
    assert_int_equal(end, parts.filter_at);
    assert_int_equal(met, count);
    if (count > 0)
        assert_int_equal(index[blocks - 1].key_size, entries[count - 1].key.size);
    expect_properties(parts.properties, file, blocks, entries, count);
    expect_filter_shape(parts.filter, filter_bits, count);
    free_entries(index, blocks);
    free(parts.filter.data);
    free(parts.properties.data);
    free(parts.index.data);
}

static void a_reader_written_from_the_page_reads_every_table(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct prng prng;
        size_t count;
        struct buffer file = {0};
        prng_init(&prng, seed, 3);
        struct table_options options = {.block_bytes = prng_below(&prng, 3000),
                                        .filter_bits_per_key = prng_below(&prng, 20),
                                        .compression =
                                            (enum block_compression)prng_below(&prng, 3)};
        struct fixture_entry *entries =
            table_fixture_random(&prng, prng_below(&prng, 600), 1 + prng_below(&prng, 16),
                                 1 + prng_below(&prng, 200), &count);
        table_fixture_build(&options, entries, count, 0, &file);
        expect_file(buffer_bytes(&file), options.filter_bits_per_key, entries, count);
        table_fixture_free(entries, count);
        buffer_deinit(&file);
    }
}

/* One table byte by byte, so that a change of the format cannot go unseen. */
static void the_smallest_table_is_these_bytes(void **state) {
    (void)state;
    struct fixture_entry entry = {0};
    struct buffer file = {0};
    struct table_options options = {.block_bytes = 4096, .filter_bits_per_key = 0};
    buffer_append(&entry.key, bytes_of_text("k"));
    buffer_append(&entry.value, bytes_of_text("v"));
    table_fixture_build(&options, &entry, 1, 0, &file);
    static const uint8_t DATA[] = {0, 1, 2, 'k', 'v', 0, 0, 0, 0, 1, 0, 0, 0, 0};
    static const uint8_t INDEX[] = {0, 1, 12, 'k', 0, 18};
    assert_memory_equal(file.data, DATA, sizeof DATA);
    assert_int_equal(file.data[18], 0); /* the filter block: no contents, type 0 */
    assert_memory_equal(file.data + 18 + 5 + 54, INDEX, sizeof INDEX);
    assert_memory_equal(file.data + 18 + 5 + 54 + 6, file.data + 14, 4);
    assert_int_equal(file.size, 18 + 5 + 54 + 23 + FOOTER);
    buffer_deinit(&entry.key);
    buffer_deinit(&entry.value);
    buffer_deinit(&file);
}

/* The same for blocks, separators and a filter together; compression is left to LZ4's versions. */
static void a_larger_table_has_this_hash(void **state) {
    (void)state;
    struct prng prng;
    size_t count;
    struct buffer file = {0};
    struct table_options options = {.block_bytes = 500, .filter_bits_per_key = 10};
    prng_init(&prng, 9, 3);
    struct fixture_entry *entries = table_fixture_random(&prng, 500, 12, 40, &count);
    table_fixture_build(&options, entries, count, 0, &file);
    assert_int_equal(XXH3_64bits(file.data, file.size), 0x64d6c9b5f06216afu);
    table_fixture_free(entries, count);
    buffer_deinit(&file);
}

/* A table may consist of removed ranges alone. */
static void removed_ranges_lie_behind_the_properties(void **state) {
    (void)state;
    struct table_options options = {.block_bytes = 4096, .filter_bits_per_key = 10};
    struct table_builder *builder = table_builder_create(&options);
    struct removed_ranges ranges = {0};
    removed_ranges_add(&ranges, bytes_of_text("b"), bytes_of_text("e"));
    removed_ranges_add(&ranges, bytes_of_text("x/"), bytes_of_text("x0"));
    table_builder_remove(builder, &ranges);
    table_builder_finish(builder);
    struct table_summary summary = table_builder_summary(builder);
    assert_true(bytes_equal(summary.smallest, bytes_of_text("b")));
    assert_true(bytes_equal(summary.largest, bytes_of_text("x0")));
    assert_true(summary.largest_excluded);
    uint64_t offset;
    struct bytes file = table_builder_output(builder, &offset);
    struct parts parts = take_apart(file);
    static const uint8_t EXPECTED[] = {2, 1, 'b', 1, 'e', 2, 'x', '/', 2, 'x', '0'};
    assert_int_equal(parts.properties.size, 48 + sizeof EXPECTED);
    assert_memory_equal(parts.properties.data + 48, EXPECTED, sizeof EXPECTED);
    struct table *table = table_fixture_open(file);
    assert_non_null(table);
    assert_int_equal(table_properties(table)->range_count, 2);
    assert_non_null(removed_ranges_find(table_ranges(table), bytes_of_text("x/17")));
    assert_null(removed_ranges_find(table_ranges(table), bytes_of_text("e")));
    table_close(table);
    free(parts.filter.data);
    free(parts.properties.data);
    free(parts.index.data);
    removed_ranges_deinit(&ranges);
    table_builder_destroy(builder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_written_from_the_page_reads_every_table),
        cmocka_unit_test(the_smallest_table_is_these_bytes),
        cmocka_unit_test(a_larger_table_has_this_hash),
        cmocka_unit_test(removed_ranges_lie_behind_the_properties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
