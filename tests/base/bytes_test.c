#include "engine/base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int sign(int value) {
    return (value > 0) - (value < 0);
}

static void bytes_order_as_unsigned_with_prefixes_first(void **state) {
    (void)state;
    static const char *const ordered[] = {"", "a", "ab", "b", "\x7f", "\x80", "\xff", "\xff\x01"};
    for (int i = 0; i < 8; i++) {
        for (int j = 0; j < 8; j++) {
            struct bytes left = bytes_of_text(ordered[i]);
            struct bytes right = bytes_of_text(ordered[j]);
            assert_int_equal(sign(bytes_compare(left, right)), sign(i - j));
            assert_int_equal(bytes_equal(left, right), i == j);
        }
    }
}

static void an_absent_run_of_bytes_is_an_empty_one(void **state) {
    (void)state;
    struct bytes none = {0};
    struct bytes empty = bytes_of_text("");
    assert_true(bytes_equal(none, empty));
    assert_int_equal(bytes_compare(none, empty), 0);
    assert_true(bytes_start_with(empty, none));
    assert_int_equal(bytes_slice(none, 0, 0).size, 0);
    struct buffer buffer = {0};
    buffer_append(&buffer, none);
    buffer_consume(&buffer, 0);
    assert_int_equal(buffer.size, 0);
    buffer_deinit(&buffer);
}

static void numbers_come_back_as_they_went(void **state) {
    (void)state;
    struct buffer buffer = {0};
    buffer_put_u8(&buffer, 0xab);
    buffer_put_u16(&buffer, 0xabcd);
    buffer_put_u32(&buffer, 0xabcdef01);
    buffer_put_u64(&buffer, 0xabcdef0123456789);
    assert_int_equal(buffer.data[1], 0xcd);
    for (unsigned shift = 0; shift < 64; shift++) {
        buffer_put_varint(&buffer, (uint64_t)1 << shift);
        buffer_put_varint(&buffer, ((uint64_t)1 << shift) - 1);
    }
    buffer_put_varint(&buffer, UINT64_MAX);
    buffer_put_bytes(&buffer, bytes_of_text("tail"));
    struct reader reader = reader_of(buffer_bytes(&buffer));
    assert_int_equal(reader_u8(&reader), 0xab);
    assert_int_equal(reader_u16(&reader), 0xabcd);
    assert_int_equal(reader_u32(&reader), 0xabcdef01);
    assert_int_equal(reader_u64(&reader), 0xabcdef0123456789);
    for (unsigned shift = 0; shift < 64; shift++) {
        assert_int_equal(reader_varint(&reader), (uint64_t)1 << shift);
        assert_int_equal(reader_varint(&reader), ((uint64_t)1 << shift) - 1);
    }
    assert_int_equal(reader_varint(&reader), UINT64_MAX);
    assert_true(bytes_equal(reader_bytes(&reader), bytes_of_text("tail")));
    assert_true(reader_finished(&reader));
    buffer_deinit(&buffer);
}

static bool accepts_varint(const char *text, size_t size) {
    struct reader reader = reader_of(bytes_of(text, size));
    (void)reader_varint(&reader);
    return reader_finished(&reader);
}

static void a_number_has_one_varint(void **state) {
    (void)state;
    assert_true(accepts_varint("\x00", 1));
    assert_true(accepts_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10));
    assert_false(accepts_varint("\x80\x00", 2));
    assert_false(accepts_varint("\xff\x80\x00", 3));
    assert_false(accepts_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10));
    assert_false(accepts_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11));
    assert_false(accepts_varint("\x80", 1));
    assert_false(accepts_varint("", 0));
}

static void a_failed_reader_reads_zeros_for_ever(void **state) {
    (void)state;
    struct reader reader = reader_of(bytes_of("\x05\x01\x02", 3));
    assert_int_equal(reader_bytes(&reader).size, 0);
    assert_true(reader.failed);
    assert_int_equal(reader_u8(&reader), 0);
    assert_int_equal(reader_varint(&reader), 0);
    assert_int_equal(reader_take(&reader, 0).size, 0);
    assert_false(reader_finished(&reader));
}

static void consuming_keeps_the_rest(void **state) {
    (void)state;
    struct buffer buffer = {0};
    buffer_append(&buffer, bytes_of_text("abcdef"));
    buffer_consume(&buffer, 2);
    assert_true(bytes_equal(buffer_bytes(&buffer), bytes_of_text("cdef")));
    buffer_consume(&buffer, 4);
    assert_int_equal(buffer.size, 0);
    buffer_deinit(&buffer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_order_as_unsigned_with_prefixes_first),
        cmocka_unit_test(an_absent_run_of_bytes_is_an_empty_one),
        cmocka_unit_test(numbers_come_back_as_they_went),
        cmocka_unit_test(a_number_has_one_varint),
        cmocka_unit_test(a_failed_reader_reads_zeros_for_ever),
        cmocka_unit_test(consuming_keeps_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
