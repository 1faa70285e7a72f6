#include "engine/store/block_compression.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { LEVELS = 4 };

static void expect_levels(const char *text, const enum block_compression *expected) {
    enum block_compression levels[LEVELS] = {COMPRESSION_ZSTD, COMPRESSION_ZSTD, COMPRESSION_ZSTD,
                                             COMPRESSION_ZSTD};
    assert_int_equal(block_compression_parse_levels(bytes_of_text(text), levels, LEVELS),
                     expected != NULL);
    for (uint32_t level = 0; level < LEVELS; level++)
        assert_int_equal(levels[level], expected == NULL ? COMPRESSION_ZSTD : expected[level]);
}

static void one_name_holds_for_every_level(void **state) {
    (void)state;
    for (int i = COMPRESSION_NONE; i <= COMPRESSION_ZSTD; i++) {
        enum block_compression all = (enum block_compression)i;
        const enum block_compression expected[LEVELS] = {all, all, all, all};
        expect_levels(block_compression_name(all), expected);
    }
}

static void the_last_name_holds_for_the_levels_behind_it(void **state) {
    (void)state;
    static const enum block_compression EXPECTED[LEVELS] = {COMPRESSION_NONE, COMPRESSION_LZ4,
                                                            COMPRESSION_ZSTD, COMPRESSION_ZSTD};
    expect_levels("none, lz4, zstd", EXPECTED);
    expect_levels(" none lz4,zstd zstd ", EXPECTED);
}

static void what_is_no_list_of_names_changes_nothing(void **state) {
    (void)state;
    expect_levels("", NULL);
    expect_levels(" , ", NULL);
    expect_levels("snappy", NULL);
    expect_levels("none, lz", NULL);
    expect_levels("none, none, none, none, none", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_name_holds_for_every_level),
        cmocka_unit_test(the_last_name_holds_for_the_levels_behind_it),
        cmocka_unit_test(what_is_no_list_of_names_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
