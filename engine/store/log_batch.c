#include "engine/store/log_batch.h"

enum {
    BATCH_COUNT_MASK = 0x1f,
    BATCH_HAS_TALLY = 0x80,
    ENTRY_OVERHEAD_MAX = 19,
    BATCH_FIXED_MAX = 21
};

enum { ENTRY_VALUE, ENTRY_REMOVED, ENTRY_EXPIRES };

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

static uint8_t *put_entry(uint8_t *to, const struct store_entry *entry) {
    uint64_t expires = entry->expires.milliseconds;
    *to++ = expires != 0 ? ENTRY_EXPIRES : entry->removed ? ENTRY_REMOVED : ENTRY_VALUE;
    if (expires != 0) {
        memcpy(to, &expires, sizeof expires);
        to += sizeof expires;
    }
    to = put_bytes(to, entry->key);
    return put_bytes(to, entry->value);
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
    for (uint32_t i = 0; i < batch->count; i++)
        at = put_entry(at, &batch->entries[i]);
    to->size += (size_t)(at - begin);
}

static bool decode_entry(struct reader *from, struct store_entry *entry) {
    uint8_t kind = reader_u8(from);
    entry->removed = kind == ENTRY_REMOVED;
    entry->expires.milliseconds = kind == ENTRY_EXPIRES ? reader_u64(from) : 0;
    entry->key = reader_bytes(from);
    entry->value = reader_bytes(from);
    return !from->failed && kind <= ENTRY_EXPIRES && entry->key.size > 0 &&
           entry->key.size <= STORE_KEY_MAX && entry->value.size <= STORE_VALUE_MAX &&
           (!entry->removed || entry->value.size == 0) &&
           (kind != ENTRY_EXPIRES || entry->expires.milliseconds != 0);
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
        /* Nobody would take it out of its tally. */
        if (batch->has_tally && batch->entries[i].expires.milliseconds != 0)
            return false;
    }
    return !from->failed;
}
