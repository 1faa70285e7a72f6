#include "engine/cluster/member_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

static const struct member_record RECORDS[] = {
    {.id = 0, .incarnation = 1, .heartbeat = 0, .status = MEMBER_ALIVE},
    {.id = 7, .incarnation = UINT64_MAX, .heartbeat = 300, .status = MEMBER_SUSPECT},
    {.id = UINT64_MAX, .incarnation = 128, .heartbeat = (uint64_t)1 << 62, .status = MEMBER_DEAD},
};
enum { RECORD_COUNT = sizeof RECORDS / sizeof RECORDS[0] };

/* In memory of exactly this size, so that the sanitizer sees every byte read too many. */
static bool decode_exactly(struct bytes payload) {
    static struct member_record records[MEMBER_RECORDS_MAX];
    uint8_t *copy = malloc(payload.size == 0 ? 1 : payload.size);
    assert_non_null(copy);
    if (payload.size > 0)
        memcpy(copy, payload.data, payload.size);
    uint32_t count;
    bool decoded = member_records_decode(bytes_of(copy, payload.size), records, &count);
    free(copy);
    return decoded;
}

static void records_come_back(void **state) {
    (void)state;
    static struct member_record came[MEMBER_RECORDS_MAX];
    for (uint32_t sent = 0; sent <= RECORD_COUNT; sent++) {
        struct buffer payload = {0};
        member_records_encode(RECORDS, sent, &payload);
        uint32_t count = 99;
        assert_true(member_records_decode(buffer_bytes(&payload), came, &count));
        assert_int_equal(count, sent);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(came[i].id, RECORDS[i].id);
            assert_int_equal(member_record_compare(&came[i], &RECORDS[i]), 0);
            assert_int_equal(came[i].status, RECORDS[i].status);
        }
        buffer_deinit(&payload);
    }
}

static void a_payload_cut_anywhere_or_followed_by_more_is_malformed(void **state) {
    (void)state;
    struct buffer payload = {0};
    member_records_encode(RECORDS, RECORD_COUNT, &payload);
    for (size_t size = 0; size < payload.size; size++)
        assert_false(decode_exactly(bytes_of(payload.data, size)));
    assert_true(decode_exactly(buffer_bytes(&payload)));
    buffer_put_u8(&payload, 0);
    assert_false(decode_exactly(buffer_bytes(&payload)));
    buffer_deinit(&payload);
}

static void whatever_decodes_after_a_flipped_bit_encodes_to_the_same_bytes(void **state) {
    (void)state;
    static struct member_record came[MEMBER_RECORDS_MAX];
    struct buffer payload = {0};
    struct buffer again = {0};
    member_records_encode(RECORDS, RECORD_COUNT, &payload);
    for (size_t bit = 0; bit < payload.size * 8; bit++) {
        payload.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        uint32_t count;
        if (decode_exactly(buffer_bytes(&payload)) &&
            member_records_decode(buffer_bytes(&payload), came, &count)) {
            buffer_clear(&again);
            member_records_encode(came, count, &again);
            assert_true(bytes_equal(buffer_bytes(&again), buffer_bytes(&payload)));
        }
        payload.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    buffer_deinit(&payload);
    buffer_deinit(&again);
}

static bool decodes(uint64_t id, uint64_t incarnation, uint64_t heartbeat, uint8_t status) {
    struct buffer payload = {0};
    buffer_put_varint(&payload, 2);
    buffer_put_u64(&payload, 5);
    buffer_put_varint(&payload, 1);
    buffer_put_varint(&payload, 1);
    buffer_put_u8(&payload, MEMBER_ALIVE);
    buffer_put_u64(&payload, id);
    buffer_put_varint(&payload, incarnation);
    buffer_put_varint(&payload, heartbeat);
    buffer_put_u8(&payload, status);
    bool decoded = decode_exactly(buffer_bytes(&payload));
    buffer_deinit(&payload);
    return decoded;
}

static void records_that_nobody_writes_are_malformed(void **state) {
    (void)state;
    assert_true(decodes(6, 1, 1, MEMBER_DEAD));
    assert_false(decodes(5, 1, 1, MEMBER_DEAD));
    assert_false(decodes(4, 1, 1, MEMBER_DEAD));
    assert_false(decodes(6, 0, 1, MEMBER_DEAD));
    assert_false(decodes(6, 1, MEMBER_HEARTBEAT_MAX + 1, MEMBER_DEAD));
    assert_false(decodes(6, 1, 1, MEMBER_UNKNOWN));
    assert_false(decodes(6, 1, 1, MEMBER_LEAVING));
    assert_false(decodes(6, 1, 1, 255));
}

static void more_records_than_a_message_may_have_are_malformed(void **state) {
    (void)state;
    struct buffer payload = {0};
    buffer_put_varint(&payload, MEMBER_RECORDS_MAX + 1);
    for (uint64_t i = 0; i <= MEMBER_RECORDS_MAX; i++) {
        buffer_put_u64(&payload, i);
        buffer_put_varint(&payload, 1);
        buffer_put_varint(&payload, 1);
        buffer_put_u8(&payload, MEMBER_ALIVE);
    }
    assert_false(decode_exactly(buffer_bytes(&payload)));
    buffer_deinit(&payload);
}

static void incarnation_weighs_more_than_heartbeat_and_opinion_nothing(void **state) {
    (void)state;
    struct member_record older = {.incarnation = 1, .heartbeat = 900, .status = MEMBER_DEAD};
    struct member_record newer = {.incarnation = 2, .heartbeat = 1, .status = MEMBER_ALIVE};
    assert_true(member_record_compare(&older, &newer) < 0);
    assert_true(member_record_compare(&newer, &older) > 0);
    newer = (struct member_record){.incarnation = 1, .heartbeat = 900, .status = MEMBER_ALIVE};
    assert_int_equal(member_record_compare(&newer, &older), 0);
    newer.heartbeat++;
    assert_true(member_record_compare(&newer, &older) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_back),
        cmocka_unit_test(a_payload_cut_anywhere_or_followed_by_more_is_malformed),
        cmocka_unit_test(whatever_decodes_after_a_flipped_bit_encodes_to_the_same_bytes),
        cmocka_unit_test(records_that_nobody_writes_are_malformed),
        cmocka_unit_test(more_records_than_a_message_may_have_are_malformed),
        cmocka_unit_test(incarnation_weighs_more_than_heartbeat_and_opinion_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
