#include "engine/cluster/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool push(struct outbox *outbox, uint64_t request, const char *payload) {
    struct peer_message message = {
        .kind = PEER_GOSSIP, .request = request, .payload = bytes_of_text(payload)};
    return outbox_push(outbox, (uint32_t)request + 1, &message);
}

static void messages_come_out_as_they_went_in(void **state) {
    (void)state;
    struct outbox outbox;
    outbox_init(&outbox, 3);
    uint32_t target;
    struct peer_message message;
    for (uint64_t round = 0; round < 10; round++) {
        assert_true(push(&outbox, round, "one"));
        assert_true(push(&outbox, round + 1, ""));
        assert_true(outbox_pop(&outbox, &target, &message));
        assert_int_equal(target, round + 1);
        assert_int_equal(message.request, round);
        assert_true(bytes_equal(message.payload, bytes_of_text("one")));
        assert_true(outbox_pop(&outbox, &target, &message));
        assert_int_equal(message.payload.size, 0);
        assert_false(outbox_pop(&outbox, &target, &message));
    }
    outbox_deinit(&outbox);
}

static void a_full_outbox_drops_what_comes_last(void **state) {
    (void)state;
    struct outbox outbox;
    outbox_init(&outbox, 2);
    assert_true(push(&outbox, 1, "a"));
    assert_true(push(&outbox, 2, "b"));
    assert_false(push(&outbox, 3, "c"));
    uint32_t target;
    struct peer_message message;
    assert_true(outbox_pop(&outbox, &target, &message));
    assert_int_equal(message.request, 1);
    assert_true(push(&outbox, 4, "d"));
    assert_true(outbox_pop(&outbox, &target, &message));
    assert_int_equal(message.request, 2);
    assert_true(outbox_pop(&outbox, &target, &message));
    assert_true(bytes_equal(message.payload, bytes_of_text("d")));
    outbox_deinit(&outbox);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_as_they_went_in),
        cmocka_unit_test(a_full_outbox_drops_what_comes_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
