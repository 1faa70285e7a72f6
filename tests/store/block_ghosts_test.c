#include "engine/store/block_ghosts.h"

#include "engine/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void nobody_is_a_ghost_without_room(void **state) {
    (void)state;
    struct block_ghosts ghosts = {0};
    block_ghosts_add(&ghosts, 7);
    assert_false(block_ghosts_take(&ghosts, 7, UINT32_MAX));
    block_ghosts_deinit(&ghosts);
}

static void most_of_the_recent_ones_are_remembered_and_none_of_the_others(void **state) {
    (void)state;
    enum { COUNT = 5000, RECENT = 1000 };
    struct block_ghosts ghosts = {0};
    block_ghosts_reserve(&ghosts, RECENT);
    for (uint64_t i = 0; i < COUNT; i++)
        block_ghosts_add(&ghosts, hash_mix(i, 1));
    unsigned known = 0;
    for (uint64_t i = 0; i < 2 * COUNT; i++) {
        bool taken = block_ghosts_take(&ghosts, hash_mix(i, 1), RECENT);
        assert_true(!taken || (i >= COUNT - RECENT && i < COUNT));
        known += taken ? 1 : 0;
    }
    assert_true(known > RECENT / 2);
    block_ghosts_deinit(&ghosts);
}

static void a_ghost_is_taken_once(void **state) {
    (void)state;
    struct block_ghosts ghosts = {0};
    block_ghosts_reserve(&ghosts, 1);
    block_ghosts_add(&ghosts, 7);
    assert_true(block_ghosts_take(&ghosts, 7, 1));
    assert_false(block_ghosts_take(&ghosts, 7, 1));
    block_ghosts_deinit(&ghosts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_a_ghost_without_room),
        cmocka_unit_test(most_of_the_recent_ones_are_remembered_and_none_of_the_others),
        cmocka_unit_test(a_ghost_is_taken_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
