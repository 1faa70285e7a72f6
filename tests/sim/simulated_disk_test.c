#include "tests/sim/support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { SECTOR = 512, SEEDS = 300 };

static const struct file_id LOG = {.kind = FILE_LOG, .number = 1};
static const struct file_id TABLE = {.kind = FILE_TABLE, .number = 2};

static void fill(uint8_t *bytes, size_t size, uint8_t salt) {
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(salt + 1 + i % 251);
}

static void what_was_written_is_read(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 1, NULL);
    struct buffer read = {0};
    assert_int_equal(stage_read(&stage, 0, LOG, 0, 10, &read), DISK_NO_FILE);
    assert_int_equal(stage_sync(&stage, 0, LOG), DISK_NO_FILE);
    assert_int_equal(stage_remove(&stage, 0, LOG), DISK_NO_FILE);
    assert_int_equal(stage_write(&stage, 0, LOG, 5000, bytes_of_text("far out")), DISK_OK);
    assert_int_equal(stage_write(&stage, 0, LOG, 0, bytes_of_text("near")), DISK_OK);
    assert_int_equal(stage_read(&stage, 0, LOG, 0, 10, &read), DISK_OK);
    assert_memory_equal(read.data, "near\0\0\0\0\0\0", 10);
    assert_int_equal(stage_read(&stage, 0, LOG, 5004, 100, &read), DISK_OK);
    assert_int_equal(read.size, 3);
    assert_memory_equal(read.data, "out", 3);
    assert_int_equal(stage_read(&stage, 0, LOG, 6000, 100, &read), DISK_OK);
    assert_int_equal(read.size, 0);
    assert_int_equal(stage_list(&stage, 0, 0), 1);
    assert_int_equal(stage_remove(&stage, 0, LOG), DISK_OK);
    assert_int_equal(stage_list(&stage, 0, 0), 0);
    buffer_deinit(&read);
    stage_close(&stage);
}

static void writes_to_one_file_keep_their_order(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct world_defaults defaults;
        stage_defaults(&defaults);
        defaults.disk.write_latency =
            (struct distribution){.kind = DISTRIBUTION_UNIFORM, .low = 1000, .high = 10000000};
        struct stage stage;
        stage_open(&stage, seed, 1, &defaults);
        stage_forget(&stage, 0);
        for (uint64_t i = 0; i < 20; i++)
            effects_write(stage_asks(&stage, 0), i, LOG, 0,
                          bytes_of_text(i == 19 ? "last" : "nope"));
        stage_act(&stage, 0);
        stage_run(&stage, 1000000);
        assert_int_equal(stage_count(&stage, 0, EVENT_DISK_DONE), 20);
        for (size_t i = 0; i < 20; i++)
            assert_int_equal(stage.actors[0].heard[i].ticket, i);
        struct buffer read = {0};
        assert_int_equal(stage_read(&stage, 0, LOG, 0, 4, &read), DISK_OK);
        assert_memory_equal(read.data, "last", 4);
        buffer_deinit(&read);
        stage_close(&stage);
    }
}

static void a_killed_process_loses_nothing_that_it_wrote(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        assert_int_equal(stage_write(&stage, 0, LOG, 0, bytes_of_text("written")), DISK_OK);
        stage_bounce(&stage, 0, CRASH_KILL);
        struct buffer read = {0};
        assert_int_equal(stage_read(&stage, 0, LOG, 0, 100, &read), DISK_OK);
        assert_int_equal(read.size, 7);
        assert_memory_equal(read.data, "written", 7);
        buffer_deinit(&read);
        stage_close(&stage);
    }
}

/* What became of each sector of an unsynced write of eight sectors over zeros. */
struct fates {
    uint32_t lost, kept, torn, shorter, whole_files_lost, whole_files_kept;
};

static void count_fates(const struct buffer *read, const uint8_t *written, size_t from, size_t size,
                        struct fates *fates) {
    uint32_t kept = 0, sectors = (uint32_t)(size / SECTOR);
    for (size_t i = 0; i < sectors; i++) {
        uint8_t found[SECTOR] = {0};
        size_t at = from + i * SECTOR;
        size_t there = read->size <= at ? 0 : read->size - at < SECTOR ? read->size - at : SECTOR;
        if (there > 0)
            memcpy(found, read->data + at, there);
        uint32_t same = 0, empty = 0;
        for (size_t j = 0; j < SECTOR; j++) {
            same += found[j] == written[i * SECTOR + j];
            empty += found[j] == 0;
        }
        assert_int_equal(same + empty, SECTOR);
        fates->kept += same == SECTOR;
        fates->lost += empty == SECTOR;
        fates->torn += same > 0 && empty > 0;
        kept += same == SECTOR;
    }
    fates->shorter += read->size < from + size;
    fates->whole_files_kept += kept == sectors;
    fates->whole_files_lost += read->size == from;
}

static void
at_a_loss_of_power_unsynced_sectors_are_lost_kept_or_torn_and_synced_ones_stay(void **state) {
    (void)state;
    struct fates fates = {0};
    static uint8_t synced[3000], unsynced[8 * SECTOR];
    fill(synced, sizeof synced, 0);
    fill(unsynced, sizeof unsynced, 4);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        (void)stage_write(&stage, 0, LOG, 0, bytes_of(synced, 2000));
        (void)stage_write(&stage, 0, LOG, 2000, bytes_of(synced + 2000, sizeof synced - 2000));
        assert_int_equal(stage_sync(&stage, 0, LOG), DISK_OK);
        assert_int_equal(stage_sync_directory(&stage, 0), DISK_OK);
        (void)stage_write(&stage, 0, LOG, 6 * SECTOR, bytes_of(unsynced, sizeof unsynced));
        stage_bounce(&stage, 0, CRASH_POWER);
        struct buffer read = {0};
        assert_int_equal(stage_read(&stage, 0, LOG, 0, 100000, &read), DISK_OK);
        assert_true(read.size >= sizeof synced);
        assert_memory_equal(read.data, synced, sizeof synced);
        struct fates these = {0};
        count_fates(&read, unsynced, 6 * SECTOR, sizeof unsynced, &these);
        fates.lost += these.lost;
        fates.kept += these.kept;
        fates.torn += these.torn;
        fates.shorter += these.shorter;
        fates.whole_files_kept += these.whole_files_kept;
        fates.whole_files_lost += read.size == sizeof synced;
        buffer_deinit(&read);
        stage_close(&stage);
    }
    assert_in_range(fates.lost, SEEDS, 7 * SEEDS);
    assert_in_range(fates.kept, SEEDS, 7 * SEEDS);
    assert_in_range(fates.torn, SEEDS / 4, 7 * SEEDS);
    assert_in_range(fates.shorter, SEEDS / 10, SEEDS);
    assert_in_range(fates.whole_files_lost, SEEDS / 10, SEEDS / 2);
    assert_in_range(fates.whole_files_kept, SEEDS / 10, SEEDS / 2);
}

static void a_sync_covers_only_what_was_written_before_it_was_asked_for(void **state) {
    (void)state;
    uint32_t lost = 0, kept = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        (void)stage_write(&stage, 0, LOG, 0, bytes_of_text("AAAA"));
        (void)stage_sync_directory(&stage, 0);
        stage_forget(&stage, 0);
        effects_sync(stage_asks(&stage, 0), 1, LOG);
        effects_write(stage_asks(&stage, 0), 2, LOG, 4, bytes_of_text("BBBB"));
        stage_act(&stage, 0);
        stage_run(&stage, 2000); /* the write completes first, the sync afterwards */
        assert_int_equal(stage_count(&stage, 0, EVENT_DISK_DONE), 2);
        assert_int_equal(stage_last(&stage, 0, EVENT_DISK_DONE)->ticket, 1);
        stage_bounce(&stage, 0, CRASH_POWER);
        struct buffer read = {0};
        assert_int_equal(stage_read(&stage, 0, LOG, 0, 100, &read), DISK_OK);
        assert_memory_equal(read.data, "AAAA", 4);
        lost += read.size == 4;
        kept += read.size == 8 && memcmp(read.data + 4, "BBBB", 4) == 0;
        buffer_deinit(&read);
        stage_close(&stage);
    }
    assert_true(lost > 0);
    assert_true(kept > 0);
}

static void a_sync_that_did_not_finish_promises_nothing(void **state) {
    (void)state;
    uint32_t lost = 0, kept = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        (void)stage_write(&stage, 0, LOG, 0, bytes_of_text("AAAA"));
        (void)stage_sync_directory(&stage, 0);
        effects_sync(stage_asks(&stage, 0), 1, LOG);
        stage_act(&stage, 0);
        stage_run(&stage, 500);
        stage_bounce(&stage, 0, CRASH_POWER);
        struct buffer read = {0};
        assert_int_equal(stage_read(&stage, 0, LOG, 0, 100, &read), DISK_OK);
        lost += read.size == 0;
        kept += read.size == 4;
        buffer_deinit(&read);
        stage_close(&stage);
    }
    assert_true(lost > 0);
    assert_true(kept > 0);
}

static void a_rewritten_sector_survives_as_some_version_of_itself(void **state) {
    (void)state;
    uint32_t seen[4] = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        (void)stage_write(&stage, 0, LOG, 0, bytes_of_text("0"));
        (void)stage_sync(&stage, 0, LOG);
        (void)stage_sync_directory(&stage, 0);
        (void)stage_write(&stage, 0, LOG, 0, bytes_of_text("1"));
        (void)stage_write(&stage, 0, LOG, 0, bytes_of_text("2"));
        (void)stage_write(&stage, 0, LOG, 0, bytes_of_text("3"));
        stage_bounce(&stage, 0, CRASH_POWER);
        struct buffer read = {0};
        assert_int_equal(stage_read(&stage, 0, LOG, 0, 100, &read), DISK_OK);
        assert_int_equal(read.size, 1);
        assert_in_range(read.data[0], '0', '3');
        seen[read.data[0] - '0']++;
        buffer_deinit(&read);
        stage_close(&stage);
    }
    for (size_t i = 0; i < 4; i++)
        assert_true(seen[i] > 0);
}

static void a_name_survives_only_with_its_directory(void **state) {
    (void)state;
    uint32_t lost = 0, kept = 0, back = 0, gone = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        struct buffer read = {0};
        (void)stage_write(&stage, 0, TABLE, 0, bytes_of_text("old"));
        (void)stage_sync(&stage, 0, TABLE);
        (void)stage_sync_directory(&stage, 0);
        (void)stage_write(&stage, 0, LOG, 0, bytes_of_text("new"));
        (void)stage_sync(&stage, 0, LOG);
        (void)stage_remove(&stage, 0, TABLE);
        stage_bounce(&stage, 0, CRASH_POWER);
        bool log_kept = stage_read(&stage, 0, LOG, 0, 10, &read) == DISK_OK;
        if (log_kept) /* its contents were synced */
            assert_memory_equal(read.data, "new", 3);
        bool table_back = stage_read(&stage, 0, TABLE, 0, 10, &read) == DISK_OK;
        if (table_back)
            assert_memory_equal(read.data, "old", 3);
        assert_int_equal(stage_list(&stage, 0, 0), (size_t)log_kept + table_back);
        kept += log_kept;
        lost += !log_kept;
        back += table_back;
        gone += !table_back;
        buffer_deinit(&read);
        stage_close(&stage);
    }
    assert_true(lost > 0 && kept > 0 && back > 0 && gone > 0);
}

static void synced_names_and_removals_stay(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        struct buffer read = {0};
        (void)stage_write(&stage, 0, TABLE, 0, bytes_of_text("old"));
        (void)stage_sync_directory(&stage, 0);
        (void)stage_write(&stage, 0, LOG, 0, bytes_of_text("new"));
        (void)stage_remove(&stage, 0, TABLE);
        (void)stage_sync_directory(&stage, 0);
        stage_bounce(&stage, 0, CRASH_POWER);
        assert_int_equal(stage_read(&stage, 0, LOG, 0, 10, &read), DISK_OK);
        assert_int_equal(stage_read(&stage, 0, TABLE, 0, 10, &read), DISK_NO_FILE);
        assert_int_equal(stage_list(&stage, 0, 0), 1);
        buffer_deinit(&read);
        stage_close(&stage);
    }
}

static void a_failed_sync_loses_the_writes_for_good(void **state) {
    (void)state;
    uint32_t lost = 0, kept = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        struct buffer before = {0}, after = {0};
        (void)stage_write(&stage, 0, LOG, 0, bytes_of_text("AAAA"));
        (void)stage_sync(&stage, 0, LOG);
        (void)stage_sync_directory(&stage, 0);
        (void)stage_write(&stage, 0, LOG, 4, bytes_of_text("BBBB"));
        world_disk(stage.world, 0)->sync_error_per_million = 1000000;
        assert_int_equal(stage_sync(&stage, 0, LOG), DISK_ERROR);
        world_disk(stage.world, 0)->sync_error_per_million = 0;
        assert_int_equal(stage_read(&stage, 0, LOG, 0, 100, &before), DISK_OK);
        assert_int_equal(before.size, 8);
        assert_memory_equal(before.data, "AAAA", 4);
        lost += memcmp(before.data + 4, "\0\0\0\0", 4) == 0;
        kept += memcmp(before.data + 4, "BBBB", 4) == 0;
        assert_int_equal(stage_sync(&stage, 0, LOG), DISK_OK);
        stage_bounce(&stage, 0, CRASH_POWER);
        assert_int_equal(stage_read(&stage, 0, LOG, 0, 100, &after), DISK_OK);
        assert_int_equal(after.size, 8);
        assert_memory_equal(after.data, before.data, 8);
        buffer_deinit(&before);
        buffer_deinit(&after);
        stage_close(&stage);
    }
    assert_true(lost > 0);
    assert_true(kept > 0);
}

static void a_write_under_way_at_a_kill_happened_wholly_in_part_or_not(void **state) {
    (void)state;
    uint32_t none = 0, part = 0, all = 0;
    static uint8_t written[8 * SECTOR];
    fill(written, sizeof written, 3);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        (void)stage_write(&stage, 0, LOG, 0, bytes_of_text("x"));
        effects_write(stage_asks(&stage, 0), 7, LOG, 0, bytes_of(written, sizeof written));
        effects_write(stage_asks(&stage, 0), 8, LOG, sizeof written, bytes_of_text("second"));
        stage_act(&stage, 0);
        stage_forget(&stage, 0);
        stage_bounce(&stage, 0, CRASH_KILL);
        stage_run(&stage, 100000);
        assert_int_equal(stage_count(&stage, 0, EVENT_DISK_DONE), 0);
        struct buffer read = {0};
        assert_int_equal(stage_read(&stage, 0, LOG, 0, 100000, &read), DISK_OK);
        size_t first = read.size < sizeof written ? read.size : sizeof written;
        if (read.data[0] != 'x')
            assert_memory_equal(read.data, written, first);
        /* The second write cannot have happened without the first. */
        if (read.size > sizeof written)
            assert_memory_equal(read.data, written, sizeof written);
        none += read.size == 1;
        part += read.size > 1 && read.size < sizeof written;
        all += read.size >= sizeof written;
        buffer_deinit(&read);
        stage_close(&stage);
    }
    assert_true(none > 0 && part > 0 && all > 0);
}

static void a_full_disk_writes_nothing(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 1, NULL);
    world_disk(stage.world, 0)->capacity = 1000;
    static const uint8_t zeros[1001];
    struct buffer read = {0};
    assert_int_equal(stage_write(&stage, 0, LOG, 0, bytes_of(zeros, 1001)), DISK_FULL);
    assert_int_equal(stage_list(&stage, 0, 0), 0);
    assert_int_equal(stage_write(&stage, 0, LOG, 0, bytes_of(zeros, 600)), DISK_OK);
    assert_int_equal(stage_write(&stage, 0, TABLE, 0, bytes_of(zeros, 401)), DISK_FULL);
    assert_int_equal(stage_write(&stage, 0, LOG, 100, bytes_of_text("overwriting needs no room")),
                     DISK_OK);
    assert_int_equal(stage_write(&stage, 0, TABLE, 0, bytes_of(zeros, 400)), DISK_OK);
    assert_int_equal(stage_remove(&stage, 0, LOG), DISK_OK);
    assert_int_equal(stage_write(&stage, 0, LOG, 0, bytes_of(zeros, 600)), DISK_OK);
    buffer_deinit(&read);
    stage_close(&stage);
}

static void read_and_write_errors_are_reported(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 1, NULL);
    struct buffer read = {0};
    (void)stage_write(&stage, 0, LOG, 0, bytes_of_text("fine"));
    world_disk(stage.world, 0)->read_error_per_million = 1000000;
    assert_int_equal(stage_read(&stage, 0, LOG, 0, 4, &read), DISK_ERROR);
    assert_int_equal(read.size, 0);
    world_disk(stage.world, 0)->read_error_per_million = 0;
    world_disk(stage.world, 0)->write_error_per_million = 1000000;
    assert_int_equal(stage_write(&stage, 0, LOG, 0, bytes_of_text("gone")), DISK_ERROR);
    assert_int_equal(stage_read(&stage, 0, LOG, 0, 4, &read), DISK_OK);
    assert_memory_equal(read.data, "fine", 4);
    buffer_deinit(&read);
    stage_close(&stage);
}

static void bit_rot_flips_one_bit_for_good(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 1, NULL);
    struct buffer first = {0}, second = {0};
    static uint8_t written[5000];
    fill(written, sizeof written, 0);
    (void)stage_write(&stage, 0, LOG, 0, bytes_of(written, sizeof written));
    (void)stage_sync(&stage, 0, LOG);
    (void)stage_sync_directory(&stage, 0);
    world_disk(stage.world, 0)->bit_rot_per_million = 1000000;
    (void)stage_read(&stage, 0, LOG, 0, sizeof written, &first);
    world_disk(stage.world, 0)->bit_rot_per_million = 0;
    int bits = 0;
    for (size_t i = 0; i < sizeof written; i++)
        bits += __builtin_popcount((unsigned)(first.data[i] ^ written[i]));
    assert_int_equal(bits, 1);
    stage_bounce(&stage, 0, CRASH_POWER);
    (void)stage_read(&stage, 0, LOG, 0, sizeof written, &second);
    assert_int_equal(second.size, sizeof written);
    assert_memory_equal(second.data, first.data, sizeof written);
    buffer_deinit(&first);
    buffer_deinit(&second);
    stage_close(&stage);
}

static void a_disk_can_be_wiped_and_rolled_back(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 1, NULL);
    struct buffer read = {0};
    (void)stage_write(&stage, 0, LOG, 0, bytes_of_text("then"));
    world_snapshot_disk(stage.world, 0);
    (void)stage_write(&stage, 0, LOG, 0, bytes_of_text("now!"));
    (void)stage_write(&stage, 0, TABLE, 0, bytes_of_text("later"));
    world_crash_host(stage.world, 0, CRASH_KILL);
    world_rollback_disk(stage.world, 0);
    world_start_host(stage.world, 0);
    stage_bounce(&stage, 0, CRASH_POWER);
    assert_int_equal(stage_read(&stage, 0, LOG, 0, 10, &read), DISK_OK);
    assert_memory_equal(read.data, "then", 4);
    assert_int_equal(stage_list(&stage, 0, 0), 1);
    world_crash_host(stage.world, 0, CRASH_KILL);
    world_wipe_disk(stage.world, 0);
    world_start_host(stage.world, 0);
    assert_int_equal(stage_list(&stage, 0, 0), 0);
    world_crash_host(stage.world, 0, CRASH_KILL);
    world_rollback_disk(stage.world, 0);
    world_start_host(stage.world, 0);
    assert_int_equal(stage_list(&stage, 0, 0), 1);
    buffer_deinit(&read);
    stage_close(&stage);
}

static void writes_that_are_never_synced_are_written_back_in_time(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 3, 1, NULL);
    for (uint64_t i = 0; i < 6000; i++) {
        (void)stage_write(&stage, 0, LOG, i, bytes_of_text("z"));
        if (i == 0)
            (void)stage_sync_directory(&stage, 0);
    }
    stage_bounce(&stage, 0, CRASH_POWER);
    struct buffer read = {0};
    assert_int_equal(stage_read(&stage, 0, LOG, 0, 10000, &read), DISK_OK);
    assert_true(read.size >= 6000 - 4096);
    for (size_t i = 0; i < 6000 - 4096; i++)
        assert_int_equal(read.data[i], 'z');
    buffer_deinit(&read);
    stage_close(&stage);
}

/* A model that knows only what may be relied on: bytes that were synced before the last crash and
 * not written since. */
struct model {
    uint8_t current[20000], durable[20000];
    bool uncertain[20000]; /* written since the last sync */
    size_t length, durable_length;
};

static void random_writes_syncs_and_crashes_agree_with_a_model(void **state) {
    (void)state;
    static struct model model;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        struct prng prng;
        prng_init(&prng, seed, 99);
        struct buffer read = {0};
        model = (struct model){0};
        (void)stage_write(&stage, 0, LOG, 0, bytes_of_text("@"));
        (void)stage_sync_directory(&stage, 0);
        model.current[0] = '@';
        model.uncertain[0] = true;
        model.length = 1;
        for (uint32_t i = 0; i < 120; i++) {
            uint8_t bytes[6000];
            size_t size = 1 + prng_below(&prng, prng_chance(&prng, 1, 8) ? 6000 : 300);
            size_t offset = prng_chance(&prng, 1, 2) ? model.length : prng_below(&prng, 14000);
            if (offset + size > sizeof model.current)
                offset = 0;
            switch (prng_below(&prng, 8)) {
            case 0:
                assert_int_equal(stage_sync(&stage, 0, LOG), DISK_OK);
                memset(model.uncertain, 0, sizeof model.uncertain);
                memcpy(model.durable, model.current, sizeof model.durable);
                model.durable_length = model.length;
                break;
            case 1:
                stage_bounce(&stage, 0, CRASH_POWER);
                assert_int_equal(stage_read(&stage, 0, LOG, 0, 30000, &read), DISK_OK);
                assert_in_range(read.size, model.durable_length, model.length);
                for (size_t at = 0; at < read.size; at++) {
                    if (!model.uncertain[at])
                        assert_int_equal(read.data[at], model.durable[at]);
                }
                memset(&model, 0, sizeof model);
                if (read.size > 0) {
                    memcpy(model.durable, read.data, read.size);
                    memcpy(model.current, read.data, read.size);
                }
                model.length = model.durable_length = read.size;
                break;
            default:
                for (size_t j = 0; j < size; j++)
                    bytes[j] = (uint8_t)(1 + prng_below(&prng, 255));
                assert_int_equal(stage_write(&stage, 0, LOG, offset, bytes_of(bytes, size)),
                                 DISK_OK);
                memcpy(model.current + offset, bytes, size);
                memset(model.uncertain + offset, 1, size);
                model.length = offset + size > model.length ? offset + size : model.length;
                break;
            }
            assert_int_equal(stage_read(&stage, 0, LOG, 0, 30000, &read), DISK_OK);
            assert_int_equal(read.size, model.length);
            if (read.size > 0)
                assert_memory_equal(read.data, model.current, read.size);
        }
        buffer_deinit(&read);
        stage_close(&stage);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(writes_to_one_file_keep_their_order),
        cmocka_unit_test(a_killed_process_loses_nothing_that_it_wrote),
        cmocka_unit_test(
            at_a_loss_of_power_unsynced_sectors_are_lost_kept_or_torn_and_synced_ones_stay),
        cmocka_unit_test(a_sync_covers_only_what_was_written_before_it_was_asked_for),
        cmocka_unit_test(a_sync_that_did_not_finish_promises_nothing),
        cmocka_unit_test(a_rewritten_sector_survives_as_some_version_of_itself),
        cmocka_unit_test(a_name_survives_only_with_its_directory),
        cmocka_unit_test(synced_names_and_removals_stay),
        cmocka_unit_test(a_failed_sync_loses_the_writes_for_good),
        cmocka_unit_test(a_write_under_way_at_a_kill_happened_wholly_in_part_or_not),
        cmocka_unit_test(a_full_disk_writes_nothing),
        cmocka_unit_test(read_and_write_errors_are_reported),
        cmocka_unit_test(bit_rot_flips_one_bit_for_good),
        cmocka_unit_test(a_disk_can_be_wiped_and_rolled_back),
        cmocka_unit_test(writes_that_are_never_synced_are_written_back_in_time),
        cmocka_unit_test(random_writes_syncs_and_crashes_agree_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
