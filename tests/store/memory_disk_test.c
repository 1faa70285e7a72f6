/* The disk that the store's tests trust: names that move, second names, and space taken in
 * advance. */
#include "tests/store/support/memory_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { SEEDS = 300 };

static const struct file_id OLD = {.kind = FILE_TABLE, .number = 1};
static const struct file_id NEW = {.kind = FILE_TABLE, .number = 2};
static const struct file_id KEPT = {.kind = FILE_TABLE, .number = 1, .checkpoint = 7};

static struct memory_disk disk;
static struct effects effects;

/* Performs what was asked for, in order; returns the last one's outcome. */
static struct disk_done perform(void) {
    memory_disk_take(&disk, &effects);
    effects_clear(&effects);
    disk.in_order = true;
    struct disk_done done = {0}, last = {0};
    while (memory_disk_perform(&disk, &done))
        last = done;
    return last;
}

static void put_durably(struct file_id file, const char *text) {
    effects_write(&effects, 1, file, 0, bytes_of_text(text));
    assert_int_equal(perform().status, DISK_OK);
    effects_sync(&effects, 2, file);
    effects_sync_checkpoint(&effects, 3, file.checkpoint);
    assert_int_equal(perform().status, DISK_OK);
}

static bool holds(struct file_id file, const char *text) {
    const struct memory_file *found = memory_disk_find(&disk, file);
    return found != NULL &&
           bytes_equal(buffer_bytes(&found->content->current), bytes_of_text(text));
}

static void begin(uint64_t seed) {
    memory_disk_init(&disk, seed);
}

static void end(void) {
    memory_disk_deinit(&disk);
    effects_deinit(&effects);
}

static void a_sync_covers_what_was_there_when_it_was_asked_for(void **state) {
    (void)state;
    begin(1);
    put_durably(OLD, "before");
    effects_sync(&effects, 1, OLD);
    memory_disk_take(&disk, &effects);
    effects_clear(&effects);
    /* The sync takes its time: a write overtakes it. */
    struct memory_operation sync = disk.queue[--disk.queued];
    disk.queue[disk.queued] = (struct memory_operation){0};
    effects_write(&effects, 2, OLD, 0, bytes_of_text("behind"));
    (void)perform();
    disk.queue[disk.queued++] = sync;
    (void)perform();
    assert_true(holds(OLD, "behind"));
    memory_disk_crash(&disk, CRASH_LOSES);
    assert_true(holds(OLD, "before"));
    end();
}

static void space_that_was_taken_reads_as_zeros(void **state) {
    (void)state;
    begin(1);
    effects_allocate(&effects, 1, OLD, 10);
    effects_write(&effects, 2, OLD, 4, bytes_of_text("xy"));
    effects_allocate(&effects, 3, OLD, 3);
    effects_read(&effects, 4, OLD, 0, 100);
    struct disk_done done = perform();
    assert_int_equal(done.bytes.size, 10);
    assert_memory_equal(done.bytes.data, "\0\0\0\0xy\0\0\0\0", 10);
    end();
}

static void a_renamed_file_replaces_and_a_linked_one_shares_its_bytes(void **state) {
    (void)state;
    begin(1);
    put_durably(OLD, "moved");
    put_durably(NEW, "replaced");
    effects_rename(&effects, 1, OLD, NEW);
    effects_link(&effects, 2, NEW, KEPT);
    assert_int_equal(perform().status, DISK_OK);
    assert_null(memory_disk_find(&disk, OLD));
    assert_true(holds(NEW, "moved") && holds(KEPT, "moved"));
    effects_write(&effects, 1, KEPT, 0, bytes_of_text("Moved"));
    (void)perform();
    assert_true(holds(NEW, "Moved"));
    effects_link(&effects, 2, NEW, KEPT);
    assert_int_equal(perform().status, DISK_ERROR);
    effects_rename(&effects, 2, OLD, KEPT);
    assert_int_equal(perform().status, DISK_NO_FILE);
    end();
}

static void a_list_tells_of_checkpoints_too_and_one_of_a_checkpoint_of_nothing_else(void **state) {
    (void)state;
    begin(1);
    put_durably(OLD, "a");
    put_durably(KEPT, "b");
    effects_list(&effects, 1);
    assert_int_equal(perform().file_count, 2);
    effects_list_checkpoint(&effects, 1, 7);
    struct disk_done done = perform();
    assert_int_equal(done.file_count, 1);
    assert_true(file_equal(done.files[0].file, KEPT));
    end();
}

static void a_crash_leaves_a_moved_file_one_of_its_names(void **state) {
    (void)state;
    const struct file_id targets[] = {NEW, KEPT};
    uint32_t by_old = 0, by_new = 0, replaced = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct file_id to = targets[seed % 2];
        begin(seed);
        put_durably(OLD, "moved");
        put_durably(to, "replaced");
        effects_rename(&effects, 1, OLD, to);
        (void)perform();
        memory_disk_crash(&disk, CRASH_TEARS);
        assert_true(holds(OLD, "moved") || holds(to, "moved"));
        by_old += !holds(to, "moved");
        by_new += !holds(OLD, "moved");
        replaced += holds(to, "replaced");
        end();
    }
    assert_true(by_old > 0 && by_new > 0 && replaced == by_old);
}

static void a_file_that_moves_twice_is_never_lost(void **state) {
    (void)state;
    static const struct file_id THIRD = {.kind = FILE_TABLE, .number = 3};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(seed);
        put_durably(OLD, "moved");
        effects_rename(&effects, 1, OLD, NEW);
        effects_write(&effects, 2, OLD, 0, bytes_of_text("another"));
        effects_rename(&effects, 3, NEW, THIRD);
        (void)perform();
        memory_disk_crash(&disk, CRASH_TEARS);
        assert_true(holds(OLD, "moved") || holds(NEW, "moved") || holds(THIRD, "moved"));
        end();
    }
}

static void what_was_synced_survives_and_what_was_not_is_lost_when_all_is_lost(void **state) {
    (void)state;
    begin(1);
    put_durably(OLD, "text");
    effects_link(&effects, 1, OLD, KEPT);
    effects_rename(&effects, 2, OLD, NEW);
    effects_sync_directory(&effects, 3);
    effects_allocate(&effects, 4, NEW, 100);
    (void)perform();
    memory_disk_crash(&disk, CRASH_LOSES);
    assert_null(memory_disk_find(&disk, OLD));
    assert_null(memory_disk_find(&disk, KEPT));
    assert_true(holds(NEW, "text"));
    effects_link(&effects, 1, NEW, KEPT);
    effects_allocate(&effects, 2, KEPT, 100);
    (void)perform();
    effects_sync(&effects, 3, NEW);
    effects_sync_checkpoint(&effects, 4, 7);
    (void)perform();
    memory_disk_crash(&disk, CRASH_LOSES);
    assert_int_equal(memory_disk_find(&disk, KEPT)->content->current.size, 100);
    assert_ptr_equal(memory_disk_find(&disk, KEPT)->content, memory_disk_find(&disk, NEW)->content);
    end();
}

static void a_name_that_moves_away_is_gone_only_when_it_has_arrived(void **state) {
    (void)state;
    begin(1);
    put_durably(OLD, "moved");
    effects_rename(&effects, 1, OLD, KEPT);
    effects_sync_directory(&effects, 2);
    (void)perform();
    memory_disk_crash(&disk, CRASH_LOSES);
    assert_true(holds(OLD, "moved"));
    end();
}

static void a_copy_of_a_disk_has_the_same_names_and_shares_nothing_with_it(void **state) {
    (void)state;
    static struct memory_disk copy;
    begin(1);
    put_durably(OLD, "text");
    effects_link(&effects, 1, OLD, KEPT);
    (void)perform();
    memory_disk_init(&copy, 1);
    memory_disk_copy(&copy, &disk);
    const struct memory_file *one = memory_disk_find(&copy, OLD);
    assert_ptr_equal(one->content, memory_disk_find(&copy, KEPT)->content);
    assert_ptr_not_equal(one->content, memory_disk_find(&disk, OLD)->content);
    memory_disk_deinit(&copy);
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sync_covers_what_was_there_when_it_was_asked_for),
        cmocka_unit_test(space_that_was_taken_reads_as_zeros),
        cmocka_unit_test(a_renamed_file_replaces_and_a_linked_one_shares_its_bytes),
        cmocka_unit_test(a_list_tells_of_checkpoints_too_and_one_of_a_checkpoint_of_nothing_else),
        cmocka_unit_test(a_crash_leaves_a_moved_file_one_of_its_names),
        cmocka_unit_test(a_file_that_moves_twice_is_never_lost),
        cmocka_unit_test(what_was_synced_survives_and_what_was_not_is_lost_when_all_is_lost),
        cmocka_unit_test(a_name_that_moves_away_is_gone_only_when_it_has_arrived),
        cmocka_unit_test(a_copy_of_a_disk_has_the_same_names_and_shares_nothing_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
