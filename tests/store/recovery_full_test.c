/* A start on a disk that is full: reads are answered at once, writes refused until there is space; what nobody needs is
 * removed first, nothing that anybody may still need is, whenever the power goes.
 *
 * A failure prints the seed, and where there are any, the failed operation of the life before and the step of the crash.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/store/support/store_host.h"

enum { KEYS = 100, TICKS = 60, WAITS = 40, STEPS_MAX = 400 };

static struct memory_disk disk;
static struct store_host host;
static uint64_t seed, failed_operation, crash_step;

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("%s: seed %llu, failed operation %llu, crash at step %llu", #condition,       \
                     (unsigned long long)seed, (unsigned long long)failed_operation,               \
                     (unsigned long long)crash_step);                                              \
    } while (0)

static struct store_config config_of(void) {
    struct store_config config = store_host_small_config();
    config.memtable_bytes = 4096;
    config.table_bytes = 3000;
    config.log_segment_bytes = 6000;
    config.block_bytes = 256;
    return config;
}

static void begin(uint64_t with_seed) {
    struct store_config config = config_of();
    seed = with_seed;
    memory_disk_init(&disk, seed);
    store_host_init(&host, &disk, &config);
    host.keys = KEYS;
    assert_true(store_host_start(&host));
}

static void end(void) {
    store_host_deinit(&host);
    memory_disk_deinit(&disk);
}

static void work(uint32_t ticks) {
    struct prng prng;
    prng_init(&prng, seed, 9);
    for (uint32_t i = 0; i < ticks; i++) {
        for (uint32_t j = 0; j < 5; j++)
            store_host_write(&host, prng_below(&prng, KEYS), prng_below(&prng, 200));
        store_host_pump(&host);
        for (uint32_t steps = prng_below(&prng, 10); steps > 0; steps--)
            store_host_step(&host);
    }
}

static void wait_a_while(void) {
    for (uint32_t i = 0; i < WAITS; i++)
        store_host_step(&host);
}

static void fill_disk(void) {
    disk.capacity = memory_disk_used(&disk);
}

/* The disk is fuller than what could be removed would help. */
static void overfill_disk(void) {
    disk.capacity = 1;
}

static void a_store_on_a_full_disk_serves_reads_and_gets_well_when_there_is_space(void **state) {
    (void)state;
    for (uint64_t i = 1; i <= 30; i++) {
        begin(i);
        work(TICKS);
        overfill_disk();
        store_host_crash(&host, CRASH_KILLS);
        REQUIRE(store_host_start(&host));
        store_host_check_recovered(&host, CRASH_KILLS);
        REQUIRE(store_condition(host.store) == STORE_CONDITION_FULL);
        REQUIRE(store_problem(host.store).size > 0);
        store_host_check(&host);
        wait_a_while();
        store_host_check(&host);
        REQUIRE(store_condition(host.store) == STORE_CONDITION_FULL);
        REQUIRE(store_host_write(&host, 1, 10) == STORE_FULL);
        uint32_t number;
        REQUIRE(store_checkpoint(host.store, &number) == STORE_FULL);
        disk.capacity = 0;
        store_host_settle(&host);
        REQUIRE(store_condition(host.store) == STORE_CONDITION_SOUND);
        REQUIRE(store_host_write(&host, 1, 10) == STORE_OK);
        store_host_settle(&host);
        REQUIRE(store_durable(host.store) == host.last);
        store_host_check(&host);
        store_host_crash(&host, CRASH_LOSES);
        REQUIRE(store_host_start(&host));
        store_host_check_recovered(&host, CRASH_LOSES);
        store_host_check(&host);
        end();
    }
}

static void leave_over(struct file_id file, size_t size) {
    struct effects effects = {0};
    uint8_t *bytes = calloc(size, 1);
    effects_write(&effects, 1, file, 0, bytes_of(bytes, size));
    memory_disk_take(&disk, &effects);
    struct disk_done done;
    while (memory_disk_perform(&disk, &done))
        continue;
    effects_deinit(&effects);
    free(bytes);
}

/* What is left over is all the space that there is, and it is enough: nobody has to help. */
static void what_nobody_needs_makes_room(void **state) {
    (void)state;
    static const struct file_id LEFT_OVER[] = {
        {.kind = FILE_TABLE, .number = 900000},
        {.kind = FILE_LOG, .number = 900001}, /* made ahead of its use */
        {.kind = FILE_MANIFEST, .number = 900002},
    };
    for (uint64_t i = 1; i <= 30; i++) {
        begin(i);
        work(TICKS);
        store_host_crash(&host, CRASH_KILLS);
        leave_over(LEFT_OVER[i % 3], 40000);
        fill_disk();
        REQUIRE(store_host_start(&host));
        REQUIRE(store_condition(host.store) == STORE_CONDITION_FULL);
        store_host_check_recovered(&host, CRASH_KILLS);
        wait_a_while();
        REQUIRE(memory_disk_find(&disk, LEFT_OVER[i % 3]) == NULL);
        store_host_settle(&host);
        REQUIRE(store_condition(host.store) == STORE_CONDITION_SOUND);
        REQUIRE(store_host_write(&host, 1, 10) == STORE_OK);
        store_host_settle(&host);
        store_host_check(&host);
        end();
    }
}

/* --- and the power goes ------------------------------------------------------------------------- */

/* One life in which an operation fails, and which a kill ends right behind that: the cache may hold what the disk never
 * will. False when there are fewer operations. */
static bool live_with_failure(void) {
    begin(failed_operation);
    disk.fail_at = failed_operation;
    disk.fail_status = DISK_ERROR;
    disk.fail_writes = true;
    struct prng prng;
    prng_init(&prng, 1, 9);
    for (uint32_t i = 0; i < TICKS && disk.eligible < disk.fail_at; i++) {
        for (uint32_t j = 0; j < 5; j++)
            store_host_write(&host, prng_below(&prng, KEYS), prng_below(&prng, 200));
        store_host_pump(&host);
        for (uint32_t steps = prng_below(&prng, 10); steps > 0 && disk.eligible < disk.fail_at;
             steps--)
            store_host_step(&host);
    }
    bool reached = disk.eligible >= disk.fail_at;
    disk.fail_at = 0;
    store_host_crash(&host, CRASH_KILLS);
    return reached;
}

static bool name_happens(void *context) {
    (void)context;
    return true;
}

static size_t sector_is_old(void *context, size_t size) {
    (void)context;
    (void)size;
    return 0;
}

/* What was removed is gone, and what was not synced is lost. */
static void lose_power(void) {
    store_host_kill(&host);
    memory_disk_crash_by(&disk, &(struct crash_choices){.name_happens = name_happens,
                                                        .sector_keeps = sector_is_old,
                                                        .length_keeps = name_happens});
}

/* True when the start had that many steps before it was over. */
static bool crash_while_room_is_made(void) {
    overfill_disk();
    disk.in_order = true;
    REQUIRE(store_host_start(&host));
    uint64_t acknowledged = host.acknowledged_durable;
    for (uint64_t step = 0; step < crash_step; step++)
        store_host_step(&host);
    REQUIRE(store_condition(host.store) == STORE_CONDITION_FULL);
    bool busy = disk.queued > 0;
    lose_power();
    disk.capacity = 0;
    REQUIRE(store_host_start(&host));
    REQUIRE(store_written(host.store) >= acknowledged);
    store_host_check_recovered(&host, CRASH_LOSES);
    store_host_check(&host);
    return busy;
}

static void a_power_loss_while_room_is_made_loses_nothing(void **state) {
    (void)state;
    bool reached = true;
    for (failed_operation = 10; reached; failed_operation += 3) {
        bool busy = true;
        for (crash_step = 0; busy && reached; crash_step++) {
            reached = live_with_failure();
            busy = crash_while_room_is_made();
            end();
        }
    }
    assert_true(failed_operation > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_on_a_full_disk_serves_reads_and_gets_well_when_there_is_space),
        cmocka_unit_test(what_nobody_needs_makes_room),
        cmocka_unit_test(a_power_loss_while_room_is_made_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
