/* What the disk has lost: only those whom it concerns are told, the rest goes on, and nothing comes back under what was
 * written in its place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/hash.h"
#include "engine/store/damage.h"
#include "engine/store/store_state.h"
#include "tests/store/support/store_host.h"

enum { KEYS = 60 };

static struct memory_disk disk;
static struct store_host host;

static int open_host(void **state) {
    struct store_config config = store_host_small_config();
    config.salvages = *state != NULL;
    memory_disk_init(&disk, 1);
    store_host_init(&host, &disk, &config);
    host.keys = KEYS;
    assert_true(store_host_start(&host));
    return 0;
}

static int close_host(void **state) {
    store_host_deinit(&host);
    memory_disk_deinit(&disk);
    (void)state;
    return 0;
}

static void write_key(uint32_t key) {
    assert_int_equal(store_host_write(&host, key, 40), STORE_OK);
    store_host_pump(&host);
    store_host_settle(&host);
}

static void write_all(void) {
    for (uint32_t key = 0; key < KEYS; key++)
        write_key(key);
}

/* Everything lies in tables, and nothing in memory or in the cache. */
static void reopen(void) {
    assert_true(store_host_close(&host));
    store_host_crash(&host, CRASH_KEEPS);
    assert_true(store_host_start(&host));
    store_host_pump(&host);
    store_host_settle(&host);
}

/* Breaks the data block with this key, which nothing in memory holds. */
static struct file_id break_block_of(uint32_t key) {
    struct buffer name = {0};
    store_host_key(key, &name);
    for (uint32_t level = 0; level < VERSION_LEVELS; level++) {
        const struct version_level *tables = &host.store->version->levels[level];
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
            memory_disk_find(&disk, table_file_id(file))
                ->content->current.data[handle.offset + 7] ^= 4;
            buffer_deinit(&name);
            return table_file_id(file);
        }
    }
    fail_msg("no table has key %u", key);
    return (struct file_id){0};
}

static bool is_right(uint32_t key, struct bytes value) {
    struct buffer expected = {0};
    store_host_value(host.held[key], &host.history[host.held[key]], &expected);
    bool right = bytes_equal(value, buffer_bytes(&expected));
    buffer_deinit(&expected);
    return right;
}

/* Every answer is right or STORE_CORRUPT; how many are the latter. */
static uint32_t count_corrupt(void) {
    uint32_t corrupt = 0;
    for (uint32_t key = 0; key < KEYS; key++) {
        struct bytes value;
        enum store_status status = store_host_get(&host, key, &value);
        corrupt += status == STORE_CORRUPT;
        assert_true(status == STORE_CORRUPT || (status == STORE_OK && is_right(key, value)));
    }
    return corrupt;
}

static uint32_t count_scanned(enum store_status *last) {
    struct buffer from = {0};
    struct store_entry entry;
    uint32_t seen = 0;
    while ((*last = store_host_scan(&host, (struct bytes){0}, buffer_bytes(&from), seen > 0,
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
    write_all();
    reopen();
    struct file_id broken = break_block_of(7);
    struct bytes value;
    assert_int_equal(store_host_get(&host, 7, &value), STORE_CORRUPT);
    uint32_t corrupt = count_corrupt();
    assert_true(corrupt >= 1 && corrupt < 15);
    struct store_damage damage;
    assert_true(store_next_damage(host.store, 0, &damage));
    assert_int_equal(damage.kind, STORE_DAMAGE_BLOCK);
    assert_true(file_equal(damage.file, broken));
    assert_false(store_next_damage(host.store, damage.id, &damage));
    struct store_figures figures;
    store_figures(host.store, &figures);
    assert_int_equal(figures.damages, 1);
}

static void what_is_written_after_a_loss_can_be_read(void **state) {
    (void)state;
    write_all();
    reopen();
    break_block_of(7);
    uint32_t before = count_corrupt();
    write_key(7);
    assert_int_equal(count_corrupt(), before - 1);
    reopen();
    assert_int_equal(count_corrupt(), before - 1);
}

/* Compaction mixes it with older entries: it stays what it is. */
static void what_is_written_after_a_loss_can_be_read_at_every_level(void **state) {
    (void)state;
    write_all();
    reopen();
    break_block_of(7);
    uint32_t corrupt = count_corrupt();
    assert_true(corrupt > 0);
    write_all();
    assert_int_equal(count_corrupt(), 0);
    struct store_figures figures;
    for (uint32_t round = 0; round < 40; round++) {
        for (uint32_t key = 1; key < KEYS; key += 3)
            write_key(key);
        assert_int_equal(count_corrupt(), 0);
    }
    store_figures(host.store, &figures);
    assert_true(figures.compactions > 3);
    assert_int_equal(figures.damages, 1);
    reopen();
    assert_int_equal(count_corrupt(), 0);
}

static void a_scan_does_not_pass_over_lost_keys_unseen(void **state) {
    bool salvages = *state != NULL;
    write_all();
    reopen();
    break_block_of(7);
    uint32_t corrupt = count_corrupt();
    enum store_status last;
    uint32_t seen = count_scanned(&last);
    if (salvages) {
        assert_int_equal(last, STORE_ABSENT);
        assert_int_equal(seen, KEYS - corrupt);
    } else {
        assert_int_equal(last, STORE_CORRUPT);
        assert_true(seen < KEYS - corrupt);
    }
}

static void quarantine_outlives_the_process(void **state) {
    (void)state;
    write_all();
    reopen();
    break_block_of(7);
    uint32_t corrupt = count_corrupt();
    store_host_crash(&host, CRASH_LOSES);
    assert_true(store_host_start(&host));
    struct store_damage damage;
    assert_true(store_next_damage(host.store, 0, &damage));
    /* Also when the block could be read again. */
    for (size_t i = 0; i < disk.file_count; i++)
        assert_true(disk.files[i].file.kind != FILE_TABLE ||
                    disk.files[i].content->current.size > 0);
    assert_int_equal(count_corrupt(), corrupt);
}

/* What was written in its place must not be hidden by it, nor be counted twice. */
static void a_lost_block_that_can_be_read_again_stays_lost(void **state) {
    (void)state;
    write_all();
    reopen();
    struct file_id broken = break_block_of(7);
    uint32_t corrupt = count_corrupt();
    struct memory_file *file = memory_disk_find(&disk, broken);
    struct store_damage damage;
    assert_true(store_next_damage(host.store, 0, &damage));
    file->content->current.data[damage.offset + 7] ^= 4;
    assert_int_equal(count_corrupt(), corrupt);
    reopen();
    assert_int_equal(count_corrupt(), corrupt);
}

static void what_is_healed_is_absent_or_written_anew(void **state) {
    (void)state;
    write_all();
    reopen();
    break_block_of(7);
    uint32_t corrupt = count_corrupt();
    write_key(7);
    struct store_damage damage;
    assert_true(store_next_damage(host.store, 0, &damage));
    store_heal(host.store, damage.id);
    store_host_pump(&host);
    store_host_settle(&host);
    for (uint32_t life = 0; life < 2; life++) {
        assert_false(store_next_damage(host.store, 0, &damage));
        uint32_t absent = 0;
        for (uint32_t key = 0; key < KEYS; key++) {
            struct bytes value;
            enum store_status status = store_host_get(&host, key, &value);
            absent += status == STORE_ABSENT;
            assert_true(status == STORE_ABSENT || (status == STORE_OK && is_right(key, value)));
        }
        assert_int_equal(absent, corrupt - 1);
        store_host_crash(&host, CRASH_LOSES);
        assert_true(store_host_start(&host));
    }
}

/* The first block of every table is broken, also of those that compaction makes. */
static void compaction_goes_around_what_is_lost(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 12; round++) {
        write_all();
        for (size_t i = 0; i < disk.file_count; i++) {
            struct memory_file *file = &disk.files[i];
            if (file->file.kind == FILE_TABLE && file->named && round % 4 == 3)
                file->content->current.data[3] ^= (uint8_t)(1u << round % 8);
        }
        assert_int_equal(store_phase(host.store), STORE_PHASE_SERVING);
        assert_true(host.store->version->run_count < 12);
    }
    struct store_figures figures;
    store_figures(host.store, &figures);
    assert_true(figures.damages > 0 && figures.compactions > 3);
    (void)count_corrupt();
    /* What is written now covers everything that was lost. */
    struct store_damage damage;
    while (store_next_damage(host.store, 0, &damage)) {
        store_heal(host.store, damage.id);
        store_host_pump(&host);
        store_host_settle(&host);
    }
    write_all();
    assert_int_equal(count_corrupt(), 0);
}

static void a_read_that_fails_once_loses_nothing(void **state) {
    (void)state;
    write_all();
    reopen();
    disk.fail_reads = true;
    disk.fail_status = DISK_ERROR;
    disk.fail_at = disk.eligible + 1;
    struct bytes value;
    assert_int_equal(store_host_get(&host, 7, &value), STORE_OK);
    assert_int_equal(count_corrupt(), 0);
}

static void too_many_damages_become_one_about_every_key(void **state) {
    (void)state;
    struct effects effects = {0};
    struct table_file *file = table_file_create(77);
    buffer_append(&file->smallest, bytes_of_text("a"));
    buffer_append(&file->largest, bytes_of_text("b"));
    for (uint32_t i = 0; i <= QUARANTINE_DAMAGES_MAX; i++)
        quarantine_table(host.store, file, &effects);
    assert_int_equal(host.store->quarantine.damages.count, 1);
    assert_true(
        quarantine_meets(&host.store->quarantine, bytes_of_text("zzz"), bytes_of_text("zzz")));
    table_file_destroy(file);
    effects_deinit(&effects);
}

/* --- recovery that salvages --------------------------------------------------------------------- */

static bool restart(void) {
    store_host_crash(&host, CRASH_KEEPS);
    return store_host_start(&host);
}

/* The only damage, which must be of this kind. */
static struct store_damage the_damage(enum store_damage_kind kind) {
    struct store_damage damage, other;
    assert_true(store_next_damage(host.store, 0, &damage));
    assert_int_equal(damage.kind, kind);
    assert_false(store_next_damage(host.store, damage.id, &other));
    return damage;
}

static void heal(void) {
    struct store_damage damage;
    while (store_next_damage(host.store, 0, &damage)) {
        store_heal(host.store, damage.id);
        store_host_pump(&host);
        store_host_settle(&host);
    }
}

static struct memory_file *first_of(enum file_kind kind) {
    struct memory_file *first = NULL;
    for (size_t i = 0; i < disk.file_count; i++) {
        struct memory_file *file = &disk.files[i];
        if (file->named && file->file.kind == kind &&
            (first == NULL || file->file.number < first->file.number))
            first = file;
    }
    assert_non_null(first);
    return first;
}

/* The model goes on from what is there: sequence numbers begin behind what was kept. */
static void accept_the_loss(void) {
    host.last = store_written(host.store);
    host.acknowledged_durable = host.acknowledged_written = host.last;
    heal();
    write_all();
    assert_int_equal(count_corrupt(), 0);
    assert_true(restart());
    assert_int_equal(count_corrupt(), 0);
}

static void a_damaged_log_ends_before_the_damage(void **state) {
    (void)state;
    host.store->config.memtable_bytes = 1 << 20;
    for (uint32_t key = 0; key < KEYS; key++)
        write_key(key);
    assert_true(memory_disk_count(&disk, FILE_LOG) >= 2);
    struct memory_file *log = first_of(FILE_LOG);
    log->content->current.data[log->content->current.size / 2] ^= 1;
    host.acknowledged_durable = host.acknowledged_written = 0;
    assert_true(restart());
    struct store_damage damage = the_damage(STORE_DAMAGE_LOG);
    assert_true(damage.to.size == 0 && damage.from.size == 0);
    assert_true(store_written(host.store) > 0 && store_written(host.store) < host.last);
    assert_int_equal(count_corrupt(), KEYS);
    store_host_settle(&host);
    assert_true(memory_disk_count(&disk, FILE_QUARANTINED) >= 1);
    /* What is written from now on is known to be younger. */
    host.last = store_written(host.store);
    host.acknowledged_durable = host.acknowledged_written = host.last;
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t key = 0; key < KEYS / 2; key++)
            write_key(key);
        assert_int_equal(count_corrupt(), KEYS - KEYS / 2);
    }
    assert_true(restart());
    (void)the_damage(STORE_DAMAGE_LOG);
    assert_int_equal(count_corrupt(), KEYS - KEYS / 2);
    accept_the_loss();
}

static void a_table_that_cannot_be_opened_is_set_aside(void **state) {
    (void)state;
    write_all();
    reopen();
    struct memory_file *table = first_of(FILE_TABLE);
    struct file_id id = table->file;
    table->content->current.data[table->content->current.size - 70] ^= 1;
    assert_true(restart());
    assert_true(file_equal(the_damage(STORE_DAMAGE_TABLE).file, id));
    uint32_t corrupt = count_corrupt();
    assert_true(corrupt > 0);
    store_host_settle(&host);
    assert_null(version_table(host.store->version, id.number));
    id.kind = FILE_QUARANTINED;
    assert_true(memory_disk_find(&disk, id)->named);
    assert_true(restart());
    assert_int_equal(count_corrupt(), corrupt);
    accept_the_loss();
}

static void a_table_that_is_missing_is_in_quarantine(void **state) {
    (void)state;
    write_all();
    reopen();
    struct memory_file *table = first_of(FILE_TABLE);
    table->named = table->name_durable = false;
    assert_true(restart());
    (void)the_damage(STORE_DAMAGE_TABLE);
    assert_true(count_corrupt() > 0);
    accept_the_loss();
}

static void without_a_manifest_the_store_is_born_beside_what_was_there(void **state) {
    (void)state;
    write_all();
    reopen();
    size_t tables = memory_disk_count(&disk, FILE_TABLE);
    memory_disk_last(&disk, FILE_MANIFEST)->content->current.data[40] ^= 1;
    host.acknowledged_durable = host.acknowledged_written = 0;
    assert_true(restart());
    (void)the_damage(STORE_DAMAGE_MANIFEST);
    assert_true(store_was_born(host.store));
    assert_int_equal(count_corrupt(), KEYS);
    store_host_settle(&host);
    assert_int_equal(memory_disk_count(&disk, FILE_TABLE), 0);
    assert_true(memory_disk_count(&disk, FILE_QUARANTINED) >= tables);
    accept_the_loss();
}

/* Any bit of any file: the store serves, and no answer is wrong. Only the loss of what no later record vouches for cannot be
 * told from a write that never was complete: there an answer may be older. */
static void whatever_bit_flips_the_store_serves(void **state) {
    (void)state;
    write_all();
    write_all();
    static struct memory_disk sound;
    memory_disk_init(&sound, 1);
    store_host_kill(&host);
    memory_disk_copy(&sound, &disk);
    uint64_t last = host.last;
    uint32_t quiet = 0;
    for (size_t i = 0; i < sound.file_count; i++) {
        size_t size = sound.files[i].content->current.size;
        for (size_t at = i % 5; sound.files[i].named && at < size; at += 5) {
            memory_disk_deinit(&disk);
            memory_disk_init(&disk, 1);
            memory_disk_copy(&disk, &sound);
            memory_disk_find(&disk, sound.files[i].file)->content->current.data[at] ^=
                (uint8_t)(1u << at % 8);
            host.acknowledged_durable = host.acknowledged_written = 0;
            assert_true(store_host_start(&host));
            struct store_damage damage;
            bool lost_tail =
                !store_next_damage(host.store, 0, &damage) && store_written(host.store) < last;
            quiet += lost_tail;
            if (!lost_tail)
                (void)count_corrupt();
            store_host_kill(&host);
        }
    }
    assert_true(quiet < 60);
    memory_disk_deinit(&sound);
}

/* --- facts -------------------------------------------------------------------------------------- */

static void facts_are_read_as_they_were_written(void **state) {
    (void)state;
    struct damage_list list = {0}, read = {0};
    struct buffer bytes = {0};
    struct damage *damage = damage_list_add(&list, 5);
    damage->kind = STORE_DAMAGE_TABLE;
    damage->file = (struct file_id){.kind = FILE_TABLE, .number = 300};
    damage->offset = 70000;
    damage->first_run = 301;
    damage->after = true;
    buffer_append(&damage->from, bytes_of_text("k1"));
    buffer_append(&damage->to, bytes_of_text("k7"));
    damage_put(damage, &bytes);
    for (size_t size = 0; size <= bytes.size; size++) {
        struct reader reader = reader_of(bytes_slice(buffer_bytes(&bytes), 0, size));
        bool tag = reader_u8(&reader) == DAMAGE_TAG_DAMAGE;
        bool taken = tag && damage_take(&read, &reader);
        assert_int_equal(taken, size == bytes.size);
    }
    assert_int_equal(read.items[0].id, 5);
    assert_int_equal(read.items[0].offset, 70000);
    assert_int_equal(read.items[0].first_run, 301);
    assert_false(damage_has(&read.items[0], bytes_of_text("k1")));
    assert_true(damage_has(&read.items[0], bytes_of_text("k10")));
    assert_true(damage_has(&read.items[0], bytes_of_text("k7")));
    assert_false(damage_has(&read.items[0], bytes_of_text("k70")));
    damage_list_deinit(&list);
    damage_list_deinit(&read);
    buffer_deinit(&bytes);
}

static char salvage[] = "salvage";

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_keys_of_a_lost_block_are_corrupt, open_host,
                                        close_host),
        cmocka_unit_test_setup_teardown(what_is_written_after_a_loss_can_be_read, open_host,
                                        close_host),
        cmocka_unit_test_setup_teardown(what_is_written_after_a_loss_can_be_read_at_every_level,
                                        open_host, close_host),
        cmocka_unit_test_setup_teardown(a_scan_does_not_pass_over_lost_keys_unseen, open_host,
                                        close_host),
        cmocka_unit_test_prestate_setup_teardown(a_scan_does_not_pass_over_lost_keys_unseen,
                                                 open_host, close_host, salvage),
        cmocka_unit_test_setup_teardown(quarantine_outlives_the_process, open_host, close_host),
        cmocka_unit_test_setup_teardown(a_lost_block_that_can_be_read_again_stays_lost, open_host,
                                        close_host),
        cmocka_unit_test_setup_teardown(what_is_healed_is_absent_or_written_anew, open_host,
                                        close_host),
        cmocka_unit_test_setup_teardown(compaction_goes_around_what_is_lost, open_host, close_host),
        cmocka_unit_test_setup_teardown(a_read_that_fails_once_loses_nothing, open_host,
                                        close_host),
        cmocka_unit_test_setup_teardown(too_many_damages_become_one_about_every_key, open_host,
                                        close_host),
        cmocka_unit_test_prestate_setup_teardown(a_damaged_log_ends_before_the_damage, open_host,
                                                 close_host, salvage),
        cmocka_unit_test_prestate_setup_teardown(a_table_that_cannot_be_opened_is_set_aside,
                                                 open_host, close_host, salvage),
        cmocka_unit_test_prestate_setup_teardown(a_table_that_is_missing_is_in_quarantine,
                                                 open_host, close_host, salvage),
        cmocka_unit_test_prestate_setup_teardown(
            without_a_manifest_the_store_is_born_beside_what_was_there, open_host, close_host,
            salvage),
        cmocka_unit_test_prestate_setup_teardown(whatever_bit_flips_the_store_serves, open_host,
                                                 close_host, salvage),
        cmocka_unit_test(facts_are_read_as_they_were_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
