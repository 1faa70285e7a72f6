/* What the builder makes is what docs/formats/table.md says. */
#include "tests/store/support/table_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include <cmocka.h>

static void a_reader_written_from_the_page_reads_every_table(void **state) {
    (void)state;
    size_t partitioned = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct prng prng;
        size_t count;
        struct buffer file = {0};
        prng_init(&prng, seed, 3);
        struct table_options options = {.block_bytes = prng_below(&prng, 3000),
                                        .filter_bits_per_key = prng_below(&prng, 20),
                                        .number = TABLE_PAGE_NUMBER};
        options.compression = (enum block_compression)prng_below(&prng, 3);
        options.partition_above = prng_below(&prng, 2000);
        struct fixture_entry *entries =
            table_fixture_random(&prng, prng_below(&prng, 600), 1 + prng_below(&prng, 16),
                                 1 + prng_below(&prng, 200), &count);
        if (seed % 3 != 0)
            table_fixture_let_expire(entries, count, &prng, 1 + prng_below(&prng, 5));
        table_fixture_build(&options, entries, count, 0, &file);
        size_t partitions =
            table_page_expect(buffer_bytes(&file), options.filter_bits_per_key, entries, count);
        partitioned += partitions > 1 ? 1 : 0;
        table_fixture_free(entries, count);
        buffer_deinit(&file);
    }
    assert_in_range(partitioned, 20, 80);
}

/* The page, found from where this file lies. */
static FILE *open_page(void) {
    char path[4096];
    const char *end = strstr(__FILE__, "tests/store/");
    assert_non_null(end);
    int size =
        snprintf(path, sizeof path, "%.*sdocs/formats/table.md", (int)(end - __FILE__), __FILE__);
    assert_in_range(size, 1, sizeof path - 1);
    FILE *page = fopen(path, "r");
    assert_non_null(page);
    return page;
}

/* Lines of a listing of the page, the first or a later one: offset, two spaces, bytes with a space between, two spaces or the end. */
static void read_listing(uint32_t which, struct buffer *bytes) {
    FILE *page = open_page();
    char line[512];
    bool inside = false;
    buffer_clear(bytes);
    while (fgets(line, sizeof line, page) != NULL) {
        if (!inside) {
            inside = strcmp(line, "```hexdump\n") == 0 && which-- == 0;
            continue;
        }
        if (strcmp(line, "```\n") == 0)
            break;
        assert_int_equal(strtoul(line, NULL, 16), bytes->size);
        for (const char *at = line + 6; at[0] != ' ' && at[0] != '\n'; at += at[2] == ' ' ? 3 : 2)
            buffer_put_u8(bytes, (uint8_t)strtoul(at, NULL, 16));
    }
    fclose(page);
}

static void the_listing_of_the_page_is_what_the_builder_makes(void **state) {
    (void)state;
    static const char *const KEYS[] = {"apple", "apply", "banana"};
    static const char *const VALUES[] = {"red", "", "yellow"};
    struct fixture_entry entries[3] = {0};
    struct buffer file = {0};
    struct buffer listed = {0};
    struct table_options options = {.block_bytes = 20, .filter_bits_per_key = 10, .number = 7};
    for (size_t i = 0; i < 3; i++) {
        buffer_append(&entries[i].key, bytes_of_text(KEYS[i]));
        buffer_append(&entries[i].value, bytes_of_text(VALUES[i]));
        entries[i].removed = i == 1;
    }
    table_fixture_build(&options, entries, 3, 0, &file);
    read_listing(0, &listed);
    assert_int_equal(listed.size, file.size);
    assert_memory_equal(listed.data, file.data, file.size);
    for (size_t i = 0; i < 3; i++) {
        buffer_deinit(&entries[i].key);
        buffer_deinit(&entries[i].value);
    }
    buffer_deinit(&file);
    buffer_deinit(&listed);
}

static void the_listing_of_a_table_that_expires_is_what_the_builder_makes(void **state) {
    (void)state;
    struct fixture_entry plum = {.expires = 1764356400000};
    struct buffer file = {0};
    struct buffer listed = {0};
    struct table_options options = {.block_bytes = 20, .number = 8};
    buffer_append(&plum.key, bytes_of_text("plum"));
    buffer_append(&plum.value, bytes_of_text("blue"));
    table_fixture_build(&options, &plum, 1, 0, &file);
    read_listing(1, &listed);
    assert_int_equal(listed.size, file.size);
    assert_memory_equal(listed.data, file.data, file.size);
    buffer_deinit(&plum.key);
    buffer_deinit(&plum.value);
    buffer_deinit(&file);
    buffer_deinit(&listed);
}

/* A change of the format cannot go unseen here: blocks, separators and a filter together; compression is left to LZ4's versions. */
static void a_larger_table_has_this_hash(void **state) {
    (void)state;
    struct prng prng;
    size_t count;
    struct buffer file = {0};
    struct table_options options = {.block_bytes = 500, .filter_bits_per_key = 10};
    prng_init(&prng, 9, 3);
    struct fixture_entry *entries = table_fixture_random(&prng, 500, 12, 40, &count);
    table_fixture_build(&options, entries, count, 0, &file);
    assert_int_equal(XXH3_64bits(file.data, file.size), 0xf70d6077affe2723u);
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
    struct table_page_parts parts = table_page_take_apart(file);
    static const uint8_t EXPECTED[] = {2, 1, 'b', 1, 'e', 2, 'x', '/', 2, 'x', '0'};
    assert_int_equal(parts.properties.size, 64 + sizeof EXPECTED);
    assert_memory_equal(parts.properties.data + 64, EXPECTED, sizeof EXPECTED);
    struct table *table = table_fixture_open(file);
    assert_non_null(table);
    assert_int_equal(table_properties(table)->range_count, 2);
    assert_non_null(removed_ranges_find(table_ranges(table), bytes_of_text("x/17")));
    assert_null(removed_ranges_find(table_ranges(table), bytes_of_text("e")));
    table_close(table);
    free(parts.properties.data);
    free(parts.top.data);
    removed_ranges_deinit(&ranges);
    table_builder_destroy(builder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_written_from_the_page_reads_every_table),
        cmocka_unit_test(the_listing_of_the_page_is_what_the_builder_makes),
        cmocka_unit_test(the_listing_of_a_table_that_expires_is_what_the_builder_makes),
        cmocka_unit_test(a_larger_table_has_this_hash),
        cmocka_unit_test(removed_ranges_lie_behind_the_properties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
