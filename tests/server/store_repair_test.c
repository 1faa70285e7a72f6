/* What a repair of one bad block costs: the keys of that block, which are named, and no others; and what giving them up
 * makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "engine/base/text.h"
#include "server/blocking_store.h"
#include "server/stopped_store.h"
#include "server/subcommand.h"
#include "server/subcommand_store.h"

enum { KEYS = 400, PATH_SIZE = 128, SAID_SIZE = 65536, FLIP_STEP = 293 };

static char base[PATH_SIZE], sound[2 * PATH_SIZE], broken[2 * PATH_SIZE];
static char said[SAID_SIZE]; /* by the last command */

static int make_base(void **state) {
    (void)state;
    strcpy(base, "/tmp/dunlin-store-repair-XXXXXX");
    if (mkdtemp(base) == NULL)
        return -1;
    snprintf(sound, sizeof sound, "%s/sound", base);
    snprintf(broken, sizeof broken, "%s/broken", base);
    return 0;
}

static int remove_base(void **state) {
    char command[PATH_SIZE + 16];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", base);
    return system(command);
}

static struct store_config config_of(bool salvages) {
    struct store_config config = store_config_default();
    config.block_bytes = 400;
    config.tally_count = 4 * STORE_TALLIES_PER_PAGE;
    config.compression[0] = COMPRESSION_NONE;
    config.partition_above = 1000; /* an index and a filter in partitions */
    config.salvages = salvages;
    return config;
}

static struct blocking_store *open_store(const char *path, bool salvages) {
    struct buffer problem = {0};
    struct store_config config = config_of(salvages);
    struct blocking_store *store = blocking_store_open(path, &config, &problem);
    if (store == NULL)
        fail_msg("%.*s", (int)problem.size, (const char *)problem.data);
    return store;
}

static void close_store(struct blocking_store *store) {
    struct buffer problem = {0};
    assert_true(blocking_store_close(store, &problem));
    buffer_deinit(&problem);
}

static void name_key(uint32_t key, char name[32], char value[64]) {
    snprintf(name, 32, "key-%05u", key * 7);
    snprintf(value, 64, "the value of key %u, which is %u", key, key * key);
}

/* One table. */
static void make_store(void) {
    struct blocking_store *store = open_store(sound, false);
    for (uint32_t key = 0; key < KEYS; key++) {
        char name[32], value[64];
        name_key(key, name, value);
        struct store_batch batch = {
            .count = 1, .entries = {{.key = bytes_of_text(name), .value = bytes_of_text(value)}}};
        assert_int_equal(blocking_store_write(store, &batch, false), STORE_OK);
    }
    close_store(store);
}

static struct file_entry table_of(const char *path) {
    struct stopped_store stopped;
    struct buffer problem = {0};
    struct file_entry table = {0};
    assert_true(stopped_store_open(&stopped, path, false, &problem));
    for (size_t i = 0; i < stopped.file_count; i++) {
        if (stopped.files[i].file.kind == FILE_TABLE)
            table = stopped.files[i];
    }
    stopped_store_close(&stopped);
    assert_true(table.size > 0);
    return table;
}

static void break_copy(uint64_t offset) {
    char command[8 * PATH_SIZE], whole[4 * PATH_SIZE], name[FILE_NAME_SIZE];
    uint8_t byte;
    snprintf(command, sizeof command, "rm -rf %s && cp -a %s %s", broken, sound, broken);
    assert_int_equal(system(command), 0);
    file_name(table_of(broken).file, name);
    snprintf(whole, sizeof whole, "%s/%s", broken, name);
    int descriptor = open(whole, O_RDWR);
    assert_int_equal(pread(descriptor, &byte, 1, (off_t)offset), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(descriptor, &byte, 1, (off_t)offset), 1);
    close(descriptor);
}

static int repair(const char *first, const char *second) {
    char path[2 * PATH_SIZE];
    char *words[] = {(char *)"store", (char *)"repair", broken,
                     (char *)first,   (char *)second,   NULL};
    snprintf(path, sizeof path, "%s/said", base);
    fflush(stdout);
    int to = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600), out = dup(1);
    dup2(to, 1);
    optind = 1;
    int code = subcommand_store(second == NULL ? 4 : 5, words);
    fflush(stdout);
    dup2(out, 1);
    ssize_t size = pread(to, said, SAID_SIZE - 1, 0);
    said[size < 0 ? 0 : size] = 0;
    close(out);
    close(to);
    return code;
}

static bool is_named(struct store *store, const char *name) {
    struct store_damage damage = {0};
    while (store_next_damage(store, damage.id, &damage)) {
        int behind = bytes_compare(bytes_of_text(name), damage.from);
        bool before = damage.to.size > 0 && bytes_compare(bytes_of_text(name), damage.to) > 0;
        if ((behind > 0 || (behind == 0 && !damage.after)) && !before)
            return true;
    }
    return false;
}

/* How many keys are answered by `lost`; the others have their values, and are not named. */
static uint32_t count_lost(bool salvages, enum store_status lost) {
    uint32_t count = 0;
    struct blocking_store *store = open_store(broken, salvages);
    for (uint32_t key = 0; key < KEYS; key++) {
        char name[32], expected[64];
        struct bytes value;
        name_key(key, name, expected);
        enum store_status status = blocking_store_get(store, bytes_of_text(name), &value);
        if (status != STORE_OK) {
            assert_int_equal(status, lost);
            assert_true(lost == STORE_ABSENT || is_named(blocking_store_engine(store), name));
            count++;
            continue;
        }
        assert_true(bytes_equal(value, bytes_of_text(expected)));
    }
    close_store(store);
    return count;
}

/* A bit of each block in turn, of index and filter partitions too. */
static void a_bad_block_costs_its_keys_and_no_others(void **state) {
    (void)state;
    uint64_t size = table_of(sound).size;
    uint32_t kept = 0, all = 0;
    for (uint64_t at = 5; at < size; at += FLIP_STEP) {
        break_copy(at);
        assert_int_equal(repair("--yes", NULL), EXIT_DONE);
        assert_non_null(strstr(said, "repaired"));
        uint32_t lost = count_lost(true, STORE_CORRUPT);
        all += lost == KEYS;
        kept += lost < KEYS / 8;
        assert_true(lost == 0 || strstr(said, "may be lost: by 0000") != NULL);
    }
    /* What a table is opened with is lost with all of it. */
    assert_true(kept > 50 && all < 8);
}

static void what_is_given_up_counts_as_absent(void **state) {
    (void)state;
    break_copy(700);
    assert_int_equal(repair("--yes", "--give-up"), EXIT_DONE);
    uint32_t lost = count_lost(true, STORE_CORRUPT);
    assert_true(lost > 0 && lost < KEYS / 8);
    /* Kept in quarantine until that is said of a store that needs no other repair. */
    assert_int_equal(repair("--yes", NULL), EXIT_DONE);
    assert_non_null(strstr(said, "--give-up"));
    assert_int_equal(count_lost(true, STORE_CORRUPT), lost);
    assert_int_equal(repair("--yes", "--give-up"), EXIT_DONE);
    assert_non_null(strstr(said, "given up"));
    assert_int_equal(count_lost(true, STORE_ABSENT), lost);
    assert_int_equal(repair("--yes", NULL), EXIT_DONE);
    assert_non_null(strstr(said, "there is nothing to repair"));
}

static void programs_are_told_the_ranges(void **state) {
    (void)state;
    break_copy(700);
    assert_int_equal(repair("--yes", "--json"), EXIT_DONE);
    assert_int_equal(strncmp(said, "{\"lost\":[", 9), 0);
    assert_non_null(strstr(said, "\"offset\":"));
    assert_non_null(strstr(said, "\"after\":true,\"from\":\"key-"));
    assert_non_null(strstr(said, "\"to\":\"key-"));
    assert_non_null(strstr(said, "\"aside\":["));
    assert_non_null(strstr(said, "\"done\":true}"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_block_costs_its_keys_and_no_others),
        cmocka_unit_test(what_is_given_up_counts_as_absent),
        cmocka_unit_test(programs_are_told_the_ranges),
    };
    if (make_base(NULL) != 0)
        return 1;
    make_store();
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    return failures + (remove_base(NULL) != 0);
}
