/* A recovery that salvages: it serves whatever the disk has lost, says what that is, and gives no wrong answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/store/store_state.h"
#include "tests/store/support/lossy_host.h"

static struct memory_file *first_of(enum file_kind kind) {
    struct memory_file *first = NULL;
    for (size_t i = 0; i < lossy_disk.file_count; i++) {
        struct memory_file *file = &lossy_disk.files[i];
        if (file->named && file->file.kind == kind &&
            (first == NULL || file->file.number < first->file.number))
            first = file;
    }
    assert_non_null(first);
    return first;
}

/* The model goes on from what is there: sequence numbers begin behind what was kept. */
static void accept_the_loss(void) {
    lossy_host.last = store_written(lossy_host.store);
    lossy_host.acknowledged_durable = lossy_host.acknowledged_written = lossy_host.last;
    lossy_host_heal();
    lossy_host_write_all();
    assert_int_equal(lossy_host_corrupt(), 0);
    assert_true(lossy_host_restart());
    assert_int_equal(lossy_host_corrupt(), 0);
}

static void a_damaged_log_ends_before_the_damage(void **state) {
    (void)state;
    lossy_host.store->config.memtable_bytes = 1 << 20;
    for (uint32_t key = 0; key < LOSSY_KEYS; key++)
        lossy_host_write(key);
    assert_true(memory_disk_count(&lossy_disk, FILE_LOG) >= 2);
    struct memory_file *log = first_of(FILE_LOG);
    log->content->current.data[log->content->current.size / 2] ^= 1;
    lossy_host.acknowledged_durable = lossy_host.acknowledged_written = 0;
    assert_true(lossy_host_restart());
    struct store_damage damage = lossy_host_damage(STORE_DAMAGE_LOG);
    assert_true(damage.to.size == 0 && damage.from.size == 0);
    assert_true(store_written(lossy_host.store) > 0 &&
                store_written(lossy_host.store) < lossy_host.last);
    assert_int_equal(lossy_host_corrupt(), LOSSY_KEYS);
    store_host_settle(&lossy_host);
    assert_true(memory_disk_count(&lossy_disk, FILE_QUARANTINED) >= 1);
    /* What is written from now on is known to be younger. */
    lossy_host.last = store_written(lossy_host.store);
    lossy_host.acknowledged_durable = lossy_host.acknowledged_written = lossy_host.last;
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t key = 0; key < LOSSY_KEYS / 2; key++)
            lossy_host_write(key);
        assert_int_equal(lossy_host_corrupt(), LOSSY_KEYS - LOSSY_KEYS / 2);
    }
    assert_true(lossy_host_restart());
    (void)lossy_host_damage(STORE_DAMAGE_LOG);
    assert_int_equal(lossy_host_corrupt(), LOSSY_KEYS - LOSSY_KEYS / 2);
    accept_the_loss();
}

static void a_table_that_cannot_be_opened_is_set_aside(void **state) {
    (void)state;
    lossy_host_write_all();
    lossy_host_reopen();
    struct memory_file *table = first_of(FILE_TABLE);
    struct file_id id = table->file;
    table->content->current.data[table->content->current.size - 70] ^= 1;
    assert_true(lossy_host_restart());
    assert_true(file_equal(lossy_host_damage(STORE_DAMAGE_TABLE).file, id));
    uint32_t corrupt = lossy_host_corrupt();
    assert_true(corrupt > 0);
    store_host_settle(&lossy_host);
    assert_null(version_table(lossy_host.store->version, id.number));
    id.kind = FILE_QUARANTINED;
    assert_true(memory_disk_find(&lossy_disk, id)->named);
    assert_true(lossy_host_restart());
    assert_int_equal(lossy_host_corrupt(), corrupt);
    accept_the_loss();
}

static void a_table_that_is_missing_is_in_quarantine(void **state) {
    (void)state;
    lossy_host_write_all();
    lossy_host_reopen();
    struct memory_file *table = first_of(FILE_TABLE);
    table->named = table->name_durable = false;
    assert_true(lossy_host_restart());
    (void)lossy_host_damage(STORE_DAMAGE_TABLE);
    assert_true(lossy_host_corrupt() > 0);
    accept_the_loss();
}

static void without_a_manifest_the_store_is_born_beside_what_was_there(void **state) {
    (void)state;
    lossy_host_write_all();
    lossy_host_reopen();
    size_t tables = memory_disk_count(&lossy_disk, FILE_TABLE);
    memory_disk_last(&lossy_disk, FILE_MANIFEST)->content->current.data[40] ^= 1;
    lossy_host.acknowledged_durable = lossy_host.acknowledged_written = 0;
    assert_true(lossy_host_restart());
    (void)lossy_host_damage(STORE_DAMAGE_MANIFEST);
    assert_true(store_was_born(lossy_host.store));
    assert_int_equal(lossy_host_corrupt(), LOSSY_KEYS);
    store_host_settle(&lossy_host);
    assert_int_equal(memory_disk_count(&lossy_disk, FILE_TABLE), 0);
    assert_true(memory_disk_count(&lossy_disk, FILE_QUARANTINED) >= tables);
    accept_the_loss();
}

/* Any bit of any file: the store serves, and no answer is wrong. Only the loss of what no later record vouches for cannot be
 * told from a write that never was complete: there an answer may be older. */
static void whatever_bit_flips_the_store_serves(void **state) {
    (void)state;
    lossy_host_write_all();
    lossy_host_write_all();
    static struct memory_disk sound;
    memory_disk_init(&sound, 1);
    store_host_kill(&lossy_host);
    memory_disk_copy(&sound, &lossy_disk);
    uint64_t last = lossy_host.last;
    uint32_t quiet = 0;
    for (size_t i = 0; i < sound.file_count; i++) {
        size_t size = sound.files[i].content->current.size;
        for (size_t at = i % 5; sound.files[i].named && at < size; at += 5) {
            memory_disk_deinit(&lossy_disk);
            memory_disk_init(&lossy_disk, 1);
            memory_disk_copy(&lossy_disk, &sound);
            memory_disk_find(&lossy_disk, sound.files[i].file)->content->current.data[at] ^=
                (uint8_t)(1u << at % 8);
            lossy_host.acknowledged_durable = lossy_host.acknowledged_written = 0;
            assert_true(store_host_start(&lossy_host));
            struct store_damage damage;
            bool lost_tail = !store_next_damage(lossy_host.store, 0, &damage) &&
                             store_written(lossy_host.store) < last;
            quiet += lost_tail;
            if (!lost_tail)
                (void)lossy_host_corrupt();
            store_host_kill(&lossy_host);
        }
    }
    assert_true(quiet < 60);
    memory_disk_deinit(&sound);
}

static char salvage[] = "salvage";

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate_setup_teardown(a_damaged_log_ends_before_the_damage,
                                                 lossy_host_open, lossy_host_close, salvage),
        cmocka_unit_test_prestate_setup_teardown(a_table_that_cannot_be_opened_is_set_aside,
                                                 lossy_host_open, lossy_host_close, salvage),
        cmocka_unit_test_prestate_setup_teardown(a_table_that_is_missing_is_in_quarantine,
                                                 lossy_host_open, lossy_host_close, salvage),
        cmocka_unit_test_prestate_setup_teardown(
            without_a_manifest_the_store_is_born_beside_what_was_there, lossy_host_open,
            lossy_host_close, salvage),
        cmocka_unit_test_prestate_setup_teardown(whatever_bit_flips_the_store_serves,
                                                 lossy_host_open, lossy_host_close, salvage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
