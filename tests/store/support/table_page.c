#include "tests/store/support/table_page.h"

#include <lz4.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <xxhash.h>
#include <zstd.h>

#include <cmocka.h>

enum { FOOTER = 64, TRAILER = 5, RESTART_ENTRIES = 16, RESTART_BYTES = 512 };

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

/* The contents of the block that lies at `at` and has this size. */
static struct table_page_stretch unwrap(const uint8_t *at, uint64_t size) {
    assert_true(size >= TRAILER);
    size_t stored = (size_t)size - TRAILER;
    uint64_t hash = XXH3_64bits(at, stored + 1);
    assert_int_equal(number(at + stored + 1, 4), hash & 0xffffffff);
    struct table_page_stretch contents = {.size = stored};
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
    uint64_t expires; /* 0: never */
};

static int compare_keys(const struct decoded_entry *left, const struct decoded_entry *right) {
    size_t shorter = left->key_size < right->key_size ? left->key_size : right->key_size;
    int order = memcmp(left->key, right->key, shorter);
    if (order != 0)
        return order;
    return (left->key_size > right->key_size) - (left->key_size < right->key_size);
}

/* Nothing behind the key: removed. Otherwise its time comes before its value. */
static void take_mark(struct decoded_entry *entry) {
    entry->removed = entry->value_size == 0;
    if (entry->removed)
        return;
    assert_true(entry->value_size >= 8);
    entry->expires = number(entry->value, 8);
    assert_true(entry->expires != 0);
    entry->value += 8;
    entry->value_size -= 8;
}

/* Every entry of the contents of a data or index block, in an array that the caller frees. */
static struct decoded_entry *decode_entries(struct table_page_stretch contents, size_t *count) {
    size_t restarts = (size_t)number(contents.data + contents.size - 4, 4);
    const uint8_t *array = contents.data + contents.size - 4 - 4 * restarts;
    struct decoded_entry *entries = calloc(restarts * RESTART_ENTRIES + 1, sizeof *entries);
    size_t restart = 0;
    size_t since = 0; /* entries, and */
    size_t last = 0;  /* where the last restart lies */
    *count = 0;
    for (const uint8_t *at = contents.data; at < array;) {
        struct decoded_entry *entry = &entries[*count];
        size_t offset = (size_t)(at - contents.data);
        bool restarts_here =
            *count == 0 || since == RESTART_ENTRIES || offset >= last + RESTART_BYTES;
        if (restarts_here) {
            assert_true(restart < restarts);
            assert_int_equal(number(array + 4 * restart++, 4), offset);
            last = offset;
            since = 0;
        }
        since++;
        size_t shared = (size_t)varint(&at, array);
        size_t unshared = (size_t)varint(&at, array);
        uint64_t tag = varint(&at, array);
        assert_true(!restarts_here || shared == 0);
        entry->key_size = shared + unshared;
        assert_true(entry->key_size <= 65535);
        entry->key = malloc(entry->key_size + 1);
        if (shared > 0)
            memcpy(entry->key, entries[*count - 1].key, shared);
        memcpy(entry->key + shared, at, unshared);
        entry->value = at + unshared;
        entry->value_size = (size_t)(tag / 2);
        at += unshared + entry->value_size;
        assert_true(at <= array);
        if (tag % 2 == 1)
            take_mark(entry);
        assert_true(*count == 0 || compare_keys(&entries[*count - 1], entry) < 0);
        ++*count;
    }
    assert_int_equal(restarts, restart);
    return entries;
}

static void free_entries(struct decoded_entry *entries, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(entries[i].key);
    free(entries);
}

static bool passes(struct table_page_stretch filter, const uint8_t *key, size_t key_size) {
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

struct table_page_parts table_page_take_apart(struct bytes file) {
    const uint8_t *footer = file.data + file.size - FOOTER;
    assert_memory_equal(footer + 56, "dunlinTB", 8);
    assert_true(number(footer + 48, 8) == XXH3_64bits(footer, 48));
    assert_int_equal(number(footer + 44, 4), 1);
    for (size_t i = 36; i < 44; i++)
        assert_int_equal(footer[i], 0);
    uint64_t data_end = number(footer, 8);
    uint64_t top_at = data_end + number(footer + 8, 8);
    uint64_t properties_at = top_at + number(footer + 16, 8);
    assert_int_equal(properties_at + number(footer + 24, 8) + FOOTER, file.size);
    return (struct table_page_parts){
        .data_end = data_end,
        .partitions_end = top_at,
        .partition_count = number(footer + 32, 4),
        .top = unwrap(file.data + top_at, number(footer + 16, 8)),
        .properties = unwrap(file.data + properties_at, number(footer + 24, 8)),
    };
}

static void expect_block(struct bytes file, struct table_page_stretch filter, uint64_t at,
                         uint64_t size, const struct decoded_entry *separator,
                         const struct fixture_entry *expected, size_t *met) {
    struct table_page_stretch contents = unwrap(file.data + at, size);
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
        assert_int_equal(entries[i].expires, wanted->expires);
        assert_true(passes(filter, entries[i].key, entries[i].key_size));
    }
    assert_true(compare_keys(&entries[count - 1], separator) <= 0);
    free_entries(entries, count);
    free(contents.data);
}

static uint64_t expire_between(const struct fixture_entry *entries, size_t count, uint64_t after,
                               uint64_t until) {
    uint64_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += entries[i].expires > after && entries[i].expires <= until;
    return found;
}

/* Nothing at all when no entry expires; else steps, each of which is exact. */
static void expect_expiries(const uint8_t *at, const uint8_t *end,
                            const struct fixture_entry *entries, size_t count) {
    uint64_t left = expire_between(entries, count, 0, UINT64_MAX), before = 0;
    if (left == 0) {
        assert_ptr_equal(at, end);
        return;
    }
    uint64_t steps = varint(&at, end);
    assert_in_range(steps, 1, 32);
    for (uint64_t i = 0; i < steps; i++) {
        uint64_t distance = varint(&at, end);
        uint64_t expiring = varint(&at, end);
        assert_true(distance > 0 && expiring > 0 && before + distance > before);
        assert_int_equal(expire_between(entries, count, before, before + distance), expiring);
        before += distance;
        left -= expiring;
    }
    assert_int_equal(left, 0);
    assert_ptr_equal(at, end);
}

static void expect_properties(struct table_page_stretch properties, struct bytes file,
                              size_t blocks, const struct fixture_entry *entries, size_t count) {
    uint64_t removed = 0, key_bytes = 0, value_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        removed += entries[i].removed ? 1 : 0;
        key_bytes += entries[i].key.size;
        value_bytes += entries[i].value.size;
    }
    assert_true(properties.size >= 65);
    assert_int_equal(number(properties.data, 8), count);
    assert_int_equal(number(properties.data + 8, 8), removed);
    assert_int_equal(number(properties.data + 16, 8), key_bytes);
    assert_int_equal(number(properties.data + 24, 8), value_bytes);
    assert_int_equal(number(properties.data + 32, 8), blocks);
    assert_int_equal(number(properties.data + 40, 8), file.size);
    assert_int_equal(number(properties.data + 48, 8), TABLE_PAGE_NUMBER);
    assert_int_equal(number(properties.data + 56, 4), 1);
    assert_in_range(number(properties.data + 60, 4), 0, 2);
    assert_int_equal(properties.data[64], 0);
    expect_expiries(properties.data + 65, properties.data + properties.size, entries, count);
}

static void expect_filter_shape(struct table_page_stretch filter, uint32_t bits, size_t count) {
    size_t lines = (bits * count + 511) / 512;
    uint32_t probes = 69 * bits / 100;
    assert_int_equal(filter.size, lines == 0 ? 0 : lines * 64 + 1);
    if (lines > 0)
        assert_int_equal(filter.data[filter.size - 1], probes < 1 ? 1 : probes > 7 ? 7 : probes);
}

/* What has been met of a file, from its beginning. */
struct progress {
    struct bytes file;
    uint64_t data_end;      /* of the blocks met so far */
    uint64_t partition_end; /* of the partitions */
    size_t blocks, entries;
    struct decoded_entry before; /* the last separator; its key is owned */
};

static void expect_separator(struct progress *progress, const struct decoded_entry *separator,
                             const struct fixture_entry *next) {
    if (progress->blocks > 0) {
        struct decoded_entry first = {.key =
                                          next->key.data == NULL ? (uint8_t *)"" : next->key.data,
                                      .key_size = next->key.size};
        assert_true(compare_keys(&progress->before, &first) < 0);
    }
    free(progress->before.key);
    progress->before = *separator;
    progress->before.key = malloc(separator->key_size + 1);
    memcpy(progress->before.key, separator->key, separator->key_size);
}

static void expect_index(struct progress *progress, struct table_page_stretch index,
                         struct table_page_stretch filter, uint64_t block_count,
                         const struct fixture_entry *entries) {
    size_t count;
    struct decoded_entry *blocks = decode_entries(index, &count);
    assert_int_equal(count, block_count);
    for (size_t i = 0; i < count; i++, progress->blocks++) {
        const uint8_t *value = blocks[i].value;
        const uint8_t *value_end = value + blocks[i].value_size;
        uint64_t at = varint(&value, value_end);
        uint64_t size = varint(&value, value_end);
        assert_int_equal(value_end - value, 4);
        assert_memory_equal(value, progress->file.data + at + size - 4, 4);
        assert_int_equal(at, progress->data_end);
        assert_false(blocks[i].removed || blocks[i].expires != 0);
        expect_separator(progress, &blocks[i], &entries[progress->entries]);
        expect_block(progress->file, filter, at, size, &blocks[i], entries, &progress->entries);
        progress->data_end = at + size;
    }
    free_entries(blocks, count);
}

static void expect_partition(struct progress *progress, const struct decoded_entry *top,
                             uint32_t filter_bits, const struct fixture_entry *entries) {
    const uint8_t *value = top->value;
    const uint8_t *value_end = value + top->value_size;
    uint64_t block_count = varint(&value, value_end);
    uint64_t data_size = varint(&value, value_end);
    uint64_t filter_size = varint(&value, value_end);
    uint64_t index_size = varint(&value, value_end);
    const uint8_t *filter_at = progress->file.data + progress->partition_end;
    const uint8_t *index_at = filter_at + filter_size;
    assert_int_equal(value_end - value, 8);
    struct table_page_stretch filter = {0};
    if (filter_size > 0) {
        filter = unwrap(filter_at, filter_size);
        assert_memory_equal(value, index_at - 4, 4);
    } else {
        assert_int_equal(number(value, 4), 0);
    }
    assert_memory_equal(value + 4, index_at + index_size - 4, 4);
    struct table_page_stretch index = unwrap(index_at, index_size);
    uint64_t data_from = progress->data_end;
    size_t entries_from = progress->entries;
    expect_index(progress, index, filter, block_count, entries);
    assert_int_equal(progress->data_end - data_from, data_size);
    assert_int_equal(compare_keys(top, &progress->before), 0);
    expect_filter_shape(filter, filter_bits, progress->entries - entries_from);
    progress->partition_end += filter_size + index_size;
    free(filter.data);
    free(index.data);
}

size_t table_page_expect(struct bytes file, uint32_t filter_bits,
                         const struct fixture_entry *entries, size_t count) {
    struct table_page_parts parts = table_page_take_apart(file);
    size_t partitions;
    struct decoded_entry *top = decode_entries(parts.top, &partitions);
    struct progress progress = {.file = file, .partition_end = parts.data_end};
    assert_int_equal(partitions, parts.partition_count);
    for (size_t i = 0; i < partitions; i++) {
        assert_false(top[i].removed || top[i].expires != 0);
        expect_partition(&progress, &top[i], filter_bits, entries);
    }
    assert_int_equal(progress.data_end, parts.data_end);
    assert_int_equal(progress.partition_end, parts.partitions_end);
    assert_int_equal(progress.entries, count);
    if (count > 0)
        assert_int_equal(progress.before.key_size, entries[count - 1].key.size);
    expect_properties(parts.properties, file, progress.blocks, entries, count);
    free_entries(top, partitions);
    free(progress.before.key);
    free(parts.properties.data);
    free(parts.top.data);
    return partitions;
}
