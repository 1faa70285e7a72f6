#include "engine/store/block_slots.h"

#include "engine/base/prng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { SEEDS = 30, FILES = 8, OFFSETS = 400, OPERATIONS = 20000 };

/* Against an array of the same names: what was added is found under the same number until it is removed. */
static void slots_are_found_by_name_and_stay_where_they_are(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        static uint32_t numbers[FILES][OFFSETS];
        static struct block_slot *slots_of[FILES][OFFSETS];
        struct prng prng;
        struct block_slots slots;
        uint32_t count = 0;
        memset(numbers, 0, sizeof numbers);
        prng_init(&prng, seed, 6);
        block_slots_init(&slots, prng_below(&prng, 3000));
        for (int i = 0; i < OPERATIONS; i++) {
            uint32_t file = prng_below(&prng, FILES);
            uint32_t offset = prng_below(&prng, OFFSETS);
            uint32_t *number = &numbers[file][offset];
            uint64_t at = (uint64_t)offset * 4096;
            if (block_slots_find(&slots, file, at) != *number)
                fail_msg("seed %u, operation %d: the slot is not found", (unsigned)seed, i);
            if (*number == BLOCK_SLOT_NONE) {
                *number = block_slots_add(&slots, file, at);
                slots_of[file][offset] = block_slots_at(&slots, *number);
                assert_int_equal((uintptr_t)slots_of[file][offset] % 64, 0);
                count++;
            } else if (prng_chance(&prng, 1, 2)) {
                assert_ptr_equal(block_slots_at(&slots, *number), slots_of[file][offset]);
                block_slots_remove(&slots, *number);
                *number = BLOCK_SLOT_NONE;
                count--;
            }
            assert_int_equal(slots.count, count);
        }
        block_slots_deinit(&slots);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_found_by_name_and_stay_where_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
