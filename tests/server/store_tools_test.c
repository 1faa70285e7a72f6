/* What `dunlin store` says of real directories, sound and damaged ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "engine/store/table_format.h"
#include "server/blocking_store.h"
#include "server/store_check.h"
#include "server/store_view.h"
#include "server/subcommand.h"
#include "server/subcommand_store.h"

enum { KEYS = 60, PATH_SIZE = 128 };

static const uint64_t FAR_AHEAD = 4000000000000; /* in the year 2096 */

static char base[PATH_SIZE];

static int make_base(void **state) {
    (void)state;
    strcpy(base, "/tmp/dunlin-store-tools-XXXXXX");
    return mkdtemp(base) != NULL ? 0 : -1;
}

static int remove_base(void **state) {
    char command[PATH_SIZE + 16];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", base);
    return system(command);
}

/* One name has one place, for as long as the test runs. */
static const char *path_of(const char *name) {
    static char paths[32][2 * PATH_SIZE];
    char path[2 * PATH_SIZE];
    size_t i = 0;
    snprintf(path, sizeof path, "%s/%s", base, name);
    while (paths[i][0] != 0 && strcmp(paths[i], path) != 0)
        i++;
    return strcpy(paths[i], path);
}

static struct store_config small_config(void) {
    struct store_config config = store_config_default();
    config.memtable_bytes = 1024;
    config.block_bytes = 300;
    config.table_bytes = 1024;
    config.log_segment_bytes = 2048;
    config.tally_count = 4 * STORE_TALLIES_PER_PAGE;
    return config;
}

static void put(struct blocking_store *store, uint32_t key, uint32_t round) {
    char name[32], value[64];
    snprintf(name, sizeof name, "%c%06u", key % 2 == 0 ? 'x' : 'y', key);
    snprintf(value, sizeof value, "round %u of key %u, %u", round, key, key * 77);
    struct store_batch batch = {
        .count = 1, .entries = {{.key = bytes_of_text(name), .value = bytes_of_text(value)}}};
    /* Some expire, but not soon. */
    if (key % 7 == 3)
        batch.entries[0].expires.milliseconds = FAR_AHEAD + key;
    assert_int_equal(blocking_store_write(store, &batch, true), STORE_OK);
}

/* A store with tables, removed ranges and, when it was not closed, a log. */
static void make_store(const char *path, bool closes) {
    struct buffer problem = {0};
    struct store_config config = small_config();
    struct blocking_store *store = blocking_store_open(path, &config, &problem);
    assert_non_null(store);
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t key = 0; key < KEYS; key++)
            put(store, key, round);
    }
    for (uint32_t key = 0; key < 5; key++)
        put(store, key, 9);
    if (closes)
        assert_true(blocking_store_close(store, &problem));
    else
        blocking_store_drop(store);
    buffer_deinit(&problem);
}

struct verdict {
    uint64_t problems, entries, hash; /* hash of all live entries; 0 when they cannot be read */
};

static void add_entries(const struct stopped_store *stopped, struct verdict *verdict) {
    struct buffer problem = {0};
    struct store_entry entry;
    enum store_status status;
    struct store_view *view = store_view_open(stopped, &problem);
    buffer_deinit(&problem);
    if (view == NULL)
        return;
    verdict->hash = 1;
    while ((status = store_view_next(view, (struct bytes){0}, &entry)) == STORE_OK) {
        verdict->hash = hash64_seeded(entry.key, verdict->hash);
        verdict->hash = hash64_seeded(entry.value, verdict->hash);
        verdict->entries++;
    }
    if (status != STORE_ABSENT)
        verdict->hash = 0;
    store_view_close(view);
}

static struct verdict judge(const char *path) {
    struct verdict verdict = {0};
    struct stopped_store stopped;
    struct found_manifest found;
    struct store_report report;
    struct buffer problem = {0};
    assert_true(stopped_store_open(&stopped, path, false, &problem));
    stopped_store_manifest(&stopped, &found);
    store_report_init(&report, false, true, stopped.file_count);
    store_check(&stopped, &found, &report);
    verdict.problems = report.problems;
    if (report.problems == 0)
        add_entries(&stopped, &verdict);
    store_report_deinit(&report);
    manifest_state_deinit(&found.state);
    stopped_store_close(&stopped);
    return verdict;
}

/* Runs `dunlin store ...` with what it prints going nowhere. */
static int run(const char *what, const char *first, const char *second, const char *option) {
    char *words[] = {(char *)"store", (char *)what, (char *)first, NULL, NULL, NULL};
    int count = 3;
    if (second != NULL)
        words[count++] = (char *)second;
    if (option != NULL)
        words[count++] = (char *)option;
    fflush(stdout);
    fflush(stderr);
    int nowhere = open("/dev/null", O_WRONLY), out = dup(1), error = dup(2);
    dup2(nowhere, 1);
    dup2(nowhere, 2);
    optind = 1;
    int code = subcommand_store(count, words);
    fflush(stdout);
    fflush(stderr);
    dup2(out, 1);
    dup2(error, 2);
    close(nowhere);
    close(out);
    close(error);
    return code;
}

static void copy_store(const char *from, const char *to) {
    char command[6 * PATH_SIZE];
    snprintf(command, sizeof command, "rm -rf %s && cp -a %s %s", to, from, to);
    assert_int_equal(system(command), 0);
}

static void flip(const char *path, struct file_id file, uint64_t offset) {
    char name[FILE_NAME_SIZE], whole[4 * PATH_SIZE];
    uint8_t byte;
    file_name(file, name);
    snprintf(whole, sizeof whole, "%s/%s", path, name);
    int descriptor = open(whole, O_RDWR);
    assert_true(descriptor >= 0);
    assert_int_equal(pread(descriptor, &byte, 1, (off_t)offset), 1);
    byte = (uint8_t)(byte ^ 1u << (offset * 5 + 3) % 8);
    assert_int_equal(pwrite(descriptor, &byte, 1, (off_t)offset), 1);
    close(descriptor);
}

static void a_store_is_sound_whether_it_was_closed_or_killed(void **state) {
    (void)state;
    for (int closes = 0; closes < 2; closes++) {
        const char *path = path_of(closes ? "closed" : "killed");
        make_store(path, closes);
        struct verdict verdict = judge(path);
        assert_int_equal(verdict.problems, 0);
        assert_int_equal(verdict.entries, KEYS);
        assert_int_equal(run("check", path, NULL, NULL), EXIT_DONE);
        assert_int_equal(run("check", path, NULL, "--json"), EXIT_DONE);
        assert_int_equal(run("stats", path, NULL, NULL), EXIT_DONE);
        assert_int_equal(run("stats", path, NULL, "--json"), EXIT_DONE);
        assert_int_equal(run("dump", path, NULL, NULL), EXIT_DONE);
        assert_int_equal(run("dump", path, NULL, "--json"), EXIT_DONE);
        assert_int_equal(run("repair", path, NULL, "--yes"), EXIT_DONE);
        assert_int_equal(judge(path).hash, verdict.hash);
    }
}

/* Walks over the bytes of what counts, so far apart; EVERY_BYTE=1 in the environment leaves none out. */
static void for_each_byte(const char *path, uint64_t step, uint64_t from,
                          void (*visit)(const char *, struct file_id, uint64_t)) {
    if (getenv("EVERY_BYTE") != NULL)
        step = 1;
    struct stopped_store stopped;
    struct buffer problem = {0};
    uint64_t at = from;
    assert_true(stopped_store_open(&stopped, path, false, &problem));
    for (size_t i = 0; i < stopped.file_count; i++) {
        for (; at < stopped.files[i].size; at += step)
            visit(path, stopped.files[i].file, at);
        at -= stopped.files[i].size;
    }
    stopped_store_close(&stopped);
}

static uint64_t sound_hash;

static void expect_seen_or_harmless(const char *path, struct file_id file, uint64_t offset) {
    flip(path, file, offset);
    struct verdict verdict = judge(path);
    if (verdict.problems == 0 && verdict.hash != sound_hash) {
        char name[FILE_NAME_SIZE];
        file_name(file, name);
        fail_msg("%s: a flipped bit of byte %llu is not seen, and changes what is read", name,
                 (unsigned long long)offset);
    }
    flip(path, file, offset);
}

static void a_flipped_bit_is_reported_or_harmless(void **state) {
    (void)state;
    const char *path = path_of("flipped");
    make_store(path, true);
    sound_hash = judge(path).hash;
    for_each_byte(path, 7, 0, expect_seen_or_harmless);
}

/* Of what was never synced the end may be cut: then less is read, and nothing else. */
static void expect_seen_or_cut(const char *path, struct file_id file, uint64_t offset) {
    flip(path, file, offset);
    struct verdict verdict = judge(path);
    assert_true(verdict.problems > 0 || verdict.hash == sound_hash || file.kind == FILE_LOG);
    flip(path, file, offset);
}

static void a_flipped_bit_of_a_store_that_was_killed_is_reported_or_cuts_its_log(void **state) {
    (void)state;
    const char *path = path_of("flipped-killed");
    make_store(path, false);
    sound_hash = judge(path).hash;
    for_each_byte(path, 53, 0, expect_seen_or_cut);
}

static void expect_repair(const char *path, struct file_id file, uint64_t offset) {
    const char *copy = path_of("repaired");
    struct buffer problem = {0};
    copy_store(path, copy);
    flip(copy, file, offset);
    bool damaged = judge(copy).problems > 0;
    int code = run("repair", copy, NULL, "--yes");
    struct verdict verdict = judge(copy);
    if (code != EXIT_DONE || verdict.problems > 0) {
        char name[FILE_NAME_SIZE];
        file_name(file, name);
        fail_msg("%s: with a flipped bit of byte %llu it cannot be repaired (%d)", name,
                 (unsigned long long)offset, code);
    }
    struct store_config config = small_config();
    config.salvages = true;
    struct blocking_store *store = blocking_store_open(copy, &config, &problem);
    assert_non_null(store);
    assert_false(store_was_born(blocking_store_engine(store)));
    if (damaged)
        assert_true(store_was_rolled_back(blocking_store_engine(store)));
    put(store, 3, 10);
    assert_true(blocking_store_close(store, &problem));
    buffer_deinit(&problem);
}

static void a_damaged_store_is_repaired_and_starts_again(void **state) {
    (void)state;
    for (int closes = 0; closes < 2; closes++) {
        const char *path = path_of(closes ? "broken" : "broken-killed");
        make_store(path, closes);
        for_each_byte(path, 499, 40, expect_repair);
    }
}

static void a_missing_table_is_reported_and_repaired(void **state) {
    (void)state;
    const char *path = path_of("missing");
    char command[6 * PATH_SIZE];
    make_store(path, true);
    snprintf(command, sizeof command, "rm $(ls %s/*.table | head -1)", path);
    assert_int_equal(system(command), 0);
    assert_int_equal(run("check", path, NULL, NULL), EXIT_FAILED);
    assert_int_equal(run("repair", path, NULL, "--yes"), EXIT_DONE);
    assert_int_equal(run("check", path, NULL, NULL), EXIT_DONE);
}

/* Says of the first step of the table's expiries that it ends a millisecond early, under a right checksum. */
static bool forge_expiries(const char *path, struct file_id file) {
    char name[FILE_NAME_SIZE], whole[4 * PATH_SIZE];
    uint8_t bytes[64 * 1024];
    file_name(file, name);
    snprintf(whole, sizeof whole, "%s/%s", path, name);
    int descriptor = open(whole, O_RDWR);
    ssize_t size = read(descriptor, bytes, sizeof bytes);
    const uint8_t *footer = bytes + size - TABLE_FOOTER_SIZE;
    uint64_t at = load_u64(footer) + load_u64(footer + 8) + load_u64(footer + 16);
    size_t contents = (size_t)load_u64(footer + 24) - BLOCK_TRAILER_SIZE;
    /* Behind the properties' fixed part: no removed range, the number of steps, and the first one's time. */
    uint8_t *step = bytes + at + TABLE_PROPERTIES_SIZE + 2;
    bool expires = contents > TABLE_PROPERTIES_SIZE + 1 && (*step & 0x7f) > 0;
    if (expires) {
        --*step;
        uint64_t hash = hash64(bytes_of(bytes + at, contents + 1));
        memcpy(bytes + at + contents + 1, &hash, sizeof(uint32_t));
        assert_int_equal(pwrite(descriptor, bytes, (size_t)size, 0), size);
    }
    close(descriptor);
    return expires;
}

static void expiries_that_are_not_those_of_the_entries_are_reported(void **state) {
    (void)state;
    const char *path = path_of("forged");
    struct stopped_store stopped;
    struct buffer problem = {0};
    bool forged = false;
    make_store(path, true);
    assert_int_equal(run("check", path, NULL, NULL), EXIT_DONE);
    assert_true(stopped_store_open(&stopped, path, false, &problem));
    for (size_t i = 0; !forged && i < stopped.file_count; i++)
        forged =
            stopped.files[i].file.kind == FILE_TABLE && forge_expiries(path, stopped.files[i].file);
    stopped_store_close(&stopped);
    assert_true(forged);
    assert_int_equal(run("check", path, NULL, NULL), EXIT_FAILED);
}

static void a_store_in_use_is_refused(void **state) {
    (void)state;
    const char *path = path_of("used");
    struct buffer problem = {0};
    struct store_config config = small_config();
    struct blocking_store *store = blocking_store_open(path, &config, &problem);
    assert_non_null(store);
    assert_int_equal(run("check", path, NULL, NULL), EXIT_FAILED);
    assert_int_equal(run("repair", path, NULL, "--yes"), EXIT_FAILED);
    assert_true(blocking_store_close(store, &problem));
    assert_int_equal(run("check", path_of("nowhere"), NULL, NULL), EXIT_FAILED);
    assert_int_equal(run("look", path, NULL, NULL), EXIT_USAGE);
    assert_int_equal(run("check", path, path, NULL), EXIT_USAGE);
}

/* Makes a checkpoint as a node does; its directory is below the store's. */
static void make_checkpoint(const char *path, char checkpoint[4 * PATH_SIZE]) {
    struct buffer problem = {0};
    struct store_config config = small_config();
    uint32_t number = 0;
    char name[CHECKPOINT_NAME_SIZE];
    make_store(path, false);
    struct blocking_store *store = blocking_store_open(path, &config, &problem);
    assert_non_null(store);
    struct store *engine = blocking_store_engine(store);
    assert_int_equal(store_checkpoint(engine, &number), STORE_OK);
    while (store_checkpoint_state(engine, number) == CHECKPOINT_MAKING)
        (void)blocking_store_work(store);
    assert_int_equal(store_checkpoint_state(engine, number), CHECKPOINT_COMPLETE);
    for (uint32_t key = 0; key < KEYS; key++)
        put(store, key, 20);
    assert_true(blocking_store_close(store, &problem));
    checkpoint_name(number, name);
    snprintf(checkpoint, 4 * PATH_SIZE, "%s/%s", path, name);
}

static void a_checkpoint_is_restored_whole_or_not_at_all(void **state) {
    (void)state;
    char checkpoint[4 * PATH_SIZE];
    make_checkpoint(path_of("source"), checkpoint);
    struct verdict verdict = judge(checkpoint);
    assert_int_equal(verdict.problems, 0);
    assert_int_equal(verdict.entries, KEYS);
    assert_int_not_equal(verdict.hash, judge(path_of("source")).hash);
    assert_int_equal(run("restore", checkpoint, path_of("restored"), NULL), EXIT_DONE);
    assert_int_equal(judge(path_of("restored")).hash, verdict.hash);
    assert_int_equal(run("restore", checkpoint, path_of("restored"), NULL), EXIT_FAILED);
    assert_int_equal(run("restore", path_of("source"), path_of("other"), NULL), EXIT_FAILED);
    struct stopped_store stopped;
    struct buffer problem = {0};
    assert_true(stopped_store_open(&stopped, checkpoint, false, &problem));
    struct file_entry damaged = stopped.files[0];
    stopped_store_close(&stopped);
    flip(checkpoint, damaged.file, damaged.size / 3);
    assert_int_equal(run("restore", checkpoint, path_of("other"), NULL), EXIT_FAILED);
    struct stat facts;
    assert_int_equal(stat(path_of("other"), &facts), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_is_sound_whether_it_was_closed_or_killed),
        cmocka_unit_test(a_flipped_bit_is_reported_or_harmless),
        cmocka_unit_test(a_flipped_bit_of_a_store_that_was_killed_is_reported_or_cuts_its_log),
        cmocka_unit_test(a_damaged_store_is_repaired_and_starts_again),
        cmocka_unit_test(a_missing_table_is_reported_and_repaired),
        cmocka_unit_test(expiries_that_are_not_those_of_the_entries_are_reported),
        cmocka_unit_test(a_store_in_use_is_refused),
        cmocka_unit_test(a_checkpoint_is_restored_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, make_base, remove_base);
}
