#include "engine/base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void names_are_as_documented(void **state) {
    (void)state;
    char name[FILE_NAME_SIZE];
    file_name((struct file_id){.kind = FILE_LOG, .number = 12}, name);
    assert_string_equal(name, "000012.log");
    file_name((struct file_id){.kind = FILE_TABLE, .number = 13}, name);
    assert_string_equal(name, "000013.table");
    file_name((struct file_id){.kind = FILE_MANIFEST, .number = 4}, name);
    assert_string_equal(name, "000004.manifest");
    file_name((struct file_id){.kind = FILE_TABLE, .number = 12, .checkpoint = 7}, name);
    assert_string_equal(name, "checkpoint-000007/000012.table");
    file_base_name((struct file_id){.kind = FILE_TABLE, .number = 12, .checkpoint = 7}, name);
    assert_string_equal(name, "000012.table");
    char directory[CHECKPOINT_NAME_SIZE];
    checkpoint_name(1234567, directory);
    assert_string_equal(directory, "checkpoint-1234567");
}

static void every_name_reads_back(void **state) {
    (void)state;
    static const uint64_t numbers[] = {0, 1, 999999, 1000000, UINT64_MAX};
    static const uint32_t checkpoints[] = {0, 1, 999999, UINT32_MAX};
    for (int kind = FILE_LOG; kind <= FILE_QUARANTINED; kind++) {
        for (size_t i = 0; i < 5 * 4; i++) {
            struct file_id file = {.kind = (enum file_kind)kind,
                                   .number = numbers[i / 4],
                                   .checkpoint = checkpoints[i % 4]};
            struct file_id parsed;
            char name[FILE_NAME_SIZE];
            file_name(file, name);
            assert_true(file_parse(name, &parsed));
            assert_true(file_equal(parsed, file));
        }
    }
}

static void files_of_different_checkpoints_are_different(void **state) {
    (void)state;
    struct file_id live = {.kind = FILE_LOG, .number = 12};
    struct file_id kept = {.kind = FILE_LOG, .number = 12, .checkpoint = 1};
    assert_false(file_equal(live, kept));
    assert_true(file_equal(kept, kept));
}

static void a_directory_that_is_no_checkpoint_is_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"",
                                        "checkpoint-",
                                        "checkpoint-000000",
                                        "checkpoint-12",
                                        "checkpoint-0000012",
                                        "checkpoint-000012/",
                                        "checkpoint-000012x",
                                        "checkpoint-4294967296",
                                        "checkpoint-99999999999999999999999999",
                                        "Checkpoint-000012",
                                        "000012"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint32_t parsed;
        assert_false(checkpoint_parse(wrong[i], &parsed));
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
        "/000012.log",
        "checkpoint-000000/000012.log",
        "checkpoint-12/000012.log",
        "checkpoint-000012/",
        "checkpoint-000012/000012",
        "checkpoint-000012/lock",
        "checkpoint-000012/checkpoint-000012/000012.log",
        "checkpoint-000012//000012.log",
        "checkpoint-00000000000000000000000000000000000000000001/000012.log",
        "other/000012.log",
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
        cmocka_unit_test(files_of_different_checkpoints_are_different),
        cmocka_unit_test(a_directory_that_is_no_checkpoint_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
