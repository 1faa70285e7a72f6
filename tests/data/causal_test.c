#include "engine/base/prng.h"
#include "engine/data/causal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { ACTORS = 12, ROUNDS = 3000 };

/* A random vector over a few actors, and the same as a plain table. */
static void draw(struct prng *prng, struct version_vector *vector, uint64_t table[ACTORS]) {
    vector->count = 0;
    for (uint64_t actor = 0; actor < ACTORS; actor++)
        table[actor] = 0;
    uint32_t raises = prng_below(prng, 2 * ACTORS);
    for (uint32_t i = 0; i < raises; i++) {
        struct dot dot = {.actor = prng_below(prng, ACTORS), .counter = 1 + prng_below(prng, 5)};
        assert_true(vector_raise(vector, dot));
        if (table[dot.actor] < dot.counter)
            table[dot.actor] = dot.counter;
    }
}

static void check_equals_table(const struct version_vector *vector, const uint64_t table[ACTORS]) {
    uint32_t known = 0;
    for (uint64_t actor = 0; actor < ACTORS; actor++) {
        assert_int_equal(vector_counter(vector, actor), table[actor]);
        known += table[actor] != 0;
    }
    assert_int_equal(vector->count, known);
    for (uint32_t i = 1; i < vector->count; i++)
        assert_true(vector->dots[i - 1].actor < vector->dots[i].actor);
}

static void vectors_do_what_tables_do(void **state) {
    (void)state;
    struct prng prng;
    prng_init(&prng, 1, 1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct version_vector left;
        struct version_vector right;
        uint64_t left_table[ACTORS];
        uint64_t right_table[ACTORS];
        draw(&prng, &left, left_table);
        draw(&prng, &right, right_table);
        check_equals_table(&left, left_table);
        bool descends = true;
        for (uint64_t actor = 0; actor < ACTORS; actor++)
            descends = descends && left_table[actor] >= right_table[actor];
        assert_int_equal(vector_descends(&left, &right), descends);
        assert_true(vector_join(&left, &right));
        for (uint64_t actor = 0; actor < ACTORS; actor++) {
            if (left_table[actor] < right_table[actor])
                left_table[actor] = right_table[actor];
        }
        check_equals_table(&left, left_table);
        assert_true(vector_descends(&left, &right));
    }
}

static void a_full_vector_refuses_and_stays_as_it_was(void **state) {
    (void)state;
    struct version_vector full = {0};
    for (uint64_t actor = 0; actor < VECTOR_ENTRIES_MAX; actor++)
        assert_true(vector_raise(&full, (struct dot){.actor = 2 * actor, .counter = 1}));
    assert_false(vector_raise(&full, (struct dot){.actor = 7, .counter = 1}));
    assert_true(vector_raise(&full, (struct dot){.actor = 8, .counter = 3}));
    struct version_vector before = full;
    struct version_vector other = {0};
    assert_true(vector_raise(&other, (struct dot){.actor = 4, .counter = 9}));
    assert_true(vector_raise(&other, (struct dot){.actor = 5, .counter = 9}));
    assert_false(vector_join(&full, &other));
    assert_memory_equal(&full, &before, sizeof full);
    assert_true(vector_join(&full, &before));
    assert_memory_equal(&full, &before, sizeof full);
}

static void only_canonical_bytes_are_a_vector(void **state) {
    (void)state;
    struct buffer bytes = {0};
    struct version_vector vector = {0};
    struct version_vector decoded;
    assert_true(vector_raise(&vector, (struct dot){.actor = 3, .counter = 200}));
    assert_true(vector_raise(&vector, (struct dot){.actor = UINT64_MAX, .counter = UINT64_MAX}));
    vector_encode(&vector, &bytes);
    struct reader reader = reader_of(buffer_bytes(&bytes));
    assert_true(vector_decode(&reader, &decoded));
    assert_true(reader_finished(&reader));
    assert_true(vector_descends(&decoded, &vector) && vector_descends(&vector, &decoded));
    for (size_t size = 0; size < bytes.size; size++) {
        reader = reader_of(bytes_of(bytes.data, size));
        assert_false(vector_decode(&reader, &decoded));
    }
    /* Zero counters, actors that do not ascend, and too many entries. */
    static const uint8_t zero[] = {1, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t twice[] = {2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1};
    static const uint8_t many[] = {0x81, 0x02};
    reader = reader_of(bytes_of(zero, sizeof zero));
    assert_false(vector_decode(&reader, &decoded));
    reader = reader_of(bytes_of(twice, sizeof twice));
    assert_false(vector_decode(&reader, &decoded));
    reader = reader_of(bytes_of(many, sizeof many));
    assert_false(vector_decode(&reader, &decoded));
    buffer_deinit(&bytes);
}

static void timestamps_grow_whatever_the_wall_clock_does(void **state) {
    (void)state;
    struct prng prng;
    prng_init(&prng, 5, 5);
    struct logical_clock clock = {0};
    struct timestamp last = {0};
    for (unsigned step = 0; step < ROUNDS; step++) {
        struct wall_time wall = {prng_below_u64(&prng, UINT64_MAX) >> prng_below(&prng, 64)};
        if (prng_chance(&prng, 1, 3)) {
            struct timestamp seen = {prng_u64(&prng) >> prng_below(&prng, 64)};
            logical_clock_observe(&clock, seen, wall);
        }
        struct timestamp next = logical_clock_tick(&clock, wall);
        assert_true(next.value > last.value);
        last = next;
    }
}

static void a_clock_follows_others_but_not_a_broken_one(void **state) {
    (void)state;
    struct logical_clock clock = {0};
    struct wall_time wall = {1000000};
    uint64_t day = 24 * 60 * 60 * 1000;
    assert_int_equal(logical_clock_tick(&clock, wall).value, wall.milliseconds << 16);
    assert_int_equal(logical_clock_tick(&clock, wall).value, (wall.milliseconds << 16) + 1);
    logical_clock_observe(&clock, (struct timestamp){(wall.milliseconds + day) << 16}, wall);
    assert_int_equal(logical_clock_tick(&clock, wall).value, ((wall.milliseconds + day) << 16) + 1);
    struct timestamp before = clock.last;
    logical_clock_observe(&clock, (struct timestamp){((wall.milliseconds + day) << 16) + 9}, wall);
    assert_int_equal(clock.last.value, before.value);
    logical_clock_observe(&clock, (struct timestamp){UINT64_MAX}, wall);
    assert_int_equal(clock.last.value, before.value);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_do_what_tables_do),
        cmocka_unit_test(a_full_vector_refuses_and_stays_as_it_was),
        cmocka_unit_test(only_canonical_bytes_are_a_vector),
        cmocka_unit_test(timestamps_grow_whatever_the_wall_clock_does),
        cmocka_unit_test(a_clock_follows_others_but_not_a_broken_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
