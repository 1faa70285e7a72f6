/* The memtable against a sorted array, its budget, and the tallies that are frozen into it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/prng.h"
#include "engine/data/entry_key.h"
#include "engine/store/memtable.h"
#include "engine/store/tallies.h"

enum { KEYS_MAX = 1200, SEEDS_PER_FAMILY = 6, LONG_KEY = 65535, PUTS_MAX = 3000 };

/* A sorted array with one entry for each key. */
struct model_entry {
    struct buffer key;
    uint32_t value;
    bool removed;
};
struct model {
    struct model_entry entries[KEYS_MAX];
    size_t count;
};
static struct model model;

static size_t model_seek(struct bytes key) {
    size_t low = 0;
    size_t high = model.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_compare(buffer_bytes(&model.entries[middle].key), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool model_has(size_t at, struct bytes key) {
    return at < model.count && bytes_equal(buffer_bytes(&model.entries[at].key), key);
}

static void model_put(struct bytes key, uint32_t value, bool removed) {
    size_t at = model_seek(key);
    if (!model_has(at, key)) {
        assert_true(model.count < KEYS_MAX);
        memmove(model.entries + at + 1, model.entries + at,
                (model.count - at) * sizeof model.entries[0]);
        model.entries[at] = (struct model_entry){0};
        buffer_append(&model.entries[at].key, key);
        model.count++;
    }
    model.entries[at].value = value;
    model.entries[at].removed = removed;
}

static void model_clear(void) {
    for (size_t i = 0; i < model.count; i++)
        buffer_deinit(&model.entries[i].key);
    model.count = 0;
}

/* Families of keys, each hard on a tree in its own way. */
enum key_family {
    FEW_VALUES, /* of bytes: keys are prefixes of one another all the time */
    ZERO_TAILS, /* one key and its continuations by zero bytes */
    ALL_VALUES, /* of bytes: nodes of all sizes */
    LONG_PATHS, /* long common beginnings that part anywhere */
    LONGEST,    /* of LONG_KEY bytes, that differ in one */
    DECIMAL,    /* what benchmarks use */
    ENTRY_KEYS, /* what a node uses */
    FAMILIES
};

static void put_repeated(struct buffer *to, size_t count, uint8_t byte) {
    for (size_t i = 0; i < count; i++)
        buffer_put_u8(to, byte);
}

static void draw_random_bytes(struct prng *prng, size_t size, uint32_t values, struct buffer *to) {
    for (size_t i = 0; i < size; i++)
        buffer_put_u8(to, (uint8_t)prng_below(prng, values));
}

static void draw_long_path(struct prng *prng, struct buffer *to) {
    static const size_t SIZES[] = {7, 8, 9, 16, 31, 300};
    put_repeated(to, SIZES[prng_below(prng, 6)] - prng_below(prng, 3), 'p');
    draw_random_bytes(prng, prng_below(prng, 3), 3, to);
    put_repeated(to, SIZES[prng_below(prng, 6)], 'q');
    draw_random_bytes(prng, prng_below(prng, 2), 256, to);
}

static struct bytes draw_key(struct prng *prng, enum key_family family, struct buffer *key) {
    buffer_clear(key);
    char digits[32];
    switch (family) {
    case FEW_VALUES:
        draw_random_bytes(prng, 1 + prng_below(prng, 15), 3, key);
        break;
    case ZERO_TAILS:
        buffer_put_u8(key, (uint8_t)prng_below(prng, 2));
        put_repeated(key, prng_below(prng, 300), 0);
        break;
    case ALL_VALUES:
        draw_random_bytes(prng, 1 + prng_below(prng, 2), 256, key);
        break;
    case LONG_PATHS:
        draw_long_path(prng, key);
        break;
    case LONGEST:
        put_repeated(key, LONG_KEY, 'x');
        key->data[prng_below(prng, LONG_KEY)] = (uint8_t)prng_below(prng, 256);
        break;
    case DECIMAL:
        snprintf(digits, sizeof digits, "%016u", prng_below(prng, 5000000));
        buffer_append(key, bytes_of_text(digits));
        break;
    case ENTRY_KEYS:
        snprintf(digits, sizeof digits, "user:%u", prng_below(prng, 2000));
        entry_key_encode(&(struct entry_key){.space = ENTRY_DATA,
                                             .partition = (uint16_t)prng_below(prng, 1024),
                                             .leaf = (uint8_t)prng_below(prng, 256),
                                             .key = bytes_of_text(digits)},
                         key);
        break;
    case FAMILIES:
        break;
    }
    return buffer_bytes(key);
}

static void assert_is(const struct memtable_entry *entry, size_t at) {
    if (at >= model.count) {
        assert_null(entry);
        return;
    }
    assert_non_null(entry);
    assert_true(bytes_equal(memtable_entry_key(entry), buffer_bytes(&model.entries[at].key)));
    assert_int_equal(entry->removed, model.entries[at].removed);
    assert_int_equal(entry->value_size, sizeof(uint32_t));
    assert_int_equal(load_u32(entry->value), model.entries[at].value);
}

static void check_seeks(const struct memtable *table, struct bytes key) {
    size_t at = model_seek(key);
    assert_is(memtable_seek(table, key), at);
    assert_is(memtable_seek_below(table, key), at == 0 ? SIZE_MAX : at - 1);
    assert_is(memtable_find(table, key), model_has(at, key) ? at : SIZE_MAX);
}

static void check_order(const struct memtable *table) {
    assert_int_equal(table->count, model.count);
    size_t at = 0;
    const struct memtable_entry *entry;
    for (entry = memtable_first(table); entry != NULL; entry = entry->next)
        assert_is(entry, at++);
    assert_int_equal(at, model.count);
    for (entry = table->last; entry != NULL; entry = entry->previous)
        assert_is(entry, --at);
    assert_int_equal(at, 0);
}

static void run_family(enum key_family family, uint64_t seed) {
    struct memtable *table = memtable_create(1 << 20);
    struct buffer key = {0};
    struct prng prng;
    prng_init(&prng, seed, (uint64_t)family);
    uint32_t rounds = family == LONGEST ? 40 : KEYS_MAX;
    for (uint32_t i = 0; i < rounds; i++) {
        struct bytes name = draw_key(&prng, family, &key);
        memtable_put(table, name, bytes_of(&i, sizeof i), i % 5 == 0);
        model_put(name, i, i % 5 == 0);
        check_seeks(table, name);
        check_seeks(table, draw_key(&prng, family, &key));
        /* A neighbour of what is there, by one byte more or less, is often not there. */
        key.size -= key.size > 1 ? prng_below(&prng, 2) : 0;
        check_seeks(table, buffer_bytes(&key));
        buffer_put_u8(&key, (uint8_t)prng_below(&prng, 256));
        if (key.size <= MEMTABLE_KEY_MAX)
            check_seeks(table, buffer_bytes(&key));
        if (i % 100 == 0)
            check_order(table);
    }
    check_order(table);
    check_seeks(table, (struct bytes){0});
    model_clear();
    buffer_deinit(&key);
    memtable_release(table);
}

static void entries_agree_with_a_sorted_array_whatever_the_keys(void **state) {
    (void)state;
    for (int family = 0; family < FAMILIES; family++) {
        for (uint64_t seed = 1; seed <= SEEDS_PER_FAMILY; seed++) {
            /* Printed ahead: when the test stops, the last line names the case. */
            fprintf(stderr, "family %d seed %llu\r", family, (unsigned long long)seed);
            run_family((enum key_family)family, seed);
        }
    }
}

static void every_two_byte_key_finds_its_place_in_any_order(void **state) {
    (void)state;
    struct memtable *table = memtable_create(64 << 20);
    for (uint32_t i = 0; i < 1 << 16; i++) {
        uint32_t number = i * 40503 & 0xffff;
        uint8_t key[2] = {(uint8_t)(number >> 8), (uint8_t)number};
        memtable_put(table, bytes_of(key, 2), (struct bytes){0}, false);
        if (number % 256 == 7)
            memtable_put(table, bytes_of(key, 1), (struct bytes){0}, false);
    }
    assert_int_equal(table->count, (1 << 16) + 256);
    uint32_t number = 0;
    for (const struct memtable_entry *entry = memtable_first(table); entry != NULL;
         entry = entry->next) {
        assert_int_equal(entry->key[0], number / 257);
        assert_int_equal(entry->key_size, number % 257 == 0 ? 1 : 2);
        if (number % 257 > 0)
            assert_int_equal(entry->key[1], number % 257 - 1);
        number++;
    }
    assert_int_equal(number, 257 * 256);
    memtable_release(table);
}

/* What one entry may cost at most: itself, and two slabs for the inner nodes that it makes grow. */
static uint64_t largest_cost(uint64_t budget, struct bytes key, struct bytes value) {
    enum { LARGEST_NODE = 2112, SLAB_MAX = 16384, ROUNDING = 3 * (RADIX_LINE + ARENA_ALIGNMENT) };
    uint64_t slab = budget / 256 < SLAB_MAX ? budget / 256 : SLAB_MAX;
    if (slab < LARGEST_NODE)
        slab = LARGEST_NODE;
    return offsetof(struct memtable_entry, key) + key.size + value.size + 2 * slab + ROUNDING +
           3 * sizeof(struct arena_chunk);
}

static void a_memtable_exceeds_its_budget_by_one_entry_at_most(void **state) {
    (void)state;
    static const uint64_t BUDGETS[] = {1,     100,    512,    4096,    5000,
                                       65536, 100001, 300000, 1 << 20, (3 << 20) + 17};
    static uint8_t bytes[3000];
    struct buffer key = {0};
    for (size_t i = 0; i < sizeof BUDGETS / sizeof BUDGETS[0]; i++) {
        for (int family = 0; family < FAMILIES; family++) {
            struct prng prng;
            prng_init(&prng, i, 5);
            struct memtable *table = memtable_create(BUDGETS[i]);
            uint64_t cost = sizeof *table;
            /* A family of few keys never fills a large budget. */
            for (uint32_t n = 0; n < PUTS_MAX && !memtable_is_full(table); n++) {
                assert_true(memtable_bytes(table) <= BUDGETS[i]);
                struct bytes name = draw_key(&prng, (enum key_family)family, &key);
                struct bytes value = bytes_of(bytes, prng_below(&prng, sizeof bytes));
                memtable_put(table, name, value, false);
                cost = largest_cost(BUDGETS[i], name, value);
                assert_true(memtable_bytes(table) <= BUDGETS[i] + cost);
            }
            assert_true(memtable_bytes(table) <= BUDGETS[i] + cost);
            memtable_release(table);
        }
    }
    buffer_deinit(&key);
}

static void a_full_memtable_has_used_its_budget(void **state) {
    (void)state;
    enum { BUDGET = 4 << 20, VALUE = 100 };
    static const uint8_t value[VALUE];
    struct memtable *table = memtable_create(BUDGET);
    char key[32];
    for (uint32_t i = 0; !memtable_is_full(table); i++) {
        snprintf(key, sizeof key, "%016u", i * 7919 % 5000000);
        memtable_put(table, bytes_of_text(key), bytes_of(value, VALUE), false);
    }
    assert_true(memtable_bytes(table) >= BUDGET);
    /* Keys and values alone are more than half of it. */
    assert_true(table->count * (16 + VALUE) > BUDGET / 2);
    memtable_release(table);
}

static void a_seek_finds_the_first_key_that_is_not_smaller(void **state) {
    (void)state;
    struct memtable *table = memtable_create(1 << 20);
    memtable_put(table, bytes_of_text("b"), bytes_of_text("1"), false);
    memtable_put(table, bytes_of_text("d"), bytes_of_text("2"), false);
    assert_ptr_equal(memtable_seek(table, bytes_of_text("a")), memtable_first(table));
    assert_int_equal(*memtable_seek(table, bytes_of_text("c"))->key, 'd');
    assert_null(memtable_seek(table, bytes_of_text("da")));
    assert_null(memtable_find(table, bytes_of_text("c")));
    memtable_release(table);
}

static void overwriting_in_place_does_not_fill_the_budget(void **state) {
    (void)state;
    struct memtable *table = memtable_create(1 << 20);
    memtable_put(table, bytes_of_text("hot"), bytes_of_text("0123456789"), false);
    uint64_t before = memtable_bytes(table);
    for (uint32_t i = 0; i < 1000; i++)
        memtable_put(table, bytes_of_text("hot"), bytes_of_text("9876543210"), false);
    assert_int_equal(memtable_bytes(table), before);
    memtable_release(table);
}

static void tallies_that_were_frozen_come_back_as_they_were(void **state) {
    (void)state;
    struct tallies tallies, again;
    tallies_init(&tallies, 1024);
    tallies_init(&again, 1024);
    struct memtable *table = memtable_create(1 << 20);
    for (uint32_t i = 0; i < 2000; i++) {
        struct tally_change change = {
            .tally = i * 37 % 700, .digest = i * 0x9e3779b97f4a7c15u, .count = (int64_t)i % 7 - 3};
        assert_true(tallies_apply(&tallies, &change));
        if (i % 500 == 0)
            tallies_freeze(&tallies, table);
    }
    tallies_freeze(&tallies, table);
    for (const struct memtable_entry *node = memtable_first(table); node != NULL; node = node->next)
        assert_true(tallies_load(&again, memtable_entry_key(node), memtable_entry_value(node)));
    for (uint32_t tally = 0; tally < 768; tally++) {
        assert_int_equal(tallies_digests(&again, tally / 256)[tally % 256],
                         tallies_digests(&tallies, tally / 256)[tally % 256]);
        assert_int_equal(tallies_count(&again, tally), tallies_count(&tallies, tally));
    }
    assert_null(tallies_digests(&again, 3));
    assert_int_equal(again.total, tallies.total);
    memtable_release(table);
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
        cmocka_unit_test(entries_agree_with_a_sorted_array_whatever_the_keys),
        cmocka_unit_test(every_two_byte_key_finds_its_place_in_any_order),
        cmocka_unit_test(a_memtable_exceeds_its_budget_by_one_entry_at_most),
        cmocka_unit_test(a_full_memtable_has_used_its_budget),
        cmocka_unit_test(a_seek_finds_the_first_key_that_is_not_smaller),
        cmocka_unit_test(overwriting_in_place_does_not_fill_the_budget),
        cmocka_unit_test(tallies_that_were_frozen_come_back_as_they_were),
        cmocka_unit_test(a_change_to_a_tally_that_does_not_exist_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
