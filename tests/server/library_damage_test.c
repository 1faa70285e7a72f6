/* Real files, damaged under the library store: a byte is changed, or the file is cut, in the log, the manifest, and each part of a
 * table. Whatever is damaged, no answer is wrong, nothing ends, and a sentence names the file: the store is refused, or, when
 * it salvages, opens with what is left and lists what that may concern. */
#include "tests/server/support/faulty_files.h"
#include "tests/server/support/library_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    KEYS = 120,
    VALUE_SIZE = 300,
    PLACES = 23, /* of each file that are damaged, from its first byte to its last */
    FILES_MAX = 64,
    NAME_SIZE = 32,
    PATH_SIZE = 128,
    IMAGE_MAX = 1 << 20,
    ZEROES = 512,
    LAST_RECORD_HEAD = 64, /* no header, key and lengths before a value take more */
};

enum way { CHANGED, ZEROED, CUT, GONE, WAYS };

static struct library_store place;
static uint32_t newest[KEYS]; /* the version that each key holds */
static char round_name[160];

static struct bytes value_of(uint32_t key, uint32_t version, char text[VALUE_SIZE]) {
    for (uint32_t i = 0; i < VALUE_SIZE; i++) /* nothing to compress */
        text[i] = (char)((i + 1) * 2654435761u * (key * 31 + version + 1) >> 13);
    snprintf(text, VALUE_SIZE, "%u of %u", (unsigned)version, (unsigned)key);
    return bytes_of(text, VALUE_SIZE);
}

static void write_all(uint32_t version) {
    char text[LIBRARY_KEY_SIZE], value[VALUE_SIZE];
    for (uint32_t key = 0; key < KEYS; key++) {
        assert_int_equal(blocking_store_put(place.store, library_key(key, text),
                                            value_of(key, version, value), true),
                         STORE_OK);
        newest[key] = version;
    }
}

/* Tables at several levels, one with partitions, and a log that holds the last version; the store is dropped as by a kill. */
static void make_store(void) {
    struct store_config config = library_config(64 * 1024);
    config.table_bytes = 16 * 1024;
    config.partition_above = 512;
    library_store_make(&place, config);
    library_store_open(&place);
    write_all(1);
    write_all(2);
    assert_int_equal(blocking_store_flush(place.store), STORE_OK);
    for (uint32_t key = 0; key < KEYS; key += 3) {
        char text[LIBRARY_KEY_SIZE], value[VALUE_SIZE];
        assert_int_equal(
            blocking_store_put(place.store, library_key(key, text), value_of(key, 3, value), true),
            STORE_OK);
        newest[key] = 3;
    }
    blocking_store_drop(place.store);
    place.store = NULL;
}

static uint32_t list_files(char names[FILES_MAX][NAME_SIZE], const char *suffix) {
    uint32_t count = 0;
    DIR *listing = opendir(place.directory);
    const struct dirent *found;
    while ((found = readdir(listing)) != NULL && count < FILES_MAX) {
        if (strstr(found->d_name, suffix) != NULL && strlen(found->d_name) < NAME_SIZE)
            strcpy(names[count++], found->d_name);
    }
    closedir(listing);
    return count;
}

static void path_of(const char *name, char path[PATH_SIZE]) {
    snprintf(path, PATH_SIZE, "%s/%.*s", place.directory, NAME_SIZE, name);
}

static size_t read_file(const char *name, uint8_t *image) {
    char path[PATH_SIZE];
    path_of(name, path);
    int descriptor = open(path, O_RDONLY);
    ssize_t size = pread(descriptor, image, IMAGE_MAX, 0);
    assert_true(size >= 0);
    close(descriptor);
    return (size_t)size;
}

static void write_file(const char *name, const uint8_t *image, size_t size) {
    char path[PATH_SIZE];
    path_of(name, path);
    int descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC, 0640);
    assert_int_equal(pwrite(descriptor, image, size, 0), (ssize_t)size);
    close(descriptor);
}

static void damage(const char *name, enum way way, const uint8_t *image, size_t size, size_t at) {
    static uint8_t damaged[IMAGE_MAX];
    char path[PATH_SIZE];
    memcpy(damaged, image, size);
    if (way == CHANGED)
        damaged[at] ^= 0x41;
    for (size_t i = at; way == ZEROED && i < size && i < at + ZEROES; i++)
        damaged[i] = 0;
    if (way == GONE) {
        path_of(name, path);
        assert_int_equal(unlink(path), 0);
    } else {
        write_file(name, damaged, way == CUT ? at : size);
    }
}

/* Right, or said to be lost. What a log's end holds may be taken for what was never synced: the version before is there then.
 * Of anything before the last record, that record says that it was. */
static uint32_t check_answers(bool end_may_be_cut) {
    char text[LIBRARY_KEY_SIZE], expected[VALUE_SIZE];
    uint32_t lost = 0;
    for (uint32_t key = 0; key < KEYS; key++) {
        struct bytes value = {0};
        enum store_status status = blocking_store_get(place.store, library_key(key, text), &value);
        lost += status == STORE_CORRUPT;
        bool good = status == STORE_CORRUPT ||
                    (status == STORE_OK &&
                     (bytes_equal(value, value_of(key, newest[key], expected)) ||
                      (end_may_be_cut && bytes_equal(value, value_of(key, 2, expected)))));
        if (!good)
            fail_msg("%s: key %u is answered wrongly (status %d)", round_name, (unsigned)key,
                     (int)status);
    }
    return lost;
}

/* Meets every key, or stops where some may be lost. One that salvages goes on behind them. */
static bool walk(void) {
    struct store_range all = {.reverse = false};
    struct store_entry entry;
    char text[LIBRARY_KEY_SIZE];
    uint32_t met = 0;
    struct blocking_cursor *cursor = blocking_cursor_open(place.store, &all, true);
    assert_non_null(cursor);
    enum store_status status;
    while ((status = blocking_cursor_next(cursor, &entry)) == STORE_OK) {
        if (!place.config.salvages && bytes_compare(entry.key, library_key(met, text)) != 0)
            fail_msg("%s: a walk passes over key %u without a word", round_name, (unsigned)met);
        met++;
    }
    blocking_cursor_close(cursor);
    if (status != STORE_ABSENT && status != STORE_CORRUPT)
        fail_msg("%s: a walk ends with status %d", round_name, (int)status);
    if (status == STORE_ABSENT && met < KEYS && !place.config.salvages)
        fail_msg("%s: a walk meets %u keys only, without a word", round_name, (unsigned)met);
    return status == STORE_CORRUPT;
}

/* True when the damage was noticed. */
static bool try_strictly(bool end_may_be_cut) {
    place.config.salvages = false;
    if (library_store_try_open(&place)) {
        uint32_t lost = check_answers(end_may_be_cut);
        bool noticed = walk() || lost > 0;
        struct store_damage found;
        if (noticed && !blocking_store_next_damage(place.store, 0, &found))
            fail_msg("%s: what is lost is not listed", round_name);
        blocking_store_drop(place.store);
        place.store = NULL;
        return noticed;
    }
    if (strstr(place.problem, "00000") == NULL && strstr(place.problem, "tallies") == NULL)
        fail_msg("%s: refused with \"%s\"", round_name, place.problem);
    return true;
}

static void try_to_salvage(bool end_may_be_cut) {
    place.config.salvages = true;
    library_store_open(&place);
    uint32_t lost = check_answers(end_may_be_cut);
    (void)walk();
    struct store_damage found;
    if (lost > 0 && !blocking_store_next_damage(place.store, 0, &found))
        fail_msg("%s: what is lost is not listed", round_name);
    blocking_store_drop(place.store);
    place.store = NULL;
}

struct saved {
    char names[FILES_MAX][NAME_SIZE];
    uint8_t *images[FILES_MAX];
    size_t sizes[FILES_MAX];
    uint32_t count;
};

static void save_all(struct saved *saved) {
    saved->count = list_files(saved->names, ".");
    for (uint32_t i = 0; i < saved->count; i++) {
        if (saved->names[i][0] == '.')
            continue;
        saved->images[i] = malloc(IMAGE_MAX);
        saved->sizes[i] = read_file(saved->names[i], saved->images[i]);
    }
}

/* The directory is what it was: also without what the trials have made. */
static void restore_all(const struct saved *saved) {
    char names[FILES_MAX][NAME_SIZE], path[PATH_SIZE];
    uint32_t count = list_files(names, ".");
    faulty_files_clear(); /* it keeps a copy of every file that it has met */
    for (uint32_t i = 0; i < count; i++) {
        path_of(names[i], path);
        if (names[i][0] != '.')
            (void)unlink(path);
    }
    for (uint32_t i = 0; i < saved->count; i++) {
        if (saved->images[i] != NULL)
            write_file(saved->names[i], saved->images[i], saved->sizes[i]);
    }
}

/* How far a log holds what later records say was synced: up to the last record. */
static size_t vouched_for(const uint8_t *image, size_t size) {
    char text[VALUE_SIZE];
    struct bytes last = value_of((KEYS - 1) / 3 * 3, 3, text);
    for (size_t at = size - last.size; at > LAST_RECORD_HEAD; at--) {
        if (memcmp(image + at, last.data, last.size) == 0)
            return at - LAST_RECORD_HEAD;
    }
    return 0;
}

/* How often it was noticed, of how many. */
static uint32_t sweep_file(const struct saved *saved, uint32_t file, uint32_t *tried) {
    uint32_t noticed = 0;
    const char *name = saved->names[file];
    size_t size = saved->sizes[file];
    bool is_log = strstr(name, ".log") != NULL;
    size_t vouched = is_log ? vouched_for(saved->images[file], size) : size;
    for (uint32_t way = 0; way < WAYS; way++) {
        for (uint32_t i = 0; i < (way == GONE ? 1 : PLACES); i++) {
            size_t at = (size - 1) * i / (PLACES - 1);
            snprintf(round_name, sizeof round_name, "%s of %u bytes, way %u at %u", name,
                     (unsigned)size, (unsigned)way, (unsigned)at);
            damage(name, (enum way)way, saved->images[file], size, at);
            bool reaches_end = at + (way == ZEROED ? ZEROES : 1) > vouched;
            bool end_may_be_cut = is_log && (way == CUT || way == GONE || reaches_end);
            noticed += try_strictly(end_may_be_cut);
            restore_all(saved);
            damage(name, (enum way)way, saved->images[file], size, at);
            try_to_salvage(end_may_be_cut);
            restore_all(saved);
            ++*tried;
        }
    }
    return noticed;
}

static void sweep(const char *suffix, uint32_t files_min, uint32_t noticed_percent_min) {
    struct saved saved = {.count = 0};
    make_store();
    save_all(&saved);
    uint32_t files = 0, tried = 0, noticed = 0;
    for (uint32_t i = 0; i < saved.count; i++) {
        if (strstr(saved.names[i], suffix) == NULL || saved.sizes[i] == 0)
            continue;
        files++;
        noticed += sweep_file(&saved, i, &tried);
    }
    printf("%s: %u files, %u damages, %u noticed\n", suffix, files, tried, noticed);
    assert_true(files >= files_min);
    assert_true(noticed * 100 >= tried * noticed_percent_min);
    for (uint32_t i = 0; i < saved.count; i++)
        free(saved.images[i]);
    library_store_remove(&place);
}

static void a_damaged_table_gives_no_wrong_answer(void **state) {
    (void)state;
    sweep(".table", 2, 95);
}

static void a_damaged_manifest_gives_no_wrong_answer(void **state) {
    (void)state;
    sweep(".manifest", 1, 20);
}

static void a_damaged_log_gives_no_wrong_answer(void **state) {
    (void)state;
    sweep(".log", 1, 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_table_gives_no_wrong_answer),
        cmocka_unit_test(a_damaged_manifest_gives_no_wrong_answer),
        cmocka_unit_test(a_damaged_log_gives_no_wrong_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
