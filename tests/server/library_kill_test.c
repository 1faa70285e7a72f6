/* A process that writes to a library store is killed again and again, wherever it is: the next life has everything that it was
 * told to be written, and nothing that was never written. */
#include "tests/server/support/library_store.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { KEYS = 97, VALUE_SIZE = 200, LIVES = 25, CHECKPOINT_EVERY = 300, DURABLE_EVERY = 5 };

static struct library_store place;

static struct bytes value_of(uint32_t number, char text[VALUE_SIZE]) {
    memset(text, 'a' + (int)(number % 26), VALUE_SIZE);
    snprintf(text, VALUE_SIZE, "%u", (unsigned)number);
    return bytes_of(text, VALUE_SIZE);
}

/* Tells the number of each write that has returned, until it is killed. */
static _Noreturn void write_on(uint32_t from, int tell) {
    char key[LIBRARY_KEY_SIZE], value[VALUE_SIZE];
    if (!library_store_try_open(&place))
        _exit(1);
    for (uint32_t number = from;; number++) {
        uint32_t checkpoint;
        if (blocking_store_put(place.store, library_key(number % KEYS, key),
                               value_of(number, value), number % DURABLE_EVERY == 0) != STORE_OK ||
            write(tell, &number, sizeof number) != sizeof number)
            _exit(1);
        if (number % CHECKPOINT_EVERY == 0 &&
            (blocking_store_checkpoint(place.store, &checkpoint) != STORE_OK ||
             blocking_store_checkpoint_remove(place.store, checkpoint) != STORE_OK))
            _exit(1);
    }
}

/* The number of the last write that returned. */
static uint32_t live_and_die(uint32_t from, uint32_t writes) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0)
        write_on(from, ends[1]);
    close(ends[1]);
    uint32_t number = from - 1;
    for (uint32_t i = 0; i < writes; i++) {
        if (read(ends[0], &number, sizeof number) != sizeof number)
            fail_msg("the writing process has ended by itself");
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    while (read(ends[0], &number, sizeof number) == sizeof number) {
    }
    close(ends[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return number;
}

/* One write more may have been made than was told. */
static uint32_t check(uint32_t last) {
    char key[LIBRARY_KEY_SIZE], expected[VALUE_SIZE];
    struct bytes value;
    library_store_open(&place);
    bool one_more =
        blocking_store_get(place.store, library_key((last + 1) % KEYS, key), &value) == STORE_OK &&
        bytes_equal(value, value_of(last + 1, expected));
    last += one_more;
    for (uint32_t number = last < KEYS ? 1 : last - KEYS + 1; number <= last; number++) {
        enum store_status status =
            blocking_store_get(place.store, library_key(number % KEYS, key), &value);
        if (status != STORE_OK || !bytes_equal(value, value_of(number, expected)))
            fail_msg("write %u of %u is not there (status %d)", (unsigned)number, (unsigned)last,
                     (int)status);
    }
    library_store_close(&place);
    return last;
}

static void a_process_that_is_killed_loses_nothing_that_it_was_told_is_written(void **state) {
    (void)state;
    library_store_make(&place, library_config(16 * 1024));
    uint32_t last = 0;
    for (uint32_t life = 1; life <= LIVES; life++)
        last = check(live_and_die(last + 1, life * 37 % 211 + 1));
    assert_true(last > LIVES);
    library_store_remove(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_that_is_killed_loses_nothing_that_it_was_told_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
