/* What open tables keep in memory and what the block cache holds must share one budget. */
#include "tests/store/support/store_host.h"

#include "engine/base/prng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { WRITES = 3000, READS = 2000 };

static struct memory_disk disk;
static struct store_host host;

static void expect_within_budget(void) {
    struct store_figures figures;
    store_figures(host.store, &figures);
    /* Top-level indexes stay whatever the budget. */
    if (host.config.cache_bytes >= figures.pinned_bytes)
        assert_true(figures.pinned_bytes + figures.cache_bytes <= host.config.cache_bytes);
    else
        assert_int_equal(figures.cache_bytes, 0);
}

static void write_and_read(const struct store_config *config, uint64_t seed) {
    struct prng prng;
    memory_disk_init(&disk, seed);
    prng_init(&prng, seed, 9);
    store_host_init(&host, &disk, config);
    assert_true(store_host_start(&host));
    for (int i = 0; i < WRITES; i++) {
        (void)store_host_write(&host, prng_below(&prng, STORE_HOST_KEYS), prng_below(&prng, 100));
        store_host_pump(&host);
        (void)store_host_step(&host);
    }
    store_host_settle(&host);
    expect_within_budget();
    for (int i = 0; i < READS; i++) {
        struct bytes value;
        enum store_status status =
            store_host_get(&host, prng_below(&prng, STORE_HOST_KEYS), &value);
        assert_true(status == STORE_OK || status == STORE_ABSENT);
        expect_within_budget();
    }
    store_host_check(&host);
}

static void finish(void) {
    store_host_deinit(&host);
    memory_disk_deinit(&disk);
}

static void blocks_and_what_tables_keep_share_the_budget(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        struct store_config config = store_host_small_config();
        config.cache_bytes = 1000u << seed;
        config.partition_above = seed % 3 == 0 ? 100 : 0;
        write_and_read(&config, seed);
        finish();
    }
}

static uint64_t pinned_with(uint64_t cache_bytes) {
    struct store_figures figures;
    struct store_config config = store_host_small_config();
    config.cache_bytes = cache_bytes;
    config.table_bytes = 2048;
    write_and_read(&config, 3);
    store_figures(host.store, &figures);
    finish();
    return figures.pinned_bytes;
}

static void tables_keep_less_where_the_budget_is_small(void **state) {
    (void)state;
    uint64_t all = pinned_with(1 << 30);
    uint64_t none = pinned_with(0);
    /* Half of the budget may be kept by tables, and while a merge is under way its inputs and outputs are open at once. */
    uint64_t some = pinned_with(4 * all);
    assert_true(none < some && some < all);
}

/* Removed and compacted away, the entries leave nothing in the cache that no table could ask for. */
static void blocks_of_tables_that_are_gone_leave_the_cache(void **state) {
    (void)state;
    struct store_config config = store_host_small_config();
    config.cache_bytes = 1 << 20;
    write_and_read(&config, 4);
    struct store_figures before, after;
    store_figures(host.store, &before);
    for (uint32_t key = 0; key < STORE_HOST_KEYS; key++) {
        while (store_host_remove(&host, key) == STORE_BUSY)
            (void)store_host_step(&host);
        store_host_pump(&host);
    }
    store_host_settle(&host);
    store_figures(host.store, &after);
    assert_true(before.table_count > 8 && after.table_count < before.table_count / 2);
    assert_true(before.cache_bytes > 4000 && after.cache_bytes < before.cache_bytes / 2);
    finish();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_and_what_tables_keep_share_the_budget),
        cmocka_unit_test(blocks_of_tables_that_are_gone_leave_the_cache),
        cmocka_unit_test(tables_keep_less_where_the_budget_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
