/* Operations that fail while a store starts: a start takes its time, says what is wrong meanwhile, and in the end serves
 * everything; what can never be read is damage, which is named, and never a wrong answer.
 *
 * A failure prints the case: which operation of the start failed and how often, or which part of which file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/text.h"
#include "engine/store/log_reader.h"
#include "engine/store/trouble.h"
#include "tests/store/support/store_host.h"

enum { KEYS = 120, TICKS = 90, FOREVER = 1 << 30, OPERATIONS_MAX = 2000 };

/* A disk that a store was killed on, and what it must hold. */
static struct memory_disk left;
static struct store_host before;

static struct memory_disk disk;
static struct store_host host;
static struct buffer running; /* the case, in words */

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            struct bytes problem =                                                                 \
                host.store == NULL ? (struct bytes){0} : store_problem(host.store);                \
            fail_msg("%s: %.*s: %.*s", #condition, (int)running.size, (const char *)running.data,  \
                     (int)problem.size, problem.size == 0 ? "" : (const char *)problem.data);      \
        }                                                                                          \
    } while (0)

static struct store_config config_of(bool salvages) {
    struct store_config config = store_host_small_config();
    config.memtable_bytes = 8192;
    config.table_bytes = 4096;
    config.log_segment_bytes = 20000;
    config.block_bytes = 256;
    config.salvages = salvages;
    return config;
}

/* Several logs with records that count, tables at several levels, a manifest with edits. */
static void leave_a_store(uint64_t seed) {
    struct store_config config = config_of(false);
    memory_disk_init(&left, seed);
    store_host_init(&before, &left, &config);
    before.keys = KEYS;
    assert_true(store_host_start(&before));
    struct prng prng;
    prng_init(&prng, seed, 3);
    for (uint32_t i = 0; i < TICKS; i++) {
        for (uint32_t j = 0; j < 6; j++)
            store_host_write(&before, prng_below(&prng, KEYS), prng_below(&prng, 250));
        store_host_pump(&before);
        for (uint32_t steps = prng_below(&prng, 12); steps > 0; steps--)
            store_host_step(&before);
    }
    while (store_written(before.store) < before.last)
        assert_true(store_host_step(&before));
    store_host_crash(&before, CRASH_KILLS);
}

static void forget_the_store(void) {
    store_host_deinit(&before);
    memory_disk_deinit(&left);
}

/* The same start again, with whatever fails set by the caller afterwards. */
static void prepare(bool salvages) {
    struct store_config config = config_of(salvages);
    memory_disk_init(&disk, 5);
    memory_disk_copy(&disk, &left);
    disk.in_order = true;
    disk.fail_status = DISK_ERROR;
    store_host_init(&host, &disk, &config);
    store_host_copy_model(&host, &before);
    /* Where something is lost, the store holds less than it had promised. */
    host.acknowledged_durable = host.acknowledged_written = 0;
    host.store = store_create(&host.config);
    store_start(host.store, host.now, &host.effects);
    memory_disk_take(&disk, &host.effects);
}

static void clean_up(void) {
    store_host_deinit(&host);
    memory_disk_deinit(&disk);
}

/* True when it serves. In every step the store says whether something is wrong. */
static bool recover(void) {
    while (store_phase(host.store) == STORE_PHASE_RECOVERING) {
        REQUIRE(store_host_step(&host));
        bool sound = store_condition(host.store) == STORE_CONDITION_SOUND;
        REQUIRE(sound == (store_problem(host.store).size == 0));
    }
    return store_phase(host.store) == STORE_PHASE_SERVING;
}

static void say_operation(const char *what, uint64_t at, uint64_t more) {
    buffer_clear(&running);
    text_append(&running, what);
    text_append(&running, " from ");
    text_append_u64(&running, at);
    text_append(&running, " on fail, and so many more: ");
    text_append_u64(&running, more);
}

static void check_all_is_there(void) {
    store_host_settle(&host);
    REQUIRE(store_condition(host.store) == STORE_CONDITION_SOUND);
    REQUIRE(store_written(host.store) >= before.acknowledged_written);
    store_host_check_recovered(&host, CRASH_KILLS);
    store_host_check(&host);
    struct store_figures figures;
    store_figures(host.store, &figures);
    REQUIRE(figures.damages_found == 0);
}

/* False when the start has fewer operations. */
static bool start_with_failures(uint64_t at, uint64_t more, bool salvages) {
    say_operation("operations", at, more);
    prepare(salvages);
    disk.fail_at = at;
    disk.fail_more = more;
    disk.fail_reads = disk.fail_writes = true;
    REQUIRE(recover());
    bool reached = disk.eligible >= at;
    disk.fail_at = 0;
    struct store_figures figures;
    store_figures(host.store, &figures);
    REQUIRE(figures.disk_errors > 0 || !reached);
    check_all_is_there();
    clean_up();
    return reached;
}

static void an_operation_of_a_start_may_fail_a_few_times(void **state) {
    (void)state;
    leave_a_store(61);
    for (uint64_t more = 0; more < TROUBLE_ATTEMPTS_MAX - 1; more += more == 0 ? 1 : 3) {
        uint64_t at = 1;
        for (; start_with_failures(at, more, at % 2 == 0); at++)
            REQUIRE(at < OPERATIONS_MAX);
        printf("failed each of %llu operations of a start, and %llu more\n",
               (unsigned long long)at - 1, (unsigned long long)more);
        assert_true(at > 20);
    }
    forget_the_store();
}

static void what_is_wrong_at_a_start_is_said_in_a_sentence(void **state) {
    (void)state;
    leave_a_store(62);
    prepare(false);
    disk.fail_at = 2;
    disk.fail_more = 1;
    disk.fail_reads = true;
    while (store_problem(host.store).size == 0)
        REQUIRE(store_host_step(&host));
    assert_int_equal(store_condition(host.store), STORE_CONDITION_TROUBLED);
    struct bytes problem = store_problem(host.store);
    assert_true(bytes_start_with(problem, bytes_of_text("cannot read 0000")));
    assert_true(store_deadline(host.store).nanoseconds > host.now.nanoseconds);
    assert_true(recover());
    assert_int_equal(store_problem(host.store).size, 0);
    clean_up();
    forget_the_store();
}

/* Nothing can be read any more: no start, or one that knows what it lacks. */
static void a_disk_that_never_reads_again_ends_the_start_with_a_sentence(void **state) {
    (void)state;
    leave_a_store(63);
    bool reached = true;
    for (uint64_t at = 1; reached; at++) {
        say_operation("reads", at, FOREVER);
        bool salvages = at % 2 == 0;
        prepare(salvages);
        disk.fail_at = at;
        disk.fail_more = FOREVER;
        disk.fail_reads = true;
        bool serves = recover();
        reached = disk.eligible >= at;
        struct store_figures figures;
        store_figures(host.store, &figures);
        if (!serves)
            REQUIRE(store_failure(host.store).size > 0 && (!salvages || at == 1));
        else
            REQUIRE(!reached || figures.damages_found > 0);
        clean_up();
    }
    forget_the_store();
}

static void a_directory_that_cannot_be_listed_ends_the_start_with_a_sentence(void **state) {
    (void)state;
    leave_a_store(64);
    prepare(true);
    disk.fail_at = 1;
    disk.fail_more = FOREVER;
    disk.fail_reads = true;
    assert_false(recover());
    struct bytes said = store_failure(host.store);
    assert_true(
        bytes_equal(said, bytes_of_text("cannot list the directory: the disk reports an error")));
    clean_up();
    forget_the_store();
}

/* --- a part of a file that is never read -------------------------------------------------------- */

static void say_place(struct file_id file, uint64_t from) {
    char name[FILE_NAME_SIZE];
    file_name(file, name);
    buffer_clear(&running);
    text_append(&running, name);
    text_append(&running, " at offset ");
    text_append_u64(&running, from);
}

/* What is answered is right; what cannot be known is answered so. */
static uint32_t check_answers(void) {
    uint32_t corrupt = 0;
    struct buffer expected = {0};
    for (uint32_t key = 0; key < KEYS; key++) {
        struct bytes value;
        enum store_status status = store_host_get(&host, key, &value);
        uint32_t held = host.held[key];
        bool live = held != 0 && !host.history[held].removed;
        corrupt += status == STORE_CORRUPT;
        if (status == STORE_CORRUPT)
            continue;
        REQUIRE(status == (live ? STORE_OK : STORE_ABSENT));
        if (!live)
            continue;
        store_host_value(held, &host.history[held], &expected);
        REQUIRE(bytes_equal(value, buffer_bytes(&expected)));
    }
    buffer_deinit(&expected);
    return corrupt;
}

static bool sentence_names_file(struct file_id file) {
    char name[FILE_NAME_SIZE];
    file_name(file, name);
    struct buffer start = {0};
    text_append(&start, name);
    text_append(&start, " at offset ");
    bool names = bytes_start_with(store_failure(host.store), buffer_bytes(&start));
    buffer_deinit(&start);
    return names;
}

static void spoil(struct file_id file, uint64_t from) {
    say_place(file, from);
    disk.spoiled = file;
    disk.spoiled_from = from;
    disk.spoiled_to = from + LOG_READER_PIECE;
}

/* The same with a store that salvages and one that does not; adds up what happened. */
static void start_without(struct file_id file, uint64_t from, uint32_t *failed, uint32_t *damaged) {
    prepare(false);
    spoil(file, from);
    if (recover()) {
        (void)check_answers();
    } else {
        REQUIRE(sentence_names_file(file));
        ++*failed;
    }
    clean_up();
    prepare(true);
    spoil(file, from);
    REQUIRE(recover());
    store_host_settle(&host);
    uint32_t corrupt = check_answers();
    struct store_figures figures;
    store_figures(host.store, &figures);
    REQUIRE(corrupt == 0 || figures.damages_found > 0);
    *damaged += figures.damages_found > 0;
    clean_up();
}

static void what_is_never_read_is_damage_and_never_a_wrong_answer(void **state) {
    (void)state;
    uint32_t failed[FILE_QUARANTINED] = {0};
    uint32_t damaged[FILE_QUARANTINED] = {0};
    leave_a_store(65);
    for (size_t i = 0; i < left.file_count; i++) {
        const struct memory_file *file = &left.files[i];
        for (uint64_t at = 0; file->named && at < file->content->current.size;
             at += LOG_READER_PIECE)
            start_without(file->file, at, &failed[file->file.kind], &damaged[file->file.kind]);
    }
    for (uint32_t kind = FILE_LOG; kind < FILE_QUARANTINED; kind++)
        assert_true(failed[kind] > 0 && damaged[kind] > 0);
    forget_the_store();
}

/* What people may look for keeps its bytes, under a name that no start removes. */
static void what_is_damaged_is_set_aside_although_the_disk_refuses_at_first(void **state) {
    (void)state;
    leave_a_store(67);
    bool reached = true;
    for (uint64_t at = 1; reached; at++) {
        say_operation("writes", at, 1);
        prepare(true);
        struct memory_file *table = memory_disk_last(&disk, FILE_TABLE);
        uint64_t number = table->file.number;
        table->content->current.data[table->content->current.size - 20] ^= 1;
        disk.fail_at = at;
        disk.fail_more = 1;
        disk.fail_writes = true;
        REQUIRE(recover());
        for (uint32_t i = 0; i < 400; i++)
            store_host_step(&host);
        reached = disk.eligible >= at && at < 40;
        REQUIRE(memory_disk_find(
                    &disk, (struct file_id){.kind = FILE_QUARANTINED, .number = number}) != NULL);
        clean_up();
    }
    forget_the_store();
}

/* Only the piece that is bad is lost, and not the quarter of a megabyte around it. */
static void a_log_is_replayed_up_to_the_piece_that_cannot_be_read(void **state) {
    (void)state;
    leave_a_store(66);
    struct memory_file *log = memory_disk_last(&left, FILE_LOG);
    while (log->content->current.size < 2 * LOG_READER_PIECE) {
        log->named = log->name_durable = false;
        log = memory_disk_last(&left, FILE_LOG);
    }
    prepare(true);
    spoil(log->file, LOG_READER_PIECE);
    REQUIRE(recover());
    uint64_t some = store_written(host.store);
    clean_up();
    prepare(true);
    spoil(log->file, 0);
    REQUIRE(recover());
    assert_true(store_written(host.store) < some);
    clean_up();
    forget_the_store();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operation_of_a_start_may_fail_a_few_times),
        cmocka_unit_test(what_is_wrong_at_a_start_is_said_in_a_sentence),
        cmocka_unit_test(a_disk_that_never_reads_again_ends_the_start_with_a_sentence),
        cmocka_unit_test(a_directory_that_cannot_be_listed_ends_the_start_with_a_sentence),
        cmocka_unit_test(what_is_never_read_is_damage_and_never_a_wrong_answer),
        cmocka_unit_test(a_log_is_replayed_up_to_the_piece_that_cannot_be_read),
        cmocka_unit_test(what_is_damaged_is_set_aside_although_the_disk_refuses_at_first),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    buffer_deinit(&running);
    return failures;
}
