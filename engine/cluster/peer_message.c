#include "engine/cluster/peer_message.h"

#include "engine/base/hash.h"
#include "engine/cluster/peer_kind.h"

enum {
    /* Prefix and header, version, status, flags, quorum, incarnation, digest, member, dot and the
     * lengths of cluster, secret, key and context. */
    OVERHEAD_MAX = PEER_PREFIX_SIZE + PEER_HEADER_SIZE + 4 + 1 + 1 + 7 + 8 + 8 +
                   PEER_VARINT_SIZE_MAX + PEER_VARINT_SIZE_MAX + 8 + 4 * PEER_VARINT_SIZE_MAX,
};

static size_t varint_size(uint64_t value) {
    size_t size = 1;
    while (value >= 0x80) {
        value >>= 7;
        size++;
    }
    return size;
}

static size_t vector_size(const struct version_vector *vector) {
    size_t size = varint_size(vector->count);
    for (uint32_t i = 0; i < vector->count; i++)
        size += sizeof(uint64_t) + varint_size(vector->dots[i].counter);
    return size;
}

/* The frame never moves while its fields are put: room for all was made before. */
static uint8_t *put_u8(uint8_t *to, uint8_t value) {
    *to = value;
    return to + 1;
}
static uint8_t *put_u32(uint8_t *to, uint32_t value) {
    memcpy(to, &value, sizeof value);
    return to + sizeof value;
}
static uint8_t *put_u64(uint8_t *to, uint64_t value) {
    memcpy(to, &value, sizeof value);
    return to + sizeof value;
}
static uint8_t *put_varint(uint8_t *to, uint64_t value) {
    while (value >= 0x80) {
        *to++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *to = (uint8_t)value;
    return to + 1;
}
static uint8_t *put_raw(uint8_t *to, struct bytes bytes) {
    if (bytes.size > 0)
        memcpy(to, bytes.data, bytes.size);
    return to + bytes.size;
}
static uint8_t *put_bytes(uint8_t *to, struct bytes bytes) {
    return put_raw(put_varint(to, bytes.size), bytes);
}

static uint8_t *put_numbers(const struct peer_message *message, uint32_t fields, uint8_t *to) {
    if (fields & PEER_FIELD_VERSION)
        to = put_u32(to, message->version);
    if (fields & PEER_FIELD_STATUS) {
        CHECK((uint32_t)message->status < PEER_STATUS_COUNT);
        to = put_u8(to, (uint8_t)message->status);
    }
    if (fields & PEER_FIELD_FLAGS) {
        CHECK((message->flags & ~(uint32_t)PEER_FLAGS_KNOWN) == 0);
        to = put_u8(to, (uint8_t)message->flags);
    }
    if (fields & PEER_FIELD_QUORUM) {
        to = put_u8(to, message->quorum.w);
        to = put_u8(to, message->quorum.dw);
        to = put_u8(to, message->quorum.pw);
        to = put_u32(to, message->quorum.timeout_milliseconds);
    }
    if (fields & PEER_FIELD_INCARNATION)
        to = put_u64(to, message->incarnation);
    if (fields & PEER_FIELD_DIGEST)
        to = put_u64(to, message->digest);
    if (fields & PEER_FIELD_MEMBER)
        to = put_varint(to, message->member);
    if (fields & PEER_FIELD_DOT) {
        to = put_varint(to, message->dot.counter);
        if (message->dot.counter != 0)
            to = put_u64(to, message->dot.actor);
    }
    return to;
}

static uint8_t *put_items(const struct peer_message *message, uint8_t *to) {
    for (uint32_t i = 0; i < message->item_count; i++) {
        to = put_u32(to, message->items[i].position);
        to = put_u64(to, message->items[i].digest);
    }
    return to;
}

/* vector_encode() knows only buffers; it finds its room made, so nothing moves. */
static void append_context(const struct version_vector *context, size_t size, struct buffer *to) {
    uint8_t *at = to->data + to->size;
    to->size += (size_t)(put_varint(at, context == NULL ? 0 : size) - at);
    if (context == NULL)
        return;
    size_t before = to->size;
    vector_encode(context, to);
    CHECK(to->size - before == size);
}

size_t peer_message_begin(const struct peer_message *message, struct buffer *to) {
    uint32_t fields = peer_kind_fields((uint32_t)message->kind);
    CHECK(fields != 0 && message->item_count <= PEER_TREE_ITEMS_MAX);
    size_t context_size = 0;
    if ((fields & PEER_FIELD_CONTEXT) != 0 && message->context != NULL)
        context_size = vector_size(message->context);
    size_t room = OVERHEAD_MAX + context_size + PEER_VARINT_SIZE_MAX + message->cluster.size +
                  message->secret.size + message->key.size +
                  (size_t)message->item_count * PEER_TREE_ITEM_SIZE;
    uint8_t *begin = buffer_reserve(to, room);
    size_t begun = to->size;
    /* Size and check are filled in at the end. */
    uint8_t *at = put_u64(begin, 0);
    at = put_u8(at, (uint8_t)message->kind);
    at = put_u64(at, message->request);
    at = put_u64(at, message->clock.value);
    at = put_numbers(message, fields, at);
    if (fields & PEER_FIELD_CLUSTER)
        at = put_bytes(at, message->cluster);
    if (fields & PEER_FIELD_SECRET)
        at = put_bytes(at, message->secret);
    if (fields & PEER_FIELD_KEY)
        at = put_bytes(at, message->key);
    if (fields & PEER_FIELD_ITEMS)
        at = put_items(message, at);
    to->size += (size_t)(at - begin);
    if (fields & PEER_FIELD_CONTEXT)
        append_context(message->context, context_size, to);
    return begun;
}

void peer_message_finish(struct buffer *to, size_t begun) {
    CHECK(begun <= to->size && to->size - begun >= PEER_PREFIX_SIZE + PEER_HEADER_SIZE);
    size_t whole = to->size - begun;
    uint8_t *frame = to->data + begun;
    CHECK(whole <= peer_kind_frame_max(frame[PEER_PREFIX_SIZE]));
    struct bytes body = bytes_of(frame + PEER_PREFIX_SIZE, whole - PEER_PREFIX_SIZE);
    (void)put_u32(put_u32(frame, (uint32_t)body.size), checksum32(body));
}

void peer_message_encode(const struct peer_message *message, struct buffer *to) {
    bool has_payload = (peer_kind_fields((uint32_t)message->kind) & PEER_FIELD_PAYLOAD) != 0;
    if (has_payload)
        (void)buffer_reserve(to, OVERHEAD_MAX + message->key.size + message->payload.size);
    size_t begun = peer_message_begin(message, to);
    if (has_payload)
        buffer_append(to, message->payload);
    peer_message_finish(to, begun);
}
