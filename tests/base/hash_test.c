#include "engine/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* These go to disks and wires: they must never change. */
static void hashes_are_those_of_xxh3(void **state) {
    (void)state;
    assert_int_equal(hash64(bytes_of_text("")), 0x2d06800538d394c2);
    assert_int_equal(hash64((struct bytes){0}), 0x2d06800538d394c2);
    assert_int_equal(checksum32(bytes_of_text("")), 0x38d394c2);
}

static void seeds_and_order_matter(void **state) {
    (void)state;
    struct bytes text = bytes_of_text("dunlin");
    assert_int_equal(hash64_seeded(text, 0), hash64(text));
    assert_true(hash64_seeded(text, 1) != hash64_seeded(text, 2));
    assert_true(hash_mix(1, 2) != hash_mix(2, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_those_of_xxh3),
        cmocka_unit_test(seeds_and_order_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
