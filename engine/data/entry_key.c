#include "engine/data/entry_key.h"

static void put_big_endian(struct buffer *to, uint64_t value, unsigned size) {
    uint8_t *bytes = buffer_reserve(to, size);
    for (unsigned i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> 8 * (size - 1 - i));
    to->size += size;
}

static uint64_t take_big_endian(struct reader *from, unsigned size) {
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value = value << 8 | reader_u8(from);
    return value;
}

void entry_key_encode(const struct entry_key *entry, struct buffer *to) {
    switch (entry->space) {
    case ENTRY_DATA:
        entry_key_leaf_prefix(entry->partition, entry->leaf, to);
        break;
    case ENTRY_HINT:
        entry_key_hint_prefix(entry->target, to);
        put_big_endian(to, entry->partition, 2);
        buffer_put_u8(to, entry->leaf);
        break;
    case ENTRY_META:
        buffer_put_u8(to, ENTRY_META);
        break;
    }
    buffer_append(to, entry->key);
}

bool entry_key_decode(struct bytes from, struct entry_key *entry) {
    struct reader reader = reader_of(from);
    struct entry_key decoded = {0};
    switch (reader_u8(&reader)) {
    case ENTRY_DATA:
        decoded.space = ENTRY_DATA;
        break;
    case ENTRY_HINT:
        decoded.space = ENTRY_HINT;
        decoded.target = take_big_endian(&reader, 8);
        break;
    case ENTRY_META:
        decoded.space = ENTRY_META;
        break;
    default:
        return false;
    }
    if (decoded.space != ENTRY_META) {
        decoded.partition = (uint16_t)take_big_endian(&reader, 2);
        decoded.leaf = reader_u8(&reader);
    }
    decoded.key = reader_take(&reader, reader.left);
    if (!reader_finished(&reader))
        return false;
    *entry = decoded;
    return true;
}

void entry_key_partition_prefix(uint16_t partition, struct buffer *to) {
    buffer_put_u8(to, ENTRY_DATA);
    put_big_endian(to, partition, 2);
}

void entry_key_leaf_prefix(uint16_t partition, uint8_t leaf, struct buffer *to) {
    entry_key_partition_prefix(partition, to);
    buffer_put_u8(to, leaf);
}

void entry_key_hint_prefix(uint64_t target, struct buffer *to) {
    buffer_put_u8(to, ENTRY_HINT);
    put_big_endian(to, target, 8);
}
