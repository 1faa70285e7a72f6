/* The files of a store on a real file system: names, checkpoints' directories, space, and what is
 * done when the process or the disk has no more of something. */
#include "server/store_directory.h"
#include "tests/server/support/faulty_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_MAX_HERE = 128 };

static const struct file_id LOG = {.kind = FILE_LOG, .number = 1};
static const struct file_id NEXT = {.kind = FILE_LOG, .number = 2};
static const struct file_id KEPT = {.kind = FILE_LOG, .number = 1, .checkpoint = 7};

struct fixture {
    char path[PATH_MAX_HERE];
    struct store_directory directory;
};

static void open_directory(struct fixture *fixture) {
    struct buffer problem = {0};
    if (!store_directory_open(&fixture->directory, fixture->path, &problem))
        fail_msg("%.*s", (int)problem.size, (const char *)problem.data);
    buffer_deinit(&problem);
}

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    char base[] = "/tmp/dunlin-directory-XXXXXX";
    assert_non_null(mkdtemp(base));
    snprintf(fixture->path, sizeof fixture->path, "%s/of/a/store", base);
    open_directory(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    faulty_files_clear();
    store_directory_close(&fixture->directory);
    char command[PATH_MAX_HERE + 16];
    snprintf(command, sizeof command, "rm -rf %.28s", fixture->path);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

static enum disk_status put(struct fixture *fixture, struct file_id file, const char *text) {
    enum disk_status status;
    struct store_file *open = store_directory_acquire(&fixture->directory, file, true, &status);
    if (open == NULL)
        return status;
    status = store_file_write(open->descriptor, 0, bytes_of_text(text));
    store_directory_release(&fixture->directory, open);
    return status;
}

static bool holds(struct fixture *fixture, struct file_id file, const char *text) {
    enum disk_status status;
    struct store_file *open = store_directory_acquire(&fixture->directory, file, false, &status);
    if (open == NULL)
        return false;
    struct buffer read = {0};
    bool same = store_file_read(open->descriptor, 0, 1000, &read) == DISK_OK &&
                bytes_equal(buffer_bytes(&read), bytes_of_text(text));
    buffer_deinit(&read);
    store_directory_release(&fixture->directory, open);
    return same;
}

static bool path_exists(const struct fixture *fixture, const char *name) {
    struct stat facts;
    return fstatat(fixture->directory.descriptor, name, &facts, 0) == 0;
}

static size_t list(struct fixture *fixture, uint32_t checkpoint, struct file_entry *first) {
    struct buffer entries = {0};
    assert_int_equal(store_directory_list(&fixture->directory, checkpoint, &entries), DISK_OK);
    size_t count = entries.size / sizeof(struct file_entry);
    if (count > 0)
        memcpy(first, entries.data, sizeof *first);
    buffer_deinit(&entries);
    return count;
}

static void a_file_is_found_by_its_new_name_also_while_it_is_open(void **state) {
    struct fixture *fixture = *state;
    enum disk_status status;
    assert_int_equal(store_directory_rename(&fixture->directory, LOG, NEXT), DISK_NO_FILE);
    assert_int_equal(put(fixture, NEXT, "replaced"), DISK_OK);
    assert_int_equal(put(fixture, LOG, "moved"), DISK_OK);
    struct store_file *old = store_directory_acquire(&fixture->directory, NEXT, false, &status);
    struct store_file *moved = store_directory_acquire(&fixture->directory, LOG, false, &status);
    assert_int_equal(store_directory_rename(&fixture->directory, LOG, NEXT), DISK_OK);
    assert_true(holds(fixture, NEXT, "moved"));
    assert_null(store_directory_acquire(&fixture->directory, LOG, false, &status));
    assert_int_equal(status, DISK_NO_FILE);
    struct store_file *again = store_directory_acquire(&fixture->directory, NEXT, false, &status);
    assert_ptr_equal(again, moved);
    struct buffer read = {0};
    assert_int_equal(store_file_read(old->descriptor, 0, 100, &read), DISK_OK);
    assert_true(bytes_equal(buffer_bytes(&read), bytes_of_text("replaced")));
    buffer_deinit(&read);
    store_directory_release(&fixture->directory, old);
    store_directory_release(&fixture->directory, moved);
    store_directory_release(&fixture->directory, again);
}

static void a_file_under_the_name_of_a_removed_one_is_another(void **state) {
    struct fixture *fixture = *state;
    enum disk_status status;
    assert_int_equal(put(fixture, LOG, "first"), DISK_OK);
    struct store_file *held = store_directory_acquire(&fixture->directory, LOG, false, &status);
    assert_int_equal(store_directory_remove(&fixture->directory, LOG), DISK_OK);
    assert_int_equal(store_directory_remove(&fixture->directory, LOG), DISK_NO_FILE);
    assert_int_equal(put(fixture, LOG, "second"), DISK_OK);
    assert_true(holds(fixture, LOG, "second"));
    store_directory_release(&fixture->directory, held);
    assert_true(holds(fixture, LOG, "second"));
}

static void
a_checkpoint_s_directory_comes_with_its_first_file_and_goes_with_its_last(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(put(fixture, LOG, "text"), DISK_OK);
    assert_int_equal(store_directory_link(&fixture->directory, NEXT, KEPT), DISK_NO_FILE);
    assert_false(path_exists(fixture, "checkpoint-000007"));
    assert_int_equal(store_directory_link(&fixture->directory, LOG, KEPT), DISK_OK);
    assert_int_equal(store_directory_link(&fixture->directory, LOG, KEPT), DISK_ERROR);
    assert_true(path_exists(fixture, "checkpoint-000007/000001.log"));
    assert_int_equal(store_directory_sync(&fixture->directory, 7), DISK_OK);
    assert_int_equal(put(fixture, KEPT, "TEXT"), DISK_OK);
    assert_true(holds(fixture, LOG, "TEXT"));
    struct file_id manifest = {.kind = FILE_MANIFEST, .number = 3, .checkpoint = 7};
    assert_int_equal(put(fixture, manifest, "m"), DISK_OK);
    assert_int_equal(store_directory_remove(&fixture->directory, KEPT), DISK_OK);
    assert_true(path_exists(fixture, "checkpoint-000007"));
    assert_int_equal(store_directory_rename(&fixture->directory, manifest,
                                            (struct file_id){.kind = FILE_MANIFEST, .number = 3}),
                     DISK_OK);
    assert_false(path_exists(fixture, "checkpoint-000007"));
    assert_int_equal(store_directory_sync(&fixture->directory, 7), DISK_OK);
    assert_int_equal(store_directory_rename(&fixture->directory,
                                            (struct file_id){.kind = FILE_MANIFEST, .number = 3},
                                            manifest),
                     DISK_OK);
    assert_true(path_exists(fixture, "checkpoint-000007/000003.manifest"));
}

static void a_list_has_the_store_s_files_and_nothing_else(void **state) {
    struct fixture *fixture = *state;
    struct file_entry entry;
    assert_int_equal(list(fixture, 0, &entry), 0);
    assert_int_equal(put(fixture, KEPT, "four"), DISK_OK);
    assert_int_equal(list(fixture, 0, &entry), 1);
    assert_true(file_equal(entry.file, KEPT));
    assert_int_equal(entry.size, 4);
    assert_int_equal(put(fixture, LOG, "text"), DISK_OK);
    int at = fixture->directory.descriptor;
    close(openat(at, "notes.txt", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    close(openat(at, "checkpoint-000007/lock", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    close(openat(at, "checkpoint-000009", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    assert_int_equal(mkdirat(at, "000005.table", 0700), 0);
    assert_int_equal(mkdirat(at, "checkpoint-8", 0700), 0);
    assert_int_equal(list(fixture, 0, &entry), 2);
    assert_int_equal(list(fixture, 7, &entry), 1);
    assert_int_equal(list(fixture, 8, &entry), 0);
    assert_int_equal(list(fixture, 9, &entry), 0);
}

static void taken_space_reads_as_zeros_and_is_there(void **state) {
    struct fixture *fixture = *state;
    enum disk_status status;
    struct store_file *file = store_directory_acquire(&fixture->directory, LOG, true, &status);
    struct stat facts;
    assert_int_equal(store_file_allocate(file->descriptor, 0), DISK_OK);
    assert_int_equal(store_file_allocate(file->descriptor, 1 << 20), DISK_OK);
    assert_int_equal(fstat(file->descriptor, &facts), 0);
    assert_int_equal(facts.st_size, 1 << 20);
    assert_true(facts.st_blocks * 512 >= 1 << 20);
    assert_int_equal(store_file_allocate(file->descriptor, 10), DISK_OK);
    struct buffer read = {0};
    assert_int_equal(store_file_read(file->descriptor, 0, 2 << 20, &read), DISK_OK);
    assert_int_equal(read.size, 1 << 20);
    for (size_t i = 0; i < read.size; i++)
        assert_int_equal(read.data[i], 0);
    buffer_deinit(&read);
    store_directory_release(&fixture->directory, file);
}

static void where_space_cannot_be_taken_the_file_is_long_all_the_same(void **state) {
    struct fixture *fixture = *state;
    enum disk_status status;
    faulty_files_set(FAULTY_FALLOCATE, (struct faulty_file){EOPNOTSUPP, ".log", 0, 100});
    struct store_file *file = store_directory_acquire(&fixture->directory, LOG, true, &status);
    struct stat facts;
    assert_int_equal(store_file_write(file->descriptor, 0, bytes_of_text("long")), DISK_OK);
    assert_int_equal(store_file_allocate(file->descriptor, 10000), DISK_OK);
    assert_int_equal(store_file_allocate(file->descriptor, 100), DISK_OK);
    assert_int_equal(fstat(file->descriptor, &facts), 0);
    assert_int_equal(facts.st_size, 10000);
    store_directory_release(&fixture->directory, file);
}

static void interrupted_and_short_calls_are_taken_up_again(void **state) {
    struct fixture *fixture = *state;
    static const enum faulty_call CALLS[] = {FAULTY_PWRITE, FAULTY_PREAD, FAULTY_FDATASYNC,
                                             FAULTY_FALLOCATE, FAULTY_OPENAT};
    static const int ERRORS[] = {EINTR, FAULTY_SHORT};
    enum disk_status status;
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < 5; j++) {
            bool can_be_short = CALLS[j] == FAULTY_PWRITE || CALLS[j] == FAULTY_PREAD;
            if (ERRORS[i] == FAULTY_SHORT && !can_be_short)
                continue;
            faulty_files_set(CALLS[j], (struct faulty_file){ERRORS[i], ".log", 0, 3});
            struct file_id id = {.kind = FILE_LOG, .number = 10 * i + j};
            assert_int_equal(put(fixture, id, "a sentence of some length"), DISK_OK);
            struct store_file *file =
                store_directory_acquire(&fixture->directory, id, false, &status);
            assert_int_equal(store_file_sync(file->descriptor), DISK_OK);
            assert_int_equal(store_file_allocate(file->descriptor, 5), DISK_OK);
            store_directory_release(&fixture->directory, file);
            assert_true(holds(fixture, id, "a sentence of some length"));
            uint64_t struck = faulty_files_failed(CALLS[j]);
            assert_true(ERRORS[i] == FAULTY_SHORT ? struck > 0 : struck == 3);
        }
    }
}

static void each_error_of_the_disk_is_told_as_what_it_is(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        int error;
        enum disk_status status;
    } OUTCOMES[] = {
        {EIO, DISK_ERROR}, {ENOSPC, DISK_FULL}, {EDQUOT, DISK_FULL}, {EROFS, DISK_ERROR}};
    enum disk_status status;
    assert_int_equal(put(fixture, LOG, "before"), DISK_OK);
    struct store_file *file = store_directory_acquire(&fixture->directory, LOG, false, &status);
    assert_int_equal(store_file_sync(file->descriptor), DISK_OK);
    for (size_t i = 0; i < sizeof OUTCOMES / sizeof OUTCOMES[0]; i++) {
        for (int call = 0; call < FAULTY_CALLS; call++)
            faulty_files_set((enum faulty_call)call,
                             (struct faulty_file){OUTCOMES[i].error, ".", 0, 100});
        struct buffer read = {0};
        status = OUTCOMES[i].status;
        assert_int_equal(store_file_write(file->descriptor, 0, bytes_of_text("x")), status);
        assert_int_equal(store_file_allocate(file->descriptor, 100), status);
        assert_int_equal(store_file_sync(file->descriptor), status);
        assert_int_equal(store_file_read(file->descriptor, 0, 1, &read), status);
        assert_int_equal(store_directory_sync(&fixture->directory, 0), status);
        assert_int_equal(store_directory_sync(&fixture->directory, 7), status);
        assert_int_equal(put(fixture, NEXT, "y"), status);
        assert_int_equal(store_directory_list(&fixture->directory, 0, &read), status);
        buffer_deinit(&read);
    }
    faulty_files_clear();
    assert_true(holds(fixture, LOG, "before"));
    store_directory_release(&fixture->directory, file);
}

static void a_process_that_may_open_no_more_files_closes_those_it_can_spare(void **state) {
    struct fixture *fixture = *state;
    struct rlimit limit, few;
    enum disk_status status;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    few = limit;
    few.rlim_cur = 40;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    struct store_file *dirty = store_directory_acquire(&fixture->directory, LOG, true, &status);
    dirty->writes++;
    int descriptor = dirty->descriptor;
    store_directory_release(&fixture->directory, dirty);
    for (uint64_t i = 10; i < 110; i++)
        assert_int_equal(put(fixture, (struct file_id){.kind = FILE_TABLE, .number = i}, "t"),
                         DISK_OK);
    struct store_file *again = store_directory_acquire(&fixture->directory, LOG, true, &status);
    assert_ptr_equal(again, dirty); /* or an error in writing it back would be told to nobody */
    assert_int_equal(again->descriptor, descriptor);
    struct store_file *held[60];
    size_t count = 0;
    while (count < 60 &&
           (held[count] = store_directory_acquire(
                &fixture->directory, (struct file_id){.kind = FILE_TABLE, .number = 10 + count},
                false, &status)) != NULL)
        count++;
    assert_true(count > 10 && count < 40);
    assert_int_equal(status, DISK_ERROR);
    for (size_t i = 0; i < count; i++)
        store_directory_release(&fixture->directory, held[i]);
    store_directory_release(&fixture->directory, again);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void a_second_process_is_kept_out(void **state) {
    struct fixture *fixture = *state;
    struct store_directory second;
    struct buffer problem = {0};
    assert_false(store_directory_open(&second, fixture->path, &problem));
    buffer_append(&problem, bytes_of("", 1));
    assert_non_null(strstr((const char *)problem.data, "another process has it open"));
    buffer_deinit(&problem);
    store_directory_close(&fixture->directory);
    open_directory(fixture);
}

static void a_directory_that_cannot_be_is_named_with_the_reason(void **state) {
    struct fixture *fixture = *state;
    struct store_directory other;
    static const struct {
        const char *name, *why;
    } WRONG[] = {{"/proc/none/here", "cannot make directory"},
                 {"/dev/null", "cannot open directory"}};
    (void)fixture;
    for (size_t i = 0; i < 2; i++) {
        struct buffer problem = {0};
        assert_false(store_directory_open(&other, WRONG[i].name, &problem));
        buffer_append(&problem, bytes_of("", 1));
        assert_non_null(strstr((const char *)problem.data, WRONG[i].why));
        assert_non_null(strstr((const char *)problem.data, WRONG[i].name));
        buffer_deinit(&problem);
    }
}

/* In a process of its own: its exit code is 0 when `check` holds, 2 when the machine does not let us try. */
static int run_apart(int (*check)(struct fixture *fixture), struct fixture *fixture) {
    pid_t process = fork();
    if (process == 0)
        _exit(check(fixture));
    int status;
    assert_int_equal(waitpid(process, &status, 0), process);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 2)
        skip();
    return WEXITSTATUS(status);
}

static int check_file_size_limit(struct fixture *fixture) {
    struct rlimit small = {.rlim_cur = 4096, .rlim_max = 4096};
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &small) != 0)
        return 2;
    enum disk_status status;
    struct store_file *file = store_directory_acquire(&fixture->directory, LOG, true, &status);
    static uint8_t bytes[5000];
    if (store_file_write(file->descriptor, 0, bytes_of(bytes, 4096)) != DISK_OK)
        return 3;
    if (store_file_write(file->descriptor, 4000, bytes_of(bytes, 5000)) != DISK_FULL)
        return 4;
    return store_file_allocate(file->descriptor, 8192) == DISK_FULL ? 0 : 5;
}

static void a_limit_on_the_size_of_files_is_a_full_disk(void **state) {
    assert_int_equal(run_apart(check_file_size_limit, *state), 0);
}

/* A file system of a megabyte, for this process alone. */
static int check_small_disk(struct fixture *fixture) {
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", fixture->path, "tmpfs", 0, "size=1m") != 0) {
        print_message("no small file system can be mounted here: not tried\n");
        return 2;
    }
    struct store_directory small;
    struct buffer problem = {0};
    if (!store_directory_open(&small, fixture->path, &problem))
        return 3;
    enum disk_status status;
    static uint8_t bytes[400 * 1024];
    struct store_file *log = store_directory_acquire(&small, LOG, true, &status);
    if (store_file_allocate(log->descriptor, 2 << 20) != DISK_FULL)
        return 4;
    if (store_file_allocate(log->descriptor, sizeof bytes) != DISK_OK)
        return 5;
    struct store_file *next = store_directory_acquire(&small, NEXT, true, &status);
    enum disk_status filled = DISK_OK;
    for (uint64_t i = 0; i < 3 && filled == DISK_OK; i++)
        filled =
            store_file_write(next->descriptor, i * sizeof bytes, bytes_of(bytes, sizeof bytes));
    if (filled != DISK_FULL)
        return 6;
    memset(bytes, 7, sizeof bytes);
    if (store_file_write(log->descriptor, 0, bytes_of(bytes, sizeof bytes)) != DISK_OK)
        return 7;
    if (store_directory_remove(&small, NEXT) != DISK_OK)
        return 8;
    store_directory_release(&small, next);
    return store_file_allocate(log->descriptor, 900 * 1024) == DISK_OK ? 0 : 9;
}

static void a_full_file_system_refuses_growth_and_keeps_what_was_taken(void **state) {
    assert_int_equal(run_apart(check_small_disk, *state), 0);
}

#define ON_DIRECTORY(claim) cmocka_unit_test_setup_teardown(claim, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_DIRECTORY(a_file_is_found_by_its_new_name_also_while_it_is_open),
        ON_DIRECTORY(a_file_under_the_name_of_a_removed_one_is_another),
        ON_DIRECTORY(a_checkpoint_s_directory_comes_with_its_first_file_and_goes_with_its_last),
        ON_DIRECTORY(a_list_has_the_store_s_files_and_nothing_else),
        ON_DIRECTORY(taken_space_reads_as_zeros_and_is_there),
        ON_DIRECTORY(where_space_cannot_be_taken_the_file_is_long_all_the_same),
        ON_DIRECTORY(interrupted_and_short_calls_are_taken_up_again),
        ON_DIRECTORY(each_error_of_the_disk_is_told_as_what_it_is),
        ON_DIRECTORY(a_process_that_may_open_no_more_files_closes_those_it_can_spare),
        ON_DIRECTORY(a_second_process_is_kept_out),
        ON_DIRECTORY(a_directory_that_cannot_be_is_named_with_the_reason),
        ON_DIRECTORY(a_limit_on_the_size_of_files_is_a_full_disk),
        ON_DIRECTORY(a_full_file_system_refuses_growth_and_keeps_what_was_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
