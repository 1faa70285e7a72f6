/* Every bit of every file of small stores, flipped, and every place at which one may be cut off: the start ends in a
 * sentence, or what is read is right or STORE_CORRUPT. Nothing is left out and nothing is drawn: the stores are small enough.
 *
 * A failure prints the store, the file, the offset and the bit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/memory.h"
#include "engine/store/log_record.h"
#include "tests/store/support/trial.h"

/* What is lost without a word lies in the last record of the log: nothing vouches for it. */
struct sample {
    const char *name, *history;
    bool salvages;   /* the store serves whatever was lost */
    bool loses;      /* a block is lost before: there are facts of it */
    bool checkpoint; /* the files of a checkpoint, as a store of its own */
};

#define LOG_HISTORY                                                                                \
    "options keys=6 values=12 segment=260 allocates=0 memtable=100000\n"                           \
    "put 1 9\npump\nstep 9\nput 2 12\nput 3 1\nput 4 0\nstep 9\nbatch 3 5\nstep 9\ndelete 2\n"     \
    "step 9\nrange 3 1 1\nstep 9\nput 5 12\nput 1 3\nstep 9\nput 2 7\nput 4 9\nstep 9\nsettle\n"
#define TABLE_HISTORY "put 0 40\nput 1 60\nput 2 50\nput 3 60\ndelete 2\nput 4 9\nsettle\nreopen\n"

static const struct sample SAMPLES[] = {
    {.name = "log", .history = LOG_HISTORY},
    {.name = "log, salvaged", .history = LOG_HISTORY, .salvages = true},
    {.name = "sealed log", .history = LOG_HISTORY "kill\nput 3 8\nsettle\n"},
    {.name = "recycled segments",
     .history = "options keys=5 values=12 segment=200 spares=2 memtable=350\n"
                "put 0 12\nsettle\nput 1 12\nsettle\nput 2 12\nsettle\nput 3 12\nsettle\nput 4 "
                "12\nsettle\n"
                "put 0 12\nsettle\nput 1 12\nsettle\nput 2 12\nsettle\nput 3 12\nsettle\n"},
    {.name = "table", .history = "options keys=5 segment=300 block=64\n" TABLE_HISTORY},
    {.name = "table, salvaged",
     .history = "options keys=5 segment=300 block=64\n" TABLE_HISTORY,
     .salvages = true},
    {.name = "LZ4 table",
     .history = "options keys=5 segment=300 block=300 compress=1093\n" TABLE_HISTORY},
    {.name = "zstd table",
     .history = "options keys=5 segment=300 block=300 compress=2186\n" TABLE_HISTORY},
    {.name = "partitioned table",
     .history = "options keys=5 segment=300 block=40 partition=1 cache=0\n" TABLE_HISTORY},
    {.name = "table with removed ranges",
     .history =
         "options keys=5 segment=300 block=64\nput 0 10\nput 1 10\nreopen\nrange 1 2 0\nput 1 "
         "10\nsettle\nreopen\n"},
    {.name = "log with entries that expire",
     .history = "options keys=4 values=12 segment=260 allocates=0 memtable=100000\n"
                "expire 1 9 50\npump\nstep 9\nexpire 2 0 5\nstep 9\nput 3 4\nstep 9\nclock 7 0\n"
                "expire 0 3 50\nstep 9\nput 1 2\nstep 9\nsettle\n"},
    {.name = "table with entries that expire",
     .history = "options keys=5 segment=300 block=64\n"
                "put 0 10\nexpire 1 10 30\nexpire 2 10 5\nexpire 3 4 40\nexpire 0 9 50\n"
                "reopen\nclock 7 0\n"},
    {.name = "manifest with facts of a lost block",
     .history =
         "options keys=5 segment=300 block=1 memtable=700\n" TABLE_HISTORY "put 0 20\nsettle\n",
     .loses = true},
    {.name = "checkpoint",
     .history = "options keys=5 segment=300 block=64\nput 0 10\nput 1 10\ncheckpoint\nsettle\n",
     .checkpoint = true},
};
enum { SAMPLE_COUNT = sizeof SAMPLES / sizeof SAMPLES[0] };

static struct memory_disk sound;
static struct trial *trial;
static const struct sample *running;
static uint64_t last; /* write of the sound store */
static uint32_t flips, cuts, failed, corrupt, quiet;

static void require(bool condition, struct file_id file, size_t at, const char *what) {
    char name[FILE_NAME_SIZE];
    file_name(file, name);
    if (!condition)
        fail_msg("%s: %s, %s at byte %zu, bit %zu: %s", running->name, what, name, at / 8, at % 8,
                 trial_failure(trial));
}

/* Breaks a block of a table, and lets a read in the next life find out. */
static void lose_block(void) {
    struct memory_content *table = memory_disk_last(&trial->disk, FILE_TABLE)->content;
    struct bytes name = buffer_bytes(&trial->model.names[trial->model.order[2]]);
    uint8_t *at = memmem(table->current.data, table->current.size, name.data, name.size);
    assert_non_null(at);
    *at ^= 1;
    table->durable.data[at - table->current.data] ^= 1;
    struct trial_operation kill = {.kind = TRIAL_KILL}, settle = {.kind = TRIAL_SETTLE};
    if (!trial_perform(trial, &kill) || !trial_perform(trial, &settle))
        fail_msg("%s: %s", running->name, trial_failure(trial));
    assert_true(trial->corrupt > 0);
}

/* Runs the sample's history, and keeps what then lies on the disk. */
static void make_sound(void) {
    struct trial_history history = {.count = 0};
    size_t line;
    assert_true(trial_history_parse(bytes_of_text(running->history), &history, &line));
    trial = trial_create(&history.options);
    trial->tolerates_damage = true;
    assert_true(trial_start(trial));
    for (size_t i = 0; i < history.count; i++) {
        if (!trial_perform(trial, &history.operations[i]))
            fail_msg("%s: %s", running->name, trial_failure(trial));
    }
    if (running->loses)
        lose_block();
    memory_disk_init(&sound, 1);
    if (running->checkpoint)
        memory_disk_restore(&sound, &trial->disk, 1);
    else
        memory_disk_copy(&sound, &trial->disk);
    last = trial->last;
    trial->config.salvages = running->salvages;
    trial_history_deinit(&history);
}

static struct bytes contents_of(const struct memory_file *file) {
    return buffer_bytes(&file->content->current);
}

/* Where the last record of the last segment begins: behind it nothing vouches. */
static size_t unproven_from(const struct memory_file *file) {
    struct bytes log = contents_of(file);
    size_t at = RECORD_FILE_HEADER_SIZE;
    size_t before = 0;
    struct record record;
    size_t size;
    while (at < log.size &&
           record_decode(bytes_slice(log, at, log.size - at), record_file_identity(file->file),
                         &record, &size) == RECORD_OK) {
        before = at;
        at += size;
    }
    /* One record alone: the header of the file as well. */
    return before <= RECORD_FILE_HEADER_SIZE ? 0 : before;
}

/* The sound disk and all that was written on it. */
static void put_back(void) {
    trial_abandon(trial, false);
    memory_disk_clone(&trial->disk, &sound);
    trial->failure[0] = 0;
    trial->corrupt = 0;
    trial->last = last;
    trial->acknowledged_durable = trial->acknowledged_written = 0;
}

/* A scan of a store that salvages passes over what is lost, as those know who ask it for its damages. */
static void check_answers(struct file_id file, size_t at) {
    for (uint32_t key = 0; key < trial->model.keys; key++) {
        struct trial_operation get = {TRIAL_GET, {key}};
        require(trial_perform(trial, &get), file, at, "a wrong answer");
    }
    struct trial_operation scan = {TRIAL_SCAN, {0, 0, 0, 2 * trial->model.keys}};
    bool passes_over = running->salvages && trial->corrupt > 0;
    require(passes_over || trial_perform(trial, &scan), file, at, "a wrong scan");
}

/* A start on the damaged disk. `quietly`: the damage may pass for a write that never was complete. */
static void start_damaged(struct file_id file, size_t at, bool quietly) {
    if (!trial_start(trial)) {
        require(!running->salvages, file, at, "no start");
        require(store_failure(trial->store).size > 20, file, at, "no sentence");
        failed++;
        return;
    }
    struct store_damage damage;
    bool known = store_next_damage(trial->store, 0, &damage);
    bool lost = store_written(trial->store) < last;
    require(!lost || known || quietly, file, at, "writes are lost without a word");
    if (lost && !known) {
        quiet++;
        return;
    }
    check_answers(file, at);
    corrupt += trial->corrupt > 0;
}

static void damage_file(const struct memory_file *file, bool is_last_log) {
    struct bytes contents = contents_of(file);
    size_t unproven = is_last_log ? unproven_from(file) : SIZE_MAX;
    for (size_t bit = 0; bit < contents.size * 8; bit++, flips++) {
        put_back();
        memory_disk_find(&trial->disk, file->file)->content->current.data[bit / 8] ^=
            (uint8_t)(1u << bit % 8);
        start_damaged(file->file, bit, bit / 8 >= unproven);
    }
    for (size_t size = 0; size < contents.size; size++, cuts++) {
        put_back();
        memory_disk_find(&trial->disk, file->file)->content->current.size = size;
        start_damaged(file->file, size * 8, is_last_log);
    }
}

static void no_bit_of_a_store_flips_and_no_file_is_cut_unnoticed(void **state) {
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        running = &SAMPLES[i];
        flips = cuts = failed = corrupt = quiet = 0;
        make_sound();
        struct memory_file *last_log = memory_disk_last(&sound, FILE_LOG);
        for (size_t file = 0; file < sound.file_count; file++) {
            if (sound.files[file].named)
                damage_file(&sound.files[file], &sound.files[file] == last_log);
        }
        printf("%s: %u bits, %u cuts: %u starts failed, %u answers corrupt, %u last records lost\n",
               running->name, flips, cuts, failed, corrupt, quiet);
        assert_true(flips > 0 && (failed > 0 || corrupt > 0));
        trial_destroy(trial);
        memory_disk_deinit(&sound);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_bit_of_a_store_flips_and_no_file_is_cut_unnoticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
