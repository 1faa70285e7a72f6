#include "engine/store/log_batch.h"

enum {
    BATCH_COUNT_MASK = 0x1f,
    BATCH_HAS_TALLY = 0x80,
    ENTRY_OVERHEAD_MAX = 11,
    BATCH_FIXED_MAX = 21
};

static uint8_t *put_varint(uint8_t *to, uint64_t value) {
    while (value >= 0x80) {
        *to++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *to++ = (uint8_t)value;
    return to;
}

static uint8_t *put_bytes(uint8_t *to, struct bytes bytes) {
    to = put_varint(to, bytes.size);
    if (bytes.size > 0)
        memcpy(to, bytes.data, bytes.size);
    return to + bytes.size;
}

static uint8_t *put_tally(uint8_t *to, const struct tally_change *tally) {
    memcpy(to, &tally->tally, sizeof tally->tally);
    memcpy(to + 4, &tally->digest, sizeof tally->digest);
    memcpy(to + 12, &tally->count, sizeof tally->count);
    return to + 20;
}

void log_batch_encode(const struct store_batch *batch, struct buffer *to) {
    CHECK(batch->count <= STORE_BATCH_MAX);
    size_t most = BATCH_FIXED_MAX;
    for (uint32_t i = 0; i < batch->count; i++)
        most += ENTRY_OVERHEAD_MAX + batch->entries[i].key.size + batch->entries[i].value.size;
    /* One reservation for the whole batch: this runs for every write. */
    uint8_t *begin = buffer_reserve(to, most);
    uint8_t *at = begin;
    *at++ = (uint8_t)(batch->count | (batch->has_tally ? BATCH_HAS_TALLY : 0u));
    if (batch->has_tally)
        at = put_tally(at, &batch->tally);
    for (uint32_t i = 0; i < batch->count; i++) {
        *at++ = batch->entries[i].removed;
        at = put_bytes(at, batch->entries[i].key);
        at = put_bytes(at, batch->entries[i].value);
    }
    to->size += (size_t)(at - begin);
}

static bool decode_entry(struct reader *from, struct store_entry *entry) {
    uint8_t removed = reader_u8(from);
    entry->removed = removed == 1;
    entry->key = reader_bytes(from);
    entry->value = reader_bytes(from);
    return !from->failed && removed <= 1 && entry->key.size > 0 &&
           entry->key.size <= STORE_KEY_MAX && entry->value.size <= STORE_VALUE_MAX &&
           (!entry->removed || entry->value.size == 0);
}

bool log_batch_decode(struct reader *from, struct store_batch *batch) {
    uint8_t flags = reader_u8(from);
    batch->count = flags & BATCH_COUNT_MASK;
    batch->has_tally = (flags & BATCH_HAS_TALLY) != 0;
    if (from->failed || batch->count > STORE_BATCH_MAX ||
        (flags & ~(BATCH_COUNT_MASK | BATCH_HAS_TALLY)) != 0)
        return false;
    batch->tally = (struct tally_change){0};
    if (batch->has_tally) {
        batch->tally.tally = reader_u32(from);
        batch->tally.digest = reader_u64(from);
        batch->tally.count = (int64_t)reader_u64(from);
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        if (!decode_entry(from, &batch->entries[i]))
            return false;
    }
    return !from->failed;
}
