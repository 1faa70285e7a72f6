#include "engine/store/bloom.h"

#include "engine/base/hash.h"
#include "engine/base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { KEY_COUNT = 100000, STRANGER_COUNT = 1000000 };

static uint64_t *hashes_of_numbers(uint64_t from, size_t count) {
    uint64_t *hashes = calloc(count, sizeof *hashes);
    for (size_t i = 0; i < count; i++) {
        uint64_t number = from + i;
        hashes[i] = hash64(bytes_of(&number, sizeof number));
    }
    return hashes;
}

/* Builds over so many keys, checks that each is found, and counts strangers that pass. */
static size_t false_positives(size_t key_count, uint32_t bits_per_key) {
    struct buffer filter = {0};
    struct bloom bloom;
    uint64_t *hashes = hashes_of_numbers(0, key_count);
    bloom_build(hashes, key_count, bits_per_key, &filter);
    assert_int_equal(filter.size, bloom_size(key_count, bits_per_key));
    assert_true(bloom_decode(buffer_bytes(&filter), &bloom));
    for (size_t i = 0; i < key_count; i++)
        assert_true(bloom_may_contain(&bloom, hashes[i]));
    uint64_t *strangers = hashes_of_numbers((uint64_t)1 << 40, STRANGER_COUNT);
    size_t passed = 0;
    for (size_t i = 0; i < STRANGER_COUNT; i++)
        passed += bloom_may_contain(&bloom, strangers[i]) ? 1 : 0;
    free(hashes);
    free(strangers);
    buffer_deinit(&filter);
    return passed;
}

static void at_most_one_percent_of_strangers_pass_at_ten_bits(void **state) {
    (void)state;
    /* From one partition of a large table to a whole one. */
    static const size_t COUNTS[] = {500, 3000, 20000, 100000, 400000};
    for (size_t i = 0; i < sizeof COUNTS / sizeof COUNTS[0]; i++) {
        size_t passed = false_positives(COUNTS[i], 10);
        print_message("%zu of %d strangers pass %zu keys at 10 bits per key\n", passed,
                      STRANGER_COUNT, COUNTS[i]);
        assert_true(passed <= STRANGER_COUNT / 100);
    }
}

static void more_bits_let_fewer_strangers_pass(void **state) {
    (void)state;
    size_t before = STRANGER_COUNT;
    for (uint32_t bits = 2; bits <= 16; bits += 2) {
        size_t passed = false_positives(KEY_COUNT, bits);
        assert_true(passed < before);
        before = passed;
    }
}

static void small_filters_contain_their_keys(void **state) {
    (void)state;
    for (size_t count = 1; count < 200; count++) {
        for (uint32_t bits = 1; bits <= BLOOM_BITS_PER_KEY_MAX; bits += 7) {
            struct buffer filter = {0};
            struct bloom bloom;
            uint64_t *hashes = hashes_of_numbers(count * 1000, count);
            bloom_build(hashes, count, bits, &filter);
            assert_true(bloom_decode(buffer_bytes(&filter), &bloom));
            for (size_t i = 0; i < count; i++)
                assert_true(bloom_may_contain(&bloom, hashes[i]));
            free(hashes);
            buffer_deinit(&filter);
        }
    }
}

static void extreme_hashes_stay_inside_the_lines(void **state) {
    (void)state;
    uint64_t hashes[] = {0, 1, UINT32_MAX, (uint64_t)UINT32_MAX << 32, UINT64_MAX};
    size_t count = sizeof hashes / sizeof hashes[0];
    struct buffer filter = {0};
    struct bloom bloom;
    bloom_build(hashes, count, 64, &filter);
    assert_true(bloom_decode(buffer_bytes(&filter), &bloom));
    for (size_t i = 0; i < count; i++)
        assert_true(bloom_may_contain(&bloom, hashes[i]));
    buffer_deinit(&filter);
}

static void without_keys_or_bits_everything_passes(void **state) {
    (void)state;
    struct buffer filter = {0};
    struct bloom bloom;
    uint64_t hash = 7;
    bloom_build(&hash, 0, 10, &filter);
    bloom_build(&hash, 1, 0, &filter);
    assert_int_equal(filter.size, 0);
    assert_true(bloom_decode(buffer_bytes(&filter), &bloom));
    assert_true(bloom_may_contain(&bloom, hash));
}

static void the_order_of_keys_does_not_matter(void **state) {
    (void)state;
    struct buffer forwards = {0};
    struct buffer backwards = {0};
    uint64_t *hashes = hashes_of_numbers(0, 1000);
    bloom_build(hashes, 1000, 10, &forwards);
    for (size_t i = 0; i < 500; i++) {
        uint64_t swapped = hashes[i];
        hashes[i] = hashes[999 - i];
        hashes[999 - i] = swapped;
    }
    bloom_build(hashes, 1000, 10, &backwards);
    assert_true(bytes_equal(buffer_bytes(&forwards), buffer_bytes(&backwards)));
    free(hashes);
    buffer_deinit(&forwards);
    buffer_deinit(&backwards);
}

static void what_is_no_filter_is_refused(void **state) {
    (void)state;
    uint8_t bytes[2 * BLOOM_LINE_SIZE + 1] = {0};
    struct bloom bloom;
    for (size_t size = 1; size <= sizeof bytes; size++) {
        for (unsigned probes = 0; probes < 256; probes++) {
            bytes[size - 1] = (uint8_t)probes;
            bool sound = (size == BLOOM_LINE_SIZE + 1 || size == 2 * BLOOM_LINE_SIZE + 1) &&
                         probes >= 1 && probes <= BLOOM_PROBES_MAX;
            assert_int_equal(bloom_decode(bytes_of(bytes, size), &bloom), sound);
            assert_int_equal(bloom_may_contain(&bloom, UINT64_MAX), !sound);
            bytes[size - 1] = 0;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_most_one_percent_of_strangers_pass_at_ten_bits),
        cmocka_unit_test(more_bits_let_fewer_strangers_pass),
        cmocka_unit_test(small_filters_contain_their_keys),
        cmocka_unit_test(extreme_hashes_stay_inside_the_lines),
        cmocka_unit_test(without_keys_or_bits_everything_passes),
        cmocka_unit_test(the_order_of_keys_does_not_matter),
        cmocka_unit_test(what_is_no_filter_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
