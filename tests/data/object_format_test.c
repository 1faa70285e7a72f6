/* The bytes of an object: what is written reads back, and nothing else is read. */
#include "engine/base/prng.h"
#include "engine/data/object.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* One with several actors, values of several sizes, a tombstone, a blind write and an expiry. */
static void make_object(struct object *object) {
    static const char *const values[] = {"", "v", "a longer value", "0123456789"};
    object_clear(object);
    for (uint64_t i = 0; i < 12; i++) {
        struct object_write write = {.value = bytes_of_text(values[i % 4]),
                                     .at = {i * 0x123456789a},
                                     .tombstone = i % 5 == 4};
        struct version_vector seen = object->vector;
        struct dot dot;
        uint64_t actor = (i % 4 + 1) * 0x3141592653589793;
        assert_int_equal(object_write(object, actor, i < 6 ? &seen : NULL, &write, &dot),
                         OBJECT_OK);
    }
    object->siblings[1].flags |= SIBLING_BLIND;
    object->siblings[2].expires_at_milliseconds = 1700000000000;
}

static void assert_reads_back(struct bytes bytes) {
    struct object object;
    struct buffer again = {0};
    assert_true(object_decode(bytes, &object));
    object_encode(&object, &again);
    assert_true(bytes_equal(bytes, buffer_bytes(&again)));
    buffer_deinit(&again);
}

static void objects_read_back(void **state) {
    (void)state;
    struct object object;
    struct buffer bytes = {0};
    object_clear(&object);
    object_encode(&object, &bytes);
    assert_reads_back(buffer_bytes(&bytes));
    buffer_clear(&bytes);
    make_object(&object);
    object_encode(&object, &bytes);
    assert_reads_back(buffer_bytes(&bytes));
    struct object decoded;
    assert_true(object_decode(buffer_bytes(&bytes), &decoded));
    assert_int_equal(decoded.sibling_count, object.sibling_count);
    for (uint32_t i = 0; i < decoded.sibling_count; i++) {
        assert_int_equal(decoded.siblings[i].dot.actor, object.siblings[i].dot.actor);
        assert_int_equal(decoded.siblings[i].dot.counter, object.siblings[i].dot.counter);
        assert_int_equal(decoded.siblings[i].at.value, object.siblings[i].at.value);
        assert_int_equal(decoded.siblings[i].flags, object.siblings[i].flags);
        assert_int_equal(decoded.siblings[i].expires_at_milliseconds,
                         object.siblings[i].expires_at_milliseconds);
        assert_true(bytes_equal(decoded.siblings[i].value, object.siblings[i].value));
    }
    buffer_deinit(&bytes);
}

static void a_small_object_stays_small(void **state) {
    (void)state;
    struct object object;
    struct buffer bytes = {0};
    struct object_write write = {.value = bytes_of_text("v"), .at = {1}};
    struct dot dot;
    object_clear(&object);
    assert_int_equal(object_write(&object, 1, NULL, &write, &dot), OBJECT_OK);
    object_encode(&object, &bytes);
    assert_true(bytes.size <= 25);
    buffer_deinit(&bytes);
}

/* A copy of exactly this size on the heap, so that the sanitizer sees a read past the end. */
static void check_decode(struct bytes bytes, bool may_be_accepted) {
    uint8_t *exact = malloc(bytes.size == 0 ? 1 : bytes.size);
    assert_non_null(exact);
    if (bytes.size > 0)
        memcpy(exact, bytes.data, bytes.size);
    struct object object;
    if (object_decode(bytes_of(exact, bytes.size), &object)) {
        assert_true(may_be_accepted);
        assert_reads_back(bytes_of(exact, bytes.size));
    } else {
        assert_true(object_is_empty(&object) && object.sibling_count == 0);
    }
    free(exact);
}

static void every_truncation_is_refused(void **state) {
    (void)state;
    struct object object;
    struct buffer bytes = {0};
    make_object(&object);
    object_encode(&object, &bytes);
    for (size_t size = 0; size < bytes.size; size++)
        check_decode(bytes_of(bytes.data, size), false);
    buffer_put_u8(&bytes, 0);
    check_decode(buffer_bytes(&bytes), false);
    buffer_deinit(&bytes);
}

static void what_survives_a_flipped_bit_is_still_a_valid_object(void **state) {
    (void)state;
    struct object object;
    struct buffer bytes = {0};
    make_object(&object);
    object_encode(&object, &bytes);
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        check_decode(buffer_bytes(&bytes), true);
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    buffer_deinit(&bytes);
}

static void random_damage_gives_an_error_or_a_valid_object(void **state) {
    (void)state;
    struct object object;
    struct buffer bytes = {0};
    struct prng prng;
    prng_init(&prng, 8, 8);
    make_object(&object);
    object_encode(&object, &bytes);
    for (unsigned round = 0; round < 20000; round++) {
        struct buffer damaged = {0};
        buffer_append(&damaged, buffer_bytes(&bytes));
        for (uint32_t changes = 1 + prng_below(&prng, 4); changes > 0; changes--)
            damaged.data[prng_below(&prng, (uint32_t)damaged.size)] = (uint8_t)prng_u32(&prng);
        check_decode(buffer_bytes(&damaged), true);
        buffer_deinit(&damaged);
    }
    buffer_deinit(&bytes);
}

/* Version 1, one actor 5 with counter 3, then what a case adds. */
static bool accepts_after_vector(const uint8_t *tail, size_t size) {
    static const uint8_t head[] = {1, 1, 5, 0, 0, 0, 0, 0, 0, 0, 3};
    struct buffer bytes = {0};
    struct object object;
    buffer_append(&bytes, bytes_of(head, sizeof head));
    buffer_append(&bytes, bytes_of(tail, size));
    bool accepted = object_decode(buffer_bytes(&bytes), &object);
    buffer_deinit(&bytes);
    return accepted;
}

#define ACCEPTS(...)                                                                               \
    accepts_after_vector((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
#define AT 9, 0, 0, 0, 0, 0, 0, 0

static void every_invariant_is_checked(void **state) {
    (void)state;
    assert_true(ACCEPTS(1, 0, 3, AT, 0, 1, 'v'));
    assert_true(ACCEPTS(2, 0, 1, AT, 1, 0, 2, AT, 2, 0));
    assert_true(ACCEPTS(1, 0, 3, AT, 0x80, 7, 0));
    assert_true(ACCEPTS(0));
    assert_false(ACCEPTS(1, 0, 4, AT, 0, 1, 'v'));          /* not covered by the vector */
    assert_false(ACCEPTS(1, 0, 0, AT, 0, 1, 'v'));          /* a counter of zero */
    assert_false(ACCEPTS(1, 1, 1, AT, 0, 1, 'v'));          /* no such actor */
    assert_false(ACCEPTS(1, 0, 3, AT, 4, 1, 'v'));          /* an unknown flag */
    assert_false(ACCEPTS(1, 0, 3, AT, 1, 1, 'v'));          /* a tombstone with a value */
    assert_false(ACCEPTS(1, 0, 3, AT, 0x80, 0, 0));         /* an expiry that is none */
    assert_false(ACCEPTS(2, 0, 2, AT, 1, 0, 1, AT, 1));     /* siblings out of order */
    assert_false(ACCEPTS(2, 0, 2, AT, 1, 0, 2, AT, 1));     /* the same sibling twice */
    assert_false(ACCEPTS(1, 0, 3, AT, 0, 0x81, 0x00, 'v')); /* a length with a needless byte */
    assert_false(ACCEPTS(0x81, 0x01));                      /* more siblings than there may be */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_read_back),
        cmocka_unit_test(a_small_object_stays_small),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(what_survives_a_flipped_bit_is_still_a_valid_object),
        cmocka_unit_test(random_damage_gives_an_error_or_a_valid_object),
        cmocka_unit_test(every_invariant_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
