/* Removed ranges against a plain set of one-byte keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/prng.h"
#include "engine/store/removed_ranges.h"

static const uint8_t LETTERS[] = "abcdefghijklmnopqrstuvwxyz";
enum { LETTER_COUNT = 26 };

static struct bytes letter(uint32_t at) {
    return bytes_of(LETTERS + at, 1);
}

static void check_against(const struct removed_ranges *ranges, const bool *gone) {
    for (uint32_t at = 0; at + 1 < LETTER_COUNT; at++) {
        const struct removed_range *range = removed_ranges_find(ranges, letter(at));
        assert_int_equal(range != NULL, gone[at]);
        if (range != NULL) {
            assert_true(bytes_compare(buffer_bytes(&range->to), letter(at)) > 0);
            assert_int_equal(removed_ranges_cover(ranges, letter(at), letter(at + 1)),
                             gone[at + 1]);
        }
    }
    for (uint32_t i = 1; i < ranges->count; i++)
        assert_true(bytes_compare(buffer_bytes(&ranges->items[i - 1].to),
                                  buffer_bytes(&ranges->items[i].from)) < 0);
}

static void add_random(struct prng *prng, struct removed_ranges *ranges, bool *gone) {
    uint32_t from = prng_below(prng, LETTER_COUNT - 1);
    uint32_t to = from + 1 + prng_below(prng, LETTER_COUNT - 1 - from);
    removed_ranges_add(ranges, letter(from), letter(to));
    for (uint32_t at = from; at < to; at++)
        gone[at] = true;
}

static void ranges_that_meet_become_one(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct prng prng;
        struct removed_ranges ranges = {0};
        bool gone[LETTER_COUNT] = {false};
        prng_init(&prng, seed, 1);
        for (uint32_t i = 0; i < 6; i++) {
            add_random(&prng, &ranges, gone);
            check_against(&ranges, gone);
        }
        removed_ranges_deinit(&ranges);
    }
}

static void a_split_leaves_every_key_on_its_side(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct prng prng;
        struct removed_ranges ranges = {0}, front = {0};
        bool gone[LETTER_COUNT] = {false}, before[LETTER_COUNT] = {false};
        prng_init(&prng, seed, 2);
        for (uint32_t i = prng_below(&prng, 5); i > 0; i--)
            add_random(&prng, &ranges, gone);
        uint32_t at = prng_below(&prng, LETTER_COUNT);
        for (uint32_t i = 0; i < at; i++) {
            before[i] = gone[i];
            gone[i] = false;
        }
        removed_ranges_split(&ranges, letter(at), &front);
        check_against(&front, before);
        check_against(&ranges, gone);
        removed_ranges_deinit(&ranges);
        removed_ranges_deinit(&front);
    }
}

static void what_is_encoded_is_decoded_and_nothing_else(void **state) {
    (void)state;
    struct removed_ranges ranges = {0};
    struct buffer bytes = {0};
    removed_ranges_add(&ranges, letter(1), letter(4));
    removed_ranges_add(&ranges, letter(6), letter(8));
    removed_ranges_encode(&ranges, &bytes);
    static const uint8_t EXPECTED[] = {2, 1, 'b', 1, 'e', 1, 'g', 1, 'i'};
    assert_int_equal(bytes.size, sizeof EXPECTED);
    assert_memory_equal(bytes.data, EXPECTED, sizeof EXPECTED);
    for (size_t size = 0; size <= bytes.size; size++) {
        struct removed_ranges read = {0};
        struct reader reader = reader_of(bytes_of(bytes.data, size));
        assert_int_equal(removed_ranges_decode(&reader, &read), size == bytes.size);
        removed_ranges_deinit(&read);
    }
    static const uint8_t REFUSED[][9] = {
        {2, 1, 'b', 1, 'e', 1, 'e', 1, 'i'}, /* they touch */
        {2, 1, 'b', 1, 'e', 1, 'a', 1, 'c'}, /* they descend */
        {2, 1, 'b', 1, 'b', 1, 'g', 1, 'i'}, /* nothing lies in the first */
    };
    for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++) {
        struct removed_ranges read = {0};
        struct reader reader = reader_of(bytes_of(REFUSED[i], sizeof REFUSED[i]));
        assert_false(removed_ranges_decode(&reader, &read));
        removed_ranges_deinit(&read);
    }
    removed_ranges_deinit(&ranges);
    buffer_deinit(&bytes);
}

static void a_prefix_ends_where_the_next_one_begins(void **state) {
    (void)state;
    struct buffer end = {0};
    assert_true(removed_ranges_prefix_end(bytes_of("d\x01\xff", 3), &end));
    assert_true(bytes_equal(buffer_bytes(&end), bytes_of("d\x02", 2)));
    assert_false(removed_ranges_prefix_end(bytes_of("\xff\xff", 2), &end));
    assert_false(removed_ranges_prefix_end((struct bytes){0}, &end));
    buffer_deinit(&end);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_that_meet_become_one),
        cmocka_unit_test(a_split_leaves_every_key_on_its_side),
        cmocka_unit_test(what_is_encoded_is_decoded_and_nothing_else),
        cmocka_unit_test(a_prefix_ends_where_the_next_one_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
