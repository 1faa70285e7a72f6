/* Memory that runs out at every allocation of a store's life: start, writes, flush, compaction, reads, scans, a snapshot,
 * close and the recovery after it. With something in reserve the store goes on; without, it is left by a jump and all its
 * memory dropped, and whoever opens its directory again, in the same process, finds everything acknowledged. And budgets
 * so small that nobody would set them.
 *
 * The linker puts failing functions in the place of malloc() and its kin (see tests/CMakeLists.txt).
 */
#include "server/host_memory.h"
#include "tests/store/support/memory_disk.h"
#include "tests/store/support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

enum { KEYS = 16, WRITES = 90, STEPS_MAX = 20000, ALLOCATIONS_MAX = 20000, RESERVE = 4096 };

enum way { ONE_FAILS_WITH_RESERVE, ONE_FAILS, ALL_FAIL, WAYS };

/* Allocations are counted while the store is called, and from the one numbered fail_at on they fail. */
static struct {
    bool counts, forever;
    uint64_t count, fail_at;
} scarce;

static bool fails(void) {
    if (!scarce.counts)
        return false;
    scarce.count++;
    return scarce.count == scarce.fail_at || (scarce.forever && scarce.count > scarce.fail_at);
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
    return fails() ? NULL : __real_realloc(memory, size);
}

static struct memory_disk disk;
static struct host_memory_pool pool;
static struct store *store;
static struct effects effects; /* of the pool as well */
static struct instant now;
static uint64_t written, acknowledged;

#define LENT(call)                                                                                 \
    do {                                                                                           \
        host_memory_enter(&pool);                                                                  \
        scarce.counts = true;                                                                      \
        call;                                                                                      \
        scarce.counts = false;                                                                     \
        host_memory_leave();                                                                       \
    } while (0)

static struct store_config small_config(void) {
    struct store_config config = store_config_default();
    config.sync = STORE_SYNC_ALWAYS;
    config.memtable_bytes = 2048;
    config.table_bytes = 2048;
    config.block_bytes = 256;
    config.cache_bytes = 4096;
    config.log_segment_bytes = 3000;
    config.manifest_bytes = 600;
    config.partition_above = 64;
    config.tally_count = STORE_TALLIES_PER_PAGE;
    for (uint32_t level = 0; level < STORE_LEVELS; level++)
        config.compression[level] = (enum block_compression)(level % 3);
    return config;
}

static void take_effects(void) {
    memory_disk_take(&disk, &effects);
    LENT(effects_clear(&effects));
}

/* One operation of the disk, or time passes. False when all is quiet. */
static bool step(void) {
    struct disk_done done;
    now.nanoseconds += 1000;
    bool performed = memory_disk_perform(&disk, &done);
    struct instant deadline = store_deadline(store);
    if (!performed && deadline.nanoseconds == UINT64_MAX)
        return false;
    if (performed)
        LENT((void)store_on_disk(store, &done, now, &effects));
    else if (instant_before(now, deadline))
        now = deadline;
    LENT(store_pump(store, now, &effects));
    take_effects();
    if (store_phase(store) == STORE_PHASE_SERVING)
        acknowledged = store_written(store);
    return true;
}

static void start(void) {
    struct store_config config = small_config();
    LENT(store = store_create(&config));
    LENT(store_start(store, now, &effects));
    take_effects();
    while (store_phase(store) == STORE_PHASE_RECOVERING)
        assert_true(step());
    assert_int_equal(store_phase(store), STORE_PHASE_SERVING);
}

static void make_entry(uint64_t number, char key[16], char value[120], size_t *size) {
    snprintf(key, 16, "key%02d", (int)(number % KEYS));
    *size = 20 + number * 7 % 90;
    memset(value, (int)('a' + number % 26), *size);
    memcpy(value, &number, sizeof number);
}

static void write_next(void) {
    char key[16], value[120];
    size_t size;
    make_entry(written + 1, key, value, &size);
    struct store_batch batch = {
        .count = 1,
        .entries = {{.key = bytes_of_text(key), .value = bytes_of(value, size)}},
        .has_tally = written % 5 != 0,
        .tally = {.tally = (uint32_t)written % 7, .digest = written, .count = 1},
    };
    /* Nobody tells the time of day: it never comes. */
    if (!batch.has_tally)
        batch.entries[0].expires.milliseconds = 1000 + written;
    uint64_t sequence = 0;
    enum store_status status;
    for (;;) {
        LENT(status = store_write(store, &batch, now, &sequence));
        if (status != STORE_BUSY)
            break;
        assert_true(step());
    }
    assert_int_equal(status, STORE_OK);
    assert_int_equal(sequence, ++written);
}

static void await(uint64_t waiter) {
    for (uint64_t ready = 0; ready != waiter;) {
        if (!store_next_ready(store, &ready))
            assert_true(step());
    }
}

/* Every key holds its last write up to `last`. */
static void check(uint64_t last) {
    for (uint64_t number = last > KEYS ? last - KEYS + 1 : 1; number <= last; number++) {
        char key[16], expected[120];
        size_t size;
        make_entry(number, key, expected, &size);
        struct bytes value;
        enum store_status status;
        for (;;) {
            LENT(status = store_get(store, bytes_of_text(key), 7, &value, &effects));
            take_effects();
            if (status != STORE_NEED_BLOCK)
                break;
            await(7);
        }
        assert_int_equal(status, STORE_OK);
        assert_true(bytes_equal(value, bytes_of(expected, size)));
    }
}

static void walk(bool reverse) {
    struct store_range range = {.reverse = reverse};
    struct store_snapshot *snapshot = NULL;
    struct store_cursor *cursor;
    enum store_status status;
    for (;;) {
        LENT(status = store_snapshot_acquire(store, &snapshot));
        if (status != STORE_BUSY)
            break;
        assert_true(step());
    }
    LENT(cursor = store_cursor_open(store, &range, snapshot));
    uint64_t met = 0;
    for (;;) {
        struct store_entry entry;
        LENT(status = store_cursor_next(cursor, 9, &entry, &effects));
        take_effects();
        if (status == STORE_NEED_BLOCK)
            await(9);
        else if (status == STORE_OK)
            met++;
        else
            break;
    }
    assert_int_equal(status, STORE_ABSENT);
    assert_int_equal(met, written < KEYS ? written : KEYS);
    LENT(store_cursor_close(cursor));
    LENT(store_snapshot_release(snapshot));
}

static void close_store(void) {
    LENT(store_close(store, now, &effects));
    take_effects();
    for (uint32_t steps = 0; !store_is_closed(store); steps++)
        assert_true(steps < STEPS_MAX && step());
    acknowledged = written;
}

static void destroy(void) {
    LENT(store_destroy(store));
    LENT(effects_deinit(&effects));
    store = NULL;
    assert_true(host_memory_pool_is_empty(&pool));
}

static void live(void) {
    for (uint32_t life = 0; life < 2; life++) {
        start();
        check(written);
        for (uint32_t i = 0; i < WRITES / 2; i++) {
            write_next();
            (void)step();
            (void)step();
            if (i % 15 == 0)
                check(written);
        }
        walk(life == 0);
        close_store();
        destroy();
    }
}

static void a_store_gives_back_what_it_kept_of_removed_ranges(void **state) {
    (void)state;
    memory_disk_init(&disk, 3);
    host_memory_pool_init(&pool, 0);
    now = (struct instant){1};
    written = acknowledged = 0;
    scarce.fail_at = 0;
    start();
    for (uint32_t i = 0; i < WRITES; i++)
        write_next();
    for (uint32_t i = 0; i < KEYS; i++) {
        char prefix[] = {'n', 'o', (char)('a' + i)};
        uint64_t sequence;
        enum store_status status;
        do {
            LENT(status = store_remove_prefix(store, bytes_of(prefix, sizeof prefix), STORE_NO_PAGE,
                                              now, &sequence));
        } while (status == STORE_BUSY && step());
        assert_int_equal(status, STORE_OK);
    }
    close_store();
    destroy();
    host_memory_pool_deinit(&pool);
    memory_disk_deinit(&disk);
}

/* True when an allocation failed in it. */
static bool run(enum way way, uint64_t fail_at) {
    memory_disk_init(&disk, 3);
    host_memory_pool_init(&pool, way == ONE_FAILS_WITH_RESERVE ? RESERVE : 0);
    now = (struct instant){1};
    written = acknowledged = 0;
    scarce.fail_at = fail_at;
    scarce.forever = way == ALL_FAIL;
    scarce.count = 0;
    volatile bool left = false;
    if (setjmp(pool.door) == 0)
        live();
    else
        left = true;
    scarce.counts = false;
    bool failed = scarce.count >= fail_at;
    scarce.fail_at = 0;
    scarce.forever = false;
    assert_int_equal(left, failed && way != ONE_FAILS_WITH_RESERVE);
    assert_int_equal(pool.reserve == NULL, failed || way != ONE_FAILS_WITH_RESERVE);
    if (left) {
        /* What the store had asked of the disk happens, or does not. */
        struct disk_done done;
        while (fail_at % 2 == 0 && memory_disk_perform(&disk, &done))
            ;
        disk.queued = 0;
        host_memory_pool_drop(&pool);
        effects = (struct effects){0};
    }
    uint64_t promised = acknowledged, given = written;
    start();
    uint64_t recovered = store_written(store);
    /* One write more may have been taken than was counted here. */
    assert_true(recovered >= promised && recovered <= given + 1);
    assert_true(left || recovered == given);
    written = recovered;
    check(recovered);
    write_next();
    close_store();
    destroy();
    assert_false(host_memory_pool_is_short(&pool));
    host_memory_pool_deinit(&pool);
    memory_disk_deinit(&disk);
    return failed;
}

static void sweep(enum way way) {
    uint64_t fail_at = 1;
    while (run(way, fail_at))
        assert_true(++fail_at < ALLOCATIONS_MAX);
    printf("%llu allocations failed\n", (unsigned long long)fail_at - 1);
    assert_true(fail_at > 300);
}

static void with_memory_in_reserve_no_allocation_that_fails_is_noticed(void **state) {
    (void)state;
    sweep(ONE_FAILS_WITH_RESERVE);
}

static void an_allocation_that_fails_leaves_a_directory_that_opens_again(void **state) {
    (void)state;
    sweep(ONE_FAILS);
}

static void no_memory_from_some_moment_on_leaves_a_directory_that_opens_again(void **state) {
    (void)state;
    sweep(ALL_FAIL);
}

/* Each budget alone at its least, then all of them. */
static void the_smallest_budgets_work(void **state) {
    (void)state;
    static const enum trial_option BUDGETS[] = {TRIAL_MEMTABLE, TRIAL_TABLE,    TRIAL_BLOCK,
                                                TRIAL_SEGMENT,  TRIAL_CACHE,    TRIAL_FILTER,
                                                TRIAL_MANIFEST, TRIAL_PARTITION};
    enum { BUDGET_COUNT = sizeof BUDGETS / sizeof BUDGETS[0] };
    struct trial_history history = {.count = 0};
    for (uint32_t which = 0; which <= BUDGET_COUNT; which++) {
        for (uint64_t budget = 0; budget < 3; budget++) {
            struct trial_options options;
            trial_options_plain(&options);
            for (uint32_t i = 0; i < BUDGET_COUNT; i++) {
                if (i == which || which == BUDGET_COUNT)
                    options.values[BUDGETS[i]] = budget;
            }
            struct store_config config = trial_options_config(&options);
            if (store_config_problem(&config) != NULL) {
                assert_int_equal(budget, 0);
                continue;
            }
            char failure[TRIAL_FAILURE_SIZE];
            trial_history_draw(&history, &options, which + 1, 250);
            if (!trial_run(&history, failure))
                fail_msg("budget %u of %llu: %s", which, (unsigned long long)budget, failure);
        }
    }
    trial_history_deinit(&history);
}

static void settings_that_cannot_work_are_refused_with_a_sentence(void **state) {
    (void)state;
    struct store_config config = store_config_default();
    assert_null(store_config_problem(&config));
    uint64_t *const NEEDED[] = {&config.memtable_bytes, &config.table_bytes, &config.block_bytes,
                                &config.log_segment_bytes};
    for (size_t i = 0; i < sizeof NEEDED / sizeof NEEDED[0]; i++) {
        uint64_t kept = *NEEDED[i];
        *NEEDED[i] = 0;
        assert_non_null(store_config_problem(&config));
        *NEEDED[i] = kept;
    }
    config.tally_count = 7;
    assert_non_null(store_config_problem(&config));
    config = store_config_default();
    config.filter_bits_per_key = 1000;
    assert_non_null(store_config_problem(&config));
    config = store_config_default();
    config.log_spares = 1000;
    assert_non_null(store_config_problem(&config));
    config = store_config_default();
    config.compression[3] = (enum block_compression)77;
    assert_non_null(store_config_problem(&config));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_that_cannot_work_are_refused_with_a_sentence),
        cmocka_unit_test(a_store_gives_back_what_it_kept_of_removed_ranges),
        cmocka_unit_test(the_smallest_budgets_work),
        cmocka_unit_test(with_memory_in_reserve_no_allocation_that_fails_is_noticed),
        cmocka_unit_test(an_allocation_that_fails_leaves_a_directory_that_opens_again),
        cmocka_unit_test(no_memory_from_some_moment_on_leaves_a_directory_that_opens_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
