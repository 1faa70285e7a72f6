#include "engine/base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void allocations_are_aligned_and_do_not_overlap(void **state) {
    (void)state;
    struct arena arena = {0};
    uint8_t *blocks[300];
    for (size_t i = 0; i < 300; i++) {
        blocks[i] = arena_allocate(&arena, i);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % ARENA_ALIGNMENT, 0);
        memset(blocks[i], (int)(i & 0xff), i);
    }
    for (size_t i = 0; i < 300; i++) {
        for (size_t j = 0; j < i; j++)
            assert_int_equal(blocks[i][j], i & 0xff);
    }
    arena_deinit(&arena);
}

static void used_counts_what_was_handed_out(void **state) {
    (void)state;
    struct arena arena = {0};
    (void)arena_allocate(&arena, 1);
    (void)arena_allocate(&arena, 16);
    assert_int_equal(arena.used, 32);
    (void)arena_allocate(&arena, 1 << 20);
    assert_int_equal(arena.used, 32 + (1 << 20));
    arena_clear(&arena);
    assert_int_equal(arena.used, 0);
    arena_deinit(&arena);
}

static size_t chunk_bytes(const struct arena *arena) {
    size_t sum = 0;
    for (const struct arena_chunk *chunk = arena->first; chunk != NULL; chunk = chunk->next)
        sum += chunk->capacity;
    return sum;
}

static void repeated_rounds_do_not_grow_the_arena(void **state) {
    (void)state;
    static const size_t sizes[] = {100, 5000, 300000, 40, 70000, 3, 1000000, 9000};
    struct arena arena = {0};
    size_t settled = 0;
    for (size_t round = 0; round < 50; round++) {
        for (size_t i = 0; i < 8; i++)
            memset(arena_allocate(&arena, sizes[(i + round) % 8]), 0xaa, sizes[(i + round) % 8]);
        if (round == 16)
            settled = chunk_bytes(&arena);
        if (round > 16)
            assert_true(chunk_bytes(&arena) <= settled * 2);
        arena_clear(&arena);
    }
    arena_deinit(&arena);
}

static void a_copy_equals_its_source(void **state) {
    (void)state;
    struct arena arena = {0};
    struct bytes copy = arena_copy(&arena, bytes_of_text("dunlin"));
    assert_true(bytes_equal(copy, bytes_of_text("dunlin")));
    assert_int_equal(arena_copy(&arena, (struct bytes){0}).size, 0);
    arena_deinit(&arena);
    arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_aligned_and_do_not_overlap),
        cmocka_unit_test(used_counts_what_was_handed_out),
        cmocka_unit_test(repeated_rounds_do_not_grow_the_arena),
        cmocka_unit_test(a_copy_equals_its_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
