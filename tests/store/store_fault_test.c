/* Every failing operation of a workload that logs, flushes, compacts, rolls segments and closes: the store goes on, says
 * what is wrong, acknowledges nothing that it could not make durable, and holds everything afterwards; also when it
 * crashes at any operation behind the failure.
 *
 * A failure prints the case: which operation failed, how many behind it, how, the crash and the seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/store/trouble.h"
#include "tests/store/support/store_host.h"

enum { KEYS = 60, TICKS = 120, OPERATIONS_MAX = 4000, FOREVER = 1 << 30, CRASH_STRIDE = 7 };

struct fault_case {
    enum store_sync sync;
    enum disk_status status;
    bool reads;           /* fail, instead of writes and syncs */
    uint64_t at, more;    /* which operations fail */
    uint64_t crash_after; /* operations behind the failure; 0: none */
    enum crash_outcome outcome;
    uint64_t seed;
};

static struct memory_disk disk;
static struct store_host host;
static struct fault_case running;

static void explain(void) {
    static const char *const OUTCOMES[] = {"loses", "keeps", "tears", "kills"};
    fprintf(
        stderr,
        "case: sync %d, status %d, %s %llu and %llu more fail, crash %s after %llu, seed %llu\n",
        (int)running.sync, (int)running.status, running.reads ? "reads" : "writes",
        (unsigned long long)running.at, (unsigned long long)running.more, OUTCOMES[running.outcome],
        (unsigned long long)running.crash_after, (unsigned long long)running.seed);
    if (host.store != NULL) {
        struct bytes problem = store_problem(host.store);
        fprintf(stderr, "store: %s %.*s\n", store_condition_name(store_condition(host.store)),
                (int)problem.size, problem.size == 0 ? "" : (const char *)problem.data);
    }
}

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            explain();                                                                             \
            fail_msg("%s", #condition);                                                            \
        }                                                                                          \
    } while (0)

static void open_case(struct fault_case which) {
    running = which;
    struct store_config config = store_host_crowded_config(which.sync);
    memory_disk_init(&disk, which.seed);
    store_host_init(&host, &disk, &config);
    host.keys = KEYS;
}

static void close_case(void) {
    store_host_deinit(&host);
    memory_disk_deinit(&disk);
}

static void arm(void) {
    disk.fail_at = running.at;
    disk.fail_more = running.more;
    disk.fail_status = running.status;
    disk.fail_reads = running.reads;
    disk.fail_writes = !running.reads;
}

static bool has_crashed(void) {
    return running.crash_after > 0 && disk.eligible >= running.at + running.crash_after;
}

static bool ends(void) {
    return has_crashed() || store_phase(host.store) == STORE_PHASE_FAILED;
}

static void check_words(void) {
    bool sound = store_condition(host.store) == STORE_CONDITION_SOUND;
    REQUIRE(sound == (store_problem(host.store).size == 0));
}

static void tick(struct prng *prng) {
    store_host_write_some(&host, prng);
    for (uint32_t steps = prng_below(prng, 9); steps > 0 && !ends(); steps--) {
        store_host_step(&host);
        check_words();
    }
}

/* Up to the end of the road: the crash, the failed store, or the end of the work. */
static void start_and_work(void) {
    effects_clear(&host.effects);
    host.store = store_create(&host.config);
    store_start(host.store, host.now, &host.effects);
    memory_disk_take(&disk, &host.effects);
    while (store_phase(host.store) == STORE_PHASE_RECOVERING && !ends())
        REQUIRE(store_host_step(&host));
    struct prng prng;
    prng_init(&prng, running.seed, 5);
    for (uint32_t i = 0; i < TICKS && !ends(); i++)
        tick(&prng);
}

static void restart_and_check(void) {
    disk.fail_at = 0;
    store_host_crash(&host, running.outcome);
    REQUIRE(store_host_start(&host));
    REQUIRE(store_written(host.store) >= host.acknowledged_durable);
    store_host_check_recovered(&host, running.outcome);
    store_host_check(&host);
}

/* Every write or sync may fail, once or a few times: nobody but the figures notices. */
static bool run_passing_fault(struct fault_case which) {
    open_case(which);
    arm();
    start_and_work();
    bool reached = disk.eligible >= which.at;
    REQUIRE(store_phase(host.store) == STORE_PHASE_SERVING || has_crashed());
    if (!has_crashed()) {
        store_host_settle(&host);
        store_want_durable(host.store, host.last);
        store_host_pump(&host);
        store_host_settle(&host);
        REQUIRE(store_durable(host.store) == host.last);
        REQUIRE(store_condition(host.store) == STORE_CONDITION_SOUND);
        store_host_check(&host);
        struct store_figures figures;
        store_figures(host.store, &figures);
        REQUIRE((disk.eligible >= which.at) == (figures.disk_errors > 0));
        REQUIRE(store_host_write(&host, 1, 1) == STORE_OK);
    }
    restart_and_check();
    if (which.outcome == CRASH_KILLS) {
        /* What a killed process left in the cache may be all that there is of it. */
        running.outcome = CRASH_LOSES;
        restart_and_check();
    }
    close_case();
    return reached;
}

static void sweep(struct fault_case which, uint64_t stride) {
    which.at = 1;
    while (run_passing_fault(which)) {
        which.at += stride;
        REQUIRE(which.at < OPERATIONS_MAX);
    }
    printf("failed each of %llu operations\n", (unsigned long long)which.at);
    assert_true(which.at > 200);
}

static void a_write_or_sync_that_fails_once_is_survived(void **state) {
    (void)state;
    sweep((struct fault_case){STORE_SYNC_ALWAYS, DISK_ERROR, .outcome = CRASH_LOSES, .seed = 11},
          1);
    sweep((struct fault_case){STORE_SYNC_NEVER, DISK_ERROR, .outcome = CRASH_TEARS, .seed = 12}, 3);
    sweep((struct fault_case){STORE_SYNC_INTERVAL, DISK_ERROR, .outcome = CRASH_LOSES, .seed = 13},
          3);
}

static void several_failures_in_a_row_are_survived(void **state) {
    (void)state;
    for (uint64_t more = 1; more < TROUBLE_ATTEMPTS_MAX; more += 2)
        sweep((struct fault_case){STORE_SYNC_ALWAYS, DISK_ERROR, .more = more,
                                  .outcome = CRASH_LOSES, .seed = 20 + more},
              3);
}

static void a_full_disk_is_waited_out(void **state) {
    (void)state;
    sweep((struct fault_case){STORE_SYNC_ALWAYS, DISK_FULL, .outcome = CRASH_KEEPS, .seed = 31}, 1);
    sweep((struct fault_case){STORE_SYNC_ALWAYS, DISK_FULL, .more = 40, .outcome = CRASH_LOSES,
                              .seed = 32},
          3);
}

static void a_close_goes_on_behind_failures(void **state) {
    (void)state;
    for (uint64_t more = 0; more < 3; more++) {
        for (uint64_t at = 1;; at++) {
            enum disk_status status = at % 2 == 0 ? DISK_ERROR : DISK_FULL;
            open_case((struct fault_case){STORE_SYNC_NEVER, status, .at = UINT64_MAX, .more = more,
                                          .outcome = CRASH_LOSES, .seed = 50 + more});
            arm();
            start_and_work();
            running.at = disk.eligible + at;
            arm();
            REQUIRE(store_host_close(&host));
            bool reached = disk.eligible >= running.at;
            host.was_closed = true;
            restart_and_check();
            REQUIRE(store_was_closed_cleanly(host.store) && store_written(host.store) == host.last);
            close_case();
            if (!reached)
                break;
        }
    }
}

static void a_read_that_fails_loses_nothing(void **state) {
    (void)state;
    running = (struct fault_case){STORE_SYNC_ALWAYS, DISK_ERROR, .reads = true,
                                  .outcome = CRASH_KEEPS, .seed = 14};
    for (running.at = 1;; running.at++) {
        open_case(running);
        arm();
        start_and_work();
        bool reached = disk.eligible >= running.at;
        restart_and_check();
        close_case();
        if (!reached)
            break;
    }
}

static void a_crash_at_any_time_behind_a_failure_loses_nothing_durable(void **state) {
    (void)state;
    for (uint64_t after = 1; after < 60; after += CRASH_STRIDE) {
        struct fault_case which = {STORE_SYNC_ALWAYS, DISK_ERROR, .crash_after = after,
                                   .outcome = CRASH_LOSES, .seed = 40 + after};
        sweep(which, 5);
        which.outcome = CRASH_TEARS;
        sweep(which, 5);
        which.outcome = CRASH_KILLS;
        sweep(which, 5);
    }
}

static void a_disk_that_never_takes_anything_again_ends_the_store_with_a_sentence(void **state) {
    (void)state;
    for (uint64_t at = 20; at < 200; at += 9) {
        open_case((struct fault_case){STORE_SYNC_ALWAYS, DISK_ERROR, .at = at, .more = FOREVER,
                                      .outcome = CRASH_LOSES, .seed = at});
        arm();
        start_and_work();
        store_host_settle(&host);
        REQUIRE(store_phase(host.store) == STORE_PHASE_FAILED);
        REQUIRE(store_condition(host.store) == STORE_CONDITION_FAILED);
        REQUIRE(store_failure(host.store).size > 0);
        REQUIRE(store_host_write(&host, 1, 1) == STORE_FAILED);
        uint64_t durable = store_durable(host.store);
        while (store_host_step(&host))
            ;
        REQUIRE(store_durable(host.store) == durable);
        restart_and_check();
        close_case();
    }
}

static void a_disk_that_stays_full_answers_reads_and_refuses_writes(void **state) {
    (void)state;
    for (uint64_t at = 20; at < 200; at += 9) {
        open_case((struct fault_case){STORE_SYNC_ALWAYS, DISK_FULL, .at = at, .more = FOREVER,
                                      .outcome = CRASH_KEEPS, .seed = at});
        arm();
        start_and_work();
        REQUIRE(disk.eligible > at);
        for (uint32_t i = 0; i < 300; i++)
            store_host_step(&host);
        REQUIRE(store_phase(host.store) == STORE_PHASE_SERVING);
        REQUIRE(store_condition(host.store) == STORE_CONDITION_FULL);
        REQUIRE(store_host_write(&host, 1, 1) == STORE_FULL);
        store_host_check(&host);
        disk.fail_at = 0;
        store_host_settle(&host);
        REQUIRE(store_condition(host.store) == STORE_CONDITION_SOUND);
        REQUIRE(store_host_write(&host, 1, 1) == STORE_OK);
        store_host_settle(&host);
        REQUIRE(store_durable(host.store) == host.last);
        store_host_check(&host);
        close_case();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_or_sync_that_fails_once_is_survived),
        cmocka_unit_test(several_failures_in_a_row_are_survived),
        cmocka_unit_test(a_full_disk_is_waited_out),
        cmocka_unit_test(a_close_goes_on_behind_failures),
        cmocka_unit_test(a_read_that_fails_loses_nothing),
        cmocka_unit_test(a_crash_at_any_time_behind_a_failure_loses_nothing_durable),
        cmocka_unit_test(a_disk_that_never_takes_anything_again_ends_the_store_with_a_sentence),
        cmocka_unit_test(a_disk_that_stays_full_answers_reads_and_refuses_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
