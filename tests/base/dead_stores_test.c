/* The compiler keeps a store that a later round of an outer loop still needs. gcc 12 at -O2 does not, unless
 * told -fno-tree-dse (CMakeLists.txt): this conforming program then finds a byte that it has cleared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* As if the function lay in another file. */
#ifdef __clang__
#define OPAQUE __attribute__((noinline))
#else
#define OPAQUE __attribute__((noipa))
#endif

struct view {
    const uint8_t *data;
    size_t size;
};

struct finding {
    const uint8_t *data;
    uint32_t size, at;
};

static int wrong;

OPAQUE static bool holds_more_than_the_last_byte(struct view view, struct finding *finding) {
    *finding = (struct finding){.data = view.data, .size = (uint32_t)view.size};
    for (size_t i = 0; i + 1 < view.size; i++) {
        if (view.data[i] != 0)
            return true;
    }
    return false;
}

OPAQUE static void compare(unsigned long left, unsigned long right) {
    wrong += left != right;
}

OPAQUE static int count_wrong(void) {
    uint8_t bytes[129] = {0};
    struct finding finding;
    for (size_t size = 1; size <= sizeof bytes; size++) {
        for (unsigned value = 0; value < 256; value++) {
            bytes[size - 1] = (uint8_t)value;
            compare(holds_more_than_the_last_byte((struct view){bytes, size}, &finding), 0);
            bytes[size - 1] = 0;
        }
    }
    return wrong;
}

static void a_byte_that_was_cleared_stays_cleared(void **state) {
    (void)state;
    assert_int_equal(count_wrong(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_byte_that_was_cleared_stays_cleared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
