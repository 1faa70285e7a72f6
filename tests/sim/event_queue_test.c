#include "sim/event_queue.h"

#include "engine/base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void happenings_come_in_order_of_time_and_then_of_scheduling(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct event_queue queue = {0};
        struct prng prng;
        prng_init(&prng, seed, 1);
        struct happening last = {0};
        size_t scheduled = 0, popped = 0;
        for (uint32_t i = 0; i < 5000; i++) {
            if (queue.count == 0 || prng_chance(&prng, 11, 20)) {
                uint64_t at = last.at.nanoseconds + prng_below(&prng, 50);
                event_queue_push(&queue, (struct instant){at}, HAPPENING_WAKE, &queue, i);
                scheduled++;
                continue;
            }
            struct happening next = event_queue_pop(&queue);
            assert_true(next.at.nanoseconds > last.at.nanoseconds ||
                        (next.at.nanoseconds == last.at.nanoseconds &&
                         (popped == 0 || next.order > last.order)));
            last = next;
            popped++;
        }
        assert_int_equal(queue.count, scheduled - popped);
        event_queue_deinit(&queue);
    }
}

static void what_is_scheduled_for_never_does_not_happen(void **state) {
    (void)state;
    struct event_queue queue = {0};
    event_queue_push(&queue, INSTANT_NEVER, HAPPENING_WAKE, &queue, 0);
    assert_int_equal(queue.count, 0);
    assert_int_equal(event_queue_next(&queue).nanoseconds, UINT64_MAX);
    event_queue_deinit(&queue);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(happenings_come_in_order_of_time_and_then_of_scheduling),
        cmocka_unit_test(what_is_scheduled_for_never_does_not_happen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
