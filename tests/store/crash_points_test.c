/* A thin sample of all crash points; scripts/crash-points runs every one. A failure names the case:
 *
 *     crash_points --case ID
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/store/support/crash_plan.h"
#include "tests/store/support/crash_points.h"
#include "tests/store/support/crash_workloads.h"

static struct crash_sweep sweep;

static void say_case(int number) {
    (void)number;
    fprintf(stderr, "again: crash_points --case %s\n", sweep.id);
}

static void require(bool sound) {
    if (sound)
        return;
    say_case(0);
    fail_msg("%s", sweep.failure);
}

/* Strides without a common divisor, so that operations and outcomes mix. */
static void no_crash_loses_what_was_durable_or_leaves_what_was_never_written(void **state) {
    (void)state;
    uint64_t nested_cases = 0;
    for (uint32_t workload = 0; workload < crash_workload_count(); workload++) {
        sweep = (struct crash_sweep){.workload = workload,
                                     .stride = 29,
                                     .first = 1 + workload * 3,
                                     .outcome_stride = 17,
                                     .nested_stride = 83};
        require(crash_points_sweep(&sweep));
        assert_true(sweep.operations > 3 && sweep.cases > 6);
        nested_cases += sweep.nested_cases;
    }
    assert_true(nested_cases > 30);
}

static void a_case_runs_again_by_its_id(void **state) {
    (void)state;
    static const char *const IDS[] = {"log.1.0", "flush.60.1", "compaction.200.0.3.0"};
    for (size_t i = 0; i < 3; i++) {
        sweep = (struct crash_sweep){.workload = 0};
        require(crash_points_replay(IDS[i], &sweep));
        assert_string_equal(sweep.id, IDS[i]);
    }
    static const char *const NONE[] = {
        "", "log", "log.1", "log.1.2.3", "nothing.1.2", "log.1.2x", "log.999999.0"};
    for (size_t i = 0; i < sizeof NONE / sizeof NONE[0]; i++) {
        sweep = (struct crash_sweep){.workload = 0};
        assert_false(crash_points_replay(NONE[i], &sweep));
        assert_true(sweep.failure[0] != 0);
    }
}

/* Two files, one of four sectors, nothing synced: what may be left of them. */
static void every_outcome_differs_and_is_one_that_a_disk_can_have(void **state) {
    (void)state;
    static struct memory_disk disk, crashed;
    memory_disk_init(&disk, 1);
    memory_disk_init(&crashed, 1);
    static uint8_t written[4 * MEMORY_DISK_SECTOR];
    memset(written, 1, sizeof written);
    struct effects effects = {0};
    effects_write(&effects, 1, (struct file_id){.kind = FILE_TABLE, .number = 1}, 0,
                  bytes_of(written, sizeof written));
    effects_write(&effects, 2, (struct file_id){.kind = FILE_LOG, .number = 2}, 0,
                  bytes_of(written, 10));
    memory_disk_take(&disk, &effects);
    struct disk_done done;
    while (memory_disk_perform(&disk, &done))
        ;
    struct crash_unsynced unsynced = crash_plan_survey(&disk);
    uint32_t outcomes = crash_plan_count(&unsynced);
    uint32_t empty = 0, whole = 0, half = 0, hole = 0, one_name = 0;
    for (uint32_t number = 0; number < outcomes; number++) {
        memory_disk_clone(&crashed, &disk);
        crash_plan_apply(&crashed, &unsynced, number);
        struct memory_file *table = memory_disk_last(&crashed, FILE_TABLE);
        struct memory_file *log = memory_disk_last(&crashed, FILE_LOG);
        empty += table == NULL && log == NULL;
        one_name += (table == NULL) != (log == NULL);
        if (table == NULL || table->content->current.size < sizeof written)
            continue;
        const uint8_t *left = table->content->current.data;
        whole += memcmp(left, written, sizeof written) == 0;
        half += left[MEMORY_DISK_SECTOR] == 1 && left[MEMORY_DISK_SECTOR * 2 - 1] == 0;
        hole += left[0] == 1 && left[MEMORY_DISK_SECTOR] == 0 && left[sizeof written - 1] == 1;
        struct crash_unsynced left_unsynced = crash_plan_survey(&crashed);
        assert_int_equal(crash_plan_count(&left_unsynced), 1);
    }
    /* Five sectors in twenty-five ways, and two names: none and all with each, one alone with none and all; twice. */
    assert_int_equal(outcomes, ((2 + 3 * 5 + 2 * 4) * 2 + 2 * 2) * 2);
    assert_true(empty > 0 && whole > 0 && half > 0 && hole > 0 && one_name > 0);
    effects_deinit(&effects);
    memory_disk_deinit(&disk);
    memory_disk_deinit(&crashed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_outcome_differs_and_is_one_that_a_disk_can_have),
        cmocka_unit_test(a_case_runs_again_by_its_id),
        cmocka_unit_test(no_crash_loses_what_was_durable_or_leaves_what_was_never_written),
    };
    signal(SIGABRT, say_case);
    signal(SIGSEGV, say_case);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
