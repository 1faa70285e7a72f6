#include "tests/store/support/expiring_store.h"

#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "tests/store/support/store_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SIZE = 60 };

struct expiring_world expiring_world;

static void take(void) {
    memory_disk_take(&expiring_world.disk, &expiring_world.effects);
    effects_clear(&expiring_world.effects);
}

void expiring_pump(void) {
    store_pump(expiring_world.store, expiring_world.now, &expiring_world.effects);
    take();
}

/* Time passes on the monotonic clock only, and not to see entries expire. */
bool expiring_step(void) {
    struct disk_done done;
    expiring_world.now.nanoseconds += 1000;
    bool performed = memory_disk_perform(&expiring_world.disk, &done);
    if (performed)
        assert_true(store_on_disk(expiring_world.store, &done, expiring_world.now,
                                  &expiring_world.effects));
    struct instant deadline = store_work_deadline(expiring_world.store);
    bool due = deadline.nanoseconds != UINT64_MAX;
    if (!performed && due && instant_before(expiring_world.now, deadline))
        expiring_world.now = deadline;
    expiring_pump();
    return performed || due;
}

void expiring_settle(void) {
    uint32_t steps = 0;
    expiring_pump();
    while (expiring_step())
        assert_true(++steps < EXPIRING_STEPS_MAX);
}

void expiring_set_wall(uint64_t wall) {
    store_set_wall(expiring_world.store, (struct wall_time){wall});
    expiring_world.wall = wall > expiring_world.wall ? wall : expiring_world.wall;
}

void expiring_start(uint64_t wall) {
    store_destroy(expiring_world.store);
    expiring_world.disk.queued = 0;
    expiring_world.store = store_create(&expiring_world.config);
    expiring_world.wall = 0;
    expiring_set_wall(wall);
    store_start(expiring_world.store, expiring_world.now, &expiring_world.effects);
    take();
    while (store_phase(expiring_world.store) == STORE_PHASE_RECOVERING && expiring_step())
        continue;
    assert_int_equal(store_phase(expiring_world.store), STORE_PHASE_SERVING);
}

int expiring_set_up(void **state) {
    (void)state;
    memset(&expiring_world, 0, sizeof expiring_world);
    memory_disk_init(&expiring_world.disk, 1);
    expiring_world.config = store_host_small_config();
    expiring_world.next_waiter = 1;
    expiring_start(EXPIRING_NOON);
    return 0;
}

int expiring_tear_down(void **state) {
    (void)state;
    store_destroy(expiring_world.store);
    expiring_world.store = NULL;
    effects_deinit(&expiring_world.effects);
    memory_disk_deinit(&expiring_world.disk);
    return 0;
}

struct bytes expiring_name_of(uint32_t key, struct buffer *to) {
    buffer_clear(to);
    text_append(to, "key");
    text_append_u64(to, 100000 + key);
    return buffer_bytes(to);
}

static struct bytes value_of(uint64_t sequence, struct buffer *to) {
    buffer_clear(to);
    for (uint32_t i = 0; i < SIZE; i++)
        buffer_put_u8(to, (uint8_t)(hash_mix(sequence, i / 8) >> i % 8 * 8));
    return buffer_bytes(to);
}

void expiring_send(uint32_t key, bool removed, uint64_t expires) {
    struct buffer name = {0}, value = {0};
    struct store_batch batch = {.count = 1};
    batch.entries[0] = (struct store_entry){
        .key = expiring_name_of(key, &name), .removed = removed, .expires = {expires}};
    if (!removed)
        batch.entries[0].value = value_of(expiring_world.last + 1, &value);
    uint64_t sequence = 0;
    while (store_write(expiring_world.store, &batch, expiring_world.now, &sequence) == STORE_BUSY)
        assert_true(expiring_step());
    expiring_pump();
    assert_int_equal(sequence, ++expiring_world.last);
    expiring_world.held[key] =
        (struct expiring_held){.sequence = removed ? 0 : sequence, .expires = expires};
    buffer_deinit(&name);
    buffer_deinit(&value);
}

void expiring_put(uint32_t key, uint64_t expires) {
    expiring_send(key, false, expires);
}

void expiring_put_all(uint64_t expires) {
    for (uint32_t key = 0; key < EXPIRING_KEYS; key++)
        expiring_put(key, expires);
}

/* Everything lies in tables, and levels are as they are at rest. */
void expiring_flush(void) {
    struct store_snapshot *snapshot;
    expiring_settle();
    assert_int_equal(store_snapshot_acquire(expiring_world.store, &snapshot), STORE_OK);
    store_snapshot_release(snapshot);
    expiring_settle();
}

/* What is in memory lies in a run of its own at level 0 then, and nothing has been compacted. */
void expiring_flush_alone(void) {
    struct store_snapshot *snapshot;
    struct store_figures figures;
    struct disk_done done;
    assert_int_equal(store_snapshot_acquire(expiring_world.store, &snapshot), STORE_OK);
    store_snapshot_release(snapshot);
    for (uint32_t steps = 0; steps < EXPIRING_STEPS_MAX; steps++) {
        expiring_pump();
        store_figures(expiring_world.store, &figures);
        if (figures.frozen_count == 0)
            return;
        if (memory_disk_perform(&expiring_world.disk, &done))
            assert_true(store_on_disk(expiring_world.store, &done, expiring_world.now,
                                      &expiring_world.effects));
    }
    fail_msg("what is frozen is never flushed");
}

static bool is_live(const struct expiring_held *held, uint64_t wall) {
    return held->sequence != 0 && (held->expires == 0 || held->expires > wall);
}

static void await(uint64_t waiter) {
    uint64_t ready = 0;
    while (ready != waiter) {
        if (!store_next_ready(expiring_world.store, &ready))
            assert_true(expiring_step());
    }
}

enum store_status expiring_get(struct store_snapshot *snapshot, struct bytes key,
                               struct bytes *value) {
    uint64_t waiter = expiring_world.next_waiter++;
    for (;;) {
        enum store_status status =
            snapshot == NULL
                ? store_get(expiring_world.store, key, waiter, value, &expiring_world.effects)
                : store_snapshot_get(snapshot, key, waiter, value, &expiring_world.effects);
        take();
        if (status != STORE_NEED_BLOCK)
            return status;
        await(waiter);
    }
}

void expiring_check_gets(struct store_snapshot *snapshot, const struct expiring_held *held,
                         uint64_t wall) {
    struct buffer name = {0}, expected = {0};
    struct bytes value;
    for (uint32_t key = 0; key < EXPIRING_KEYS; key++) {
        bool live = is_live(&held[key], wall);
        enum store_status status = expiring_get(snapshot, expiring_name_of(key, &name), &value);
        if (status != (live ? STORE_OK : STORE_ABSENT))
            fail_msg("key %u is %s, the store answers %d", key, live ? "live" : "not there",
                     (int)status);
        assert_true(!live || bytes_equal(value, value_of(held[key].sequence, &expected)));
    }
    buffer_deinit(&name);
    buffer_deinit(&expected);
}

void expiring_check_entry(const struct store_entry *entry, uint32_t key,
                          const struct expiring_held *held) {
    struct buffer name = {0}, expected = {0};
    assert_true(bytes_equal(entry->key, expiring_name_of(key, &name)));
    assert_true(bytes_equal(entry->value, value_of(held->sequence, &expected)));
    assert_int_equal(entry->expires.milliseconds, held->expires);
    buffer_deinit(&name);
    buffer_deinit(&expected);
}

enum store_status expiring_next(struct store_cursor *cursor, struct store_entry *entry) {
    uint64_t waiter = expiring_world.next_waiter++;
    enum store_status status;
    while ((status = store_cursor_next(cursor, waiter, entry, &expiring_world.effects)) ==
           STORE_NEED_BLOCK) {
        take();
        await(waiter);
    }
    take();
    return status;
}

static void check_walk(struct store_snapshot *snapshot, const struct expiring_held *held,
                       uint64_t wall, bool reverse) {
    struct store_range range = {.reverse = reverse};
    struct store_cursor *cursor = store_cursor_open(expiring_world.store, &range, snapshot);
    struct store_entry entry;
    for (uint32_t i = 0; i < EXPIRING_KEYS; i++) {
        uint32_t key = reverse ? EXPIRING_KEYS - 1 - i : i;
        if (!is_live(&held[key], wall))
            continue;
        assert_int_equal(expiring_next(cursor, &entry), STORE_OK);
        expiring_check_entry(&entry, key, &held[key]);
    }
    assert_int_equal(expiring_next(cursor, &entry), STORE_ABSENT);
    store_cursor_close(cursor);
}

void expiring_check_all(struct store_snapshot *snapshot, const struct expiring_held *held,
                        uint64_t wall) {
    expiring_check_gets(snapshot, held, wall);
    check_walk(snapshot, held, wall, false);
    check_walk(snapshot, held, wall, true);
}

void expiring_check(void) {
    expiring_check_all(NULL, expiring_world.held, expiring_world.wall);
}

uint64_t expiring_table_bytes(void) {
    struct store_figures figures;
    store_figures(expiring_world.store, &figures);
    return figures.table_bytes;
}

uint64_t expiring_written_bytes(void) {
    struct store_figures figures;
    store_figures(expiring_world.store, &figures);
    return figures.table_bytes_written;
}

/* The two clocks go on together, as they do for an idle host, which sleeps until the deadline. */
void expiring_idle_until(uint64_t wall) {
    struct disk_done done;
    for (uint32_t steps = 0; steps < EXPIRING_STEPS_MAX; steps++) {
        expiring_pump();
        if (memory_disk_perform(&expiring_world.disk, &done)) {
            assert_true(store_on_disk(expiring_world.store, &done, expiring_world.now,
                                      &expiring_world.effects));
            continue;
        }
        struct instant deadline = store_deadline(expiring_world.store);
        uint64_t left = duration_between(expiring_world.now, deadline).nanoseconds;
        if (left / 1000000 > wall - expiring_world.wall)
            return;
        expiring_world.now = instant_after(expiring_world.now, (struct duration){left});
        expiring_set_wall(expiring_world.wall + (left + 999999) / 1000000);
    }
    fail_msg("an idle store never sleeps until its deadline");
}
