#include "tests/store/support/store_host.h"

#include "engine/base/hash.h"
#include "engine/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct store_config store_host_small_config(void) {
    struct store_config config = store_config_default();
    config.sync = STORE_SYNC_ALWAYS;
    config.memtable_bytes = 4096;
    config.cache_bytes = 16 * 1024;
    config.block_bytes = 512;
    config.table_bytes = 4096;
    config.log_segment_bytes = 3000;
    config.tally_count = STORE_HOST_TALLIES;
    config.first_ticket = 1000;
    return config;
}

struct store_config store_host_crowded_config(enum store_sync sync) {
    struct store_config config = store_host_small_config();
    config.sync = sync;
    config.sync_interval = duration_of_microseconds(20);
    config.memtable_bytes = 2048;
    config.table_bytes = 2048;
    config.log_segment_bytes = 1500;
    config.block_bytes = 256;
    return config;
}

void store_host_init(struct store_host *host, struct memory_disk *disk,
                     const struct store_config *config) {
    *host = (struct store_host){
        .config = *config, .disk = disk, .keys = STORE_HOST_KEYS, .next_waiter = 1};
    host->held = calloc(STORE_HOST_KEYS, sizeof *host->held);
}

void store_host_deinit(struct store_host *host) {
    store_destroy(host->store);
    effects_deinit(&host->effects);
    free(host->history);
    free(host->held);
}

static void end_step(struct store_host *host) {
    store_pump(host->store, host->now, &host->effects);
    memory_disk_take(host->disk, &host->effects);
    effects_clear(&host->effects);
    if (store_phase(host->store) == STORE_PHASE_SERVING) {
        assert_true(store_durable(host->store) <= store_written(host->store));
        assert_true(store_durable(host->store) >= host->acknowledged_durable);
        host->acknowledged_durable = store_durable(host->store);
        host->acknowledged_written = store_written(host->store);
    }
}

void store_host_pump(struct store_host *host) {
    effects_clear(&host->effects);
    end_step(host);
}

bool store_host_step(struct store_host *host) {
    struct disk_done done;
    effects_clear(&host->effects);
    host->now.nanoseconds += 1000;
    if (memory_disk_perform(host->disk, &done)) {
        assert_true(store_on_disk(host->store, &done, host->now, &host->effects));
        end_step(host);
        return true;
    }
    struct instant deadline = store_deadline(host->store);
    if (deadline.nanoseconds == UINT64_MAX)
        return false;
    if (instant_before(host->now, deadline))
        host->now = deadline;
    end_step(host);
    return true;
}

void store_host_settle(struct store_host *host) {
    uint32_t steps = 0;
    while (store_phase(host->store) != STORE_PHASE_FAILED && store_host_step(host))
        assert_true(++steps < 1000000);
}

bool store_host_start(struct store_host *host) {
    store_destroy(host->store);
    host->store = store_create(&host->config);
    effects_clear(&host->effects);
    store_start(host->store, host->now, &host->effects);
    memory_disk_take(host->disk, &host->effects);
    while (store_phase(host->store) == STORE_PHASE_RECOVERING) {
        if (!store_host_step(host))
            fail_msg("recovery waits for nothing");
    }
    return store_phase(host->store) == STORE_PHASE_SERVING;
}

void store_host_key(uint32_t key, struct buffer *to) {
    buffer_clear(to);
    text_append(to, key % 3 == 0 ? "d/" : key % 3 == 1 ? "e/" : "f");
    text_append_u64(to, hash_mix(key, 1) % 1000);
    text_append(to, "/");
    text_append_u64(to, key);
}

void store_host_value(uint64_t sequence, const struct store_host_write *write, struct buffer *to) {
    buffer_clear(to);
    for (uint32_t i = 0; i < write->size; i++) {
        uint8_t random = (uint8_t)(hash_mix(sequence, i / 8) >> 8 * (i % 8));
        buffer_put_u8(to, i % 2 == 0 ? (uint8_t)'v' : random);
    }
}

static uint64_t digest_of(uint32_t key, uint64_t sequence) {
    return hash_mix(key + 1, sequence);
}

static bool is_live(const struct store_host *host, uint32_t key) {
    return host->held[key] != 0 && !host->history[host->held[key]].removed;
}

static uint32_t tally_of(uint32_t key) {
    return (uint32_t)(hash_mix(key, 2) % STORE_HOST_TALLIES);
}

static enum store_status put(struct store_host *host, struct store_host_write write) {
    struct buffer key = {0};
    struct buffer value = {0};
    uint64_t sequence = host->last + 1;
    assert_true(write.key < host->keys);
    store_host_key(write.key, &key);
    if (!write.removed)
        store_host_value(sequence, &write, &value);
    struct store_batch batch = {
        .count = 1,
        .entries = {{.key = buffer_bytes(&key),
                     .value = buffer_bytes(&value),
                     .removed = write.removed}},
        .has_tally = true,
        .tally = {.tally = tally_of(write.key)},
    };
    if (is_live(host, write.key)) {
        batch.tally.digest ^= digest_of(write.key, host->held[write.key]);
        batch.tally.count--;
    }
    if (!write.removed) {
        batch.tally.digest ^= digest_of(write.key, sequence);
        batch.tally.count++;
    }
    uint64_t given = 0;
    enum store_status status = store_write(host->store, &batch, host->now, &given);
    if (status == STORE_OK) {
        assert_int_equal(given, sequence);
        host->last = sequence;
        if (sequence >= host->history_capacity) {
            host->history_capacity = 2 * sequence + 64;
            host->history = realloc(host->history, host->history_capacity * sizeof *host->history);
        }
        host->history[sequence] = write;
        host->held[write.key] = (uint32_t)sequence;
    }
    buffer_deinit(&key);
    buffer_deinit(&value);
    return status;
}

enum store_status store_host_write(struct store_host *host, uint32_t key, uint32_t size) {
    return put(host, (struct store_host_write){.key = key, .size = size});
}

enum store_status store_host_remove(struct store_host *host, uint32_t key) {
    return put(host, (struct store_host_write){.key = key, .removed = true});
}

void store_host_write_some(struct store_host *host, struct prng *prng) {
    uint32_t writes = prng_below(prng, 4);
    for (uint32_t i = 0; i < writes; i++) {
        uint32_t key = prng_below(prng, host->keys);
        if (prng_chance(prng, 1, 4))
            store_host_remove(host, key);
        else
            store_host_write(host, key, prng_below(prng, 150));
    }
    if (prng_chance(prng, 1, 8))
        store_want_durable(host->store, host->last);
    store_host_pump(host);
}

void store_host_kill(struct store_host *host) {
    store_destroy(host->store);
    host->store = NULL;
}

void store_host_crash(struct store_host *host, enum crash_outcome outcome) {
    store_host_kill(host);
    memory_disk_crash(host->disk, outcome);
}

/* The model goes back to what it was after the write with this sequence number. */
static void truncate_history(struct store_host *host, uint64_t last) {
    host->last = last;
    memset(host->held, 0, STORE_HOST_KEYS * sizeof *host->held);
    for (uint64_t sequence = 1; sequence <= last; sequence++)
        host->held[host->history[sequence].key] = (uint32_t)sequence;
}

void store_host_check_recovered(struct store_host *host, enum crash_outcome outcome) {
    uint64_t recovered = store_written(host->store);
    assert_true(recovered >= host->acknowledged_durable);
    if (outcome == CRASH_KEEPS || outcome == CRASH_KILLS)
        assert_true(recovered >= host->acknowledged_written);
    assert_true(recovered <= host->last);
    assert_int_equal(store_durable(host->store), recovered);
    truncate_history(host, recovered);
    host->acknowledged_durable = host->acknowledged_written = recovered;
}

/* Lets the disk work until this waiter is to ask again. */
static void await(struct store_host *host, uint64_t waiter) {
    uint64_t ready;
    for (;;) {
        while (store_next_ready(host->store, &ready)) {
            if (ready == waiter)
                return;
        }
        assert_true(store_host_step(host));
    }
}

static void take_effects(struct store_host *host) {
    memory_disk_take(host->disk, &host->effects);
    effects_clear(&host->effects);
}

enum store_status store_host_get(struct store_host *host, uint32_t key, struct bytes *value) {
    struct buffer name = {0};
    store_host_key(key, &name);
    uint64_t waiter = host->next_waiter++;
    enum store_status status;
    for (;;) {
        status = store_get(host->store, buffer_bytes(&name), waiter, value, &host->effects);
        take_effects(host);
        if (status != STORE_NEED_BLOCK)
            break;
        await(host, waiter);
    }
    buffer_deinit(&name);
    return status;
}

enum store_status store_host_scan(struct store_host *host, struct bytes prefix, struct bytes from,
                                  bool after, struct store_entry *entry) {
    uint64_t waiter = host->next_waiter++;
    /* `from` may be a key that the store lent out: good for one call. */
    struct buffer copy = {0};
    buffer_append(&copy, from);
    enum store_status status;
    while ((status = store_scan(host->store, prefix, from, after, waiter, entry, &host->effects)) ==
           STORE_NEED_BLOCK) {
        from = buffer_bytes(&copy);
        take_effects(host);
        await(host, waiter);
    }
    take_effects(host);
    buffer_deinit(&copy);
    return status;
}

static void check_keys(struct store_host *host) {
    struct buffer expected = {0};
    for (uint32_t key = 0; key < host->keys; key++) {
        struct bytes value;
        enum store_status status = store_host_get(host, key, &value);
        if (!is_live(host, key)) {
            assert_int_equal(status, STORE_ABSENT);
            continue;
        }
        assert_int_equal(status, STORE_OK);
        store_host_value(host->held[key], &host->history[host->held[key]], &expected);
        assert_true(bytes_equal(value, buffer_bytes(&expected)));
    }
    buffer_deinit(&expected);
}

static uint32_t live_count(const struct store_host *host) {
    uint32_t count = 0;
    for (uint32_t key = 0; key < host->keys; key++)
        count += is_live(host, key);
    return count;
}

static void check_scan(struct store_host *host) {
    struct buffer from = {0};
    struct store_entry entry;
    uint32_t seen = 0;
    for (;;) {
        enum store_status status =
            store_host_scan(host, (struct bytes){0}, buffer_bytes(&from), seen > 0, &entry);
        if (status == STORE_ABSENT)
            break;
        assert_int_equal(status, STORE_OK);
        assert_true(seen == 0 || bytes_compare(buffer_bytes(&from), entry.key) < 0);
        buffer_clear(&from);
        buffer_append(&from, entry.key);
        seen++;
    }
    /* Every live key is there by check_keys(); no more are. */
    assert_int_equal(seen, live_count(host));
    buffer_deinit(&from);
}

static void check_tallies(struct store_host *host) {
    uint64_t digests[STORE_HOST_TALLIES] = {0};
    int64_t counts[STORE_HOST_TALLIES] = {0};
    for (uint32_t key = 0; key < host->keys; key++) {
        if (!is_live(host, key))
            continue;
        digests[tally_of(key)] ^= digest_of(key, host->held[key]);
        counts[tally_of(key)]++;
    }
    for (uint32_t tally = 0; tally < STORE_HOST_TALLIES; tally++) {
        const uint64_t *page = store_tally_digests(host->store, tally / STORE_TALLIES_PER_PAGE);
        assert_int_equal(page == NULL ? 0 : page[tally % STORE_TALLIES_PER_PAGE], digests[tally]);
        assert_int_equal(store_tally_count(host->store, tally), counts[tally]);
    }
    assert_int_equal(store_count_total(host->store), live_count(host));
}

void store_host_check(struct store_host *host) {
    check_tallies(host);
    check_keys(host);
    check_scan(host);
}

bool store_host_close(struct store_host *host) {
    effects_clear(&host->effects);
    store_close(host->store, host->now, &host->effects);
    memory_disk_take(host->disk, &host->effects);
    effects_clear(&host->effects);
    while (!store_is_closed(host->store) && store_phase(host->store) != STORE_PHASE_FAILED)
        assert_true(store_host_step(host));
    return store_is_closed(host->store);
}

void store_host_copy_model(struct store_host *host, const struct store_host *from) {
    host->history_capacity = from->last + 1;
    host->history = realloc(host->history, host->history_capacity * sizeof *host->history);
    memcpy(host->history, from->history, host->history_capacity * sizeof *host->history);
    memcpy(host->held, from->held, STORE_HOST_KEYS * sizeof *host->held);
    host->keys = from->keys;
    host->last = from->last;
    host->acknowledged_durable = from->acknowledged_durable;
    host->acknowledged_written = from->acknowledged_written;
}
