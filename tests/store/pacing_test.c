/* How background work keeps step with writers, and with the rate that it may be held to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/store/compaction_pick.h"
#include "engine/store/pacing.h"
#include "tests/store/support/store_host.h"

enum { RATE = 1000 };

static struct instant at_milliseconds(uint64_t milliseconds) {
    return instant_after((struct instant){0}, duration_of_milliseconds(milliseconds));
}

static void a_slice_grows_with_what_waits_and_not_beyond_its_bound(void **state) {
    (void)state;
    struct store_config config = store_config_default();
    struct store *store = store_create(&config);
    uint64_t before = pacing_slice_bytes(store);
    assert_int_equal(before, PACING_SLICE_BYTES);
    for (uint32_t runs = 0; runs <= PACING_RUNS_MAX; runs++) {
        store->version->run_count = runs;
        uint64_t bytes = pacing_slice_bytes(store);
        assert_true(bytes >= before && bytes <= PACING_SLICE_BYTES << PACING_PRESSURE_MAX);
        assert_true(runs > COMPACTION_RUNS || bytes == PACING_SLICE_BYTES);
        before = bytes;
    }
    assert_int_equal(before, PACING_SLICE_BYTES << PACING_PRESSURE_MAX);
    store->version->run_count = 0;
    for (uint32_t frozen = 2; frozen <= PACING_FROZEN_MAX; frozen++) {
        store->frozen_count = frozen;
        assert_int_equal(pacing_slice_bytes(store), PACING_SLICE_BYTES << (frozen - 1));
    }
    store->frozen_count = 0;
    store_destroy(store);
}

static void writers_are_slowed_before_they_are_stopped(void **state) {
    (void)state;
    struct store_config config = store_config_default();
    struct store *store = store_create(&config);
    for (uint32_t frozen = 0; frozen <= PACING_FROZEN_MAX; frozen++) {
        store->frozen_count = frozen;
        assert_false(pacing_must_wait(store, false));
        assert_int_equal(pacing_must_wait(store, true), frozen == PACING_FROZEN_MAX);
    }
    store->frozen_count = 0;
    store_destroy(store);
}

static void compaction_waits_for_its_rate_unless_it_is_behind(void **state) {
    (void)state;
    struct store_config config = store_config_default();
    config.compaction_rate = RATE;
    struct store *store = store_create(&config);
    assert_true(pacing_may_merge(store, at_milliseconds(1)));
    pacing_note_merged(store, RATE / 2, at_milliseconds(1));
    assert_false(pacing_may_merge(store, at_milliseconds(500)));
    assert_true(pacing_may_merge(store, at_milliseconds(501)));
    store->version->run_count = PACING_RUNS_MAX;
    assert_true(pacing_may_merge(store, at_milliseconds(2)));
    store_destroy(store);
}

/* Fills a store with more than one slice can merge and lets it settle. Returns how long that took. */
static struct duration time_to_settle(uint64_t rate) {
    static struct memory_disk disk;
    static struct store_host host;
    struct store_config config = store_host_small_config();
    config.memtable_bytes = 128 * 1024;
    config.compaction_rate = rate;
    memory_disk_init(&disk, 7);
    store_host_init(&host, &disk, &config);
    host.keys = 200;
    assert_true(store_host_start(&host));
    for (uint32_t i = 0; i < 1000; i++) {
        while (store_host_write(&host, i % 200, 1500) == STORE_BUSY)
            assert_true(store_host_step(&host));
        store_host_pump(&host);
    }
    struct instant from = host.now;
    store_host_settle(&host);
    store_host_check(&host);
    struct duration took = duration_between(from, host.now);
    store_host_deinit(&host);
    memory_disk_deinit(&disk);
    return took;
}

static void a_compaction_that_is_held_back_goes_on_when_its_time_comes(void **state) {
    (void)state;
    uint64_t free = time_to_settle(0).nanoseconds;
    uint64_t held = time_to_settle(RATE).nanoseconds;
    assert_true(held > free + duration_of_seconds(100).nanoseconds);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slice_grows_with_what_waits_and_not_beyond_its_bound),
        cmocka_unit_test(writers_are_slowed_before_they_are_stopped),
        cmocka_unit_test(compaction_waits_for_its_rate_unless_it_is_behind),
        cmocka_unit_test(a_compaction_that_is_held_back_goes_on_when_its_time_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
