#include "engine/base/prng.h"
#include "engine/base/text.h"
#include "engine/data/merkle.h"
#include "engine/data/slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_partition_without_data_has_a_root_of_zero(void **state) {
    (void)state;
    uint64_t branches[MERKLE_BRANCHES];
    memset(branches, 0xff, sizeof branches);
    merkle_branches(NULL, branches);
    for (size_t i = 0; i < MERKLE_BRANCHES; i++)
        assert_int_equal(branches[i], 0);
    assert_int_equal(merkle_root(NULL), 0);
}

static void one_changed_leaf_shows_in_its_branch_and_in_the_root(void **state) {
    (void)state;
    uint64_t leaves[MERKLE_LEAVES];
    uint64_t before[MERKLE_BRANCHES];
    uint64_t after[MERKLE_BRANCHES];
    struct prng prng;
    prng_init(&prng, 1, 1);
    for (size_t i = 0; i < MERKLE_LEAVES; i++)
        leaves[i] = prng_u64(&prng);
    merkle_branches(leaves, before);
    uint64_t root = merkle_root(leaves);
    for (size_t leaf = 0; leaf < MERKLE_LEAVES; leaf++) {
        uint64_t change = prng_u64(&prng) | 1;
        leaves[leaf] ^= change;
        merkle_branches(leaves, after);
        assert_int_equal(merkle_root(leaves), root ^ change);
        for (size_t i = 0; i < MERKLE_BRANCHES; i++) {
            bool touched = i == merkle_branch_of_leaf((uint8_t)leaf);
            assert_int_equal(after[i], touched ? before[i] ^ change : before[i]);
        }
        leaves[leaf] ^= change;
    }
}

static void the_branches_add_up_to_the_root(void **state) {
    (void)state;
    uint64_t leaves[MERKLE_LEAVES];
    uint64_t branches[MERKLE_BRANCHES];
    uint64_t sum = 0;
    struct prng prng;
    prng_init(&prng, 2, 1);
    for (size_t i = 0; i < MERKLE_LEAVES; i++)
        leaves[i] = prng_u64(&prng);
    merkle_branches(leaves, branches);
    for (size_t i = 0; i < MERKLE_BRANCHES; i++)
        sum ^= branches[i];
    assert_int_equal(sum, merkle_root(leaves));
}

static void keys_of_one_slot_spread_over_the_leaves(void **state) {
    (void)state;
    unsigned counts[MERKLE_LEAVES] = {0};
    struct buffer key = {0};
    for (uint64_t i = 0; i < 25600; i++) {
        buffer_clear(&key);
        text_append(&key, "{one}");
        text_append_u64(&key, i);
        assert_int_equal(slot_of_key(buffer_bytes(&key)), slot_of_key(bytes_of_text("one")));
        counts[merkle_leaf_of_key(buffer_bytes(&key))]++;
    }
    for (size_t i = 0; i < MERKLE_LEAVES; i++)
        assert_in_range(counts[i], 50, 150);
    buffer_deinit(&key);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_partition_without_data_has_a_root_of_zero),
        cmocka_unit_test(one_changed_leaf_shows_in_its_branch_and_in_the_root),
        cmocka_unit_test(the_branches_add_up_to_the_root),
        cmocka_unit_test(keys_of_one_slot_spread_over_the_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
