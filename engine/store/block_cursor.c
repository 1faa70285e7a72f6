/* Reads a block's contents without trusting them: the checksum says that they are what was written,
 * not that the writer was right. An entry that leaves the block or does not ascend makes the cursor
 * corrupt. */
#include "engine/store/block_entry.h"

/* So many restarts are asked for at once, before the search knows which of them it needs. */
enum { RESTARTS_AHEAD_MAX = 16, WALK_AHEAD = 512 };

enum table_status block_cursor_open(struct block_cursor *cursor, struct bytes contents) {
    struct buffer kept = cursor->key_buffer;
    *cursor = (struct block_cursor){.contents = contents, .key_buffer = kept};
    if (!block_entries_locate(contents, &cursor->restarts_at, &cursor->restart_count))
        return TABLE_CORRUPT;
    cursor->next_at = cursor->restarts_at;
    return TABLE_OK;
}

void block_cursor_deinit(struct block_cursor *cursor) {
    buffer_deinit(&cursor->key_buffer);
    *cursor = (struct block_cursor){0};
}

static void become_corrupt(struct block_cursor *cursor) {
    cursor->valid = false;
    cursor->corrupt = true;
    cursor->next_at = cursor->restarts_at;
}

static inline bool decode_entry(const struct block_cursor *cursor, uint32_t at,
                                struct block_entry *entry) {
    return block_entry_decode(cursor->contents.data, cursor->restarts_at, at, entry);
}

/* True when the entry's key is greater than the key before it. What is shared is shared to the
 * full, so one byte decides, except at a restart. */
static inline bool ascends(struct bytes before, const struct block_entry *entry) {
    if (entry->shared == 0)
        return bytes_compare(entry->rest, before) > 0;
    if (entry->shared > before.size || entry->rest.size == 0)
        return false;
    return entry->shared == before.size || entry->rest.data[0] > before.data[entry->shared];
}

/* Puts the key together and makes the entry the present one. */
static inline void take_entry(struct block_cursor *cursor, uint32_t at,
                              const struct block_entry *entry) {
    cursor->key_buffer.size = entry->shared;
    buffer_append(&cursor->key_buffer, entry->rest);
    cursor->key = buffer_bytes(&cursor->key_buffer);
    cursor->value = entry->value;
    cursor->removed = entry->removed;
    cursor->expires = entry->expires;
    cursor->at = at;
    cursor->next_at = entry->end;
    cursor->valid = true;
    if (cursor->restarts_at - entry->end > WALK_AHEAD) {
        __builtin_prefetch(cursor->contents.data + entry->end + WALK_AHEAD);
        __builtin_prefetch(cursor->contents.data + entry->end + WALK_AHEAD - 64);
    }
}

/* Steps to the entry behind the present one; false at the end and on corruption. */
static inline bool step(struct block_cursor *cursor, struct block_entry *entry) {
    if (cursor->next_at == cursor->restarts_at) {
        cursor->valid = false;
        return false;
    }
    if (!decode_entry(cursor, cursor->next_at, entry) || !ascends(cursor->key, entry)) {
        become_corrupt(cursor);
        return false;
    }
    take_entry(cursor, cursor->next_at, entry);
    return true;
}

static uint32_t restart_offset(const struct block_cursor *cursor, uint32_t restart) {
    return load_u32(cursor->contents.data + cursor->restarts_at + restart * sizeof(uint32_t));
}

/* Makes the entry of a restart the present one; false on corruption. */
static bool take_restart(struct block_cursor *cursor, uint32_t restart, struct block_entry *entry) {
    uint32_t at = restart_offset(cursor, restart);
    if (!decode_entry(cursor, at, entry) || entry->shared != 0) {
        become_corrupt(cursor);
        return false;
    }
    take_entry(cursor, at, entry);
    return true;
}

void block_cursor_first(struct block_cursor *cursor) {
    struct block_entry entry;
    cursor->valid = false;
    if (!cursor->corrupt && cursor->restart_count > 0)
        (void)take_restart(cursor, 0, &entry);
}

void block_cursor_next(struct block_cursor *cursor) {
    struct block_entry entry;
    CHECK(cursor->valid);
    (void)step(cursor, &entry);
}

/* A block that is in no cache of the processor costs one wait instead of one for each step of the search. */
static inline void ask_ahead(const struct block_cursor *cursor) {
    if (cursor->restart_count > RESTARTS_AHEAD_MAX)
        return;
    for (uint32_t i = 1; i < cursor->restart_count; i++) {
        uint32_t at = restart_offset(cursor, i);
        if (at < cursor->restarts_at)
            __builtin_prefetch(cursor->contents.data + at);
    }
}

/* The last restart whose key is <= `key`, or the first; false on corruption. */
static bool find_restart(struct block_cursor *cursor, struct bytes key, uint32_t *restart) {
    uint32_t low = 0;
    uint32_t high = cursor->restart_count - 1;
    while (low < high) {
        uint32_t middle = high - (high - low) / 2;
        struct block_entry entry;
        if (!decode_entry(cursor, restart_offset(cursor, middle), &entry) || entry.shared != 0)
            return false;
        if (bytes_compare(entry.rest, key) <= 0)
            low = middle;
        else
            high = middle - 1;
    }
    *restart = low;
    return true;
}

/* Compares the present key to `key`, of which `matched` bytes are known to be the same as the
 * present key's shared part. Moves `matched` on. */
static inline bool at_or_behind(const struct block_entry *entry, struct bytes key,
                                size_t *matched) {
    size_t at = entry->shared;
    size_t left = key.size - at;
    size_t shorter = entry->rest.size < left ? entry->rest.size : left;
    size_t same = 0;
    while (same < shorter && entry->rest.data[same] == key.data[at + same])
        same++;
    *matched = at + same;
    if (same < shorter)
        return entry->rest.data[same] > key.data[at + same];
    return entry->rest.size >= left;
}

void block_cursor_seek(struct block_cursor *cursor, struct bytes key) {
    struct block_entry entry;
    uint32_t restart;
    cursor->valid = false;
    if (cursor->corrupt || cursor->restart_count == 0)
        return;
    ask_ahead(cursor);
    if (!find_restart(cursor, key, &restart)) {
        become_corrupt(cursor);
        return;
    }
    if (!take_restart(cursor, restart, &entry))
        return;
    /* While an entry shares more with the one before than `key` did, it is as small as that. */
    size_t matched = 0;
    for (;;) {
        if (entry.shared <= matched && at_or_behind(&entry, key, &matched))
            return;
        if (!step(cursor, &entry))
            return;
    }
}

/* Walks from a restart to the last entry that begins before `end`. */
static void take_last_before(struct block_cursor *cursor, uint32_t restart, uint32_t end) {
    struct block_entry entry;
    if (!take_restart(cursor, restart, &entry))
        return;
    while (cursor->next_at < end) {
        if (!step(cursor, &entry))
            return;
    }
    /* The entries of a restart end where the next one begins. */
    if (cursor->next_at != end)
        become_corrupt(cursor);
}

void block_cursor_last(struct block_cursor *cursor) {
    cursor->valid = false;
    if (!cursor->corrupt && cursor->restart_count > 0)
        take_last_before(cursor, cursor->restart_count - 1, cursor->restarts_at);
}

/* The last restart that lies before an offset; there is one. */
static uint32_t restart_before(const struct block_cursor *cursor, uint32_t at) {
    uint32_t low = 0;
    uint32_t high = cursor->restart_count - 1;
    while (low < high) {
        uint32_t middle = high - (high - low) / 2;
        if (restart_offset(cursor, middle) < at)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

void block_cursor_previous(struct block_cursor *cursor) {
    CHECK(cursor->valid);
    uint32_t end = cursor->at;
    struct block_entry entry;
    cursor->valid = false;
    if (end == 0)
        return;
    take_last_before(cursor, restart_before(cursor, end), end);
    /* Within a restart's entries each ascends by its encoding; from one to the next that has to be
     * looked at. */
    if (cursor->valid && (!decode_entry(cursor, end, &entry) || !ascends(cursor->key, &entry)))
        become_corrupt(cursor);
}

void block_cursor_seek_below(struct block_cursor *cursor, struct bytes key) {
    block_cursor_seek(cursor, key);
    if (cursor->valid)
        block_cursor_previous(cursor);
    else if (!cursor->corrupt)
        block_cursor_last(cursor);
}
