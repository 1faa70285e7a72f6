/* Random operations against a plain model, with random settings, so small that flush and compaction
 * never rest. A failure prints the seed; DUNLIN_MODEL_SEED=N runs that one alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/store/support/store_host.h"

enum { SEEDS = 40, OPERATIONS = 1500, KEYS = 300 };

static struct memory_disk disk;
static struct store_host host;

/* The model's keys in order: order[i] is the number of the i-th smallest key. */
static uint32_t order[KEYS];
static struct buffer names[KEYS];

static void sort_names(void) {
    for (uint32_t key = 0; key < KEYS; key++) {
        store_host_key(key, &names[key]);
        uint32_t at = key;
        while (at > 0 &&
               bytes_compare(buffer_bytes(&names[order[at - 1]]), buffer_bytes(&names[key])) > 0) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = key;
    }
}

static struct store_config random_config(struct prng *prng) {
    struct store_config config = store_host_small_config();
    config.sync = (enum store_sync)prng_below(prng, 3);
    config.sync_interval = duration_of_microseconds(1 + prng_below(prng, 100));
    config.memtable_bytes = 512u << prng_below(prng, 6);
    config.table_bytes = 512u << prng_below(prng, 6);
    config.block_bytes = 64u << prng_below(prng, 5);
    config.log_segment_bytes = 500u << prng_below(prng, 6);
    config.cache_bytes = 256u << prng_below(prng, 10);
    config.filter_bits_per_key = prng_below(prng, 2) * 10;
    config.partition_above = 1u << prng_below(prng, 12);
    for (uint32_t level = 0; level < STORE_LEVELS; level++)
        config.compression[level] = (enum block_compression)prng_below(prng, 3);
    return config;
}

static bool is_live(uint32_t key) {
    return host.held[key] != 0 && !host.history[host.held[key]].removed;
}

static void write_one(struct prng *prng) {
    uint32_t key = prng_below(prng, KEYS);
    enum store_status status;
    do {
        status = prng_chance(prng, 1, 3) ? store_host_remove(&host, key)
                                         : store_host_write(&host, key, prng_below(prng, 200));
        store_host_pump(&host);
        if (status == STORE_BUSY)
            assert_true(store_host_step(&host));
    } while (status == STORE_BUSY);
    assert_int_equal(status, STORE_OK);
}

static void check_value(uint32_t key, struct bytes value) {
    struct buffer expected = {0};
    store_host_value(host.held[key], &host.history[host.held[key]], &expected);
    assert_true(bytes_equal(value, buffer_bytes(&expected)));
    buffer_deinit(&expected);
}

static void get_one(struct prng *prng) {
    uint32_t key = prng_below(prng, KEYS);
    struct bytes value;
    enum store_status status = store_host_get(&host, key, &value);
    assert_int_equal(status, is_live(key) ? STORE_OK : STORE_ABSENT);
    if (status == STORE_OK)
        check_value(key, value);
}

/* Scans a while from a random key on, with writes in between, handing back the very key it got. */
static void scan_some(struct prng *prng) {
    static const char *const PREFIXES[] = {"", "d", "d/1", "e/", "f5", "g"};
    struct bytes prefix = bytes_of_text(PREFIXES[prng_below(prng, 6)]);
    uint32_t at = prng_below(prng, KEYS);
    bool after = prng_chance(prng, 1, 2);
    struct bytes from = buffer_bytes(&names[order[at]]);
    uint32_t next = after ? at + 1 : at;
    uint32_t length = prng_below(prng, 40);
    for (uint32_t i = 0; i < length; i++) {
        while (next < KEYS && (!is_live(order[next]) ||
                               !bytes_start_with(buffer_bytes(&names[order[next]]), prefix)))
            next++;
        struct store_entry entry;
        enum store_status status = store_host_scan(&host, prefix, from, after, &entry);
        assert_int_equal(status, next == KEYS ? STORE_ABSENT : STORE_OK);
        if (status == STORE_ABSENT)
            return;
        assert_true(bytes_equal(entry.key, buffer_bytes(&names[order[next]])));
        check_value(order[next], entry.value);
        from = prng_chance(prng, 1, 2) ? entry.key : buffer_bytes(&names[order[next]]);
        after = true;
        next++;
        if (prng_chance(prng, 1, 4)) {
            from = buffer_bytes(&names[order[next - 1]]);
            write_one(prng);
        }
    }
}

static void restart(struct prng *prng) {
    enum crash_outcome outcome = (enum crash_outcome)prng_below(prng, 4);
    bool closes = prng_chance(prng, 1, 3);
    if (closes) {
        assert_true(store_host_close(&host));
        outcome = CRASH_LOSES;
    }
    store_host_crash(&host, outcome);
    assert_true(store_host_start(&host));
    assert_int_equal(store_was_closed_cleanly(host.store), closes);
    store_host_check_recovered(&host, outcome);
}

static void operate(struct prng *prng) {
    uint32_t kind = prng_below(prng, 100);
    if (kind < 55)
        write_one(prng);
    else if (kind < 75)
        get_one(prng);
    else if (kind < 85)
        scan_some(prng);
    else if (kind < 98)
        store_host_step(&host);
    else if (kind < 99)
        store_host_settle(&host);
    else
        restart(prng);
}

static void run_seed(uint64_t seed) {
    struct prng prng;
    prng_init(&prng, seed, 9);
    struct store_config config = random_config(&prng);
    memory_disk_init(&disk, seed);
    store_host_init(&host, &disk, &config);
    host.keys = KEYS;
    assert_true(store_host_start(&host));
    for (uint32_t i = 0; i < OPERATIONS; i++)
        operate(&prng);
    store_host_check(&host);
    store_host_deinit(&host);
    memory_disk_deinit(&disk);
}

static void random_operations_agree_with_the_model(void **state) {
    (void)state;
    sort_names();
    const char *only = getenv("DUNLIN_MODEL_SEED");
    uint64_t first = only != NULL ? strtoull(only, NULL, 10) : 1;
    uint64_t last = only != NULL ? first : SEEDS;
    for (uint64_t seed = first; seed <= last; seed++) {
        /* Printed ahead: when the test stops, the last line names the seed. */
        fprintf(stderr, "seed %llu\r", (unsigned long long)seed);
        run_seed(seed);
    }
    for (uint32_t key = 0; key < KEYS; key++)
        buffer_deinit(&names[key]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
