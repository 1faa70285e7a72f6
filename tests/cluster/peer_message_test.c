#include "engine/cluster/peer_kind.h"

#include "engine/base/hash.h"
#include "engine/base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

static const struct version_vector CONTEXT = {
    .count = 2, .dots = {{.actor = 3, .counter = 300}, {.actor = UINT64_MAX, .counter = 1}}};
static const struct peer_tree_item ITEMS[] = {
    {.position = 1, .digest = 2}, {.position = UINT32_MAX, .digest = UINT64_MAX}, {0}};

/* Every field has a value, whatever the kind. */
static struct peer_message full_message(uint32_t kind) {
    return (struct peer_message){
        .kind = (enum peer_message_kind)kind,
        .request = 0x0123456789abcdef,
        .clock = {0xfedcba9876543210},
        .status = PEER_FULL,
        .flags = PEER_FLAG_DURABLE | PEER_FLAG_REPAIR,
        .version = PEER_PROTOCOL_VERSION,
        .cluster = bytes_of_text("flock"),
        .secret = bytes_of_text("tide"),
        .member = 0xfeedfacecafebeef,
        .incarnation = 41,
        .key = bytes_of_text("cart:17"),
        .payload = bytes_of_text("two eggs"),
        .dot = {.actor = 99, .counter = 128},
        .digest = 0x5555aaaa5555aaaa,
        .quorum = {.w = 3, .dw = 2, .pw = 1, .timeout_milliseconds = 70000},
        .context = &CONTEXT,
        .items = ITEMS,
        .item_count = 3,
    };
}

/* What decoding should give back: the kind's own fields and nothing else. */
static void assert_carries(const struct peer_message *sent, const struct peer_message *came) {
    uint32_t fields = peer_kind_fields((uint32_t)sent->kind);
    struct peer_message expected = {
        .kind = sent->kind, .request = sent->request, .clock = sent->clock};
    if (fields & PEER_FIELD_VERSION)
        expected.version = sent->version;
    if (fields & PEER_FIELD_STATUS)
        expected.status = sent->status;
    if (fields & PEER_FIELD_FLAGS)
        expected.flags = sent->flags;
    if (fields & PEER_FIELD_QUORUM)
        expected.quorum = sent->quorum;
    if (fields & PEER_FIELD_INCARNATION)
        expected.incarnation = sent->incarnation;
    if (fields & PEER_FIELD_DIGEST)
        expected.digest = sent->digest;
    if (fields & PEER_FIELD_MEMBER)
        expected.member = sent->member;
    if (fields & PEER_FIELD_DOT)
        expected.dot = sent->dot;
    if (fields & PEER_FIELD_ITEMS)
        expected.item_count = sent->item_count;
    assert_int_equal(came->kind, expected.kind);
    assert_int_equal(came->request, expected.request);
    assert_int_equal(came->clock.value, expected.clock.value);
    assert_int_equal(came->version, expected.version);
    assert_int_equal(came->status, expected.status);
    assert_int_equal(came->flags, expected.flags);
    assert_int_equal(came->quorum.w, expected.quorum.w);
    assert_int_equal(came->quorum.dw, expected.quorum.dw);
    assert_int_equal(came->quorum.pw, expected.quorum.pw);
    assert_int_equal(came->quorum.timeout_milliseconds, expected.quorum.timeout_milliseconds);
    assert_int_equal(came->incarnation, expected.incarnation);
    assert_int_equal(came->digest, expected.digest);
    assert_int_equal(came->member, expected.member);
    assert_int_equal(came->dot.actor, expected.dot.actor);
    assert_int_equal(came->dot.counter, expected.dot.counter);
    struct bytes none = {0};
    assert_true(bytes_equal(came->cluster, fields & PEER_FIELD_CLUSTER ? sent->cluster : none));
    assert_true(bytes_equal(came->secret, fields & PEER_FIELD_SECRET ? sent->secret : none));
    assert_true(bytes_equal(came->key, fields & PEER_FIELD_KEY ? sent->key : none));
    assert_true(bytes_equal(came->payload, fields & PEER_FIELD_PAYLOAD ? sent->payload : none));
    assert_int_equal(came->item_count, expected.item_count);
    for (uint32_t i = 0; i < came->item_count; i++) {
        struct peer_tree_item item = peer_tree_item_at(came, i);
        assert_int_equal(item.position, sent->items[i].position);
        assert_int_equal(item.digest, sent->items[i].digest);
    }
}

static void assert_carries_context(const struct peer_message *sent,
                                   const struct peer_message *came) {
    bool carried = (peer_kind_fields((uint32_t)sent->kind) & PEER_FIELD_CONTEXT) != 0;
    if (!carried || sent->context == NULL) {
        assert_int_equal(came->context_bytes.size, 0);
        return;
    }
    struct version_vector vector;
    struct reader reader = reader_of(came->context_bytes);
    assert_true(vector_decode(&reader, &vector) && reader_finished(&reader));
    assert_int_equal(vector.count, sent->context->count);
    for (uint32_t i = 0; i < vector.count; i++) {
        assert_int_equal(vector.dots[i].actor, sent->context->dots[i].actor);
        assert_int_equal(vector.dots[i].counter, sent->context->dots[i].counter);
    }
}

static void assert_round_trip(const struct peer_message *message) {
    struct buffer frame = {0};
    buffer_put_u8(&frame, 0xee); /* a link's buffer holds other frames before */
    peer_message_encode(message, &frame);
    size_t size = frame.size - 1;
    buffer_put_u8(&frame, 0xee);
    struct peer_message came;
    size_t used = 0;
    struct bytes received = bytes_slice(buffer_bytes(&frame), 1, size + 1);
    assert_int_equal(peer_message_decode(received, &used, &came), PEER_FRAME_OK);
    assert_int_equal(used, size);
    assert_carries(message, &came);
    assert_carries_context(message, &came);
    buffer_deinit(&frame);
}

static void every_kind_comes_back_with_its_own_fields_and_no_other(void **state) {
    (void)state;
    for (uint32_t kind = PEER_HELLO; kind < PEER_KIND_COUNT; kind++) {
        struct peer_message message = full_message(kind);
        assert_round_trip(&message);
    }
}

static void every_kind_comes_back_when_all_its_fields_are_empty(void **state) {
    (void)state;
    struct version_vector nothing_known = {0};
    for (uint32_t kind = PEER_HELLO; kind < PEER_KIND_COUNT; kind++) {
        struct peer_message message = {.kind = (enum peer_message_kind)kind};
        assert_round_trip(&message);
        message.context = &nothing_known;
        assert_round_trip(&message);
    }
}

static void a_context_that_covers_nothing_differs_from_no_context(void **state) {
    (void)state;
    struct version_vector nothing_known = {0};
    struct peer_message message = {.kind = PEER_PUT, .context = &nothing_known};
    struct buffer frame = {0};
    peer_message_encode(&message, &frame);
    struct peer_message came;
    size_t used;
    assert_int_equal(peer_message_decode(buffer_bytes(&frame), &used, &came), PEER_FRAME_OK);
    assert_int_equal(came.context_bytes.size, 1);
    buffer_deinit(&frame);
}

static void the_largest_context_and_the_most_items_fit(void **state) {
    (void)state;
    static struct version_vector vector = {.count = VECTOR_ENTRIES_MAX};
    for (uint32_t i = 0; i < VECTOR_ENTRIES_MAX; i++)
        vector.dots[i] = (struct dot){.actor = i, .counter = UINT64_MAX};
    struct peer_message put = full_message(PEER_PUT);
    put.context = &vector;
    assert_round_trip(&put);
    static struct peer_tree_item items[PEER_TREE_ITEMS_MAX];
    for (uint32_t i = 0; i < PEER_TREE_ITEMS_MAX; i++)
        items[i] =
            (struct peer_tree_item){.position = i, .digest = i * (uint64_t)0x9e3779b97f4a7c15};
    struct peer_message roots = {
        .kind = PEER_TREE_ROOTS, .items = items, .item_count = PEER_TREE_ITEMS_MAX};
    assert_round_trip(&roots);
}

static void a_payload_made_in_the_frame_gives_the_same_frame(void **state) {
    (void)state;
    for (uint32_t kind = PEER_HELLO; kind < PEER_KIND_COUNT; kind++) {
        if ((peer_kind_fields(kind) & PEER_FIELD_PAYLOAD) == 0)
            continue;
        struct peer_message message = full_message(kind);
        struct buffer whole = {0};
        struct buffer grown = {0};
        peer_message_encode(&message, &whole);
        size_t begun = peer_message_begin(&message, &grown);
        for (size_t i = 0; i < message.payload.size; i++)
            buffer_put_u8(&grown, message.payload.data[i]);
        peer_message_finish(&grown, begun);
        assert_true(bytes_equal(buffer_bytes(&whole), buffer_bytes(&grown)));
        buffer_deinit(&whole);
        buffer_deinit(&grown);
    }
}

/* In memory of exactly this size, so that the sanitizer sees every byte read too many. */
static enum peer_frame_status decode_exactly(struct bytes bytes) {
    uint8_t *copy = malloc(bytes.size == 0 ? 1 : bytes.size);
    assert_non_null(copy);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    struct peer_message message;
    size_t used;
    enum peer_frame_status status =
        peer_message_decode(bytes_of(copy, bytes.size), &used, &message);
    free(copy);
    return status;
}

static void a_frame_cut_anywhere_waits_for_the_rest(void **state) {
    (void)state;
    for (uint32_t kind = PEER_HELLO; kind < PEER_KIND_COUNT; kind++) {
        struct peer_message message = full_message(kind);
        struct buffer frame = {0};
        peer_message_encode(&message, &frame);
        for (size_t size = 0; size < frame.size; size++)
            assert_int_equal(decode_exactly(bytes_of(frame.data, size)), PEER_FRAME_PARTIAL);
        buffer_deinit(&frame);
    }
}

static void a_bit_flipped_anywhere_is_never_taken_for_a_message(void **state) {
    (void)state;
    for (uint32_t kind = PEER_HELLO; kind < PEER_KIND_COUNT; kind++) {
        struct peer_message message = full_message(kind);
        struct buffer frame = {0};
        peer_message_encode(&message, &frame);
        for (size_t bit = 0; bit < frame.size * 8; bit++) {
            frame.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            enum peer_frame_status status = decode_exactly(buffer_bytes(&frame));
            /* A size that grew may still be a good frame's. */
            assert_true(status == PEER_FRAME_CORRUPT ||
                        (status == PEER_FRAME_PARTIAL && bit < 4 * 8));
            frame.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        buffer_deinit(&frame);
    }
}

static void seal(struct buffer *frame) {
    struct bytes body = bytes_of(frame->data + PEER_PREFIX_SIZE, frame->size - PEER_PREFIX_SIZE);
    uint32_t size = (uint32_t)body.size;
    uint32_t check = checksum32(body);
    memcpy(frame->data, &size, sizeof size);
    memcpy(frame->data + 4, &check, sizeof check);
}

static void a_body_cut_anywhere_under_a_right_checksum_is_corrupt(void **state) {
    (void)state;
    for (uint32_t kind = PEER_HELLO; kind < PEER_KIND_COUNT; kind++) {
        struct peer_message message = full_message(kind);
        message.payload = (struct bytes){0};
        message.item_count = 0;
        struct buffer frame = {0};
        peer_message_encode(&message, &frame);
        while (frame.size > PEER_PREFIX_SIZE + 1) {
            frame.size--;
            seal(&frame);
            assert_int_equal(decode_exactly(buffer_bytes(&frame)), PEER_FRAME_CORRUPT);
        }
        buffer_deinit(&frame);
    }
}

static void bytes_left_over_are_corrupt(void **state) {
    (void)state;
    for (uint32_t kind = PEER_HELLO; kind < PEER_KIND_COUNT; kind++) {
        struct peer_message message = full_message(kind);
        struct buffer frame = {0};
        peer_message_encode(&message, &frame);
        buffer_put_u8(&frame, 0);
        seal(&frame);
        bool takes_any = (peer_kind_fields(kind) & PEER_FIELD_PAYLOAD) != 0;
        assert_int_equal(decode_exactly(buffer_bytes(&frame)),
                         takes_any ? PEER_FRAME_OK : PEER_FRAME_CORRUPT);
        buffer_deinit(&frame);
    }
}

static void bodies_flipped_under_a_right_checksum_never_read_too_far(void **state) {
    (void)state;
    struct prng prng;
    prng_init(&prng, 1, 2);
    for (uint32_t kind = PEER_HELLO; kind < PEER_KIND_COUNT; kind++) {
        struct peer_message message = full_message(kind);
        for (uint32_t round = 0; round < 500; round++) {
            struct buffer frame = {0};
            peer_message_encode(&message, &frame);
            size_t body_bits = (frame.size - PEER_PREFIX_SIZE) * 8;
            for (uint32_t flips = 1 + prng_below(&prng, 4); flips > 0; flips--) {
                size_t bit = PEER_PREFIX_SIZE * 8 + prng_below_u64(&prng, body_bits);
                frame.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            }
            seal(&frame);
            (void)decode_exactly(buffer_bytes(&frame));
            buffer_deinit(&frame);
        }
    }
}

/* A frame's beginning as a hostile peer may write it. */
static enum peer_frame_status decode_beginning(uint32_t size, uint8_t kind) {
    uint8_t beginning[9] = {0};
    memcpy(beginning, &size, sizeof size);
    beginning[8] = kind;
    return decode_exactly(bytes_of(beginning, sizeof beginning));
}

static void a_size_that_no_frame_has_is_corrupt_before_the_bytes_come(void **state) {
    (void)state;
    assert_int_equal(decode_beginning(PEER_HEADER_SIZE - 1, PEER_GOSSIP), PEER_FRAME_CORRUPT);
    assert_int_equal(decode_beginning(PEER_HEADER_SIZE, PEER_GOSSIP), PEER_FRAME_PARTIAL);
    uint32_t most = PEER_FRAME_MAX - PEER_PREFIX_SIZE;
    assert_int_equal(decode_beginning(most, PEER_WRITE), PEER_FRAME_PARTIAL);
    assert_int_equal(decode_beginning(most + 1, PEER_WRITE), PEER_FRAME_CORRUPT);
    assert_int_equal(decode_beginning(UINT32_MAX, PEER_WRITE), PEER_FRAME_CORRUPT);
    /* A stranger's greeting must not make us wait for megabytes. */
    assert_int_equal(decode_beginning(most, PEER_HELLO), PEER_FRAME_CORRUPT);
    assert_int_equal(decode_beginning(PEER_SMALL_FRAME_MAX - PEER_PREFIX_SIZE, PEER_HELLO),
                     PEER_FRAME_PARTIAL);
}

static void unknown_kinds_and_statuses_and_too_many_items_are_corrupt(void **state) {
    (void)state;
    assert_int_equal(decode_beginning(100, 0), PEER_FRAME_CORRUPT);
    assert_int_equal(decode_beginning(100, PEER_KIND_COUNT), PEER_FRAME_CORRUPT);
    assert_int_equal(decode_beginning(100, 255), PEER_FRAME_CORRUPT);
    struct peer_message message = {.kind = PEER_WRITE_REPLY};
    struct buffer frame = {0};
    peer_message_encode(&message, &frame);
    frame.data[PEER_PREFIX_SIZE + PEER_HEADER_SIZE] = PEER_STATUS_COUNT;
    seal(&frame);
    assert_int_equal(decode_exactly(buffer_bytes(&frame)), PEER_FRAME_CORRUPT);
    buffer_clear(&frame);
    message.kind = PEER_TREE_LEAVES;
    peer_message_encode(&message, &frame);
    for (size_t i = 0; i < PEER_TREE_ITEM_SIZE * ((size_t)PEER_TREE_ITEMS_MAX + 1); i++)
        buffer_put_u8(&frame, 0);
    seal(&frame);
    assert_int_equal(decode_exactly(buffer_bytes(&frame)), PEER_FRAME_CORRUPT);
    buffer_deinit(&frame);
}

static void the_bytes_are_those_of_the_protocol_page(void **state) {
    (void)state;
    struct peer_message message = {.kind = PEER_READ,
                                   .request = 7,
                                   .clock = {0x0102030405060708},
                                   .flags = PEER_FLAG_DIGEST_ONLY,
                                   .member = 300,
                                   .key = bytes_of_text("cart")};
    static const uint8_t BODY[] = {11, 7, 0, 0, 0,    0,    0, 0, 0,   8,   7,   6,  5,
                                   4,  3, 2, 1, 0x10, 0xac, 2, 4, 'c', 'a', 'r', 't'};
    struct buffer frame = {0};
    peer_message_encode(&message, &frame);
    assert_int_equal(frame.size, PEER_PREFIX_SIZE + sizeof BODY);
    assert_int_equal(load_u32(frame.data), sizeof BODY);
    assert_int_equal(load_u32(frame.data + 4), checksum32(bytes_of(BODY, sizeof BODY)));
    assert_memory_equal(frame.data + PEER_PREFIX_SIZE, BODY, sizeof BODY);
    buffer_deinit(&frame);
}

static void every_kind_and_status_has_a_name(void **state) {
    (void)state;
    assert_string_equal(peer_message_name(PEER_WRITE_REPLY), "write reply");
    assert_string_equal(peer_status_name(PEER_IN_DOUBT), "in doubt");
    for (uint32_t kind = PEER_HELLO; kind < PEER_KIND_COUNT; kind++)
        assert_string_not_equal(peer_message_name((enum peer_message_kind)kind), "unknown message");
    for (uint32_t status = 0; status < PEER_STATUS_COUNT; status++)
        assert_non_null(peer_status_name((enum peer_status)status));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back_with_its_own_fields_and_no_other),
        cmocka_unit_test(every_kind_comes_back_when_all_its_fields_are_empty),
        cmocka_unit_test(a_context_that_covers_nothing_differs_from_no_context),
        cmocka_unit_test(the_largest_context_and_the_most_items_fit),
        cmocka_unit_test(a_payload_made_in_the_frame_gives_the_same_frame),
        cmocka_unit_test(a_frame_cut_anywhere_waits_for_the_rest),
        cmocka_unit_test(a_bit_flipped_anywhere_is_never_taken_for_a_message),
        cmocka_unit_test(a_body_cut_anywhere_under_a_right_checksum_is_corrupt),
        cmocka_unit_test(bytes_left_over_are_corrupt),
        cmocka_unit_test(bodies_flipped_under_a_right_checksum_never_read_too_far),
        cmocka_unit_test(a_size_that_no_frame_has_is_corrupt_before_the_bytes_come),
        cmocka_unit_test(unknown_kinds_and_statuses_and_too_many_items_are_corrupt),
        cmocka_unit_test(the_bytes_are_those_of_the_protocol_page),
        cmocka_unit_test(every_kind_and_status_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
