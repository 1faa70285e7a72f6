/* Whatever bytes come in: decoding gives an error or a valid object, and the laws of merging hold.
 *
 * The input is two objects: a length byte pair, the first, the second.
 */
#include "engine/data/object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct object *left, const struct object *right) {
    struct buffer left_bytes = {0};
    struct buffer right_bytes = {0};
    object_encode(left, &left_bytes);
    object_encode(right, &right_bytes);
    CHECK(bytes_equal(buffer_bytes(&left_bytes), buffer_bytes(&right_bytes)));
    buffer_deinit(&left_bytes);
    buffer_deinit(&right_bytes);
}

static bool decode(struct bytes bytes, struct object *object) {
    if (!object_decode(bytes, object))
        return false;
    struct buffer again = {0};
    object_encode(object, &again);
    CHECK(bytes_equal(bytes, buffer_bytes(&again)));
    buffer_deinit(&again);
    CHECK((object_digest(object, bytes_of_text("key")) == 0) == object_is_empty(object));
    CHECK(object_live_count(object) <= object->sibling_count);
    const struct sibling *winner = object_winner(object);
    CHECK(winner == NULL || (winner->flags & SIBLING_TOMBSTONE) == 0);
    return true;
}

/* A dot names one write; where random bytes give one dot two values, no law can hold. */
static bool agree(const struct object *left, const struct object *right) {
    for (uint32_t i = 0; i < left->sibling_count; i++) {
        for (uint32_t j = 0; j < right->sibling_count; j++) {
            const struct sibling *ours = &left->siblings[i];
            const struct sibling *theirs = &right->siblings[j];
            if (ours->dot.actor != theirs->dot.actor || ours->dot.counter != theirs->dot.counter)
                continue;
            if (ours->at.value != theirs->at.value || ours->flags != theirs->flags ||
                ours->expires_at_milliseconds != theirs->expires_at_milliseconds ||
                !bytes_equal(ours->value, theirs->value))
                return false;
        }
    }
    return true;
}

static void check_merge(const struct object *first, const struct object *second) {
    static struct object left;
    static struct object right;
    left = *first;
    right = *second;
    enum object_status status = object_merge(&left, second);
    CHECK(status == object_merge(&right, first));
    if (status == OBJECT_FULL) {
        check_same(&left, first);
        check_same(&right, second);
        return;
    }
    check_same(&left, &right);
    CHECK(object_merge(&left, second) == OBJECT_OK);
    check_same(&left, &right);
    if (left.sibling_count > 0) {
        object_settle_blind(&left, left.siblings[0].dot);
        CHECK(left.sibling_count > 0);
    }
    struct object_write write = {.value = bytes_of_text("v")};
    struct dot dot;
    if (object_write(&left, 7, &second->vector, &write, &dot) == OBJECT_OK)
        CHECK(vector_covers(&left.vector, dot));
    struct buffer bytes = {0};
    object_encode(&left, &bytes);
    CHECK(object_decode(buffer_bytes(&bytes), &right));
    buffer_deinit(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct object first;
    static struct object second;
    if (size < 2)
        return 0;
    size_t split = (size_t)data[0] << 8 | data[1];
    struct bytes rest = bytes_of(data + 2, size - 2);
    if (split > rest.size)
        split = rest.size;
    bool first_valid = decode(bytes_slice(rest, 0, split), &first);
    bool second_valid = decode(bytes_slice(rest, split, rest.size - split), &second);
    if (first_valid && second_valid && agree(&first, &second))
        check_merge(&first, &second);
    return 0;
}
