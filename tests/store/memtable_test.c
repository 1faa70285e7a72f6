/* The memtable against a sorted array, and its budget. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/store/memtable.h"
#include "engine/store/tallies.h"

enum { KEYS = 500 };

/* Keys of all lengths, with zero bytes in them, so that the cached prefix meets every case. */
static struct bytes make_key(uint32_t number, uint8_t key[16]) {
    struct prng prng;
    prng_init(&prng, number, 3);
    size_t size = 1 + prng_below(&prng, 15);
    for (size_t i = 0; i < size; i++)
        key[i] = (uint8_t)prng_below(&prng, 3);
    return bytes_of(key, size);
}

static void entries_come_out_in_key_order_with_their_last_value(void **state) {
    (void)state;
    struct memtable *table = memtable_create();
    struct prng prng;
    prng_init(&prng, 1, 1);
    uint8_t key[16];
    for (uint32_t i = 0; i < 3000; i++) {
        struct bytes name = make_key(prng_below(&prng, KEYS), key);
        uint32_t last = i;
        memtable_put(table, name, bytes_of(&last, sizeof last), i % 5 == 0);
        const struct memtable_node *found = memtable_find(table, name);
        assert_non_null(found);
        assert_int_equal(load_u32(found->value), i);
        assert_int_equal(found->removed, i % 5 == 0);
    }
    uint64_t count = 0;
    struct bytes before = {0};
    for (const struct memtable_node *node = memtable_first(table); node != NULL;
         node = memtable_node_next(node)) {
        assert_true(bytes_compare(before, memtable_node_key(node)) < 0);
        assert_ptr_equal(memtable_seek(table, memtable_node_key(node)), node);
        before = memtable_node_key(node);
        count++;
    }
    assert_int_equal(count, table->count);
    memtable_destroy(table);
}

static void a_seek_finds_the_first_key_that_is_not_smaller(void **state) {
    (void)state;
    struct memtable *table = memtable_create();
    memtable_put(table, bytes_of_text("b"), bytes_of_text("1"), false);
    memtable_put(table, bytes_of_text("d"), bytes_of_text("2"), false);
    assert_ptr_equal(memtable_seek(table, bytes_of_text("a")), memtable_first(table));
    assert_int_equal(*memtable_seek(table, bytes_of_text("c"))->key, 'd');
    assert_null(memtable_seek(table, bytes_of_text("da")));
    assert_null(memtable_find(table, bytes_of_text("c")));
    memtable_destroy(table);
}

static void overwriting_in_place_does_not_fill_the_budget(void **state) {
    (void)state;
    struct memtable *table = memtable_create();
    memtable_put(table, bytes_of_text("hot"), bytes_of_text("0123456789"), false);
    uint64_t before = memtable_bytes(table);
    for (uint32_t i = 0; i < 1000; i++)
        memtable_put(table, bytes_of_text("hot"), bytes_of_text("9876543210"), false);
    assert_int_equal(memtable_bytes(table), before);
    memtable_destroy(table);
}

static void tallies_that_were_frozen_come_back_as_they_were(void **state) {
    (void)state;
    struct tallies tallies, again;
    tallies_init(&tallies, 1024);
    tallies_init(&again, 1024);
    struct memtable *table = memtable_create();
    for (uint32_t i = 0; i < 2000; i++) {
        struct tally_change change = {
            .tally = i * 37 % 700, .digest = i * 0x9e3779b97f4a7c15u, .count = (int64_t)i % 7 - 3};
        assert_true(tallies_apply(&tallies, &change));
        if (i % 500 == 0)
            tallies_freeze(&tallies, table);
    }
    tallies_freeze(&tallies, table);
    for (const struct memtable_node *node = memtable_first(table); node != NULL;
         node = memtable_node_next(node))
        assert_true(tallies_load(&again, memtable_node_key(node), memtable_node_value(node)));
    for (uint32_t tally = 0; tally < 768; tally++) {
        assert_int_equal(tallies_digests(&again, tally / 256)[tally % 256],
                         tallies_digests(&tallies, tally / 256)[tally % 256]);
        assert_int_equal(tallies_count(&again, tally), tallies_count(&tallies, tally));
    }
    assert_null(tallies_digests(&again, 3));
    assert_int_equal(again.total, tallies.total);
    memtable_destroy(table);
    tallies_deinit(&tallies);
    tallies_deinit(&again);
}

static void a_change_to_a_tally_that_does_not_exist_is_refused(void **state) {
    (void)state;
    struct tallies tallies;
    tallies_init(&tallies, 256);
    assert_false(tallies_apply(&tallies, &(struct tally_change){.tally = 256}));
    tallies_deinit(&tallies);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_come_out_in_key_order_with_their_last_value),
        cmocka_unit_test(a_seek_finds_the_first_key_that_is_not_smaller),
        cmocka_unit_test(overwriting_in_place_does_not_fill_the_budget),
        cmocka_unit_test(tallies_that_were_frozen_come_back_as_they_were),
        cmocka_unit_test(a_change_to_a_tally_that_does_not_exist_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
