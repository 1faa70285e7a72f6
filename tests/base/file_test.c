#include "engine/base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void names_are_as_documented(void **state) {
    (void)state;
    char name[FILE_NAME_SIZE];
    file_name((struct file_id){FILE_LOG, 12}, name);
    assert_string_equal(name, "000012.log");
    file_name((struct file_id){FILE_TABLE, 13}, name);
    assert_string_equal(name, "000013.table");
    file_name((struct file_id){FILE_MANIFEST, 4}, name);
    assert_string_equal(name, "000004.manifest");
}

static void every_name_reads_back(void **state) {
    (void)state;
    static const uint64_t numbers[] = {0, 1, 999999, 1000000, UINT64_MAX};
    for (int kind = FILE_LOG; kind <= FILE_MANIFEST; kind++) {
        for (size_t i = 0; i < 5; i++) {
            struct file_id file = {(enum file_kind)kind, numbers[i]};
            struct file_id parsed;
            char name[FILE_NAME_SIZE];
            file_name(file, name);
            assert_true(file_parse(name, &parsed));
            assert_true(file_equal(parsed, file));
        }
    }
}

static void other_names_are_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "",
        "log",
        ".log",
        "12.log",
        "0000012.log",
        "000012.lo",
        "000012.logs",
        "000012.LOG",
        "000012",
        "00001a.log",
        "99999999999999999999.log",
        "000000000000000000000012.log",
        "a very long name that is not one of the store's files.table"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct file_id parsed;
        assert_false(file_parse(wrong[i], &parsed));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_as_documented),
        cmocka_unit_test(every_name_reads_back),
        cmocka_unit_test(other_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
