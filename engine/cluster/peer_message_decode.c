#include "engine/base/hash.h"
#include "engine/cluster/peer_kind.h"

enum { SIZE_AT = 0, CHECK_AT = 4, KIND_AT = 8 };

static void take_numbers(struct reader *body, uint32_t fields, struct peer_message *message) {
    if (fields & PEER_FIELD_VERSION)
        message->version = reader_u32(body);
    if (fields & PEER_FIELD_STATUS) {
        uint8_t status = reader_u8(body);
        body->failed |= status >= PEER_STATUS_COUNT;
        message->status = (enum peer_status)(status < PEER_STATUS_COUNT ? status : PEER_FAILED);
    }
    if (fields & PEER_FIELD_FLAGS)
        message->flags = reader_u8(body);
    if (fields & PEER_FIELD_QUORUM) {
        message->quorum.w = reader_u8(body);
        message->quorum.dw = reader_u8(body);
        message->quorum.pw = reader_u8(body);
        message->quorum.timeout_milliseconds = reader_u32(body);
    }
    if (fields & PEER_FIELD_INCARNATION)
        message->incarnation = reader_u64(body);
    if (fields & PEER_FIELD_DIGEST)
        message->digest = reader_u64(body);
    if (fields & PEER_FIELD_MEMBER)
        message->member = reader_varint(body);
    if (fields & PEER_FIELD_DOT) {
        message->dot.counter = reader_varint(body);
        if (message->dot.counter != 0)
            message->dot.actor = reader_u64(body);
    }
}

static void take_items(struct reader *body, struct peer_message *message) {
    size_t count = body->left / PEER_TREE_ITEM_SIZE;
    body->failed |= body->left % PEER_TREE_ITEM_SIZE != 0 || count > PEER_TREE_ITEMS_MAX;
    message->item_bytes = reader_take(body, body->left);
    message->item_count = body->failed ? 0 : (uint32_t)count;
}

static bool take_fields(struct reader *body, uint32_t fields, struct peer_message *message) {
    message->request = reader_u64(body);
    message->clock.value = reader_u64(body);
    take_numbers(body, fields, message);
    if (fields & PEER_FIELD_CLUSTER)
        message->cluster = reader_bytes(body);
    if (fields & PEER_FIELD_SECRET)
        message->secret = reader_bytes(body);
    if (fields & PEER_FIELD_KEY)
        message->key = reader_bytes(body);
    if (fields & PEER_FIELD_CONTEXT)
        message->context_bytes = reader_bytes(body);
    if (fields & PEER_FIELD_ITEMS)
        take_items(body, message);
    if (fields & PEER_FIELD_PAYLOAD)
        message->payload = reader_take(body, body->left);
    return reader_finished(body);
}

enum peer_frame_status peer_message_decode(struct bytes from, size_t *used,
                                           struct peer_message *message) {
    if (from.size < CHECK_AT)
        return PEER_FRAME_PARTIAL;
    uint64_t size = load_u32(from.data + SIZE_AT);
    uint64_t whole = PEER_PREFIX_SIZE + size;
    if (size < PEER_HEADER_SIZE || whole > PEER_FRAME_MAX)
        return PEER_FRAME_CORRUPT;
    if (from.size <= KIND_AT)
        return PEER_FRAME_PARTIAL;
    /* Looked at before the check can be: a link must not wait for megabytes that no peer sends. */
    uint8_t kind = from.data[KIND_AT];
    uint32_t fields = peer_kind_fields(kind);
    if (fields == 0 || whole > peer_kind_frame_max(kind))
        return PEER_FRAME_CORRUPT;
    if (from.size < whole)
        return PEER_FRAME_PARTIAL;
    struct bytes checked = bytes_slice(from, PEER_PREFIX_SIZE, (size_t)size);
    if (checksum32(checked) != load_u32(from.data + CHECK_AT))
        return PEER_FRAME_CORRUPT;
    struct reader body = reader_of(bytes_slice(checked, 1, checked.size - 1));
    *message = (struct peer_message){.kind = (enum peer_message_kind)kind};
    if (!take_fields(&body, fields, message))
        return PEER_FRAME_CORRUPT;
    *used = (size_t)whole;
    return PEER_FRAME_OK;
}

struct peer_tree_item peer_tree_item_at(const struct peer_message *message, uint32_t index) {
    CHECK(index < message->item_count &&
          message->item_bytes.size == (size_t)message->item_count * PEER_TREE_ITEM_SIZE);
    const uint8_t *at = message->item_bytes.data + (size_t)index * PEER_TREE_ITEM_SIZE;
    return (struct peer_tree_item){.position = load_u32(at), .digest = load_u64(at + 4)};
}
