/* What the disk has lost: only those whom it concerns are told, the rest goes on, and nothing comes back under what was
 * written in its place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/hash.h"
#include "engine/store/store_state.h"
#include "tests/store/support/lossy_host.h"

/* Breaks the data block with this key, which nothing in memory holds. */
static struct file_id break_block_of(uint32_t key) {
    struct buffer name = {0};
    store_host_key(key, &name);
    for (uint32_t level = 0; level < VERSION_LEVELS; level++) {
        const struct version_level *tables = &lossy_host.store->version->levels[level];
        for (uint32_t i = 0; i < tables->count; i++) {
            struct table_file *file = tables->tables[i];
            struct table_window window = {0};
            uint32_t position;
            struct block_handle handle;
            if (!table_file_overlaps(file, buffer_bytes(&name), buffer_bytes(&name)) ||
                table_may_contain(file->table, buffer_bytes(&name), hash64(buffer_bytes(&name)),
                                  &handle) != TABLE_FILTER_PASSES ||
                table_find_block(file->table, &window, buffer_bytes(&name), &position, &handle) !=
                    TABLE_HAS_BLOCK)
                continue;
            memory_disk_find(&lossy_disk, table_file_id(file))
                ->content->current.data[handle.offset + 7] ^= 4;
            buffer_deinit(&name);
            return table_file_id(file);
        }
    }
    fail_msg("no table has key %u", key);
    return (struct file_id){0};
}

static uint32_t count_scanned(enum store_status *last) {
    struct buffer from = {0};
    struct store_entry entry;
    uint32_t seen = 0;
    while ((*last = store_host_scan(&lossy_host, (struct bytes){0}, buffer_bytes(&from), seen > 0,
                                    &entry)) == STORE_OK) {
        buffer_clear(&from);
        buffer_append(&from, entry.key);
        seen++;
    }
    buffer_deinit(&from);
    return seen;
}

static void only_keys_of_a_lost_block_are_corrupt(void **state) {
    (void)state;
    lossy_host_write_all();
    lossy_host_reopen();
    struct file_id broken = break_block_of(7);
    struct bytes value;
    assert_int_equal(store_host_get(&lossy_host, 7, &value), STORE_CORRUPT);
    uint32_t corrupt = lossy_host_corrupt();
    assert_true(corrupt >= 1 && corrupt < 15);
    struct store_damage damage;
    assert_true(store_next_damage(lossy_host.store, 0, &damage));
    assert_int_equal(damage.kind, STORE_DAMAGE_BLOCK);
    assert_true(file_equal(damage.file, broken));
    assert_false(store_next_damage(lossy_host.store, damage.id, &damage));
    struct store_figures figures;
    store_figures(lossy_host.store, &figures);
    assert_int_equal(figures.damages, 1);
}

static void what_is_written_after_a_loss_can_be_read(void **state) {
    (void)state;
    lossy_host_write_all();
    lossy_host_reopen();
    break_block_of(7);
    uint32_t before = lossy_host_corrupt();
    lossy_host_write(7);
    assert_int_equal(lossy_host_corrupt(), before - 1);
    lossy_host_reopen();
    assert_int_equal(lossy_host_corrupt(), before - 1);
}

/* Compaction mixes it with older entries: it stays what it is. */
static void what_is_written_after_a_loss_can_be_read_at_every_level(void **state) {
    (void)state;
    lossy_host_write_all();
    lossy_host_reopen();
    break_block_of(7);
    uint32_t corrupt = lossy_host_corrupt();
    assert_true(corrupt > 0);
    lossy_host_write_all();
    assert_int_equal(lossy_host_corrupt(), 0);
    struct store_figures figures;
    for (uint32_t round = 0; round < 40; round++) {
        for (uint32_t key = 1; key < LOSSY_KEYS; key += 3)
            lossy_host_write(key);
        assert_int_equal(lossy_host_corrupt(), 0);
    }
    store_figures(lossy_host.store, &figures);
    assert_true(figures.compactions > 3);
    assert_int_equal(figures.damages, 1);
    lossy_host_reopen();
    assert_int_equal(lossy_host_corrupt(), 0);
}

static void a_scan_does_not_pass_over_lost_keys_unseen(void **state) {
    bool salvages = *state != NULL;
    lossy_host_write_all();
    lossy_host_reopen();
    break_block_of(7);
    uint32_t corrupt = lossy_host_corrupt();
    enum store_status last;
    uint32_t seen = count_scanned(&last);
    if (salvages) {
        assert_int_equal(last, STORE_ABSENT);
        assert_int_equal(seen, LOSSY_KEYS - corrupt);
    } else {
        assert_int_equal(last, STORE_CORRUPT);
        assert_true(seen < LOSSY_KEYS - corrupt);
    }
}

static void quarantine_outlives_the_process(void **state) {
    (void)state;
    lossy_host_write_all();
    lossy_host_reopen();
    break_block_of(7);
    uint32_t corrupt = lossy_host_corrupt();
    store_host_crash(&lossy_host, CRASH_LOSES);
    assert_true(store_host_start(&lossy_host));
    struct store_damage damage;
    assert_true(store_next_damage(lossy_host.store, 0, &damage));
    /* Also when the block could be read again. */
    for (size_t i = 0; i < lossy_disk.file_count; i++)
        assert_true(lossy_disk.files[i].file.kind != FILE_TABLE ||
                    lossy_disk.files[i].content->current.size > 0);
    assert_int_equal(lossy_host_corrupt(), corrupt);
}

/* What was written in its place must not be hidden by it, nor be counted twice. */
static void a_lost_block_that_can_be_read_again_stays_lost(void **state) {
    (void)state;
    lossy_host_write_all();
    lossy_host_reopen();
    struct file_id broken = break_block_of(7);
    uint32_t corrupt = lossy_host_corrupt();
    struct memory_file *file = memory_disk_find(&lossy_disk, broken);
    struct store_damage damage;
    assert_true(store_next_damage(lossy_host.store, 0, &damage));
    file->content->current.data[damage.offset + 7] ^= 4;
    assert_int_equal(lossy_host_corrupt(), corrupt);
    lossy_host_reopen();
    assert_int_equal(lossy_host_corrupt(), corrupt);
}

/* The bits are as they were once more, and the store has started with a new manifest since: what peers answered for stays. */
static void a_healed_block_that_can_be_read_again_stays_absent(void **state) {
    (void)state;
    lossy_host_write_all();
    lossy_host_reopen();
    struct file_id broken = break_block_of(7);
    uint32_t corrupt = lossy_host_corrupt();
    struct store_damage damage;
    assert_true(store_next_damage(lossy_host.store, 0, &damage));
    lossy_host_heal();
    memory_disk_find(&lossy_disk, broken)->content->current.data[damage.offset + 7] ^= 4;
    for (uint32_t life = 0; life < 3; life++) {
        uint32_t absent = 0;
        for (uint32_t key = 0; key < LOSSY_KEYS; key++) {
            struct bytes value;
            absent += store_host_get(&lossy_host, key, &value) == STORE_ABSENT;
        }
        assert_int_equal(absent, corrupt);
        assert_true(lossy_host_restart());
    }
}

static void what_is_healed_is_absent_or_written_anew(void **state) {
    (void)state;
    lossy_host_write_all();
    lossy_host_reopen();
    break_block_of(7);
    uint32_t corrupt = lossy_host_corrupt();
    lossy_host_write(7);
    struct store_damage damage;
    assert_true(store_next_damage(lossy_host.store, 0, &damage));
    store_heal(lossy_host.store, damage.id);
    store_host_pump(&lossy_host);
    store_host_settle(&lossy_host);
    for (uint32_t life = 0; life < 2; life++) {
        assert_false(store_next_damage(lossy_host.store, 0, &damage));
        uint32_t absent = 0;
        for (uint32_t key = 0; key < LOSSY_KEYS; key++) {
            struct bytes value;
            enum store_status status = store_host_get(&lossy_host, key, &value);
            absent += status == STORE_ABSENT;
            assert_true(status == STORE_ABSENT ||
                        (status == STORE_OK && lossy_host_is_right(key, value)));
        }
        assert_int_equal(absent, corrupt - 1);
        store_host_crash(&lossy_host, CRASH_LOSES);
        assert_true(store_host_start(&lossy_host));
    }
}

/* The first block of every table is broken, also of those that compaction makes. */
static void compaction_goes_around_what_is_lost(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 12; round++) {
        lossy_host_write_all();
        for (size_t i = 0; i < lossy_disk.file_count; i++) {
            struct memory_file *file = &lossy_disk.files[i];
            if (file->file.kind == FILE_TABLE && file->named && round % 4 == 3)
                file->content->current.data[3] ^= (uint8_t)(1u << round % 8);
        }
        assert_int_equal(store_phase(lossy_host.store), STORE_PHASE_SERVING);
        assert_true(lossy_host.store->version->run_count < 12);
    }
    struct store_figures figures;
    store_figures(lossy_host.store, &figures);
    assert_true(figures.damages > 0 && figures.compactions > 3);
    (void)lossy_host_corrupt();
    /* What is written now covers everything that was lost. */
    lossy_host_heal();
    lossy_host_write_all();
    assert_int_equal(lossy_host_corrupt(), 0);
}

static void a_read_that_fails_once_loses_nothing(void **state) {
    (void)state;
    lossy_host_write_all();
    lossy_host_reopen();
    lossy_disk.fail_reads = true;
    lossy_disk.fail_status = DISK_ERROR;
    lossy_disk.fail_at = lossy_disk.eligible + 1;
    struct bytes value;
    assert_int_equal(store_host_get(&lossy_host, 7, &value), STORE_OK);
    assert_int_equal(lossy_host_corrupt(), 0);
}

static void too_many_damages_become_one_about_every_key(void **state) {
    (void)state;
    struct effects effects = {0};
    struct table_file *file = table_file_create(77);
    buffer_append(&file->smallest, bytes_of_text("a"));
    buffer_append(&file->largest, bytes_of_text("b"));
    for (uint32_t i = 0; i <= QUARANTINE_DAMAGES_MAX; i++)
        quarantine_table(lossy_host.store, file, &effects);
    assert_int_equal(lossy_host.store->quarantine.damages.count, 1);
    assert_true(quarantine_meets(&lossy_host.store->quarantine, bytes_of_text("zzz"),
                                 bytes_of_text("zzz")));
    table_file_destroy(file);
    effects_deinit(&effects);
}

static char salvage[] = "salvage";

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_keys_of_a_lost_block_are_corrupt, lossy_host_open,
                                        lossy_host_close),
        cmocka_unit_test_setup_teardown(what_is_written_after_a_loss_can_be_read, lossy_host_open,
                                        lossy_host_close),
        cmocka_unit_test_setup_teardown(what_is_written_after_a_loss_can_be_read_at_every_level,
                                        lossy_host_open, lossy_host_close),
        cmocka_unit_test_setup_teardown(a_scan_does_not_pass_over_lost_keys_unseen, lossy_host_open,
                                        lossy_host_close),
        cmocka_unit_test_prestate_setup_teardown(a_scan_does_not_pass_over_lost_keys_unseen,
                                                 lossy_host_open, lossy_host_close, salvage),
        cmocka_unit_test_setup_teardown(quarantine_outlives_the_process, lossy_host_open,
                                        lossy_host_close),
        cmocka_unit_test_setup_teardown(a_lost_block_that_can_be_read_again_stays_lost,
                                        lossy_host_open, lossy_host_close),
        cmocka_unit_test_setup_teardown(a_healed_block_that_can_be_read_again_stays_absent,
                                        lossy_host_open, lossy_host_close),
        cmocka_unit_test_setup_teardown(what_is_healed_is_absent_or_written_anew, lossy_host_open,
                                        lossy_host_close),
        cmocka_unit_test_setup_teardown(compaction_goes_around_what_is_lost, lossy_host_open,
                                        lossy_host_close),
        cmocka_unit_test_setup_teardown(a_read_that_fails_once_loses_nothing, lossy_host_open,
                                        lossy_host_close),
        cmocka_unit_test_setup_teardown(too_many_damages_become_one_about_every_key,
                                        lossy_host_open, lossy_host_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
