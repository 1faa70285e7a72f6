/* Writes through a mapping are writes to the file. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/prng.h"
#include "server/guarded_copy.h"
#include "server/log_mapping.h"

enum { SIZE = 256 * 1024, WRITES = 2000, WRITE_MAX = 400 };

static const struct file_id LOG = {.kind = FILE_LOG, .number = 7};
static uint8_t expected[SIZE], found[SIZE];

static int open_file(size_t size) {
    char path[] = "/tmp/dunlin-mapping-XXXXXX";
    guarded_copy_install(); /* the test library has put a handler of its own in its place */
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    unlink(path);
    assert_true(size == 0 || fallocate(descriptor, 0, 0, (off_t)size) == 0);
    return descriptor;
}

/* The same bytes go into the file and into `expected`. */
static void write_randomly(struct log_mapping *mapping, int descriptor) {
    struct prng prng;
    prng_init(&prng, 1, 1);
    uint8_t bytes[WRITE_MAX];
    for (uint32_t i = 0; i < WRITES; i++) {
        size_t size = prng_below(&prng, WRITE_MAX) + 1;
        size_t at = prng_below(&prng, SIZE - WRITE_MAX);
        memset(bytes, (int)i, size);
        memcpy(expected + at, bytes, size);
        assert_true(log_mapping_write(mapping, LOG, descriptor, at, bytes_of(bytes, size)));
    }
}

static void assert_file_is_as_expected(int descriptor) {
    assert_int_equal(pread(descriptor, found, SIZE, 0), SIZE);
    assert_memory_equal(found, expected, SIZE);
}

static void what_is_written_is_read_back_by_system_calls(void **state) {
    (void)state;
    struct log_mapping mapping = {.size = 0};
    int descriptor = open_file(SIZE);
    memset(expected, 0, SIZE);
    write_randomly(&mapping, descriptor);
    assert_file_is_as_expected(descriptor);
    log_mapping_close(&mapping);
    close(descriptor);
}

static void what_a_killed_process_wrote_is_there(void **state) {
    (void)state;
    int descriptor = open_file(SIZE);
    memset(expected, 0, SIZE);
    pid_t child = fork();
    if (child == 0) {
        struct log_mapping mapping = {.size = 0};
        write_randomly(&mapping, descriptor);
        raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    struct log_mapping unmapped = {.size = 0};
    int other = open_file(SIZE);
    write_randomly(&unmapped, other);
    log_mapping_close(&unmapped);
    close(other);
    assert_file_is_as_expected(descriptor);
    close(descriptor);
}

static void a_write_behind_the_end_is_refused_and_changes_nothing(void **state) {
    (void)state;
    struct log_mapping mapping = {.size = 0};
    int descriptor = open_file(100);
    uint8_t bytes[10] = {1};
    assert_true(log_mapping_write(&mapping, LOG, descriptor, 90, bytes_of(bytes, 10)));
    for (uint64_t at = 91; at < 120; at++)
        assert_false(log_mapping_write(&mapping, LOG, descriptor, at, bytes_of(bytes, 10)));
    assert_false(log_mapping_write(&mapping, LOG, descriptor, UINT64_MAX, bytes_of(bytes, 10)));
    assert_int_equal(lseek(descriptor, 0, SEEK_END), 100);
    log_mapping_close(&mapping);
    close(descriptor);
}

static void a_page_that_cannot_be_had_is_left_to_a_system_call(void **state) {
    (void)state;
    struct log_mapping mapping = {.size = 0};
    int descriptor = open_file(SIZE);
    assert_true(log_mapping_write(&mapping, LOG, descriptor, 0, bytes_of("a", 1)));
    assert_int_equal(ftruncate(descriptor, SIZE / 2), 0);
    for (uint64_t at = 0; at < SIZE; at += 1013)
        assert_int_equal(log_mapping_write(&mapping, LOG, descriptor, at, bytes_of("b", 1)),
                         at < SIZE / 2);
    log_mapping_close(&mapping);
    close(descriptor);
}

static void other_files_and_empty_ones_are_not_mapped(void **state) {
    (void)state;
    struct log_mapping mapping = {.size = 0};
    struct file_id table = {.kind = FILE_TABLE, .number = 7};
    int descriptor = open_file(100);
    int empty = open_file(0);
    assert_false(log_mapping_write(&mapping, table, descriptor, 0, bytes_of("a", 1)));
    assert_false(log_mapping_write(&mapping, LOG, empty, 0, bytes_of("a", 1)));
    log_mapping_close(&mapping);
    close(descriptor);
    close(empty);
}

/* Counts this process's mappings of deleted files, of which the tests have no others. */
static uint32_t mappings(void) {
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    uint32_t count = 0;
    char line[512];
    while (fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, "dunlin-mapping") != NULL;
    fclose(maps);
    return count;
}

static void a_segment_that_was_left_is_unmapped_piece_by_piece(void **state) {
    (void)state;
    enum { LARGE = 3 * 1024 * 1024 + 100, WRITES_UNTIL_GONE = 10 };
    struct log_mapping mapping = {.size = 0};
    struct file_id next = {.kind = FILE_LOG, .number = 8};
    int first = open_file(LARGE);
    int second = open_file(LARGE);
    assert_true(log_mapping_write(&mapping, LOG, first, 0, bytes_of("a", 1)));
    assert_true(log_mapping_write(&mapping, next, second, 0, bytes_of("a", 1)));
    assert_int_equal(mappings(), 2);
    for (uint64_t i = 1; i < WRITES_UNTIL_GONE; i++)
        assert_true(log_mapping_write(&mapping, next, second, i, bytes_of("a", 1)));
    assert_int_equal(mappings(), 1);
    assert_true(log_mapping_write(&mapping, LOG, first, 1, bytes_of("a", 1)));
    log_mapping_close(&mapping);
    assert_int_equal(mappings(), 0);
    close(first);
    close(second);
}

static void a_file_whose_space_is_not_taken_is_not_mapped(void **state) {
    (void)state;
    struct log_mapping mapping = {.size = 0};
    int descriptor = open_file(0);
    assert_int_equal(ftruncate(descriptor, SIZE), 0);
    assert_false(log_mapping_write(&mapping, LOG, descriptor, 0, bytes_of("a", 1)));
    log_mapping_close(&mapping);
    close(descriptor);
}

static void another_segment_takes_the_place_of_the_first(void **state) {
    (void)state;
    struct log_mapping mapping = {.size = 0};
    struct file_id next = {.kind = FILE_LOG, .number = 8};
    int first = open_file(100);
    int second = open_file(100);
    assert_true(log_mapping_write(&mapping, LOG, first, 0, bytes_of("a", 1)));
    assert_true(log_mapping_write(&mapping, next, second, 1, bytes_of("b", 1)));
    log_mapping_forget(&mapping, LOG);
    assert_true(log_mapping_write(&mapping, next, second, 2, bytes_of("c", 1)));
    log_mapping_forget(&mapping, next);
    assert_true(log_mapping_write(&mapping, LOG, first, 1, bytes_of("d", 1)));
    char bytes[3];
    assert_int_equal(pread(first, bytes, 3, 0), 3);
    assert_memory_equal(bytes, "ad\0", 3);
    assert_int_equal(pread(second, bytes, 3, 0), 3);
    assert_memory_equal(bytes, "\0bc", 3);
    log_mapping_close(&mapping);
    close(first);
    close(second);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back_by_system_calls),
        cmocka_unit_test(what_a_killed_process_wrote_is_there),
        cmocka_unit_test(a_write_behind_the_end_is_refused_and_changes_nothing),
        cmocka_unit_test(a_page_that_cannot_be_had_is_left_to_a_system_call),
        cmocka_unit_test(other_files_and_empty_ones_are_not_mapped),
        cmocka_unit_test(a_file_whose_space_is_not_taken_is_not_mapped),
        cmocka_unit_test(another_segment_takes_the_place_of_the_first),
        cmocka_unit_test(a_segment_that_was_left_is_unmapped_piece_by_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
