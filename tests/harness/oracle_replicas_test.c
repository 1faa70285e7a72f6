#include "support/recorded_history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define IDS(...) (uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)

static void sample(struct recorded *recorded, struct replica_samples *samples, uint32_t id,
                   uint64_t asked) {
    struct replica_state held = {.live = {.count = id != 0, .ids = {id}}};
    oracle_check_sample(recorded->history, samples, 1, 0, &held, (struct instant){asked * 1000000},
                        (struct instant){(asked + 1) * 1000000});
}

static void a_replica_that_forgets_is_noticed(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    struct replica_samples *samples = replica_samples_create(3, 4);
    uint32_t first = recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
    sample(&recorded, samples, first, 30);
    sample(&recorded, samples, 0, 40);
    assert_oracle_speaks(&recorded, ORACLE_REPLICA_MONOTONE);
    replica_samples_destroy(samples);
    recorded_end(&recorded);
}

static void a_replica_that_learns_is_not_forgetting(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    struct replica_samples *samples = replica_samples_create(3, 4);
    uint32_t first = recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
    uint32_t second = recorded_put(&recorded, 0, 0, IDS(first), 30, 40);
    sample(&recorded, samples, first, 50);
    sample(&recorded, samples, second, 60);
    recorded_delete(&recorded, 0, 0, IDS(second), 70, 80);
    sample(&recorded, samples, 0, 90);
    assert_oracle_silent(&recorded);
    replica_samples_destroy(samples);
    recorded_end(&recorded);
}

static void a_crash_forgives_what_was_only_in_memory(void **state) {
    (void)state;
    struct recorded recorded;
    recorded_begin(&recorded, RECORDED_PLAIN);
    struct replica_samples *samples = replica_samples_create(3, 4);
    uint32_t first = recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);
    sample(&recorded, samples, first, 30);
    replica_samples_forget(samples, 1, (struct instant){35000000});
    sample(&recorded, samples, 0, 40);
    /* An answer to a question from before the crash says nothing about the time after it. */
    sample(&recorded, samples, first, 34);
    sample(&recorded, samples, 0, 50);
    assert_oracle_silent(&recorded);
    replica_samples_destroy(samples);
    recorded_end(&recorded);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replica_that_forgets_is_noticed),
        cmocka_unit_test(a_replica_that_learns_is_not_forgetting),
        cmocka_unit_test(a_crash_forgives_what_was_only_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
