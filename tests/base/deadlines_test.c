#include "engine/base/deadlines.h"
#include "engine/base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct instant at(uint64_t nanoseconds) {
    return (struct instant){nanoseconds};
}

static void entries_come_out_by_time_and_then_by_order_of_setting(void **state) {
    (void)state;
    struct deadlines queue = {0};
    struct deadline a = {0};
    struct deadline b = {0};
    struct deadline c = {0};
    deadlines_set(&queue, &a, at(20));
    deadlines_set(&queue, &b, at(10));
    deadlines_set(&queue, &c, at(20));
    assert_int_equal(deadlines_next(&queue).nanoseconds, 10);
    assert_null(deadlines_pop(&queue, at(9)));
    assert_ptr_equal(deadlines_pop(&queue, at(100)), &b);
    assert_ptr_equal(deadlines_pop(&queue, at(100)), &a);
    assert_ptr_equal(deadlines_pop(&queue, at(100)), &c);
    assert_null(deadlines_pop(&queue, at(100)));
    deadlines_deinit(&queue);
}

static void setting_again_moves_an_entry_behind_its_equals(void **state) {
    (void)state;
    struct deadlines queue = {0};
    struct deadline a = {0};
    struct deadline b = {0};
    deadlines_set(&queue, &a, at(5));
    deadlines_set(&queue, &b, at(5));
    deadlines_set(&queue, &a, at(5));
    assert_ptr_equal(deadlines_pop(&queue, at(5)), &b);
    assert_ptr_equal(deadlines_pop(&queue, at(5)), &a);
    deadlines_deinit(&queue);
}

static void never_is_never_reached(void **state) {
    (void)state;
    struct deadlines queue = {0};
    struct deadline a = {0};
    assert_int_equal(deadlines_next(&queue).nanoseconds, UINT64_MAX);
    deadlines_set(&queue, &a, INSTANT_NEVER);
    assert_null(deadlines_pop(&queue, INSTANT_NEVER));
    deadlines_cancel(&queue, &a);
    deadlines_cancel(&queue, &a);
    assert_int_equal(queue.count, 0);
    deadlines_deinit(&queue);
}

static void a_deinitialised_queue_leaves_no_entry_waiting(void **state) {
    (void)state;
    struct deadlines queue = {0};
    struct deadline a = {0};
    deadlines_set(&queue, &a, at(1));
    deadlines_deinit(&queue);
    assert_int_equal(a.position, 0);
    deadlines_set(&queue, &a, at(2));
    assert_ptr_equal(deadlines_pop(&queue, at(2)), &a);
    deadlines_deinit(&queue);
}

enum { ENTRIES = 60, STEPS = 20000 };

/* What a search through all entries finds to be the earliest. */
static struct deadline *earliest_of(struct deadline entries[ENTRIES], struct instant now) {
    struct deadline *earliest = NULL;
    for (size_t i = 0; i < ENTRIES; i++) {
        struct deadline *entry = &entries[i];
        if (entry->position == 0 || !instant_reached(now, entry->due))
            continue;
        if (earliest == NULL || instant_before(entry->due, earliest->due) ||
            (entry->due.nanoseconds == earliest->due.nanoseconds && entry->order < earliest->order))
            earliest = entry;
    }
    return earliest;
}

static void a_queue_does_what_a_search_does(void **state) {
    (void)state;
    struct deadlines queue = {0};
    struct deadline entries[ENTRIES] = {0};
    struct prng prng;
    prng_init(&prng, 2, 2);
    uint64_t now = 0;
    for (unsigned step = 0; step < STEPS; step++) {
        struct deadline *entry = &entries[prng_below(&prng, ENTRIES)];
        switch (prng_below(&prng, 4)) {
        case 0:
        case 1:
            deadlines_set(&queue, entry, at(now + prng_below(&prng, 40)));
            break;
        case 2:
            deadlines_cancel(&queue, entry);
            assert_int_equal(entry->position, 0);
            break;
        default:
            now += prng_below(&prng, 3);
            struct deadline *expected = earliest_of(entries, at(now));
            assert_ptr_equal(deadlines_pop(&queue, at(now)), expected);
            break;
        }
    }
    deadlines_deinit(&queue);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_come_out_by_time_and_then_by_order_of_setting),
        cmocka_unit_test(setting_again_moves_an_entry_behind_its_equals),
        cmocka_unit_test(never_is_never_reached),
        cmocka_unit_test(a_deinitialised_queue_leaves_no_entry_waiting),
        cmocka_unit_test(a_queue_does_what_a_search_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
