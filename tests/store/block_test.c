#include "engine/store/block_builder.h"
#include "engine/store/block_pack.h"

#include "engine/base/hash.h"
#include "tests/store/support/table_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SEEDS = 200, FORGERIES = 20000 };

static struct bytes build(struct block_builder *builder, const struct fixture_entry *entries,
                          size_t count) {
    block_builder_reset(builder);
    for (size_t i = 0; i < count; i++) {
        struct bytes key = buffer_bytes(&entries[i].key), value = buffer_bytes(&entries[i].value);
        if (entries[i].expires != 0)
            block_builder_add_expiring(builder, key, value, (struct wall_time){entries[i].expires});
        else
            block_builder_add(builder, key, value, entries[i].removed);
    }
    size_t size = block_builder_size(builder);
    struct bytes contents = block_builder_finish(builder);
    assert_int_equal(contents.size, size);
    return contents;
}

static void expect_entry(const struct block_cursor *cursor, const struct fixture_entry *entry) {
    assert_true(cursor->valid);
    assert_true(bytes_equal(cursor->key, buffer_bytes(&entry->key)));
    assert_true(bytes_equal(cursor->value, buffer_bytes(&entry->value)));
    assert_int_equal(cursor->removed, entry->removed);
    assert_int_equal(cursor->expires.milliseconds, entry->expires);
}

/* From where a cursor stands it meets exactly the entries from `first` on. */
static void expect_rest(struct block_cursor *cursor, const struct fixture_entry *entries,
                        size_t first, size_t count) {
    for (size_t i = first; i < count; i++) {
        expect_entry(cursor, &entries[i]);
        block_cursor_next(cursor);
    }
    assert_false(cursor->valid);
    assert_false(cursor->corrupt);
}

/* The same backwards: exactly the entries below `end`. */
static void expect_rest_backwards(struct block_cursor *cursor, const struct fixture_entry *entries,
                                  size_t end) {
    for (size_t i = end; i-- > 0;) {
        expect_entry(cursor, &entries[i]);
        block_cursor_previous(cursor);
    }
    assert_false(cursor->valid);
    assert_false(cursor->corrupt);
}

static size_t first_at_or_behind(const struct fixture_entry *entries, size_t count,
                                 struct bytes key) {
    size_t i = 0;
    while (i < count && bytes_compare(buffer_bytes(&entries[i].key), key) < 0)
        i++;
    return i;
}

static void a_cursor_finds_what_a_sorted_array_finds(void **state) {
    (void)state;
    struct block_builder builder = {0};
    struct block_cursor cursor = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct prng prng;
        size_t count, sought_count;
        prng_init(&prng, seed, 1);
        struct fixture_entry *entries = table_fixture_random(&prng, prng_below(&prng, 100),
                                                             1 + prng_below(&prng, 12), 20, &count);
        table_fixture_let_expire(entries, count, &prng, 3);
        struct fixture_entry *sought = table_fixture_random(&prng, 30, 12, 0, &sought_count);
        assert_int_equal(block_cursor_open(&cursor, build(&builder, entries, count)), TABLE_OK);
        block_cursor_first(&cursor);
        expect_rest(&cursor, entries, 0, count);
        block_cursor_last(&cursor);
        expect_rest_backwards(&cursor, entries, count);
        for (size_t i = 0; i < count; i++) {
            block_cursor_seek(&cursor, buffer_bytes(&entries[i].key));
            expect_entry(&cursor, &entries[i]);
        }
        for (size_t i = 0; i < sought_count; i++) {
            struct bytes key = buffer_bytes(&sought[i].key);
            block_cursor_seek(&cursor, key);
            size_t at = first_at_or_behind(entries, count, key);
            expect_rest(&cursor, entries, at, count);
            block_cursor_seek_below(&cursor, key);
            expect_rest_backwards(&cursor, entries, at);
        }
        table_fixture_free(entries, count);
        table_fixture_free(sought, sought_count);
    }
    block_cursor_deinit(&cursor);
    block_builder_deinit(&builder);
}

static void an_empty_block_has_no_entry(void **state) {
    (void)state;
    struct block_builder builder = {0};
    struct block_cursor cursor = {0};
    assert_int_equal(block_cursor_open(&cursor, build(&builder, NULL, 0)), TABLE_OK);
    block_cursor_first(&cursor);
    assert_false(cursor.valid);
    block_cursor_seek(&cursor, bytes_of_text("a"));
    assert_false(cursor.valid);
    block_cursor_last(&cursor);
    assert_false(cursor.valid);
    block_cursor_seek_below(&cursor, bytes_of_text("a"));
    assert_false(cursor.valid);
    assert_false(cursor.corrupt);
    block_cursor_deinit(&cursor);
    block_builder_deinit(&builder);
}

/* Walks and seeks; keys must ascend as long as the cursor calls itself sound. */
static void walk_forgery(struct block_cursor *cursor, struct bytes contents, struct bytes sought) {
    struct buffer before = {0};
    if (block_cursor_open(cursor, contents) != TABLE_OK)
        return;
    block_cursor_first(cursor);
    for (bool first = true; cursor->valid; first = false) {
        assert_true(first || bytes_compare(cursor->key, buffer_bytes(&before)) > 0);
        buffer_clear(&before);
        buffer_append(&before, cursor->key);
        block_cursor_next(cursor);
    }
    buffer_deinit(&before);
    if (block_cursor_open(cursor, contents) != TABLE_OK)
        return;
    block_cursor_seek(cursor, sought);
    if (cursor->valid)
        assert_true(bytes_compare(cursor->key, sought) >= 0);
    if (block_cursor_open(cursor, contents) != TABLE_OK)
        return;
    block_cursor_last(cursor);
    while (cursor->valid) {
        uint32_t at = cursor->at;
        block_cursor_previous(cursor);
        assert_true(!cursor->valid || cursor->at < at);
    }
    if (block_cursor_open(cursor, contents) == TABLE_OK)
        block_cursor_seek_below(cursor, sought);
}

static void a_forged_block_never_leads_outside(void **state) {
    (void)state;
    struct block_builder builder = {0};
    struct block_cursor cursor = {0};
    struct prng prng;
    size_t count;
    prng_init(&prng, 3, 1);
    struct fixture_entry *entries = table_fixture_random(&prng, 60, 8, 8, &count);
    table_fixture_let_expire(entries, count, &prng, 3);
    struct bytes contents = build(&builder, entries, count);
    for (int i = 0; i < FORGERIES; i++) {
        /* A copy of its own size, so that the sanitizer sees a read behind it. */
        size_t size = prng_chance(&prng, 1, 2) ? contents.size
                                               : prng_below(&prng, (uint32_t)contents.size + 1);
        uint8_t *forged = malloc(size + 1);
        memcpy(forged + 1, contents.data + contents.size - size, size);
        uint32_t changes = size == 0 ? 0 : prng_below(&prng, 4);
        for (uint32_t change = 0; change < changes; change++)
            forged[1 + prng_below(&prng, (uint32_t)size)] = (uint8_t)prng_u32(&prng);
        walk_forgery(&cursor, bytes_of(forged + 1, size),
                     buffer_bytes(&entries[prng_below(&prng, (uint32_t)count)].key));
        free(forged);
    }
    table_fixture_free(entries, count);
    block_cursor_deinit(&cursor);
    block_builder_deinit(&builder);
}

/* Each is a block of restarts {0} and these entries. */
static void entries_that_do_not_fit_are_corrupt(void **state) {
    (void)state;
    static const struct {
        uint8_t bytes[16];
        size_t size;
    } BROKEN[] = {
        {{1, 1, 0, 'a'}, 4},                    /* the first entry shares with nothing */
        {{0, 2, 0, 'a'}, 4},                    /* the key leaves the block */
        {{0, 1, 4, 'a', 'v'}, 5},               /* the value leaves the block */
        {{0, 1, 3, 'a', 'v'}, 5},               /* a removed key has a value */
        {{0, 0x81, 0, 0, 'a'}, 5},              /* a varint longer than need be */
        {{0, 1, 0, 'b', 0, 1, 0, 'a'}, 8},      /* descends */
        {{0, 1, 0, 'a', 0, 1, 0, 'a'}, 8},      /* the same key again */
        {{0, 1, 0, 'a', 1, 0, 0}, 7},           /* the same key again, shared */
        {{0, 2, 0, 'a', 'b', 1, 1, 0, 'a'}, 9}, /* descends behind what is shared */
        {{0, 1, 0, 'a', 2, 1, 0, 'a'}, 8},      /* shares more than there was */
        {{0, 1, 0, 'a', 0}, 5},                 /* an entry cut off */
    };
    struct block_cursor cursor = {0};
    for (size_t i = 0; i < sizeof BROKEN / sizeof BROKEN[0]; i++) {
        struct buffer contents = {0};
        buffer_append(&contents, bytes_of(BROKEN[i].bytes, BROKEN[i].size));
        buffer_put_u32(&contents, 0);
        buffer_put_u32(&contents, 1);
        assert_int_equal(block_cursor_open(&cursor, buffer_bytes(&contents)), TABLE_OK);
        block_cursor_first(&cursor);
        while (cursor.valid)
            block_cursor_next(&cursor);
        assert_true(cursor.corrupt);
        block_cursor_seek(&cursor, bytes_of_text("a"));
        assert_false(cursor.valid);
        buffer_deinit(&contents);
    }
    block_cursor_deinit(&cursor);
}

static void packing_and_unpacking_gives_the_contents_back(void **state) {
    (void)state;
    struct prng prng;
    prng_init(&prng, 4, 1);
    struct block_codec codec = {0};
    for (size_t size = 0; size < 3000; size += 1 + size / 40) {
        for (int kind = 0; kind < 6; kind++) {
            struct buffer contents = {0};
            struct buffer file = {0};
            struct buffer again = {0};
            struct block_handle handle = {0};
            for (size_t i = 0; i < size; i++)
                buffer_put_u8(&contents, kind < 3 ? (uint8_t)prng_u32(&prng) : 'c');
            enum block_compression compression = (enum block_compression)(kind % 3);
            block_pack(&codec, buffer_bytes(&contents), compression, &file, &handle);
            assert_int_equal(handle.size, file.size);
            uint8_t type = file.data[file.size - BLOCK_TRAILER_SIZE];
            assert_int_equal(type, kind >= 3 && size >= 100 ? compression : type);
            assert_true(type == COMPRESSION_NONE || type == compression);
            assert_true(type == COMPRESSION_NONE ||
                        file.size - BLOCK_TRAILER_SIZE <= size - size / BLOCK_SAVING_DIVISOR);
            assert_int_equal(block_unpack(&codec, buffer_bytes(&file), &again), TABLE_OK);
            assert_true(bytes_equal(buffer_bytes(&again), buffer_bytes(&contents)));
            buffer_deinit(&contents);
            buffer_deinit(&file);
            buffer_deinit(&again);
        }
    }
    block_codec_deinit(&codec);
}

static void expect_lies_to_be_noticed(enum block_compression compression) {
    static const uint32_t LIES[] = {0, 1, 999, 1001, 1 << 20, BLOCK_CONTENTS_MAX + 1, UINT32_MAX};
    struct buffer file = {0};
    struct block_handle handle = {0};
    uint8_t contents[1000] = {0};
    struct block_codec codec = {0};
    block_pack(&codec, bytes_of(contents, sizeof contents), compression, &file, &handle);
    assert_int_equal(file.data[file.size - BLOCK_TRAILER_SIZE], compression);
    for (size_t i = 0; i < sizeof LIES / sizeof LIES[0]; i++) {
        struct buffer again = {0};
        memcpy(file.data, &LIES[i], sizeof LIES[i]);
        uint32_t checksum = checksum32(bytes_of(file.data, file.size - sizeof checksum));
        memcpy(file.data + file.size - sizeof checksum, &checksum, sizeof checksum);
        assert_int_equal(block_unpack(&codec, buffer_bytes(&file), &again), TABLE_CORRUPT);
        assert_int_equal(again.size, 0);
        buffer_deinit(&again);
    }
    buffer_deinit(&file);
    block_codec_deinit(&codec);
}

static void a_lie_about_the_plain_size_is_corrupt(void **state) {
    (void)state;
    expect_lies_to_be_noticed(COMPRESSION_LZ4);
    expect_lies_to_be_noticed(COMPRESSION_ZSTD);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_finds_what_a_sorted_array_finds),
        cmocka_unit_test(an_empty_block_has_no_entry),
        cmocka_unit_test(a_forged_block_never_leads_outside),
        cmocka_unit_test(entries_that_do_not_fit_are_corrupt),
        cmocka_unit_test(packing_and_unpacking_gives_the_contents_back),
        cmocka_unit_test(a_lie_about_the_plain_size_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
