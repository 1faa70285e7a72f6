#include "engine/store/separators.h"

#include "engine/base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SEEDS = 300, KEYS_MAX = 200, KEY_SIZE_MAX = 24 };

struct key {
    uint8_t data[KEY_SIZE_MAX];
    size_t size;
};

static struct bytes key_bytes(const struct key *key) {
    return bytes_of(key->data, key->size);
}

static int compare_keys(const void *left, const void *right) {
    return bytes_compare(key_bytes(left), key_bytes(right));
}

/* From few letters, zero among them, behind a prefix of any size, so that words are often equal. */
static void draw_key(struct prng *prng, size_t prefix, struct key *key) {
    static const uint8_t LETTERS[] = {0, 0, 'a', 255};
    memset(key->data, 'p', prefix);
    key->size = prefix + prng_below(prng, (uint32_t)(KEY_SIZE_MAX - prefix));
    for (size_t i = prefix; i < key->size; i++)
        key->data[i] = LETTERS[prng_below(prng, sizeof LETTERS)];
    if (prng_chance(prng, 1, 20))
        key->size = prng_below(prng, (uint32_t)key->size + 1);
}

static size_t draw_keys(struct prng *prng, size_t prefix, struct key *keys) {
    size_t wanted = prng_below(prng, KEYS_MAX);
    for (size_t i = 0; i < wanted; i++)
        draw_key(prng, prefix, &keys[i]);
    qsort(keys, wanted, sizeof *keys, compare_keys);
    size_t count = 0;
    for (size_t i = 0; i < wanted; i++) {
        if (count == 0 || compare_keys(&keys[count - 1], &keys[i]) != 0)
            keys[count++] = keys[i];
    }
    return count;
}

static void the_first_that_is_not_smaller_is_found(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct prng prng;
        struct key keys[KEYS_MAX];
        struct separators_draft draft = {0};
        struct buffer flat = {0};
        struct separators separators;
        prng_init(&prng, seed, 5);
        size_t prefix = prng_below(&prng, 16);
        size_t count = draw_keys(&prng, prefix, keys);
        for (size_t i = 0; i < count; i++)
            assert_true(separators_draft_add(&draft, key_bytes(&keys[i])));
        separators_pack(&draft, &flat);
        assert_int_equal(flat.size, separators_packed_size(&draft));
        buffer_put_u64(&flat, seed);
        struct bytes rest = separators_view(&separators, buffer_bytes(&flat));
        assert_int_equal(rest.size, 8);
        assert_int_equal(separators.count, count);
        for (uint32_t i = 0; i < count; i++) {
            assert_true(bytes_equal(separators_at(&separators, i), key_bytes(&keys[i])));
            assert_int_equal(separators_find(&separators, key_bytes(&keys[i])), i);
        }
        for (int i = 0; i < 200; i++) {
            struct key wanted;
            uint32_t expected = 0;
            draw_key(&prng, prng_chance(&prng, 1, 4) ? 0 : prefix, &wanted);
            while (expected < count && compare_keys(&keys[expected], &wanted) < 0)
                expected++;
            if (separators_find(&separators, key_bytes(&wanted)) != expected)
                fail_msg("seed %u, key %d: not the first that is not smaller", (unsigned)seed, i);
            if (expected == count)
                continue;
            uint32_t from = (uint32_t)prng_below(&prng, expected + 1);
            uint32_t end = expected + 1 + (uint32_t)prng_below(&prng, (uint32_t)count - expected);
            if (separators_find_between(&separators, key_bytes(&wanted), from, end) != expected)
                fail_msg("seed %u, key %d: not found from %u to %u", (unsigned)seed, i,
                         (unsigned)from, (unsigned)end);
        }
        separators_draft_deinit(&draft);
        buffer_deinit(&flat);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_that_is_not_smaller_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
