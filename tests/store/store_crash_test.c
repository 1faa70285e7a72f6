/* Every crash point of a workload that logs, flushes, compacts, rolls
 * segments and closes: after a restart everything acknowledged as durable is there, nothing else is,
 * and the tallies are what the entries add up to.
 *
 * A failure prints the case: which operation, which outcome, which seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/store/support/store_host.h"

enum { EVERY = 1, EVERY_THIRD = 3, KEYS = 60, TICKS = 170, OPERATIONS_MAX = 4000 };

struct crash_case {
    enum store_sync sync;
    enum crash_outcome outcome;
    uint64_t at; /* disk operation, counted from 1 */
    uint64_t seed;
};

static struct memory_disk disk;
static struct store_host host;
static struct crash_case running;

static void open_case(struct crash_case which) {
    running = which;
    struct store_config config = store_host_crowded_config(which.sync);
    memory_disk_init(&disk, which.seed);
    store_host_init(&host, &disk, &config);
    host.keys = KEYS;
}

static void close_case(void) {
    store_host_deinit(&host);
    memory_disk_deinit(&disk);
}

static void explain(void) {
    static const char *const OUTCOMES[] = {"loses", "keeps", "tears", "kills"};
    fprintf(stderr, "case: sync %d, operation %llu, crash %s, seed %llu\n", (int)running.sync,
            (unsigned long long)running.at, OUTCOMES[running.outcome],
            (unsigned long long)running.seed);
    if (host.store != NULL) {
        struct bytes failure = store_failure(host.store);
        fprintf(stderr, "store: phase %d %.*s\n", (int)store_phase(host.store), (int)failure.size,
                failure.size == 0 ? "" : (const char *)failure.data);
    }
}

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            explain();                                                                             \
            fail_msg("%s", #condition);                                                            \
        }                                                                                          \
    } while (0)

/* One to three writes and some disk operations. False when the end of the road is reached. */
static bool tick(struct prng *prng, uint64_t stop_at) {
    store_host_write_some(&host, prng);
    uint32_t steps = prng_below(prng, 9);
    for (uint32_t i = 0; i < steps; i++) {
        if (disk.performed >= stop_at || store_phase(host.store) == STORE_PHASE_FAILED)
            return false;
        store_host_step(&host);
    }
    return disk.performed < stop_at;
}

/* Returns the number of disk operations performed. */
static uint64_t work(uint64_t seed, uint32_t ticks, uint64_t stop_at) {
    struct prng prng;
    prng_init(&prng, seed, 5);
    for (uint32_t i = 0; i < ticks; i++) {
        if (!tick(&prng, stop_at))
            return disk.performed;
    }
    store_close(host.store, host.now, &host.effects);
    memory_disk_take(&disk, &host.effects);
    effects_clear(&host.effects);
    while (disk.performed < stop_at && !store_is_closed(host.store) &&
           store_phase(host.store) != STORE_PHASE_FAILED)
        store_host_step(&host);
    return disk.performed;
}

/* Up to the crash, also while it starts. */
static void start_and_work(uint64_t seed, uint32_t ticks, uint64_t stop_at) {
    store_destroy(host.store);
    host.store = store_create(&host.config);
    effects_clear(&host.effects);
    store_start(host.store, host.now, &host.effects);
    memory_disk_take(&disk, &host.effects);
    effects_clear(&host.effects);
    while (store_phase(host.store) == STORE_PHASE_RECOVERING && disk.performed < stop_at)
        REQUIRE(store_host_step(&host));
    if (store_phase(host.store) != STORE_PHASE_SERVING)
        return;
    store_host_check_recovered(&host, CRASH_LOSES);
    work(seed, ticks, stop_at);
}

static void restart_and_check(enum crash_outcome outcome) {
    REQUIRE(store_host_start(&host));
    REQUIRE(store_written(host.store) >= host.acknowledged_durable);
    bool keeps = outcome == CRASH_KEEPS || outcome == CRASH_KILLS;
    REQUIRE(!keeps || store_written(host.store) >= host.acknowledged_written);
    bool closed = host.was_closed;
    REQUIRE(!closed || store_was_closed_cleanly(host.store));
    store_host_check_recovered(&host, outcome);
    store_host_check(&host);
}

/* Crashes at the operation, checks, works on from there, crashes once more and checks again. */
static bool run_case(struct crash_case which) {
    open_case(which);
    start_and_work(which.seed, TICKS, which.at);
    bool reached = disk.performed >= which.at;
    host.was_closed = store_is_closed(host.store);
    store_figures(host.store, &host.figures);
    store_host_crash(&host, which.outcome);
    restart_and_check(which.outcome);
    host.was_closed = false;
    work(which.seed + 1, 15, disk.performed + which.at % 37);
    enum crash_outcome second = which.outcome == CRASH_KILLS ? CRASH_LOSES : which.outcome;
    store_host_crash(&host, second);
    restart_and_check(second);
    close_case();
    return reached;
}

static void sweep(enum store_sync sync, enum crash_outcome outcome, uint64_t seed,
                  uint64_t stride) {
    uint64_t at = 1;
    while (run_case((struct crash_case){sync, outcome, at, seed})) {
        at += stride;
        REQUIRE(at < OPERATIONS_MAX);
    }
    printf("swept %llu operations, %llu compactions\n", (unsigned long long)at,
           (unsigned long long)host.figures.compactions);
    assert_true(at > 400 && host.figures.flushes > 5 && host.figures.compactions > 1);
    assert_true(host.figures.log_segments_recycled > 3);
}

static void a_crash_that_loses_all_unsynced_data_loses_nothing_durable(void **state) {
    (void)state;
    sweep(STORE_SYNC_ALWAYS, CRASH_LOSES, 1, EVERY);
}

static void a_crash_that_keeps_all_unsynced_data_loses_nothing_written(void **state) {
    (void)state;
    sweep(STORE_SYNC_ALWAYS, CRASH_KEEPS, 2, EVERY);
}

static void a_crash_that_tears_unsynced_data_loses_nothing_durable(void **state) {
    (void)state;
    sweep(STORE_SYNC_ALWAYS, CRASH_TEARS, 3, EVERY);
    sweep(STORE_SYNC_INTERVAL, CRASH_TEARS, 4, EVERY_THIRD);
}

static void a_crash_without_any_syncs_of_the_log_leaves_a_prefix(void **state) {
    (void)state;
    sweep(STORE_SYNC_NEVER, CRASH_TEARS, 5, EVERY);
    sweep(STORE_SYNC_NEVER, CRASH_LOSES, 6, EVERY_THIRD);
}

static void what_a_killed_process_had_written_is_durable_after_its_restart(void **state) {
    (void)state;
    sweep(STORE_SYNC_ALWAYS, CRASH_KILLS, 7, EVERY);
    sweep(STORE_SYNC_NEVER, CRASH_KILLS, 8, EVERY_THIRD);
}

/* Nobody writes any more, and nobody asks: the interval alone has to see to it. */
static void what_is_written_while_an_interval_sync_is_under_way_becomes_durable(void **state) {
    (void)state;
    open_case((struct crash_case){.sync = STORE_SYNC_INTERVAL, .seed = 1});
    host.config.log_allocates = false;
    disk.in_order = true;
    assert_true(store_host_start(&host));
    store_host_settle(&host);
    assert_int_equal(store_host_write(&host, 1, 40), STORE_OK);
    store_host_pump(&host);
    while (disk.queued == 0 || disk.queue[0].effect.kind != EFFECT_SYNC)
        assert_true(store_host_step(&host));
    assert_int_equal(store_host_write(&host, 2, 40), STORE_OK);
    store_host_pump(&host);
    /* The write passes the sync. */
    struct memory_operation last = disk.queue[disk.queued - 1];
    assert_int_equal(last.effect.kind, EFFECT_WRITE);
    memmove(disk.queue + 1, disk.queue, (disk.queued - 1) * sizeof last);
    disk.queue[0] = last;
    store_host_settle(&host);
    assert_int_equal(store_durable(host.store), 2);
    close_case();
}

/* The process ends between the write of a new segment and the sync of its name; then power is lost in the recovery. */
static void
a_segment_that_was_found_has_a_durable_name_before_the_manifest_tells_of_it(void **state) {
    (void)state;
    open_case((struct crash_case){.sync = STORE_SYNC_ALWAYS, .seed = 1});
    host.config.log_allocates = false;
    disk.in_order = true;
    assert_true(store_host_start(&host));
    assert_int_equal(store_host_write(&host, 1, 40), STORE_OK);
    store_host_pump(&host);
    while (memory_disk_count(&disk, FILE_LOG) == 0)
        assert_true(store_host_step(&host));
    assert_false(memory_disk_last(&disk, FILE_LOG)->name_durable);
    store_host_crash(&host, CRASH_KILLS);
    effects_clear(&host.effects);
    host.store = store_create(&host.config);
    store_start(host.store, host.now, &host.effects);
    memory_disk_take(&disk, &host.effects);
    size_t manifests = memory_disk_count(&disk, FILE_MANIFEST);
    while (memory_disk_count(&disk, FILE_MANIFEST) == manifests)
        assert_true(store_host_step(&host));
    assert_true(memory_disk_last(&disk, FILE_LOG)->name_durable);
    close_case();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_that_loses_all_unsynced_data_loses_nothing_durable),
        cmocka_unit_test(a_crash_that_keeps_all_unsynced_data_loses_nothing_written),
        cmocka_unit_test(a_crash_that_tears_unsynced_data_loses_nothing_durable),
        cmocka_unit_test(a_crash_without_any_syncs_of_the_log_leaves_a_prefix),
        cmocka_unit_test(
            a_segment_that_was_found_has_a_durable_name_before_the_manifest_tells_of_it),
        cmocka_unit_test(what_is_written_while_an_interval_sync_is_under_way_becomes_durable),
        cmocka_unit_test(what_a_killed_process_had_written_is_durable_after_its_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
