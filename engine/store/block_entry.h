/* block_entry: how entries lie in the contents of a block, for all that read them.
 *
 *     +---------+---------+-----+-----------+-----+-------------------+
 *     | entry 0 | entry 1 | ... | restart 0 | ... | restart count u32 |
 *     +---------+---------+-----+-----------+-----+-------------------+
 *                               ^ restarts_at
 *
 * Nothing is trusted: the checksum says that the bytes are what was written, not that the writer was right.
 *
 *     if (block_entries_locate(contents, &restarts_at, &restart_count))
 *         for (at = 0; block_entry_decode(contents.data, restarts_at, at, &entry); at = entry.end) ...
 */
#ifndef DUNLIN_STORE_BLOCK_ENTRY_H
#define DUNLIN_STORE_BLOCK_ENTRY_H

#include "engine/store/table.h"

/* An entry as it lies in the block, before its key is put together. */
struct block_entry {
    uint32_t shared;
    struct bytes rest; /* of the key, behind what is shared */
    struct bytes value;
    struct wall_time expires; /* 0: never */
    bool removed;
    uint32_t end; /* offset of what follows */
};

/* A mark tells that the key is removed, or, when there is something behind it, that the entry expires: its time comes
 * before its value. */
enum { BLOCK_ENTRY_EXPIRY_SIZE = sizeof(uint64_t) };

/* False when the contents cannot be a block's. */
static inline bool block_entries_locate(struct bytes contents, uint32_t *restarts_at,
                                        uint32_t *restart_count) {
    if (contents.size < sizeof(uint32_t) || contents.size > BLOCK_CONTENTS_MAX)
        return false;
    size_t array_end = contents.size - sizeof(uint32_t);
    uint32_t count = load_u32(contents.data + array_end);
    if (count > array_end / sizeof(uint32_t))
        return false;
    size_t array_at = array_end - count * sizeof(uint32_t);
    /* A block has entries exactly when it has restarts, and the first entry is one. */
    if ((count == 0) != (array_at == 0) || (count > 0 && load_u32(contents.data + array_at) != 0))
        return false;
    *restarts_at = (uint32_t)array_at;
    *restart_count = count;
    return true;
}

/* The lengths that head an entry. */
struct block_entry_head {
    uint64_t shared, unshared;
    uint64_t tag; /* twice the size of what is behind the key, plus one when the entry is marked */
    const uint8_t *rest;
};

static inline bool block_entry_read_head_slowly(const uint8_t *from, const uint8_t *end,
                                                struct block_entry_head *head) {
    struct reader reader = {.data = from, .left = (size_t)(end - from)};
    head->shared = reader_varint(&reader);
    head->unshared = reader_varint(&reader);
    head->tag = reader_varint(&reader);
    head->rest = reader.data;
    return !reader.failed;
}

/* Almost every head is of three or four bytes: keys below 128 bytes, a value below 8 KiB. */
static inline bool block_entry_read_head(const uint8_t *from, const uint8_t *end,
                                         struct block_entry_head *head) {
    if (end - from < 4 || ((from[0] | from[1]) & 0x80) != 0)
        return block_entry_read_head_slowly(from, end, head);
    head->shared = from[0];
    head->unshared = from[1];
    head->tag = from[2];
    head->rest = from + 3;
    if (from[2] < 0x80)
        return true;
    if (from[3] == 0 || from[3] >= 0x80)
        return block_entry_read_head_slowly(from, end, head);
    head->tag = (from[2] & 0x7fu) | (uint64_t)from[3] << 7;
    head->rest = from + 4;
    return true;
}

/* What the mark of an entry means. False when it is neither. */
static inline bool block_entry_take_mark(struct block_entry *entry) {
    entry->removed = entry->value.size == 0;
    if (entry->removed)
        return true;
    if (entry->value.size < BLOCK_ENTRY_EXPIRY_SIZE)
        return false;
    entry->expires.milliseconds = load_u64(entry->value.data);
    entry->value.data += BLOCK_ENTRY_EXPIRY_SIZE;
    entry->value.size -= BLOCK_ENTRY_EXPIRY_SIZE;
    return entry->expires.milliseconds != 0;
}

/* Decodes the entry at an offset of the contents; false when it does not fit before the restart array. */
static inline bool block_entry_decode(const uint8_t *contents, uint32_t restarts_at, uint32_t at,
                                      struct block_entry *entry) {
    if (at >= restarts_at)
        return false;
    const uint8_t *end = contents + restarts_at;
    struct block_entry_head head;
    if (!block_entry_read_head(contents + at, end, &head))
        return false;
    uint64_t left = (uint64_t)(end - head.rest);
    if (head.shared > TABLE_KEY_MAX || head.unshared > TABLE_KEY_MAX ||
        head.shared + head.unshared > TABLE_KEY_MAX || head.unshared > left ||
        head.tag >> 1 > left - head.unshared)
        return false;
    entry->shared = (uint32_t)head.shared;
    entry->rest = bytes_of(head.rest, (size_t)head.unshared);
    entry->value = bytes_of(head.rest + head.unshared, (size_t)(head.tag >> 1));
    entry->removed = false;
    entry->expires.milliseconds = 0;
    entry->end = (uint32_t)(entry->value.data + entry->value.size - contents);
    return (head.tag & 1) == 0 || block_entry_take_mark(entry);
}

#endif
