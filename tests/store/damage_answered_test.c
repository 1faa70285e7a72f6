/* More keys written anew in the range of one damage than it remembers: those beyond may answer that they cannot be trusted,
 * with the value that was written last, and none answers anything else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/store/damage.h"
#include "tests/store/support/store_host.h"

enum { KEYS = DAMAGE_ANSWERED_MAX + 900, ROUNDS = 20 };

static struct memory_disk disk;
static struct store_host host;

static void put(uint32_t key, uint32_t round) {
    char name[16], value[40];
    (void)snprintf(name, sizeof name, "k%05u", key);
    (void)snprintf(value, sizeof value, "of round %u", round);
    struct store_batch batch = {
        .count = 1, .entries = {{.key = bytes_of_text(name), .value = bytes_of_text(value)}}};
    uint64_t sequence;
    enum store_status status;
    while ((status = store_write(host.store, &batch, host.now, &sequence)) == STORE_BUSY)
        assert_true(store_host_step(&host));
    assert_int_equal(status, STORE_OK);
    store_host_pump(&host);
}

static enum store_status get(uint32_t key, struct bytes *value) {
    char name[16];
    (void)snprintf(name, sizeof name, "k%05u", key);
    uint64_t waiter = host.next_waiter++, ready;
    enum store_status status;
    while ((status = store_get(host.store, bytes_of_text(name), waiter, value, &host.effects)) ==
           STORE_NEED_BLOCK) {
        memory_disk_take(&disk, &host.effects);
        effects_clear(&host.effects);
        while (!store_next_ready(host.store, &ready))
            assert_true(store_host_step(&host));
    }
    return status;
}

/* How many keys are not trusted; of all, the value is the one of the round. */
static uint32_t count_corrupt(uint32_t round) {
    uint32_t corrupt = 0;
    char expected[40];
    (void)snprintf(expected, sizeof expected, "of round %u", round);
    for (uint32_t key = 0; key < KEYS; key++) {
        struct bytes value;
        enum store_status status = get(key, &value);
        corrupt += status == STORE_CORRUPT;
        assert_true(status == STORE_OK || status == STORE_CORRUPT);
        assert_true(bytes_equal(value, bytes_of_text(expected)));
    }
    return corrupt;
}

static void reopen(void) {
    assert_true(store_host_close(&host));
    store_host_crash(&host, CRASH_KILLS);
    assert_true(store_host_start(&host));
}

static void keys_beyond_what_a_damage_remembers_are_not_trusted_and_never_wrong(void **state) {
    (void)state;
    struct store_config config = store_host_small_config();
    config.memtable_bytes = config.table_bytes = 4 << 20;
    config.log_segment_bytes = 1 << 20;
    config.sync = STORE_SYNC_NEVER;
    config.salvages = true;
    memory_disk_init(&disk, 1);
    store_host_init(&host, &disk, &config);
    assert_true(store_host_start(&host));
    for (uint32_t key = 0; key < KEYS; key++)
        put(key, 0);
    assert_true(store_host_close(&host));
    store_host_crash(&host, CRASH_KILLS);
    assert_int_equal(memory_disk_count(&disk, FILE_TABLE), 1);
    struct buffer *table = &memory_disk_last(&disk, FILE_TABLE)->content->current;
    table->data[table->size - 20] ^= 1;
    assert_true(store_host_start(&host));
    uint32_t corrupt = 0;
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        for (uint32_t key = 0; key < KEYS; key++)
            put(key, round);
        assert_int_equal(count_corrupt(round), 0);
        reopen();
        store_host_settle(&host);
        corrupt = count_corrupt(round);
        assert_true(corrupt <= KEYS - DAMAGE_ANSWERED_MAX);
    }
    /* The damage has met its bound. */
    assert_int_equal(corrupt, KEYS - DAMAGE_ANSWERED_MAX);
    /* Given up or healed, all are. */
    struct store_damage damage;
    assert_true(store_next_damage(host.store, 0, &damage));
    store_heal(host.store, damage.id);
    store_host_pump(&host);
    store_host_settle(&host);
    assert_int_equal(count_corrupt(ROUNDS), 0);
    store_host_deinit(&host);
    memory_disk_deinit(&disk);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_beyond_what_a_damage_remembers_are_not_trusted_and_never_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
