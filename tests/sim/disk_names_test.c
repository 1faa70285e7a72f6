/* Space taken in advance, names that move, second names, and checkpoints' directories: as programs
 * see them, and what a loss of power leaves of them. */
#include "tests/sim/support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { SEEDS = 300 };

static const struct file_id OLD = {.kind = FILE_LOG, .number = 1};
static const struct file_id NEW = {.kind = FILE_LOG, .number = 2};
static const struct file_id KEPT = {.kind = FILE_LOG, .number = 1, .checkpoint = 7};

static void put(struct stage *stage, struct file_id file, const char *text) {
    assert_int_equal(stage_write(stage, 0, file, 0, bytes_of_text(text)), DISK_OK);
}

static void put_durably(struct stage *stage, struct file_id file, const char *text) {
    put(stage, file, text);
    assert_int_equal(stage_sync(stage, 0, file), DISK_OK);
    assert_int_equal(stage_sync_checkpoint(stage, 0, file.checkpoint), DISK_OK);
}

static bool exists(struct stage *stage, struct file_id file) {
    struct buffer read = {0};
    enum disk_status status = stage_read(stage, 0, file, 0, 100, &read);
    assert_true(status == DISK_OK || status == DISK_NO_FILE);
    buffer_deinit(&read);
    return status == DISK_OK;
}

static bool holds(struct stage *stage, struct file_id file, const char *text) {
    struct buffer read = {0};
    bool same = stage_read(stage, 0, file, 0, 100, &read) == DISK_OK &&
                bytes_equal(buffer_bytes(&read), bytes_of_text(text));
    buffer_deinit(&read);
    return same;
}

static uint64_t length_of(struct stage *stage, struct file_id file) {
    size_t count = stage_list(stage, 0, 0);
    const struct file_entry *listed = stage_listed(stage, 0);
    for (size_t i = 0; i < count; i++) {
        if (file_equal(listed[i].file, file))
            return listed[i].size;
    }
    fail_msg("the file is not listed");
    return 0;
}

static void space_that_was_taken_reads_as_zeros_around_what_was_written(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 1, NULL);
    assert_int_equal(stage_allocate(&stage, 0, OLD, 10000), DISK_OK);
    assert_int_equal(stage_write(&stage, 0, OLD, 5000, bytes_of_text("here")), DISK_OK);
    struct buffer read = {0};
    assert_int_equal(stage_read(&stage, 0, OLD, 0, 20000, &read), DISK_OK);
    assert_int_equal(read.size, 10000);
    for (size_t i = 0; i < read.size; i++)
        assert_true(i >= 5000 && i < 5004 ? read.data[i] != 0 : read.data[i] == 0);
    buffer_deinit(&read);
    stage_close(&stage);
}

static void taking_less_space_than_a_file_has_changes_nothing(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 1, NULL);
    put(&stage, OLD, "long enough");
    assert_int_equal(stage_allocate(&stage, 0, OLD, 4), DISK_OK);
    assert_true(holds(&stage, OLD, "long enough"));
    stage_close(&stage);
}

static void space_that_was_taken_is_there_when_the_disk_is_full(void **state) {
    (void)state;
    struct world_defaults defaults;
    stage_defaults(&defaults);
    defaults.disk.capacity = 10000;
    struct stage stage;
    stage_open(&stage, 1, 1, &defaults);
    assert_int_equal(stage_allocate(&stage, 0, OLD, 10001), DISK_FULL);
    assert_false(exists(&stage, OLD));
    assert_int_equal(stage_allocate(&stage, 0, OLD, 9000), DISK_OK);
    assert_int_equal(stage_write(&stage, 0, NEW, 1000, bytes_of_text("x")), DISK_FULL);
    assert_int_equal(stage_write(&stage, 0, OLD, 8999, bytes_of_text("x")), DISK_OK);
    assert_int_equal(stage_write(&stage, 0, OLD, 10000, bytes_of_text("x")), DISK_FULL);
    stage_close(&stage);
}

static void a_further_name_needs_no_space_and_the_last_one_gives_it_back(void **state) {
    (void)state;
    struct world_defaults defaults;
    stage_defaults(&defaults);
    defaults.disk.capacity = 10000;
    struct stage stage;
    stage_open(&stage, 1, 1, &defaults);
    assert_int_equal(stage_allocate(&stage, 0, OLD, 9000), DISK_OK);
    assert_int_equal(stage_link(&stage, 0, OLD, KEPT), DISK_OK);
    assert_int_equal(stage_remove(&stage, 0, OLD), DISK_OK);
    assert_int_equal(stage_allocate(&stage, 0, NEW, 9000), DISK_FULL);
    stage_bounce(&stage, 0, CRASH_KILL);
    assert_int_equal(stage_remove(&stage, 0, KEPT), DISK_OK);
    assert_int_equal(stage_allocate(&stage, 0, NEW, 9000), DISK_OK);
    assert_int_equal(stage_link(&stage, 0, NEW, KEPT), DISK_OK);
    put(&stage, OLD, "small");
    assert_int_equal(stage_rename(&stage, 0, OLD, NEW), DISK_OK);
    assert_int_equal(stage_rename(&stage, 0, NEW, KEPT), DISK_OK);
    assert_int_equal(stage_allocate(&stage, 0, NEW, 9000), DISK_OK);
    stage_close(&stage);
}

static void a_sync_makes_taken_space_durable_and_without_one_the_length_may_be_lost(void **state) {
    (void)state;
    uint32_t kept = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        put_durably(&stage, OLD, "text");
        assert_int_equal(stage_allocate(&stage, 0, OLD, 8000), DISK_OK);
        if (seed % 2 == 0)
            assert_int_equal(stage_sync(&stage, 0, OLD), DISK_OK);
        stage_bounce(&stage, 0, CRASH_POWER);
        uint64_t length = length_of(&stage, OLD);
        assert_true(length == 8000 || (seed % 2 == 1 && length == 4));
        kept += seed % 2 == 1 && length == 8000;
        stage_close(&stage);
    }
    assert_true(kept > SEEDS / 10 && kept < SEEDS / 2 - SEEDS / 10);
}

static void a_renamed_file_is_found_by_its_new_name_alone_and_replaces(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 1, NULL);
    assert_int_equal(stage_rename(&stage, 0, OLD, NEW), DISK_NO_FILE);
    put(&stage, OLD, "moved");
    put(&stage, NEW, "replaced");
    assert_int_equal(stage_rename(&stage, 0, OLD, NEW), DISK_OK);
    assert_false(exists(&stage, OLD));
    assert_true(holds(&stage, NEW, "moved"));
    assert_int_equal(stage_list(&stage, 0, 0), 1);
    put(&stage, OLD, "another");
    assert_true(holds(&stage, NEW, "moved"));
    stage_close(&stage);
}

static void linked_names_share_their_bytes(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 1, NULL);
    assert_int_equal(stage_link(&stage, 0, OLD, KEPT), DISK_NO_FILE);
    put(&stage, OLD, "before");
    assert_int_equal(stage_link(&stage, 0, OLD, KEPT), DISK_OK);
    put(&stage, KEPT, "behind");
    assert_true(holds(&stage, OLD, "behind"));
    assert_int_equal(stage_link(&stage, 0, OLD, KEPT), DISK_ERROR);
    assert_int_equal(stage_rename(&stage, 0, OLD, KEPT), DISK_OK);
    assert_true(holds(&stage, OLD, "behind"));
    assert_int_equal(stage_remove(&stage, 0, OLD), DISK_OK);
    assert_true(holds(&stage, KEPT, "behind"));
    stage_close(&stage);
}

static void a_list_tells_of_checkpoints_too_and_one_of_a_checkpoint_of_nothing_else(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 1, NULL);
    put(&stage, OLD, "a");
    put(&stage, KEPT, "b");
    put(&stage, (struct file_id){.kind = FILE_TABLE, .number = 1, .checkpoint = 8}, "c");
    assert_int_equal(stage_list(&stage, 0, 0), 3);
    assert_int_equal(length_of(&stage, KEPT), 1);
    assert_int_equal(stage_list(&stage, 0, 7), 1);
    assert_true(file_equal(stage_listed(&stage, 0)[0].file, KEPT));
    assert_int_equal(stage_list(&stage, 0, 9), 0);
    stage_close(&stage);
}

/* By which names the file is found after a loss of power; at least one. */
struct found {
    uint32_t old_only, new_only, both;
};

static void count_found(struct stage *stage, struct file_id from, struct file_id to,
                        struct found *found) {
    bool by_old = holds(stage, from, "moved"), by_new = holds(stage, to, "moved");
    assert_true(by_old || by_new);
    found->old_only += by_old && !by_new;
    found->new_only += by_new && !by_old;
    found->both += by_old && by_new;
}

static void a_loss_of_power_leaves_a_moved_file_its_old_name_or_its_new_one_or_both(void **state) {
    (void)state;
    const struct file_id targets[] = {NEW, KEPT};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        struct found found = {0};
        uint32_t replaced = 0;
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct stage stage;
            stage_open(&stage, seed, 1, NULL);
            put_durably(&stage, OLD, "moved");
            put_durably(&stage, targets[i], "replaced");
            assert_int_equal(stage_rename(&stage, 0, OLD, targets[i]), DISK_OK);
            stage_bounce(&stage, 0, CRASH_POWER);
            count_found(&stage, OLD, targets[i], &found);
            replaced += holds(&stage, targets[i], "replaced");
            stage_close(&stage);
        }
        assert_int_equal(replaced, found.old_only);
        assert_true(found.old_only > 0 && found.new_only > 0 && found.both > 0);
    }
}

static void a_file_that_moves_twice_is_never_lost(void **state) {
    (void)state;
    static const struct file_id THIRD = {.kind = FILE_LOG, .number = 3};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        put_durably(&stage, OLD, "moved");
        assert_int_equal(stage_rename(&stage, 0, OLD, NEW), DISK_OK);
        put(&stage, OLD, "another");
        assert_int_equal(stage_rename(&stage, 0, NEW, THIRD), DISK_OK);
        stage_bounce(&stage, 0, CRASH_POWER);
        assert_true(holds(&stage, OLD, "moved") || holds(&stage, NEW, "moved") ||
                    holds(&stage, THIRD, "moved"));
        stage_close(&stage);
    }
}

static void a_directory_sync_makes_a_new_name_last_and_the_old_one_stay_gone(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS / 3; seed++) {
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        put_durably(&stage, OLD, "moved");
        assert_int_equal(stage_rename(&stage, 0, OLD, NEW), DISK_OK);
        assert_int_equal(stage_link(&stage, 0, NEW, KEPT), DISK_OK);
        assert_int_equal(stage_sync_directory(&stage, 0), DISK_OK);
        assert_int_equal(stage_sync_checkpoint(&stage, 0, 7), DISK_OK);
        stage_bounce(&stage, 0, CRASH_POWER);
        assert_false(exists(&stage, OLD));
        assert_true(holds(&stage, NEW, "moved"));
        assert_true(holds(&stage, KEPT, "moved"));
        stage_close(&stage);
    }
}

static void a_sync_of_one_directory_says_nothing_of_another(void **state) {
    (void)state;
    uint32_t lost = 0, both = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        put_durably(&stage, OLD, "moved");
        assert_int_equal(stage_link(&stage, 0, OLD, KEPT), DISK_OK);
        assert_int_equal(stage_sync_directory(&stage, 0), DISK_OK);
        bool moves = seed % 2 == 0;
        if (moves) {
            assert_int_equal(stage_rename(&stage, 0, OLD, KEPT), DISK_OK);
            assert_int_equal(stage_remove(&stage, 0, OLD), DISK_OK);
            put(&stage, OLD, "moved");
            assert_int_equal(stage_sync(&stage, 0, OLD), DISK_OK);
            assert_int_equal(stage_rename(&stage, 0, OLD, KEPT), DISK_OK);
            assert_int_equal(stage_sync_directory(&stage, 0), DISK_OK);
        }
        stage_bounce(&stage, 0, CRASH_POWER);
        bool by_old = holds(&stage, OLD, "moved"), by_new = holds(&stage, KEPT, "moved");
        assert_true(by_old || by_new);
        lost += !moves && !by_new;
        both += moves && by_old && by_new;
        stage_close(&stage);
    }
    assert_true(lost > 0 && both > 0);
}

static void a_killed_process_has_renamed_or_not_and_never_in_part(void **state) {
    (void)state;
    struct found found = {0};
    for (uint64_t seed = 1; seed <= SEEDS / 3; seed++) {
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        put(&stage, OLD, "moved");
        effects_rename(stage_asks(&stage, 0), 1, OLD, NEW);
        stage_act(&stage, 0);
        stage_bounce(&stage, 0, CRASH_KILL);
        count_found(&stage, OLD, NEW, &found);
        stage_close(&stage);
    }
    assert_true(found.old_only > 0 && found.new_only > 0);
    assert_int_equal(found.both, 0);
}

static void names_of_one_file_are_so_again_after_a_rollback(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 1, NULL);
    put(&stage, OLD, "before");
    assert_int_equal(stage_link(&stage, 0, OLD, KEPT), DISK_OK);
    world_snapshot_disk(stage.world, 0);
    assert_int_equal(stage_remove(&stage, 0, KEPT), DISK_OK);
    world_crash_host(stage.world, 0, CRASH_KILL);
    world_rollback_disk(stage.world, 0);
    world_start_host(stage.world, 0);
    stage_run(&stage, 0);
    put(&stage, KEPT, "behind");
    assert_true(holds(&stage, OLD, "behind"));
    stage_close(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(space_that_was_taken_reads_as_zeros_around_what_was_written),
        cmocka_unit_test(taking_less_space_than_a_file_has_changes_nothing),
        cmocka_unit_test(space_that_was_taken_is_there_when_the_disk_is_full),
        cmocka_unit_test(a_further_name_needs_no_space_and_the_last_one_gives_it_back),
        cmocka_unit_test(a_sync_makes_taken_space_durable_and_without_one_the_length_may_be_lost),
        cmocka_unit_test(a_renamed_file_is_found_by_its_new_name_alone_and_replaces),
        cmocka_unit_test(linked_names_share_their_bytes),
        cmocka_unit_test(a_list_tells_of_checkpoints_too_and_one_of_a_checkpoint_of_nothing_else),
        cmocka_unit_test(a_loss_of_power_leaves_a_moved_file_its_old_name_or_its_new_one_or_both),
        cmocka_unit_test(a_file_that_moves_twice_is_never_lost),
        cmocka_unit_test(a_directory_sync_makes_a_new_name_last_and_the_old_one_stay_gone),
        cmocka_unit_test(a_sync_of_one_directory_says_nothing_of_another),
        cmocka_unit_test(a_killed_process_has_renamed_or_not_and_never_in_part),
        cmocka_unit_test(names_of_one_file_are_so_again_after_a_rollback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
