/* What `dunlin store check` and what reads a stopped store say of every flipped bit of small stores: each is reported, or
 * what is read is the same. All in this process: the directory is opened once, and each bit is flipped beneath it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "server/blocking_store.h"
#include "server/store_check.h"
#include "server/store_view.h"

enum { PATH_SIZE = 128, BITS_PER_BYTE = 8 };

static char base[PATH_SIZE];

static int make_base(void **state) {
    (void)state;
    strcpy(base, "/tmp/dunlin-store-bits-XXXXXX");
    return mkdtemp(base) != NULL ? 0 : -1;
}

static int remove_base(void **state) {
    char command[PATH_SIZE + 16];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", base);
    return system(command);
}

static void put(struct blocking_store *store, const char *key, const char *value, bool removed) {
    struct store_batch batch = {
        .count = 1,
        .entries = {
            {.key = bytes_of_text(key), .value = bytes_of_text(value), .removed = removed}}};
    assert_int_equal(blocking_store_write(store, &batch, true), STORE_OK);
}

static void make_checkpoint(struct blocking_store *store) {
    uint32_t number = 0;
    assert_int_equal(store_checkpoint(blocking_store_engine(store), &number), STORE_OK);
    assert_int_equal(number, 1);
    while (store_checkpoint_state(blocking_store_engine(store), number) == CHECKPOINT_MAKING)
        (void)blocking_store_work(store);
}

/* A few entries in a table of several blocks, and, when it is not closed, in a log. */
static void make_store(const char *path, bool closes) {
    struct buffer problem = {0};
    struct store_config config = store_config_default();
    config.block_bytes = 60;
    config.log_allocates = false;
    config.tally_count = STORE_TALLIES_PER_PAGE;
    struct blocking_store *store = blocking_store_open(path, &config, &problem);
    assert_non_null(store);
    put(store, "apple", "red, and round", false);
    put(store, "cherry", "red, and small", false);
    put(store, "elder", "black, and many of them", false);
    put(store, "cherry", "", true);
    make_checkpoint(store);
    put(store, "fig", "green", false);
    put(store, "apple", "yellow", false);
    if (closes)
        assert_true(blocking_store_close(store, &problem));
    else
        blocking_store_drop(store);
    buffer_deinit(&problem);
}

/* 0 when something is damaged, else a hash of all that is read. */
static uint64_t judge(const struct stopped_store *stopped) {
    struct found_manifest found;
    struct store_report report;
    struct buffer problem = {0};
    struct store_entry entry;
    uint64_t hash = 1;
    stopped_store_manifest(stopped, &found);
    store_report_init(&report, false, true, stopped->file_count);
    store_check(stopped, &found, &report);
    bool sound = report.problems == 0;
    struct store_view *view = sound ? store_view_open(stopped, &problem) : NULL;
    enum store_status status = STORE_ABSENT;
    while (view != NULL &&
           (status = store_view_next(view, (struct bytes){0}, &entry)) == STORE_OK) {
        hash = hash64_seeded(entry.key, hash);
        hash = hash64_seeded(entry.value, hash);
    }
    store_view_close(view);
    store_report_deinit(&report);
    manifest_state_deinit(&found.state);
    buffer_deinit(&problem);
    return view != NULL && status == STORE_ABSENT ? hash : 0;
}

static int open_file(const char *path, struct file_id file) {
    char name[FILE_NAME_SIZE], whole[4 * PATH_SIZE];
    file_name(file, name);
    snprintf(whole, sizeof whole, "%s/%s", path, name);
    int descriptor = open(whole, O_RDWR);
    assert_true(descriptor >= 0);
    return descriptor;
}

static void flip(int descriptor, uint64_t bit) {
    uint8_t byte;
    off_t at = (off_t)(bit / BITS_PER_BYTE);
    assert_int_equal(pread(descriptor, &byte, 1, at), 1);
    byte = (uint8_t)(byte ^ 1u << bit % BITS_PER_BYTE);
    assert_int_equal(pwrite(descriptor, &byte, 1, at), 1);
}

/* Of what was never proven synced the end may be cut: then less is read, and nothing else. */
static bool may_cut(struct file_id file, bool closed) {
    return file.kind == FILE_LOG && !closed;
}

static void flip_every_bit(const char *path, bool closed) {
    struct stopped_store stopped;
    struct buffer problem = {0};
    uint64_t seen = 0, all = 0;
    assert_true(stopped_store_open(&stopped, path, false, &problem));
    uint64_t sound = judge(&stopped);
    assert_true(sound != 0);
    for (size_t i = 0; i < stopped.file_count; i++) {
        struct file_id file = stopped.files[i].file;
        int descriptor = open_file(path, file);
        for (uint64_t bit = 0; bit < stopped.files[i].size * BITS_PER_BYTE; bit++) {
            flip(descriptor, bit);
            uint64_t judged = judge(&stopped);
            flip(descriptor, bit);
            if (judged != 0 && judged != sound && !may_cut(file, closed))
                fail_msg(
                    "%s: bit %llu of kind %d, number %llu is not seen, and changes what is read",
                    path, (unsigned long long)bit, (int)file.kind, (unsigned long long)file.number);
            seen += judged == 0;
            all++;
        }
        close(descriptor);
    }
    stopped_store_close(&stopped);
    printf("%s: %llu of %llu flipped bits are reported, the others are harmless\n", path,
           (unsigned long long)seen, (unsigned long long)all);
    assert_true(seen > all / 2);
}

static void every_flipped_bit_is_reported_or_harmless(void **state) {
    (void)state;
    for (int closes = 0; closes < 2; closes++) {
        char path[2 * PATH_SIZE], checkpoint[3 * PATH_SIZE];
        snprintf(path, sizeof path, "%s/%s", base, closes ? "closed" : "killed");
        snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint-000001", path);
        make_store(path, closes);
        flip_every_bit(path, closes);
        if (closes)
            flip_every_bit(checkpoint, true);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flipped_bit_is_reported_or_harmless),
    };
    return cmocka_run_group_tests(tests, make_base, remove_base);
}
