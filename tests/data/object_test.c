#include "engine/data/object.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct version_vector NOTHING = {0};

/* A put of a text with what the client had seen; gives back the dot. */
static struct dot put(struct object *object, uint64_t actor, const struct version_vector *seen,
                      const char *value, uint64_t at) {
    struct object_write write = {.value = bytes_of_text(value), .at = {at}};
    struct dot dot;
    assert_int_equal(object_write(object, actor, seen, &write, &dot), OBJECT_OK);
    return dot;
}

static void merge(struct object *object, const struct object *other) {
    assert_int_equal(object_merge(object, other), OBJECT_OK);
}

static bool holds(const struct object *object, const char *value) {
    for (uint32_t i = 0; i < object->sibling_count; i++) {
        if (bytes_equal(object->siblings[i].value, bytes_of_text(value)))
            return true;
    }
    return false;
}

static void assert_same(const struct object *left, const struct object *right) {
    struct buffer left_bytes = {0};
    struct buffer right_bytes = {0};
    object_encode(left, &left_bytes);
    object_encode(right, &right_bytes);
    assert_true(bytes_equal(buffer_bytes(&left_bytes), buffer_bytes(&right_bytes)));
    buffer_deinit(&left_bytes);
    buffer_deinit(&right_bytes);
}

/* DeCandia et al., figure 3: the history of one object over time. */
static void the_example_of_the_dynamo_paper_holds(void **state) {
    (void)state;
    enum { SX = 1, SY = 2, SZ = 3 };
    struct object d1;
    struct object d2;
    object_clear(&d1);
    (void)put(&d1, SX, &NOTHING, "D1", 1);
    assert_int_equal(vector_counter(&d1.vector, SX), 1);
    d2 = d1;
    (void)put(&d2, SX, &d1.vector, "D2", 2);
    assert_int_equal(vector_counter(&d2.vector, SX), 2);
    assert_int_equal(d2.sibling_count, 1);
    struct object d3 = d2;
    (void)put(&d3, SY, &d2.vector, "D3", 3);
    struct object d4 = d2;
    (void)put(&d4, SZ, &d2.vector, "D4", 4);

    /* Whoever knows D1 or D2 and receives D4 can tell that it is newer. */
    struct object old = d1;
    merge(&old, &d4);
    assert_same(&old, &d4);
    /* Whoever knows D3 and receives D4 finds no causal relation: both stay. */
    struct object both = d3;
    merge(&both, &d4);
    assert_int_equal(both.sibling_count, 2);
    assert_true(holds(&both, "D3") && holds(&both, "D4"));

    struct object d5 = both;
    (void)put(&d5, SX, &both.vector, "D5", 5);
    assert_int_equal(d5.sibling_count, 1);
    assert_int_equal(d5.vector.count, 3);
    assert_int_equal(vector_counter(&d5.vector, SX), 3);
    assert_int_equal(vector_counter(&d5.vector, SY), 1);
    assert_int_equal(vector_counter(&d5.vector, SZ), 1);
    merge(&d5, &d3);
    merge(&d5, &d4);
    assert_int_equal(d5.sibling_count, 1);
    assert_true(holds(&d5, "D5"));
}

static void concurrent_updates_become_siblings(void **state) {
    (void)state;
    struct object object;
    object_clear(&object);
    (void)put(&object, 1, &NOTHING, "a", 1);
    struct version_vector seen = object.vector;
    (void)put(&object, 1, &seen, "b", 2);
    (void)put(&object, 1, &seen, "c", 3);
    assert_int_equal(object.sibling_count, 2);
    assert_true(holds(&object, "b") && holds(&object, "c"));
    (void)put(&object, 1, NULL, "d", 4);
    assert_int_equal(object.sibling_count, 3);
}

static void a_sequence_of_blind_writes_leaves_one_value(void **state) {
    (void)state;
    struct object object;
    object_clear(&object);
    for (uint64_t i = 1; i <= 1000; i++) {
        struct object_write write = {.value = bytes_of_text("v"), .at = {i}, .blind = true};
        struct dot dot;
        assert_int_equal(object_write(&object, i % 3, NULL, &write, &dot), OBJECT_OK);
        assert_int_equal(object.sibling_count, 1);
    }
    assert_int_equal(object.vector.count, 3);
}

static void a_context_from_elsewhere_keeps_late_arrivals_out(void **state) {
    (void)state;
    struct object here;
    struct object there;
    object_clear(&here);
    object_clear(&there);
    (void)put(&there, 2, &NOTHING, "old", 1);
    (void)put(&here, 1, &there.vector, "new", 2);
    merge(&here, &there);
    assert_int_equal(here.sibling_count, 1);
    assert_true(holds(&here, "new"));
}

static void a_full_object_refuses_and_stays_as_it_was(void **state) {
    (void)state;
    struct object object;
    object_clear(&object);
    for (uint32_t i = 0; i < OBJECT_SIBLINGS_WRITE_MAX; i++)
        (void)put(&object, 1, &NOTHING, "v", i);
    struct object before = object;
    struct object_write write = {.value = bytes_of_text("more")};
    struct dot dot;
    assert_int_equal(object_write(&object, 1, &NOTHING, &write, &dot), OBJECT_FULL);
    assert_same(&object, &before);
    struct object others[2];
    for (uint64_t i = 0; i < 2; i++) {
        object_clear(&others[i]);
        for (uint32_t j = 0; j < OBJECT_SIBLINGS_WRITE_MAX; j++)
            (void)put(&others[i], 2 + i, &NOTHING, "w", j);
    }
    merge(&object, &others[0]);
    assert_int_equal(object.sibling_count, OBJECT_SIBLINGS_MAX);
    before = object;
    assert_int_equal(object_merge(&object, &others[1]), OBJECT_FULL);
    assert_same(&object, &before);
    /* A write that supersedes makes room again. */
    (void)put(&object, 1, &before.vector, "last", 9);
    assert_int_equal(object.sibling_count, 1);
}

static void too_many_actors_are_refused(void **state) {
    (void)state;
    struct object object;
    object_clear(&object);
    for (uint64_t actor = 0; actor < VECTOR_ENTRIES_MAX; actor++) {
        struct version_vector seen = object.vector;
        (void)put(&object, actor, &seen, "v", actor);
    }
    struct object before = object;
    struct object_write write = {.value = bytes_of_text("more")};
    struct dot dot;
    assert_int_equal(object_write(&object, 9999, &before.vector, &write, &dot), OBJECT_FULL);
    struct object other;
    object_clear(&other);
    (void)put(&other, 9999, &NOTHING, "w", 1);
    assert_int_equal(object_merge(&object, &other), OBJECT_FULL);
    assert_same(&object, &before);
}

static void a_counter_that_cannot_grow_is_refused(void **state) {
    (void)state;
    struct object object;
    object_clear(&object);
    struct version_vector forged = {0};
    assert_true(vector_raise(&forged, (struct dot){.actor = 1, .counter = UINT64_MAX}));
    struct object_write write = {.value = bytes_of_text("v")};
    struct dot dot;
    assert_int_equal(object_write(&object, 1, &forged, &write, &dot), OBJECT_FULL);
    assert_true(object_is_empty(&object));
}

static void the_newest_sibling_wins_unless_it_is_a_tombstone(void **state) {
    (void)state;
    struct object object;
    object_clear(&object);
    assert_null(object_winner(&object));
    (void)put(&object, 5, &NOTHING, "early", 10);
    (void)put(&object, 1, &NOTHING, "late", 20);
    (void)put(&object, 7, &NOTHING, "late too", 20);
    assert_true(bytes_equal(object_winner(&object)->value, bytes_of_text("late too")));
    struct object_write removal = {
        .value = bytes_of_text("ignored"), .at = {30}, .tombstone = true};
    struct dot dot;
    assert_int_equal(object_write(&object, 1, &NOTHING, &removal, &dot), OBJECT_OK);
    assert_null(object_winner(&object));
    assert_int_equal(object_live_count(&object), 3);
    assert_int_equal(object.sibling_count, 4);
    (void)put(&object, 2, &NOTHING, "after", 40);
    assert_true(bytes_equal(object_winner(&object)->value, bytes_of_text("after")));
}

static void digests_tell_clocks_and_keys_apart(void **state) {
    (void)state;
    struct bytes key = bytes_of_text("k");
    struct object object;
    struct object other;
    object_clear(&object);
    object_clear(&other);
    assert_int_equal(object_digest(&object, key), 0);
    (void)put(&object, 1, &NOTHING, "a", 1);
    (void)put(&other, 1, &NOTHING, "whatever", 9);
    uint64_t digest = object_digest(&object, key);
    assert_true(digest != 0);
    assert_true(digest == object_digest(&other, key));
    assert_true(digest != object_digest(&object, bytes_of_text("l")));
    (void)put(&object, 1, &NOTHING, "b", 2);
    struct version_vector seen = other.vector;
    (void)put(&other, 1, &seen, "b", 2);
    /* The vectors are equal now, the siblings are not. */
    assert_true(vector_descends(&object.vector, &other.vector));
    assert_true(vector_descends(&other.vector, &object.vector));
    assert_true(object_digest(&object, key) != object_digest(&other, key));
    merge(&object, &other);
    assert_true(object_digest(&object, key) == object_digest(&other, key));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_dynamo_paper_holds),
        cmocka_unit_test(concurrent_updates_become_siblings),
        cmocka_unit_test(a_sequence_of_blind_writes_leaves_one_value),
        cmocka_unit_test(a_context_from_elsewhere_keeps_late_arrivals_out),
        cmocka_unit_test(a_full_object_refuses_and_stays_as_it_was),
        cmocka_unit_test(too_many_actors_are_refused),
        cmocka_unit_test(a_counter_that_cannot_grow_is_refused),
        cmocka_unit_test(the_newest_sibling_wins_unless_it_is_a_tombstone),
        cmocka_unit_test(digests_tell_clocks_and_keys_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
