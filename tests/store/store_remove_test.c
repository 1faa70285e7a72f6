/* Removing whole ranges: everything with a prefix is gone, in memory and on disk, and what is written behind that is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "engine/store/store.h"
#include "tests/store/support/memory_disk.h"
#include "tests/store/support/store_host.h"

enum { GROUPS = 4, KEYS_PER_GROUP = 120, KEYS = GROUPS * KEYS_PER_GROUP, HISTORY_MAX = 20000 };

/* What one sequence number did: key < KEYS put a value; else it removed the prefix of that number behind KEYS. */
struct deed {
    uint32_t key;
    uint32_t size;
};

/* A group's keys are "a/0" to "a/119". Groups have a page of tallies each, but for the last: parts of it are removed. */
static struct {
    struct memory_disk disk;
    struct store *store;
    struct store_config config;
    struct effects effects;
    struct instant now;
    struct deed deeds[HISTORY_MAX]; /* [sequence] */
    uint64_t last;
    uint64_t held[KEYS]; /* sequence of what a key holds; 0: nothing */
} world;

static void key_name(uint32_t key, struct buffer *to) {
    buffer_clear(to);
    buffer_put_u8(to, (uint8_t)('a' + key / KEYS_PER_GROUP));
    text_append(to, "/");
    text_append_u64(to, key % KEYS_PER_GROUP);
}

/* Prefix g < GROUPS is a whole group; the next ten are "d/0" to "d/9". */
static void prefix_name(uint32_t prefix, struct buffer *to) {
    buffer_clear(to);
    buffer_put_u8(to, (uint8_t)('a' + (prefix < GROUPS ? prefix : GROUPS - 1)));
    text_append(to, "/");
    if (prefix >= GROUPS)
        text_append_u64(to, prefix - GROUPS);
}

static void value_of(uint64_t sequence, struct buffer *to) {
    buffer_clear(to);
    for (uint32_t i = 0; i < world.deeds[sequence].size; i++)
        buffer_put_u8(to, (uint8_t)hash_mix(sequence, i));
}

static void take(void) {
    memory_disk_take(&world.disk, &world.effects);
    effects_clear(&world.effects);
}

static void pump(void) {
    store_pump(world.store, world.now, &world.effects);
    take();
}

static bool step(void) {
    struct disk_done done;
    world.now.nanoseconds += 1000;
    bool performed = memory_disk_perform(&world.disk, &done);
    if (performed)
        assert_true(store_on_disk(world.store, &done, world.now, &world.effects));
    struct instant deadline = store_deadline(world.store);
    bool due = deadline.nanoseconds != UINT64_MAX;
    if (!performed && due && instant_before(world.now, deadline))
        world.now = deadline;
    pump();
    return performed || due;
}

static void settle(void) {
    while (step())
        continue;
}

static void start(void) {
    store_destroy(world.store);
    world.store = store_create(&world.config);
    store_start(world.store, world.now, &world.effects);
    take();
    while (store_phase(world.store) == STORE_PHASE_RECOVERING && step())
        continue;
    if (store_phase(world.store) != STORE_PHASE_SERVING)
        print_error("%.*s\n", (int)store_failure(world.store).size,
                    (const char *)store_failure(world.store).data);
    assert_int_equal(store_phase(world.store), STORE_PHASE_SERVING);
}

static void set_up(uint64_t seed) {
    memset(&world, 0, sizeof world);
    memory_disk_init(&world.disk, seed);
    world.config = store_host_small_config();
    start();
}

static void tear_down(void) {
    store_destroy(world.store);
    world.store = NULL;
    effects_deinit(&world.effects);
    memory_disk_deinit(&world.disk);
}

static uint64_t digest_of(uint64_t sequence) {
    return sequence == 0 ? 0 : hash_mix(sequence, 7);
}

static bool has_tally(uint32_t key) {
    return key / KEYS_PER_GROUP < GROUPS - 1;
}

static uint32_t tally_of(uint32_t key) {
    return key / KEYS_PER_GROUP * STORE_TALLIES_PER_PAGE + key % 5;
}

static bool put(uint32_t key, uint32_t size) {
    struct buffer name = {0}, value = {0};
    key_name(key, &name);
    world.deeds[world.last + 1] = (struct deed){.key = key, .size = size};
    value_of(world.last + 1, &value);
    struct store_batch batch = {
        .count = 1,
        .entries = {{.key = buffer_bytes(&name), .value = buffer_bytes(&value)}},
        .has_tally = has_tally(key),
        .tally = {.tally = tally_of(key),
                  .digest = digest_of(world.held[key]) ^ digest_of(world.last + 1),
                  .count = world.held[key] == 0 ? 1 : 0},
    };
    uint64_t sequence;
    enum store_status status = store_write(world.store, &batch, world.now, &sequence);
    if (status == STORE_OK) {
        world.last++;
        assert_int_equal(sequence, world.last);
        world.held[key] = sequence;
    }
    buffer_deinit(&name);
    buffer_deinit(&value);
    return status == STORE_OK;
}

static void forget(uint32_t prefix) {
    struct buffer name = {0}, start_of = {0};
    prefix_name(prefix, &start_of);
    for (uint32_t key = 0; key < KEYS; key++) {
        key_name(key, &name);
        if (bytes_start_with(buffer_bytes(&name), buffer_bytes(&start_of)))
            world.held[key] = 0;
    }
    buffer_deinit(&name);
    buffer_deinit(&start_of);
}

static bool remove_prefix(uint32_t prefix) {
    struct buffer name = {0};
    prefix_name(prefix, &name);
    uint64_t sequence;
    uint32_t page = prefix < GROUPS - 1 ? prefix : STORE_NO_PAGE;
    enum store_status status =
        store_remove_prefix(world.store, buffer_bytes(&name), page, world.now, &sequence);
    if (status == STORE_OK) {
        world.last++;
        assert_int_equal(sequence, world.last);
        world.deeds[sequence] = (struct deed){.key = KEYS + prefix};
        forget(prefix);
    }
    buffer_deinit(&name);
    return status == STORE_OK;
}

static void check_get(uint32_t key) {
    struct buffer name = {0}, expected = {0};
    struct bytes value;
    enum store_status status;
    key_name(key, &name);
    while ((status = store_get(world.store, buffer_bytes(&name), 1, &value, &world.effects)) ==
               STORE_NEED_BLOCK ||
           status == STORE_BUSY) {
        take();
        assert_true(step());
    }
    assert_int_equal(status, world.held[key] == 0 ? STORE_ABSENT : STORE_OK);
    if (status == STORE_OK) {
        value_of(world.held[key], &expected);
        assert_true(bytes_equal(value, buffer_bytes(&expected)));
    }
    buffer_deinit(&name);
    buffer_deinit(&expected);
}

static uint32_t count_by_scan(void) {
    struct buffer from = {0};
    struct store_entry entry;
    uint32_t count = 0;
    for (;;) {
        enum store_status status = store_scan(world.store, (struct bytes){0}, buffer_bytes(&from),
                                              count > 0, 2, &entry, &world.effects);
        take();
        if (status == STORE_ABSENT)
            break;
        if (status == STORE_NEED_BLOCK || status == STORE_BUSY) {
            assert_true(step());
            continue;
        }
        assert_int_equal(status, STORE_OK);
        buffer_clear(&from);
        buffer_append(&from, entry.key);
        count++;
    }
    buffer_deinit(&from);
    return count;
}

static void check_tallies(void) {
    for (uint32_t page = 0; page < GROUPS - 1; page++) {
        uint64_t digests[STORE_TALLIES_PER_PAGE] = {0};
        int64_t counts[STORE_TALLIES_PER_PAGE] = {0};
        for (uint32_t key = page * KEYS_PER_GROUP; key < (page + 1) * KEYS_PER_GROUP; key++) {
            digests[key % KEYS_PER_GROUP % 5] ^= digest_of(world.held[key]);
            counts[key % KEYS_PER_GROUP % 5] += world.held[key] != 0;
        }
        const uint64_t *told = store_tally_digests(world.store, page);
        for (uint32_t i = 0; i < STORE_TALLIES_PER_PAGE; i++) {
            uint32_t tally = page * STORE_TALLIES_PER_PAGE + i;
            uint64_t expected = i < 5 ? digests[i] : 0;
            assert_true((told == NULL ? 0 : told[i]) == expected);
            assert_int_equal(store_tally_count(world.store, tally), counts[i]);
        }
    }
}

static void check(void) {
    uint32_t live = 0;
    for (uint32_t key = 0; key < KEYS; key++) {
        check_get(key);
        live += world.held[key] != 0;
    }
    assert_int_equal(count_by_scan(), live);
    check_tallies();
}

/* What the log and the tables have kept is the first so many deeds, and all of what was durable. */
static void recover(uint64_t durable) {
    start();
    uint64_t kept = store_durable(world.store);
    assert_true(kept >= durable && kept <= world.last);
    memset(world.held, 0, sizeof world.held);
    for (uint64_t sequence = 1; sequence <= kept; sequence++) {
        uint32_t key = world.deeds[sequence].key;
        if (key < KEYS)
            world.held[key] = sequence;
        else
            forget(key - KEYS);
    }
    world.last = kept;
}

static void crash(enum crash_outcome outcome) {
    uint64_t durable = store_durable(world.store);
    memory_disk_crash(&world.disk, outcome);
    recover(durable);
}

static void put_all(uint32_t from, uint32_t to) {
    for (uint32_t key = from; key < to; key++) {
        while (!put(key, 30 + key % 40))
            assert_true(step());
        pump();
    }
}

static void what_has_the_prefix_is_gone_and_nothing_else(void **state) {
    (void)state;
    set_up(1);
    put_all(0, KEYS);
    assert_true(remove_prefix(1));
    check();
    settle();
    check();
    tear_down();
}

static void what_is_written_behind_the_removal_stays(void **state) {
    (void)state;
    set_up(2);
    put_all(0, KEYS);
    settle();
    assert_true(remove_prefix(2));
    assert_true(put(2 * KEYS_PER_GROUP + 5, 20));
    check();
    settle();
    start();
    check();
    tear_down();
}

/* Nobody writes any more: the ranges go down, and what they hide goes with them. */
static void what_was_removed_gives_its_space_back_at_rest(void **state) {
    (void)state;
    set_up(3);
    put_all(0, KEYS);
    settle();
    struct store_figures full, after;
    store_figures(world.store, &full);
    for (uint32_t group = 0; group < GROUPS; group++) {
        while (!remove_prefix(group))
            assert_true(step());
    }
    put_all(0, 10);
    assert_int_equal(store_checkpoint(world.store, &(uint32_t){0}), STORE_OK); /* flushes */
    settle();
    check();
    store_figures(world.store, &after);
    assert_int_equal(after.ranges_removed, GROUPS);
    assert_true(after.table_bytes < full.table_bytes / 4);
    tear_down();
}

static void many_removals_in_a_row_need_no_memtable_each(void **state) {
    (void)state;
    set_up(4);
    put_all(0, KEYS);
    settle();
    struct store_figures before, after;
    store_figures(world.store, &before);
    for (uint32_t prefix = 0; prefix < GROUPS + 10; prefix++)
        assert_true(remove_prefix(prefix));
    settle();
    store_figures(world.store, &after);
    assert_true(after.flushes <= before.flushes + 1);
    check();
    tear_down();
}

static void run_history(uint64_t seed) {
    struct prng prng;
    prng_init(&prng, seed, 4);
    set_up(seed);
    world.config.table_bytes = 1024 + prng_below(&prng, 6000);
    world.config.memtable_bytes = 2048 + prng_below(&prng, 6000);
    world.config.sync = prng_chance(&prng, 1, 2) ? STORE_SYNC_ALWAYS : STORE_SYNC_NEVER;
    for (uint32_t i = 0; i < 1500; i++) {
        uint32_t dice = prng_below(&prng, 1000);
        if (dice < 12)
            (void)remove_prefix(prng_below(&prng, GROUPS + 10));
        else if (dice < 14)
            crash((enum crash_outcome)prng_below(&prng, 4));
        else if (dice < 16)
            check();
        else if (dice < 600)
            (void)put(prng_below(&prng, KEYS), prng_below(&prng, 90));
        else
            (void)step();
        pump();
    }
    check();
    settle();
    check();
    crash(CRASH_LOSES);
    check();
    tear_down();
}

static void removals_hold_through_flushes_compactions_and_crashes(void **state) {
    (void)state;
    uint64_t from = 1, to = 60;
    const char *only = getenv("SEED");
    if (only != NULL)
        from = to = strtoull(only, NULL, 10);
    for (uint64_t seed = from; seed <= to; seed++) {
        if (only == NULL)
            print_message("SEED=%llu\r", (unsigned long long)seed);
        run_history(seed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_the_prefix_is_gone_and_nothing_else),
        cmocka_unit_test(what_is_written_behind_the_removal_stays),
        cmocka_unit_test(what_was_removed_gives_its_space_back_at_rest),
        cmocka_unit_test(many_removals_in_a_row_need_no_memtable_each),
        cmocka_unit_test(removals_hold_through_flushes_compactions_and_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
