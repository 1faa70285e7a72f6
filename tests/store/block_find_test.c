#include "engine/store/block_find.h"

#include "engine/store/block_builder.h"
#include "tests/store/support/table_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SEEDS = 300, SOUGHT = 100 };

static void build(struct block_builder *builder, const struct fixture_entry *entries,
                  size_t count) {
    block_builder_reset(builder);
    for (size_t i = 0; i < count; i++) {
        struct bytes key = buffer_bytes(&entries[i].key), value = buffer_bytes(&entries[i].value);
        if (entries[i].expires != 0)
            block_builder_add_expiring(builder, key, value, (struct wall_time){entries[i].expires});
        else
            block_builder_add(builder, key, value, entries[i].removed);
    }
}

static const struct fixture_entry *find_entry(const struct fixture_entry *entries, size_t count,
                                              struct bytes key) {
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal(buffer_bytes(&entries[i].key), key))
            return &entries[i];
    }
    return NULL;
}

static void expect_found(struct bytes contents, const struct fixture_entry *entry) {
    struct bytes value;
    bool removed;
    struct wall_time expires;
    assert_int_equal(block_find(contents, buffer_bytes(&entry->key), &value, &removed, &expires),
                     BLOCK_FIND_PRESENT);
    assert_true(bytes_equal(value, buffer_bytes(&entry->value)));
    assert_int_equal(removed, entry->removed);
    assert_int_equal(expires.milliseconds, entry->expires);
}

static void exactly_the_keys_that_were_put_in_are_found(void **state) {
    (void)state;
    struct block_builder builder = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct prng prng;
        size_t count, sought_count;
        prng_init(&prng, seed, 7);
        uint32_t key_size = 1 + prng_below(&prng, 12);
        struct fixture_entry *entries =
            table_fixture_random(&prng, prng_below(&prng, 150), key_size, 200, &count);
        struct fixture_entry *sought =
            table_fixture_random(&prng, SOUGHT, key_size, 0, &sought_count);
        table_fixture_let_expire(entries, count, &prng, 3);
        build(&builder, entries, count);
        struct bytes contents = block_builder_finish(&builder);
        for (size_t i = 0; i < count; i++)
            expect_found(contents, &entries[i]);
        for (size_t i = 0; i < sought_count; i++) {
            struct bytes key = buffer_bytes(&sought[i].key);
            struct bytes value;
            bool removed;
            struct wall_time expires;
            enum block_find found = block_find(contents, key, &value, &removed, &expires);
            if ((found == BLOCK_FIND_PRESENT) != (find_entry(entries, count, key) != NULL) ||
                found == BLOCK_FIND_CORRUPT)
                fail_msg("seed %u, key %u: wrong answer", (unsigned)seed, (unsigned)i);
        }
        table_fixture_free(entries, count);
        table_fixture_free(sought, sought_count);
    }
    block_builder_deinit(&builder);
}

/* In a copy of exactly its size, so that a sanitizer sees what is read beside it. */
static void a_forged_block_never_leads_outside(void **state) {
    (void)state;
    struct block_builder builder = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct prng prng;
        size_t count;
        prng_init(&prng, seed, 8);
        struct fixture_entry *entries = table_fixture_random(&prng, 40, 6, 20, &count);
        build(&builder, entries, count);
        struct bytes contents = block_builder_finish(&builder);
        for (int round = 0; round < 200; round++) {
            size_t size = prng_chance(&prng, 1, 4) ? prng_below(&prng, (uint32_t)contents.size)
                                                   : contents.size;
            uint8_t *copy = malloc(size + 1);
            memcpy(copy, contents.data, size);
            for (uint32_t flips = prng_below(&prng, 4); size > 0 && flips > 0; flips--)
                copy[prng_below(&prng, (uint32_t)size)] = (uint8_t)prng_u32(&prng);
            struct bytes value = {0};
            bool removed;
            struct wall_time expires;
            struct bytes key = buffer_bytes(&entries[prng_below(&prng, (uint32_t)count)].key);
            if (block_find(bytes_of(copy, size), key, &value, &removed, &expires) ==
                BLOCK_FIND_PRESENT)
                assert_true(value.data >= copy && value.data + value.size <= copy + size);
            free(copy);
        }
        table_fixture_free(entries, count);
    }
    block_builder_deinit(&builder);
}

static void what_is_no_block_is_corrupt(void **state) {
    (void)state;
    static const uint8_t NONE[] = {0, 0, 0, 0};
    static const uint8_t TOO_MANY[] = {0, 0, 0, 0, 9, 0, 0, 0};
    struct bytes value;
    bool removed;
    struct wall_time expires;
    struct bytes key = bytes_of_text("a");
    assert_int_equal(block_find(bytes_of(NONE, 4), key, &value, &removed, &expires),
                     BLOCK_FIND_ABSENT);
    assert_int_equal(block_find(bytes_of(NONE, 3), key, &value, &removed, &expires),
                     BLOCK_FIND_CORRUPT);
    assert_int_equal(block_find(bytes_of(TOO_MANY, 8), key, &value, &removed, &expires),
                     BLOCK_FIND_CORRUPT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_the_keys_that_were_put_in_are_found),
        cmocka_unit_test(a_forged_block_never_leads_outside),
        cmocka_unit_test(what_is_no_block_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
