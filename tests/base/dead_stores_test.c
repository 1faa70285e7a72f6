/* The compiler keeps a store that a later round of an outer loop still needs. gcc 12 at -O2 does not, unless
 * told -fno-tree-dse (CMakeLists.txt): this conforming program then finds a byte that it has cleared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct view {
    const uint8_t *data;
    size_t size;
};

struct finding {
    const uint8_t *data;
    size_t size;
    uint32_t others[2];
};

static bool holds_more_than_the_last_byte(struct view view, struct finding *finding) {
    *finding = (struct finding){.data = view.data, .size = view.size};
    for (size_t i = 0; i + 1 < view.size; i++) {
        if (view.data[i] != 0)
            return true;
    }
    return false;
}

static uint32_t wrong;
static void count_if(bool is_wrong) {
    wrong += is_wrong;
}

/* Called through these, nothing is known about the functions, as if they lay in another file. */
static bool (*volatile look)(struct view, struct finding *) = holds_more_than_the_last_byte;
static void (*volatile note)(bool) = count_if;

static void a_byte_that_was_cleared_stays_cleared(void **state) {
    (void)state;
    uint8_t bytes[129] = {0};
    struct finding finding;
    for (size_t size = 1; size <= sizeof bytes; size++) {
        for (unsigned value = 0; value < 256; value++) {
            bytes[size - 1] = (uint8_t)value;
            note(look((struct view){bytes, size}, &finding));
            bytes[size - 1] = 0;
        }
    }
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_byte_that_was_cleared_stays_cleared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
