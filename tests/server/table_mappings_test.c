/* What is read of a table through a mapping is what a system call would read, whatever happens to the file. */
#include "server/blocking_files.h"
#include "server/guarded_copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/prng.h"

enum { SIZE = 200000, TABLES = 6, READS = 3000, PAGE_SIZE_MAX = 65536 };

struct fixture {
    char directory[64];
    struct blocking_files files;
};

static uint8_t contents[SIZE];

static void open_files(struct fixture *fixture) {
    struct buffer problem = {0};
    if (!blocking_files_open(&fixture->files, fixture->directory, &problem))
        fail_msg("%.*s", (int)problem.size, (const char *)problem.data);
    buffer_deinit(&problem);
}

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/dunlin-tables-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    open_files(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    blocking_files_close(&fixture->files);
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", fixture->directory);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

static struct file_id table(uint64_t number) {
    return (struct file_id){.kind = FILE_TABLE, .number = number};
}

static enum disk_status perform(struct fixture *fixture, const struct effect *effect) {
    struct disk_done done;
    blocking_files_perform(&fixture->files, effect, &done);
    return done.status;
}

static void write_table(struct fixture *fixture, uint64_t number, uint64_t seed) {
    struct prng prng;
    guarded_copy_install(); /* the test library has put a handler of its own in its place */
    prng_init(&prng, seed, number);
    for (size_t i = 0; i < SIZE; i++)
        contents[i] = (uint8_t)prng_below(&prng, 256);
    const struct effect effect = {
        .kind = EFFECT_WRITE, .file = table(number), .bytes = bytes_of(contents, SIZE)};
    assert_int_equal(perform(fixture, &effect), DISK_OK);
}

/* Against `contents`, of which the file has so many bytes. */
static void check_read(struct fixture *fixture, uint64_t number, uint64_t offset, uint64_t size,
                       uint64_t there) {
    const struct effect effect = {
        .kind = EFFECT_READ, .file = table(number), .offset = offset, .size = size};
    struct disk_done done;
    blocking_files_perform(&fixture->files, &effect, &done);
    assert_int_equal(done.status, DISK_OK);
    uint64_t left = offset < there ? there - offset : 0;
    assert_int_equal(done.bytes.size, size < left ? size : left);
    if (done.bytes.size > 0)
        assert_memory_equal(done.bytes.data, contents + offset, done.bytes.size);
}

static void check_reads(struct fixture *fixture, uint64_t number, uint64_t there) {
    struct prng prng;
    prng_init(&prng, there, number);
    for (uint32_t i = 0; i < READS; i++) {
        uint64_t offset = prng_below(&prng, SIZE);
        check_read(fixture, number, offset, prng_below(&prng, 6000) + 1, there);
    }
    check_read(fixture, number, 0, SIZE, there);
    check_read(fixture, number, SIZE - 1, 1, there);
    check_read(fixture, number, SIZE, 1, there);
    check_read(fixture, number, SIZE + 10000, 10, there);
}

static uint32_t mapped_tables(void) {
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    uint32_t count = 0;
    char line[512];
    while (fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, ".table") != NULL;
    fclose(maps);
    return count;
}

static void what_is_read_is_what_was_written(void **state) {
    struct fixture *fixture = *state;
    write_table(fixture, 1, 1);
    check_reads(fixture, 1, SIZE);
    assert_int_equal(mapped_tables(), 1);
}

/* By whole pages: within a page, what was cut off reads as zeros, and the blocks' checksums tell. */
static void a_table_that_was_cut_is_read_as_far_as_it_goes(void **state) {
    struct fixture *fixture = *state;
    char path[96];
    snprintf(path, sizeof path, "%s/000001.table", fixture->directory);
    for (int64_t there = SIZE / PAGE_SIZE_MAX * PAGE_SIZE_MAX; there >= 0; there -= PAGE_SIZE_MAX) {
        write_table(fixture, 1, 2);
        check_read(fixture, 1, 0, 1, SIZE); /* mapped as a whole */
        assert_int_equal(truncate(path, there), 0);
        check_reads(fixture, 1, (uint64_t)there);
        const struct effect removal = {.kind = EFFECT_REMOVE, .file = table(1)};
        assert_int_equal(perform(fixture, &removal), DISK_OK);
    }
}

static void a_number_that_is_given_again_stands_for_the_new_file(void **state) {
    struct fixture *fixture = *state;
    const struct effect removal = {.kind = EFFECT_REMOVE, .file = table(1)};
    const struct effect renaming = {.kind = EFFECT_RENAME, .file = table(2), .to = table(1)};
    for (uint64_t round = 1; round < 5; round++) {
        write_table(fixture, 1, round);
        check_reads(fixture, 1, SIZE);
        write_table(fixture, 2, round + 10);
        check_reads(fixture, 2, SIZE);
        assert_int_equal(perform(fixture, &renaming), DISK_OK);
        check_reads(fixture, 1, SIZE);
        assert_int_equal(perform(fixture, &removal), DISK_OK);
        assert_int_equal(mapped_tables(), 0);
    }
}

static void more_tables_than_may_be_mapped_are_read_all_the_same(void **state) {
    struct fixture *fixture = *state;
    enum { ROOM = 2 };
    fixture->files.tables.bytes_max = (uint64_t)ROOM * SIZE + SIZE / 2;
    for (uint64_t round = 0; round < 2; round++) {
        for (uint64_t number = 1; number <= TABLES; number++) {
            write_table(fixture, number, 1);
            check_reads(fixture, number, SIZE);
            assert_true(mapped_tables() <= ROOM);
            assert_true(fixture->files.tables.bytes <= (uint64_t)ROOM * SIZE);
        }
    }
    fixture->files.tables.bytes_max = SIZE - 1;
    write_table(fixture, TABLES + 1, 1);
    check_reads(fixture, TABLES + 1, SIZE);
}

static void what_waited_for_the_disk_is_left_to_system_calls_for_a_while(void **state) {
    struct fixture *fixture = *state;
    write_table(fixture, 1, 1);
    check_read(fixture, 1, 0, 1, SIZE);
    fixture->files.tables.left_out = READS / 2;
    check_reads(fixture, 1, SIZE);
    assert_int_equal(fixture->files.tables.left_out, 0);
}

static void nothing_is_mapped_where_addresses_are_limited(void **state) {
    struct fixture *fixture = *state;
    pid_t child = fork();
    if (child == 0) {
        /* Far more than is needed, and yet a limit. */
        const struct rlimit limit = {(rlim_t)1 << 46, (rlim_t)1 << 46};
        struct table_mappings mappings;
        bool is_limited = setrlimit(RLIMIT_AS, &limit) == 0;
        table_mappings_init(&mappings);
        _exit(is_limited && mappings.bytes_max == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    fixture->files.tables.bytes_max = 0;
    write_table(fixture, 1, 1);
    check_reads(fixture, 1, SIZE);
    assert_int_equal(mapped_tables(), 0);
}

static void closing_unmaps_everything(void **state) {
    struct fixture *fixture = *state;
    for (uint64_t number = 1; number <= TABLES; number++) {
        write_table(fixture, number, 1);
        check_read(fixture, number, 0, 100, SIZE);
    }
    assert_int_equal(mapped_tables(), TABLES);
    blocking_files_close(&fixture->files);
    assert_int_equal(mapped_tables(), 0);
    open_files(fixture);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CLAIM(what_is_read_is_what_was_written),
        CLAIM(a_table_that_was_cut_is_read_as_far_as_it_goes),
        CLAIM(a_number_that_is_given_again_stands_for_the_new_file),
        CLAIM(more_tables_than_may_be_mapped_are_read_all_the_same),
        CLAIM(what_waited_for_the_disk_is_left_to_system_calls_for_a_while),
        CLAIM(nothing_is_mapped_where_addresses_are_limited),
        CLAIM(closing_unmaps_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
