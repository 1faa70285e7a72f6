#include "engine/base/effect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void effects_keep_their_order_and_their_fields(void **state) {
    (void)state;
    struct effects effects = {0};
    struct file_id file = {.kind = FILE_LOG, .number = 3};
    struct file_id to = {.kind = FILE_LOG, .number = 9};
    struct file_id kept = {.kind = FILE_LOG, .number = 3, .checkpoint = 7};
    effects_connect(&effects, (struct link_id){1}, bytes_of_text("h:1"));
    effects_send(&effects, (struct link_id){2}, bytes_of_text("x"));
    effects_close(&effects, (struct link_id){2});
    effects_write(&effects, 10, file, 100, bytes_of_text("abc"));
    effects_allocate(&effects, 16, file, 4096);
    effects_read(&effects, 11, file, 5, 6);
    effects_sync(&effects, 12, file);
    effects_sync_directory(&effects, 13);
    effects_rename(&effects, 17, file, to);
    effects_link(&effects, 18, file, kept);
    effects_remove(&effects, 14, file);
    effects_list(&effects, 15);
    effects_note(&effects, NOTE_INFO, bytes_of_text("a sentence"));
    effects_halt(&effects, bytes_of_text("why"));
    assert_int_equal(effects.count, EFFECT_HALT + 1);
    for (size_t i = 0; i < effects.count; i++)
        assert_int_equal(effects.items[i].kind, i);
    assert_int_equal(effects.items[EFFECT_WRITE].offset, 100);
    assert_int_equal(effects.items[EFFECT_WRITE].bytes.size, 3);
    assert_int_equal(effects.items[EFFECT_WRITE].size, 0);
    assert_int_equal(effects.items[EFFECT_READ].size, 6);
    assert_int_equal(effects.items[EFFECT_ALLOCATE].size, 4096);
    assert_true(file_equal(effects.items[EFFECT_RENAME].file, file));
    assert_true(file_equal(effects.items[EFFECT_RENAME].to, to));
    assert_true(file_equal(effects.items[EFFECT_LINK].to, kept));
    assert_int_equal(effects.items[EFFECT_SYNC_DIRECTORY].file.checkpoint, 0);
    assert_int_equal(effects.items[EFFECT_LIST].ticket, 15);
    assert_int_equal(effects.items[EFFECT_NOTE].level, NOTE_INFO);
    effects_deinit(&effects);
}

static void a_checkpoint_s_directory_is_synced_and_listed_by_its_number(void **state) {
    (void)state;
    struct effects effects = {0};
    effects_sync_checkpoint(&effects, 1, 7);
    effects_list_checkpoint(&effects, 2, 8);
    assert_int_equal(effects.items[0].kind, EFFECT_SYNC_DIRECTORY);
    assert_int_equal(effects.items[0].ticket, 1);
    assert_int_equal(effects.items[0].file.checkpoint, 7);
    assert_int_equal(effects.items[1].kind, EFFECT_LIST);
    assert_int_equal(effects.items[1].ticket, 2);
    assert_int_equal(effects.items[1].file.checkpoint, 8);
    effects_deinit(&effects);
}

static void clearing_empties_the_list_for_the_next_step(void **state) {
    (void)state;
    struct effects effects = {0};
    for (unsigned step = 0; step < 3; step++) {
        for (uint64_t i = 0; i < 1000; i++)
            effects_list(&effects, i);
        (void)arena_allocate(&effects.arena, 100);
        assert_int_equal(effects.count, 1000);
        effects_clear(&effects);
        assert_int_equal(effects.count, 0);
        assert_int_equal(effects.arena.used, 0);
    }
    effects_deinit(&effects);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(effects_keep_their_order_and_their_fields),
        cmocka_unit_test(a_checkpoint_s_directory_is_synced_and_listed_by_its_number),
        cmocka_unit_test(clearing_empties_the_list_for_the_next_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
