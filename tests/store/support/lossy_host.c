#include "tests/store/support/lossy_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct memory_disk lossy_disk;
struct store_host lossy_host;

int lossy_host_open(void **state) {
    struct store_config config = store_host_small_config();
    config.salvages = *state != NULL;
    memory_disk_init(&lossy_disk, 1);
    store_host_init(&lossy_host, &lossy_disk, &config);
    lossy_host.keys = LOSSY_KEYS;
    assert_true(store_host_start(&lossy_host));
    return 0;
}

int lossy_host_close(void **state) {
    store_host_deinit(&lossy_host);
    memory_disk_deinit(&lossy_disk);
    (void)state;
    return 0;
}

void lossy_host_write(uint32_t key) {
    assert_int_equal(store_host_write(&lossy_host, key, 40), STORE_OK);
    store_host_pump(&lossy_host);
    store_host_settle(&lossy_host);
}

void lossy_host_write_all(void) {
    for (uint32_t key = 0; key < LOSSY_KEYS; key++)
        lossy_host_write(key);
}

void lossy_host_reopen(void) {
    assert_true(store_host_close(&lossy_host));
    store_host_crash(&lossy_host, CRASH_KEEPS);
    assert_true(store_host_start(&lossy_host));
    store_host_pump(&lossy_host);
    store_host_settle(&lossy_host);
}

bool lossy_host_restart(void) {
    store_host_crash(&lossy_host, CRASH_KEEPS);
    return store_host_start(&lossy_host);
}

bool lossy_host_is_right(uint32_t key, struct bytes value) {
    struct buffer expected = {0};
    store_host_value(lossy_host.held[key], &lossy_host.history[lossy_host.held[key]], &expected);
    bool right = bytes_equal(value, buffer_bytes(&expected));
    buffer_deinit(&expected);
    return right;
}

uint32_t lossy_host_corrupt(void) {
    uint32_t corrupt = 0;
    for (uint32_t key = 0; key < LOSSY_KEYS; key++) {
        struct bytes value;
        enum store_status status = store_host_get(&lossy_host, key, &value);
        corrupt += status == STORE_CORRUPT;
        assert_true(status == STORE_CORRUPT ||
                    (status == STORE_OK && lossy_host_is_right(key, value)));
    }
    return corrupt;
}

struct store_damage lossy_host_damage(enum store_damage_kind kind) {
    struct store_damage damage, other;
    assert_true(store_next_damage(lossy_host.store, 0, &damage));
    assert_int_equal(damage.kind, kind);
    assert_false(store_next_damage(lossy_host.store, damage.id, &other));
    return damage;
}

void lossy_host_heal(void) {
    struct store_damage damage;
    while (store_next_damage(lossy_host.store, 0, &damage)) {
        store_heal(lossy_host.store, damage.id);
        store_host_pump(&lossy_host);
        store_host_settle(&lossy_host);
    }
}
