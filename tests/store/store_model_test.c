/* Random operations against a plain model, with random settings, so small that flush and compaction never rest; and the
 * histories that once failed. A failure prints the seed, and what it takes to shrink it:
 *
 *     store_model --seed N --operations 1500
 */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/store/support/shrink.h"
#include "tests/store/support/trial.h"

enum { SEEDS = 24, OPERATIONS = 1500 };

static uint64_t running;
static bool is_running;

/* A check that fails in the engine ends the test: the seed must be known then too. */
static void say_seed(int number) {
    (void)number;
    if (is_running)
        fprintf(stderr, "again: store_model --operations %d --seed %llu\n", OPERATIONS,
                (unsigned long long)running);
}

static void random_operations_agree_with_the_model(void **state) {
    (void)state;
    struct trial_history history = {.count = 0};
    char failure[TRIAL_FAILURE_SIZE];
    for (running = 1; running <= SEEDS; running++) {
        is_running = true;
        trial_history_random(&history, running, OPERATIONS);
        if (!trial_run(&history, failure)) {
            say_seed(0);
            fail_msg("%s", failure);
        }
    }
    is_running = false;
    trial_history_deinit(&history);
}

static void read_file(const char *name, struct buffer *text) {
    char path[1000];
    snprintf(path, sizeof path, "%s/%s", HISTORIES, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    buffer_clear(text);
    for (int byte = fgetc(file); byte != EOF; byte = fgetc(file))
        buffer_put_u8(text, (uint8_t)byte);
    fclose(file);
}

static void histories_that_once_failed_are_sound(void **state) {
    (void)state;
    DIR *directory = opendir(HISTORIES);
    assert_non_null(directory);
    struct buffer text = {0};
    struct trial_history history = {.count = 0};
    uint32_t ran = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strstr(entry->d_name, ".history") == NULL)
            continue;
        fprintf(stderr, "%s\n", entry->d_name);
        read_file(entry->d_name, &text);
        size_t line;
        char failure[TRIAL_FAILURE_SIZE];
        if (!trial_history_parse(buffer_bytes(&text), &history, &line))
            fail_msg("%s:%zu is not understood", entry->d_name, line);
        if (!trial_run(&history, failure))
            fail_msg("%s: %s", entry->d_name, failure);
        ran++;
    }
    assert_true(ran > 0);
    closedir(directory);
    trial_history_deinit(&history);
    buffer_deinit(&text);
}

static void a_printed_history_reads_back(void **state) {
    (void)state;
    struct trial_history history = {.count = 0}, again = {.count = 0};
    struct buffer text = {0}, once_more = {0};
    for (uint64_t seed = 1; seed < 50; seed++) {
        size_t line;
        buffer_clear(&text);
        buffer_clear(&once_more);
        trial_history_random(&history, seed, 60);
        trial_history_print(&history, &text);
        assert_true(trial_history_parse(buffer_bytes(&text), &again, &line));
        trial_history_print(&again, &once_more);
        assert_true(bytes_equal(buffer_bytes(&text), buffer_bytes(&once_more)));
    }
    buffer_deinit(&text);
    buffer_deinit(&once_more);
    trial_history_deinit(&history);
    trial_history_deinit(&again);
}

/* A made-up bug: a crash after a delete of key 7 that follows a put of more than 20 bytes. */
static bool has_the_bug(const struct trial_history *history, void *context) {
    size_t *calls = context;
    ++*calls;
    uint32_t phase = 0;
    for (size_t i = 0; i < history->count; i++) {
        const struct trial_operation *operation = &history->operations[i];
        if (phase == 0 && operation->kind == TRIAL_PUT && operation->numbers[1] > 20)
            phase = 1;
        else if (phase == 1 && operation->kind == TRIAL_DELETE && operation->numbers[0] == 7)
            phase = 2;
        else if (phase == 2 && operation->kind == TRIAL_CRASH)
            return history->options.values[TRIAL_BLOCK] < 512;
    }
    return false;
}

static void shrinking_leaves_nothing_that_the_failure_does_not_need(void **state) {
    (void)state;
    struct trial_history history = {.count = 0};
    uint32_t shrunk = 0;
    for (uint64_t seed = 1; seed < 40; seed++) {
        size_t calls = 0;
        trial_history_random(&history, seed, 3000);
        if (!has_the_bug(&history, &calls))
            continue;
        shrunk++;
        shrink(&history, has_the_bug, &calls);
        assert_int_equal(history.count, 3);
        assert_int_equal(history.operations[0].numbers[0], 0);
        assert_int_equal(history.operations[0].numbers[1], 21);
        assert_int_equal(history.operations[1].numbers[0], 7);
        assert_int_equal(history.options.values[TRIAL_MEMTABLE], 4096);
        assert_true(history.options.values[TRIAL_BLOCK] < 512);
        assert_true(calls < 2000);
    }
    assert_true(shrunk > 3);
    trial_history_deinit(&history);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_printed_history_reads_back),
        cmocka_unit_test(shrinking_leaves_nothing_that_the_failure_does_not_need),
        cmocka_unit_test(histories_that_once_failed_are_sound),
        cmocka_unit_test(random_operations_agree_with_the_model),
    };
    signal(SIGABRT, say_seed);
    signal(SIGSEGV, say_seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
