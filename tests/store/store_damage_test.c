/* What a disk breaks is noticed: every flipped bit and every truncation of a log, a manifest and a
 * table ends in a sentence, in STORE_CORRUPT, or changes nothing. Never in a wrong answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/store/log_record.h"
#include "tests/store/support/store_host.h"

enum { KEYS = 24 };

static struct memory_disk sound;
static struct store_host original;

static uint64_t memtable_bytes;

static struct store_config damage_config(void) {
    struct store_config config = store_host_small_config();
    config.memtable_bytes = memtable_bytes;
    config.log_segment_bytes = 1200;
    config.log_allocates = false; /* every byte of a log counts */
    config.tally_count = STORE_HOST_TALLIES;
    return config;
}

static void write_synced(uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(store_host_write(&original, i % KEYS, 20 + i % 30), STORE_OK);
        store_host_pump(&original);
        store_host_settle(&original);
    }
}

static int open_original(void **state) {
    memtable_bytes = *state == NULL ? 8192 : 1024;
    struct store_config config = damage_config();
    memory_disk_init(&sound, 1);
    store_host_init(&original, &sound, &config);
    original.keys = KEYS;
    assert_true(store_host_start(&original));
    return 0;
}

static int close_original(void **state) {
    store_host_deinit(&original);
    memory_disk_deinit(&sound);
    (void)state;
    return 0;
}

/* What starting on the damaged disk comes to. */
enum outcome { FAILED_WITH_SENTENCE, LOST_THE_TAIL, LOST_NOTHING };

static enum outcome start_damaged(struct memory_disk *damaged) {
    struct store_host host;
    struct store_config config = damage_config();
    store_host_init(&host, damaged, &config);
    store_host_copy_model(&host, &original);
    host.acknowledged_durable = host.acknowledged_written = 0;
    enum outcome outcome = FAILED_WITH_SENTENCE;
    if (store_host_start(&host)) {
        uint64_t recovered = store_written(host.store);
        outcome = recovered == original.last ? LOST_NOTHING : LOST_THE_TAIL;
        store_host_check_recovered(&host, CRASH_LOSES);
        store_host_check(&host);
    } else {
        assert_true(store_failure(host.store).size > 20);
    }
    store_host_deinit(&host);
    return outcome;
}

static enum outcome flip(struct file_id file, size_t at, uint8_t mask) {
    static struct memory_disk damaged;
    memory_disk_init(&damaged, 1);
    memory_disk_copy(&damaged, &sound);
    memory_disk_find(&damaged, file)->content->current.data[at] ^= mask;
    enum outcome outcome = start_damaged(&damaged);
    memory_disk_deinit(&damaged);
    return outcome;
}

static enum outcome truncate(struct file_id file, size_t size) {
    static struct memory_disk damaged;
    memory_disk_init(&damaged, 1);
    memory_disk_copy(&damaged, &sound);
    memory_disk_find(&damaged, file)->content->current.size = size;
    enum outcome outcome = start_damaged(&damaged);
    memory_disk_deinit(&damaged);
    return outcome;
}

/* The last record is the only one that no other vouches for. */
static void every_flipped_bit_of_a_log_is_noticed(void **state) {
    (void)state;
    write_synced(40);
    assert_true(memory_disk_count(&sound, FILE_LOG) >= 3);
    struct file_id last = memory_disk_last(&sound, FILE_LOG)->file;
    uint64_t cut = 0;
    for (size_t i = 0; i < sound.file_count; i++) {
        const struct memory_file *file = &sound.files[i];
        if (!file->named || file->file.kind != FILE_LOG)
            continue;
        for (size_t at = 0; at < file->content->current.size; at++) {
            enum outcome outcome = flip(file->file, at, (uint8_t)(1u << at % 8));
            if (outcome == LOST_THE_TAIL) {
                assert_true(file_equal(file->file, last));
                cut++;
            } else {
                assert_int_equal(outcome, FAILED_WITH_SENTENCE);
            }
        }
    }
    /* One record of the last segment: its header and less than 100 bytes of payload. */
    assert_true(cut >= RECORD_HEADER_MIN && cut < RECORD_HEADER_MAX + 100);
}

static void a_truncated_log_is_cut_or_known_to_be_damaged(void **state) {
    (void)state;
    write_synced(40);
    struct file_id last = memory_disk_last(&sound, FILE_LOG)->file;
    for (size_t i = 0; i < sound.file_count; i++) {
        const struct memory_file *file = &sound.files[i];
        if (!file->named || file->file.kind != FILE_LOG)
            continue;
        for (size_t size = 0; size < file->content->current.size; size++) {
            enum outcome outcome = truncate(file->file, size);
            assert_int_equal(outcome,
                             file_equal(file->file, last) ? LOST_THE_TAIL : FAILED_WITH_SENTENCE);
        }
    }
}

static void a_sealed_segment_may_lose_nothing(void **state) {
    (void)state;
    write_synced(30);
    assert_true(store_host_start(&original));
    struct file_id last = memory_disk_last(&sound, FILE_LOG)->file;
    size_t size = memory_disk_find(&sound, last)->content->current.size;
    for (size_t at = 0; at < size; at++) {
        assert_int_equal(flip(last, at, (uint8_t)(1u << at % 8)), FAILED_WITH_SENTENCE);
        assert_int_equal(truncate(last, at), FAILED_WITH_SENTENCE);
    }
}

/* Where the last record of a sound log or manifest begins. */
static size_t last_record_of(const struct memory_file *file) {
    size_t at = RECORD_FILE_HEADER_SIZE;
    for (;;) {
        struct record record;
        size_t size;
        assert_int_equal(record_decode(bytes_slice(buffer_bytes(&file->content->current), at,
                                                   file->content->current.size - at),
                                       record_file_identity(file->file), &record, &size),
                         RECORD_OK);
        if (at + size == file->content->current.size)
            return at;
        at += size;
    }
}

static void every_flipped_bit_of_a_manifest_is_noticed_or_harmless(void **state) {
    (void)state;
    write_synced(200);
    struct store_figures figures;
    store_figures(original.store, &figures);
    assert_true(figures.flushes > 2);
    struct memory_file *manifest = memory_disk_last(&sound, FILE_MANIFEST);
    size_t last = last_record_of(manifest);
    assert_true(last > 300);
    for (size_t at = 0; at < manifest->content->current.size; at++) {
        enum outcome outcome = flip(manifest->file, at, (uint8_t)(1u << at % 8));
        assert_true(outcome == FAILED_WITH_SENTENCE || (at >= last && outcome == LOST_NOTHING));
        outcome = truncate(manifest->file, at);
        assert_true(outcome == FAILED_WITH_SENTENCE || outcome == LOST_NOTHING);
    }
}

/* Reads all keys, and scans; an answer is right or it is STORE_CORRUPT. */
static void read_damaged(struct store_host *host, uint32_t *corrupt) {
    struct buffer expected = {0};
    for (uint32_t key = 0; key < KEYS; key++) {
        struct bytes value;
        enum store_status status = store_host_get(host, key, &value);
        if (status == STORE_CORRUPT) {
            ++*corrupt;
            continue;
        }
        assert_int_equal(status, STORE_OK);
        store_host_value(host->held[key], &host->history[host->held[key]], &expected);
        assert_true(bytes_equal(value, buffer_bytes(&expected)));
    }
    struct buffer from = {0};
    struct store_entry entry;
    enum store_status status;
    while ((status = store_host_scan(host, (struct bytes){0}, buffer_bytes(&from), from.size > 0,
                                     &entry)) == STORE_OK) {
        buffer_clear(&from);
        buffer_append(&from, entry.key);
    }
    assert_true(status == STORE_ABSENT || status == STORE_CORRUPT);
    buffer_deinit(&from);
    buffer_deinit(&expected);
}

static void a_damaged_block_is_corrupt_for_those_who_read_it(void **state) {
    (void)state;
    write_synced(300);
    assert_true(store_host_close(&original));
    uint32_t corrupt = 0, failed = 0, harmless = 0;
    struct file_id table = memory_disk_last(&sound, FILE_TABLE)->file;
    size_t size = memory_disk_find(&sound, table)->content->current.size;
    for (size_t at = 0; at < size; at++) {
        static struct memory_disk damaged;
        memory_disk_init(&damaged, 1);
        memory_disk_copy(&damaged, &sound);
        memory_disk_find(&damaged, table)->content->current.data[at] ^= (uint8_t)(1u << at % 8);
        struct store_host host;
        struct store_config config = damage_config();
        store_host_init(&host, &damaged, &config);
        store_host_copy_model(&host, &original);
        uint32_t before = corrupt;
        if (!store_host_start(&host))
            failed++;
        else
            read_damaged(&host, &corrupt);
        harmless += corrupt == before && store_phase(host.store) == STORE_PHASE_SERVING;
        store_host_deinit(&host);
        memory_disk_deinit(&damaged);
    }
    assert_true(corrupt > 0 && failed > 0);
    printf("%u reads were corrupt, %u starts failed, %u flips were harmless\n", corrupt, failed,
           harmless);
}

/* The first data block of every table is broken while the store runs: compaction meets it. */
static void compaction_leaves_alone_what_it_cannot_read(void **state) {
    (void)state;
    write_synced(60);
    for (size_t i = 0; i < sound.file_count; i++) {
        if (sound.files[i].file.kind == FILE_TABLE)
            sound.files[i].content->current.data[3] ^= 1;
    }
    write_synced(300);
    struct store_figures figures;
    store_figures(original.store, &figures);
    assert_true(figures.flushes > 5);
    assert_int_equal(store_phase(original.store), STORE_PHASE_SERVING);
    uint32_t corrupt = 0;
    read_damaged(&original, &corrupt);
    assert_true(store_host_close(&original));
}

static void a_file_that_is_missing_is_named(void **state) {
    (void)state;
    write_synced(300);
    static const enum file_kind KINDS[] = {FILE_LOG, FILE_TABLE, FILE_MANIFEST};
    for (size_t i = 0; i < 3; i++) {
        static struct memory_disk damaged;
        memory_disk_init(&damaged, 1);
        memory_disk_copy(&damaged, &sound);
        struct memory_file *gone = memory_disk_last(&damaged, KINDS[i]);
        /* The last log segment alone cannot be missed; the one before it can. */
        for (size_t j = 0; KINDS[i] == FILE_LOG && j < damaged.file_count; j++) {
            if (damaged.files[j].file.kind == FILE_LOG && &damaged.files[j] != gone) {
                gone = &damaged.files[j];
                break;
            }
        }
        gone->named = gone->name_durable = false;
        assert_int_equal(start_damaged(&damaged), FAILED_WITH_SENTENCE);
        memory_disk_deinit(&damaged);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_flipped_bit_of_a_log_is_noticed, open_original,
                                        close_original),
        cmocka_unit_test_setup_teardown(a_truncated_log_is_cut_or_known_to_be_damaged,
                                        open_original, close_original),
        cmocka_unit_test_setup_teardown(a_sealed_segment_may_lose_nothing, open_original,
                                        close_original),
        cmocka_unit_test_prestate_setup_teardown(
            every_flipped_bit_of_a_manifest_is_noticed_or_harmless, open_original, close_original,
            "small memtable"),
        cmocka_unit_test_setup_teardown(a_damaged_block_is_corrupt_for_those_who_read_it,
                                        open_original, close_original),
        cmocka_unit_test_prestate_setup_teardown(compaction_leaves_alone_what_it_cannot_read,
                                                 open_original, close_original, "small memtable"),
        cmocka_unit_test_setup_teardown(a_file_that_is_missing_is_named, open_original,
                                        close_original),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
