#include "engine/base/id_map.h"
#include "engine/base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MODEL_SIZE = 512, STEPS = 20000 };

/* Families of ids as the engine makes them: in a row, in the high half, and random. */
static uint64_t id_of(unsigned family, uint64_t i) {
    switch (family) {
    case 0:
        return i;
    case 1:
        return i << 48;
    case 2:
        return i << 32 | i;
    default:
        return i * 0x9e3779b97f4a7c15u;
    }
}

static void check_against_model(const struct id_map *map, unsigned family, char **model) {
    size_t count = 0;
    for (uint64_t i = 0; i < MODEL_SIZE; i++) {
        assert_ptr_equal(id_map_get(map, id_of(family, i)), model[i]);
        count += model[i] != NULL;
    }
    assert_int_equal(map->count, count);
    size_t position = 0;
    uint64_t id;
    size_t walked = 0;
    for (void *value; (value = id_map_next(map, &position, &id)) != NULL; walked++)
        assert_ptr_equal(id_map_get(map, id), value);
    assert_int_equal(walked, count);
}

static void a_map_does_what_an_array_does(void **state) {
    (void)state;
    static char values[MODEL_SIZE];
    for (unsigned family = 0; family < 4; family++) {
        char *model[MODEL_SIZE] = {0};
        struct id_map map = {0};
        struct prng prng;
        prng_init(&prng, 1, family);
        for (unsigned step = 0; step < STEPS; step++) {
            uint32_t i = prng_below(&prng, MODEL_SIZE);
            /* Phases of growth and of shrinking, so that every load is met. */
            if (prng_chance(&prng, step / 2500 % 2 == 0 ? 7 : 3, 10)) {
                model[i] = &values[prng_below(&prng, MODEL_SIZE)];
                id_map_put(&map, id_of(family, i), model[i]);
            } else {
                assert_ptr_equal(id_map_remove(&map, id_of(family, i)), model[i]);
                model[i] = NULL;
            }
            if (step % 500 == 0)
                check_against_model(&map, family, model);
        }
        check_against_model(&map, family, model);
        id_map_deinit(&map);
    }
}

static void an_empty_map_knows_nothing(void **state) {
    (void)state;
    struct id_map map = {0};
    size_t position = 0;
    uint64_t id;
    assert_null(id_map_get(&map, 0));
    assert_null(id_map_remove(&map, 7));
    assert_null(id_map_next(&map, &position, &id));
    id_map_deinit(&map);
}

static void a_map_in_motion_does_not_grow(void **state) {
    (void)state;
    struct id_map map = {0};
    char value;
    for (uint64_t i = 0; i < 100000; i++) {
        id_map_put(&map, i, &value);
        if (i >= 8)
            assert_ptr_equal(id_map_remove(&map, i - 8), &value);
    }
    assert_true(map.capacity <= 16);
    id_map_deinit(&map);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_does_what_an_array_does),
        cmocka_unit_test(an_empty_map_knows_nothing),
        cmocka_unit_test(a_map_in_motion_does_not_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
