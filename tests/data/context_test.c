#include "engine/data/context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void raise(struct version_vector *vector, uint64_t actor, uint64_t counter) {
    assert_true(vector_raise(vector, (struct dot){.actor = actor, .counter = counter}));
}

static bool equal(const struct version_vector *left, const struct version_vector *right) {
    return vector_descends(left, right) && vector_descends(right, left);
}

static void a_token_brings_back_its_vector(void **state) {
    (void)state;
    struct bytes key = bytes_of_text("cart:17");
    struct version_vector vector = {0};
    struct buffer text = {0};
    for (uint64_t actor = 0; actor < VECTOR_ENTRIES_MAX; actor++) {
        raise(&vector, actor * 0x9e3779b97f4a7c15u, UINT64_MAX - actor);
        struct version_vector decoded;
        buffer_clear(&text);
        context_encode(&vector, key, &text);
        assert_true(text.size <= CONTEXT_TEXT_MAX);
        assert_true(context_decode(buffer_bytes(&text), key, &decoded));
        assert_true(equal(&decoded, &vector));
    }
    buffer_deinit(&text);
}

static void the_empty_token_has_seen_nothing(void **state) {
    (void)state;
    struct version_vector vector = {0};
    struct buffer text = {0};
    context_encode(&vector, bytes_of_text("k"), &text);
    assert_int_equal(text.size, 0);
    vector.count = 9;
    assert_true(context_decode((struct bytes){0}, bytes_of_text("k"), &vector));
    assert_int_equal(vector.count, 0);
}

/* Tokens of every length modulo three, so that every number of unused bits in the last digit is
 * met. */
static void sweep(void (*check)(struct buffer *text, struct bytes key)) {
    static const uint64_t counters[] = {1, 300, 70000};
    for (size_t i = 0; i < 3; i++) {
        struct version_vector vector = {0};
        struct buffer text = {0};
        raise(&vector, 7, 12);
        raise(&vector, 0xfedcba9876543210, counters[i]);
        context_encode(&vector, bytes_of_text("key"), &text);
        check(&text, bytes_of_text("key"));
        buffer_deinit(&text);
    }
}

static void check_changes(struct buffer *text, struct bytes key) {
    struct version_vector decoded;
    for (size_t position = 0; position < text->size; position++) {
        uint8_t right = text->data[position];
        for (unsigned wrong = 0; wrong < 256; wrong++) {
            text->data[position] = (uint8_t)wrong;
            assert_int_equal(context_decode(buffer_bytes(text), key, &decoded), wrong == right);
        }
        text->data[position] = right;
    }
}

static void every_change_of_one_character_is_refused(void **state) {
    (void)state;
    sweep(check_changes);
}

static void check_lengths(struct buffer *text, struct bytes key) {
    struct version_vector decoded;
    for (size_t size = 1; size < text->size; size++)
        assert_false(context_decode(bytes_of(text->data, size), key, &decoded));
    buffer_put_u8(text, 'A');
    assert_false(context_decode(buffer_bytes(text), key, &decoded));
    for (unsigned i = 0; i < CONTEXT_TEXT_MAX; i++) {
        buffer_put_u8(text, 'A');
        assert_false(context_decode(buffer_bytes(text), key, &decoded));
    }
}

static void a_token_that_was_cut_or_lengthened_is_refused(void **state) {
    (void)state;
    sweep(check_lengths);
}

static void check_keys(struct buffer *text, struct bytes key) {
    struct version_vector decoded;
    (void)key;
    assert_false(context_decode(buffer_bytes(text), bytes_of_text("kez"), &decoded));
    assert_false(context_decode(buffer_bytes(text), bytes_of_text("ke"), &decoded));
    assert_false(context_decode(buffer_bytes(text), (struct bytes){0}, &decoded));
    assert_int_equal(decoded.count, 0);
}

static void a_token_of_another_key_is_refused(void **state) {
    (void)state;
    sweep(check_keys);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_brings_back_its_vector),
        cmocka_unit_test(the_empty_token_has_seen_nothing),
        cmocka_unit_test(every_change_of_one_character_is_refused),
        cmocka_unit_test(a_token_that_was_cut_or_lengthened_is_refused),
        cmocka_unit_test(a_token_of_another_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
