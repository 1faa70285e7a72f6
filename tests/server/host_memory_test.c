/* The memory lent to the engine: what happens when malloc() has none. The linker puts failing_* in
 * the place of the real functions (see tests/CMakeLists.txt). */
#include "server/host_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Linker's names for the function that is wrapped and the one that wraps it. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static uint32_t failures_left;

static bool fails(void) {
    return failures_left > 0 && failures_left-- > 0;
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
    return fails() ? NULL : __real_realloc(memory, size);
}

static struct host_memory_pool pool;

static void the_reserve_outlives_one_failure_and_is_got_back(void **state) {
    (void)state;
    host_memory_pool_init(&pool, 1000);
    host_memory_enter(&pool);
    failures_left = 1;
    char *memory = memory_allocate(10);
    assert_null(pool.reserve);
    memory = memory_resize(memory, 20);
    host_memory_leave();
    failures_left = 1;
    assert_true(host_memory_pool_is_short(&pool));
    assert_false(host_memory_pool_is_short(&pool));
    assert_false(host_memory_pool_is_empty(&pool));
    memory_release(memory);
    assert_true(host_memory_pool_is_empty(&pool));
    host_memory_pool_deinit(&pool);
}

/* Also a resize that fails leaves a pool that can be dropped whole: the sanitizer counts. */
static void a_pool_without_memory_is_left_by_its_door_and_dropped(void **state) {
    (void)state;
    host_memory_pool_init(&pool, 0);
    char *outside = memory_allocate(1);
    for (uint32_t way = 0; way < 3; way++) {
        char *volatile kept = NULL;
        host_memory_enter(&pool);
        if (setjmp(pool.door) == 0) {
            kept = memory_allocate(100);
            memory_release(memory_allocate_zeroed(3, 5));
            kept = memory_resize(kept, 5000);
            failures_left = 1;
            kept = way == 0   ? memory_allocate(77)
                   : way == 1 ? memory_allocate_zeroed(7, 11)
                              : memory_resize(kept, 77);
            fail_msg("an allocation that fails does not return");
        }
        assert_int_equal(pool.wanted, 77);
        assert_false(host_memory_pool_is_empty(&pool));
        host_memory_pool_drop(&pool);
        assert_true(host_memory_pool_is_empty(&pool));
    }
    memory_release(outside);
    host_memory_pool_deinit(&pool);
}

static void blocks_of_two_pools_and_of_none_do_not_mix(void **state) {
    (void)state;
    struct host_memory_pool other;
    host_memory_pool_init(&pool, 0);
    host_memory_pool_init(&other, 0);
    char *of_none = memory_allocate(5);
    host_memory_enter(&pool);
    char *first = memory_allocate(5);
    host_memory_leave();
    host_memory_enter(&other);
    char *second = memory_allocate(5);
    of_none = memory_resize(of_none, 500);
    first = memory_resize(first, 500);
    host_memory_leave();
    host_memory_pool_drop(&other);
    (void)second;
    memset(first, 1, 500);
    memset(of_none, 2, 500);
    memory_release(of_none);
    host_memory_pool_deinit(&pool);
    host_memory_pool_deinit(&other);
}

static void sizes_that_no_memory_has_do_not_overflow(void **state) {
    (void)state;
    host_memory_pool_init(&pool, 0);
    for (uint32_t way = 0; way < 3; way++) {
        host_memory_enter(&pool);
        if (setjmp(pool.door) == 0) {
            char *memory = memory_allocate(1);
            (void)(way == 0   ? memory_allocate(SIZE_MAX)
                   : way == 1 ? memory_allocate_zeroed(1, SIZE_MAX)
                              : memory_resize(memory, SIZE_MAX));
            fail_msg("there is no such memory");
        }
        host_memory_pool_drop(&pool);
    }
    host_memory_pool_deinit(&pool);
}

static void
a_process_without_memory_gives_up_its_reserve_and_then_exits_with_its_own_code(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        host_memory_reserve(1 << 16);
        failures_left = 1;
        memory_release(memory_allocate(10));
        failures_left = UINT32_MAX;
        if (!host_memory_is_short())
            _exit(1);
        (void)memory_allocate(10);
        _exit(2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), HOST_MEMORY_EXIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reserve_outlives_one_failure_and_is_got_back),
        cmocka_unit_test(a_pool_without_memory_is_left_by_its_door_and_dropped),
        cmocka_unit_test(blocks_of_two_pools_and_of_none_do_not_mix),
        cmocka_unit_test(sizes_that_no_memory_has_do_not_overflow),
        cmocka_unit_test(
            a_process_without_memory_gives_up_its_reserve_and_then_exits_with_its_own_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
