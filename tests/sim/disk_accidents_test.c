/* What a disk does that no program is told: slow spells, writes that go astray, bits that flip; what
 * is left after a failed sync; disks that change places. And that none of it shifts the rest. */
#include "tests/sim/support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { SECTOR = 512, SEEDS = 300, MILLION = 1000000 };

static const struct file_id LOG = {.kind = FILE_LOG, .number = 1};
static const struct file_id TABLE = {.kind = FILE_TABLE, .number = 2};

/* Everything durable, text by text. */
static void put(struct stage *stage, struct file_id file, uint64_t offset, struct bytes bytes) {
    assert_int_equal(stage_write(stage, 0, file, offset, bytes), DISK_OK);
    assert_int_equal(stage_sync(stage, 0, file), DISK_OK);
    assert_int_equal(stage_sync_directory(stage, 0), DISK_OK);
}

static bool holds(struct stage *stage, uint32_t host, struct file_id file, struct bytes bytes) {
    struct buffer read = {0};
    bool same = stage_read(stage, host, file, 0, 100000, &read) == DISK_OK &&
                bytes_equal(buffer_bytes(&read), bytes);
    buffer_deinit(&read);
    return same;
}

static void now_and_then_everything_takes_longer_for_a_while(void **state) {
    (void)state;
    struct world_defaults defaults;
    stage_defaults(&defaults);
    defaults.disk.slow_every = (struct distribution){.low = 300000000};
    defaults.disk.slow_lasting = (struct distribution){.low = 100000000};
    defaults.disk.slow_factor = 50;
    struct stage stage;
    stage_open(&stage, 1, 1, &defaults);
    uint32_t slow = 0, quick = 0, changes = 0;
    bool was_slow = false;
    while (stage_microseconds(&stage) < 4000000) {
        uint64_t before = stage_microseconds(&stage);
        (void)stage_write(&stage, 0, LOG, 0, bytes_of_text("x"));
        uint64_t took = stage_microseconds(&stage) - before;
        assert_true(took == 100 || took == 5000);
        bool is_slow = took == 5000;
        slow += is_slow;
        quick += !is_slow;
        changes += is_slow != was_slow;
        was_slow = is_slow;
    }
    /* Ten spells of a tenth of a second each, with twenty writes in each. */
    assert_in_range(changes, 18, 21);
    assert_in_range(slow, 170, 230);
    assert_in_range(quick, 29000, 31000);
    stage_close(&stage);
}

static void unsynced_sectors_reach_the_disk_in_any_order(void **state) {
    (void)state;
    const struct file_id files[] = {LOG, TABLE};
    uint32_t found[2][4] = {{0}};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        bool two_files = seed % 2 == 0;
        static const uint8_t zeros[2 * SECTOR];
        put(&stage, LOG, 0, bytes_of(zeros, sizeof zeros));
        put(&stage, TABLE, 0, bytes_of(zeros, sizeof zeros));
        (void)stage_write(&stage, 0, LOG, 0, bytes_of_text("f"));
        (void)stage_write(&stage, 0, files[two_files], SECTOR, bytes_of_text("s"));
        stage_bounce(&stage, 0, CRASH_POWER);
        struct buffer read = {0};
        (void)stage_read(&stage, 0, LOG, 0, 1, &read);
        unsigned first = read.data[0] == 'f';
        (void)stage_read(&stage, 0, files[two_files], SECTOR, 1, &read);
        found[two_files][first * 2 + (read.data[0] == 's')]++;
        buffer_deinit(&read);
        stage_close(&stage);
    }
    for (size_t i = 0; i < 4; i++)
        assert_true(found[0][i] > 0 && found[1][i] > 0);
}

static void a_lost_write_is_acknowledged_and_never_comes_to_the_disk(void **state) {
    (void)state;
    uint32_t shown = 0, found_out = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        put(&stage, LOG, 0, bytes_of_text("old"));
        world_disk(stage.world, 0)->lost_write_per_million = MILLION;
        assert_int_equal(stage_write(&stage, 0, LOG, 0, bytes_of_text("new")), DISK_OK);
        assert_true(holds(&stage, 0, LOG, bytes_of_text("new")));
        assert_int_equal(stage_sync(&stage, 0, LOG), DISK_OK);
        bool shows = holds(&stage, 0, LOG, bytes_of_text("new"));
        assert_true(shows || holds(&stage, 0, LOG, bytes_of_text("old")));
        shown += shows;
        found_out += !shows;
        stage_bounce(&stage, 0, CRASH_POWER);
        assert_true(holds(&stage, 0, LOG, bytes_of_text("old")));
        stage_close(&stage);
    }
    assert_true(shown > 20 && found_out > 20);
}

static void what_is_written_over_a_lost_write_is_there(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        static uint8_t first[9000], second[9000];
        memset(first, 'a', sizeof first);
        memset(second, 'b', sizeof second);
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        put(&stage, LOG, 0, bytes_of(first, sizeof first));
        world_disk(stage.world, 0)->lost_write_per_million = MILLION;
        (void)stage_write(&stage, 0, LOG, 0, bytes_of(second, sizeof second));
        world_disk(stage.world, 0)->lost_write_per_million = 0;
        (void)stage_write(&stage, 0, LOG, 4000, bytes_of(second, 5000));
        assert_int_equal(stage_sync(&stage, 0, LOG), DISK_OK);
        stage_bounce(&stage, 0, CRASH_POWER);
        memcpy(first + 4000, second, 5000);
        assert_true(holds(&stage, 0, LOG, bytes_of(first, sizeof first)));
        stage_close(&stage);
    }
}

/* A disk of two files of eight sectors, each sector with a letter of its own. */
enum { SECTORS = 8 };
static void fill_sectors(uint8_t *bytes, char first) {
    for (size_t i = 0; i < SECTORS * SECTOR; i++)
        bytes[i] = (uint8_t)(first + (char)(i / SECTOR));
}

static uint32_t count_of(const struct buffer *read, uint8_t letter) {
    uint32_t count = 0;
    for (size_t i = 0; i < read->size; i++)
        count += read->data[i] == letter;
    return count;
}

static void a_misdirected_write_lands_on_another_sector_and_the_right_one_stays_old(void **state) {
    (void)state;
    static uint8_t log[SECTORS * SECTOR], table[SECTORS * SECTOR], written[SECTOR];
    fill_sectors(log, 'a');
    fill_sectors(table, 'A');
    memset(written, '!', sizeof written);
    uint32_t in_log = 0, in_table = 0, nowhere = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage stage;
        struct buffer read = {0};
        stage_open(&stage, seed, 1, NULL);
        put(&stage, LOG, 0, bytes_of(log, sizeof log));
        put(&stage, TABLE, 0, bytes_of(table, sizeof table));
        world_disk(stage.world, 0)->misdirected_write_per_million = MILLION;
        assert_int_equal(stage_write(&stage, 0, LOG, 2 * SECTOR, bytes_of(written, SECTOR)),
                         DISK_OK);
        assert_int_equal(stage_sync(&stage, 0, LOG), DISK_OK);
        stage_bounce(&stage, 0, CRASH_POWER);
        assert_int_equal(stage_read(&stage, 0, LOG, 0, 100000, &read), DISK_OK);
        uint32_t here = count_of(&read, '!');
        assert_int_equal(count_of(&read, 'c'), SECTOR);
        assert_int_equal(read.size, sizeof log);
        assert_int_equal(stage_read(&stage, 0, TABLE, 0, 100000, &read), DISK_OK);
        uint32_t there = count_of(&read, '!');
        assert_int_equal(read.size, sizeof table);
        assert_true((here == 0 || here == SECTOR) && (there == 0 || there == SECTOR));
        assert_true(here == 0 || there == 0);
        in_log += here > 0;
        in_table += there > 0;
        nowhere += here + there == 0;
        buffer_deinit(&read);
        stage_close(&stage);
    }
    assert_true(in_log > SEEDS / 4 && in_table > SEEDS / 4);
    assert_true(nowhere < SEEDS / 4); /* the right address, by chance: it is not written at all */
}

static void a_write_that_strays_into_dirty_bytes_does_not_show_there(void **state) {
    (void)state;
    static uint8_t log[SECTORS * SECTOR], changed[SECTORS * SECTOR], written[SECTOR];
    fill_sectors(log, 'a');
    fill_sectors(changed, 'A');
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        put(&stage, LOG, 0, bytes_of(log, sizeof log));
        assert_int_equal(stage_write(&stage, 0, LOG, 0, bytes_of(changed, sizeof changed)),
                         DISK_OK);
        world_disk(stage.world, 0)->misdirected_write_per_million = MILLION;
        (void)stage_write(&stage, 0, TABLE, 0, bytes_of(written, sizeof written));
        assert_true(holds(&stage, 0, LOG, bytes_of(changed, sizeof changed)));
        assert_int_equal(stage_sync(&stage, 0, LOG), DISK_OK);
        stage_bounce(&stage, 0, CRASH_POWER);
        assert_true(holds(&stage, 0, LOG, bytes_of(changed, sizeof changed)));
        stage_close(&stage);
    }
}

static uint32_t bits_between(const struct buffer *read, const uint8_t *written) {
    uint32_t bits = 0;
    for (size_t i = 0; i < read->size; i++)
        bits += (uint32_t)__builtin_popcount((unsigned)(read->data[i] ^ written[i]));
    return bits;
}

static void bits_rot_in_the_kind_of_file_that_was_named(void **state) {
    (void)state;
    static uint8_t log[SECTORS * SECTOR], table[SECTORS * SECTOR];
    fill_sectors(log, 'a');
    fill_sectors(table, 'A');
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct stage stage;
        struct buffer read = {0};
        stage_open(&stage, seed, 1, NULL);
        put(&stage, LOG, 0, bytes_of(log, sizeof log));
        put(&stage, TABLE, 0, bytes_of(table, sizeof table));
        world_rot_disk(stage.world, 0, 1u << FILE_TABLE, 3);
        world_rot_disk(stage.world, 0, 1u << FILE_MANIFEST, 3);
        assert_true(holds(&stage, 0, LOG, bytes_of(log, sizeof log)));
        assert_int_equal(stage_read(&stage, 0, TABLE, 0, 100000, &read), DISK_OK);
        uint32_t bits = bits_between(&read, table);
        assert_true(bits == 3 || bits == 1); /* one may have flipped back */
        stage_bounce(&stage, 0, CRASH_POWER);
        assert_int_equal(stage_read(&stage, 0, TABLE, 0, 100000, &read), DISK_OK);
        assert_int_equal(bits_between(&read, table), bits);
        buffer_deinit(&read);
        stage_close(&stage);
    }
}

static void bits_rot_by_themselves_at_the_rate_that_was_set(void **state) {
    (void)state;
    static uint8_t log[100000];
    struct world_defaults defaults;
    stage_defaults(&defaults);
    struct stage stage;
    struct buffer read = {0};
    stage_open(&stage, 1, 1, &defaults);
    put(&stage, LOG, 0, bytes_of(log, sizeof log));
    world_disk(stage.world, 0)->rot_every =
        (struct distribution){.kind = DISTRIBUTION_EXPONENTIAL, .mean = 100000000};
    (void)stage_list(&stage, 0, 0);
    stage_run(&stage, 20000000);
    assert_int_equal(stage_read(&stage, 0, LOG, 0, sizeof log, &read), DISK_OK);
    assert_in_range(bits_between(&read, log), 150, 250);
    buffer_deinit(&read);
    stage_close(&stage);
}

static void a_bit_that_rots_under_a_write_is_healed_by_the_sync(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        put(&stage, LOG, 0, bytes_of_text("old"));
        (void)stage_write(&stage, 0, LOG, 0, bytes_of_text("new"));
        world_rot_disk(stage.world, 0, 1u << FILE_LOG, 1);
        assert_true(holds(&stage, 0, LOG, bytes_of_text("new")));
        assert_int_equal(stage_sync(&stage, 0, LOG), DISK_OK);
        stage_bounce(&stage, 0, CRASH_POWER);
        assert_true(holds(&stage, 0, LOG, bytes_of_text("new")));
        stage_close(&stage);
    }
}

static void after_a_failed_sync_the_cache_may_go_on_showing_what_the_disk_has_not(void **state) {
    (void)state;
    uint32_t lost = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage stage;
        stage_open(&stage, seed, 1, NULL);
        put(&stage, LOG, 0, bytes_of_text("old"));
        (void)stage_write(&stage, 0, LOG, 0, bytes_of_text("new"));
        world_disk(stage.world, 0)->sync_error_aftermath = AFTERMATH_SHOWS;
        world_disk(stage.world, 0)->sync_error_per_million = MILLION;
        assert_int_equal(stage_sync(&stage, 0, LOG), DISK_ERROR);
        world_disk(stage.world, 0)->sync_error_per_million = 0;
        assert_true(holds(&stage, 0, LOG, bytes_of_text("new")));
        assert_int_equal(stage_sync(&stage, 0, LOG), DISK_OK);
        stage_bounce(&stage, 0, CRASH_KILL);
        assert_true(holds(&stage, 0, LOG, bytes_of_text("new")));
        stage_bounce(&stage, 0, CRASH_POWER);
        lost += holds(&stage, 0, LOG, bytes_of_text("old"));
        stage_close(&stage);
    }
    assert_true(lost > SEEDS / 4);
}

static void swapped_disks_keep_their_files_and_lose_what_was_not_synced(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, 1, 2, NULL);
    put(&stage, LOG, 0, bytes_of_text("of n0"));
    assert_int_equal(stage_write(&stage, 1, LOG, 0, bytes_of_text("of n1")), DISK_OK);
    assert_int_equal(stage_sync(&stage, 1, LOG), DISK_OK);
    assert_int_equal(stage_sync_directory(&stage, 1), DISK_OK);
    world_snapshot_disk(stage.world, 1);
    for (uint32_t i = 0; i < 2; i++)
        world_crash_host(stage.world, i, CRASH_POWER);
    world_swap_disks(stage.world, 0, 1);
    for (uint32_t i = 0; i < 2; i++)
        world_start_host(stage.world, i);
    stage_run(&stage, 0);
    assert_true(holds(&stage, 0, LOG, bytes_of_text("of n1")));
    assert_true(holds(&stage, 1, LOG, bytes_of_text("of n0")));
    assert_int_equal(stage_write(&stage, 0, LOG, 0, bytes_of_text("later")), DISK_OK);
    for (uint32_t i = 0; i < 2; i++)
        stage_bounce(&stage, i, CRASH_POWER);
    world_crash_host(stage.world, 0, CRASH_POWER);
    world_rollback_disk(stage.world, 0);
    world_start_host(stage.world, 0);
    stage_run(&stage, 0);
    assert_true(holds(&stage, 0, LOG, bytes_of_text("of n1")));
    assert_true(holds(&stage, 1, LOG, bytes_of_text("of n0")));
    stage_close(&stage);
}

/* When each of many operations completed, and with what outcome: chance decides both. */
static uint64_t fingerprint(const struct disk_settings *disk) {
    struct world_defaults defaults;
    stage_defaults(&defaults);
    defaults.disk = *disk;
    struct stage stage;
    stage_open(&stage, 9, 1, &defaults);
    uint64_t print = 0;
    for (uint64_t i = 0; i < 200; i++) {
        static uint8_t bytes[700];
        struct buffer read = {0};
        print = print * 31 + (uint64_t)stage_write(&stage, 0, LOG, i * 100, bytes_of(bytes, 700));
        print = print * 31 + (uint64_t)stage_sync(&stage, 0, LOG);
        print = print * 31 + (uint64_t)stage_read(&stage, 0, LOG, 0, 10, &read);
        print = print * 31 + stage_microseconds(&stage);
        buffer_deinit(&read);
    }
    stage_close(&stage);
    return print;
}

static void no_accident_shifts_when_and_how_anything_else_happens(void **state) {
    (void)state;
    struct world_defaults defaults;
    stage_defaults(&defaults);
    struct disk_settings plain = defaults.disk;
    plain.read_latency = plain.write_latency = plain.sync_latency =
        (struct distribution){.kind = DISTRIBUTION_UNIFORM, .low = 10000, .high = 9000000};
    plain.read_error_per_million = plain.write_error_per_million = plain.sync_error_per_million =
        200000;
    uint64_t expected = fingerprint(&plain);
    for (unsigned i = 0; i < 5; i++) {
        struct disk_settings disk = plain;
        disk.lost_write_per_million = i == 0 ? 300000 : 0;
        disk.misdirected_write_per_million = i == 1 ? 300000 : 0;
        disk.bit_rot_per_million = i == 2 ? 300000 : 0;
        disk.rot_every.low = i == 3 ? 5000000 : 0;
        disk.sync_error_aftermath = i == 4 ? AFTERMATH_SHOWS : AFTERMATH_FORGETS;
        assert_int_equal(fingerprint(&disk), expected);
    }
    struct disk_settings other = plain;
    other.write_error_per_million = 100000;
    assert_int_not_equal(fingerprint(&other), expected);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(now_and_then_everything_takes_longer_for_a_while),
        cmocka_unit_test(unsynced_sectors_reach_the_disk_in_any_order),
        cmocka_unit_test(a_lost_write_is_acknowledged_and_never_comes_to_the_disk),
        cmocka_unit_test(what_is_written_over_a_lost_write_is_there),
        cmocka_unit_test(a_misdirected_write_lands_on_another_sector_and_the_right_one_stays_old),
        cmocka_unit_test(a_write_that_strays_into_dirty_bytes_does_not_show_there),
        cmocka_unit_test(bits_rot_in_the_kind_of_file_that_was_named),
        cmocka_unit_test(bits_rot_by_themselves_at_the_rate_that_was_set),
        cmocka_unit_test(a_bit_that_rots_under_a_write_is_healed_by_the_sync),
        cmocka_unit_test(after_a_failed_sync_the_cache_may_go_on_showing_what_the_disk_has_not),
        cmocka_unit_test(swapped_disks_keep_their_files_and_lose_what_was_not_synced),
        cmocka_unit_test(no_accident_shifts_when_and_how_anything_else_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
