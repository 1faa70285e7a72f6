#include "engine/store/block_find.h"

#include "engine/store/block_entry.h"

/* So many restarts are asked for at once, before the search knows which of them it needs: most blocks have fewer. */
enum { RESTARTS_AHEAD_MAX = 16 };

struct search {
    const uint8_t *contents;
    uint32_t restarts_at, restart_count;
    struct bytes key;
};

static inline uint32_t restart_offset(const struct search *search, uint32_t restart) {
    return load_u32(search->contents + search->restarts_at + restart * sizeof(uint32_t));
}

/* A block that is in no cache of the processor costs one wait instead of one for each step of the search. */
static inline void ask_ahead(const struct search *search) {
    if (search->restart_count > RESTARTS_AHEAD_MAX)
        return;
    for (uint32_t i = 1; i < search->restart_count; i++) {
        uint32_t at = restart_offset(search, i);
        if (at < search->restarts_at)
            __builtin_prefetch(search->contents + at);
    }
}

static inline bool decode_restart(const struct search *search, uint32_t restart,
                                  struct block_entry *entry) {
    return block_entry_decode(search->contents, search->restarts_at,
                              restart_offset(search, restart), entry) &&
           entry->shared == 0;
}

/* The entry of the last restart whose key is not greater, or of the first; false on corruption. */
static bool find_restart(const struct search *search, struct block_entry *entry) {
    uint32_t low = 0;
    uint32_t high = search->restart_count - 1;
    while (low < high) {
        uint32_t middle = high - (high - low) / 2;
        if (!decode_restart(search, middle, entry))
            return false;
        if (bytes_compare(entry->rest, search->key) <= 0)
            low = middle;
        else
            high = middle - 1;
    }
    return decode_restart(search, low, entry);
}

static inline size_t matching(const uint8_t *left, const uint8_t *right, size_t size) {
    size_t same = 0;
    while (same < size && left[same] == right[same])
        same++;
    return same;
}

/* From the entry on. `matched` bytes of the key are those of the entry before. */
static enum block_find walk(const struct search *search, struct block_entry *entry) {
    struct bytes key = search->key;
    size_t matched = 0;
    for (;;) {
        size_t entry_size = entry->shared + entry->rest.size;
        if (entry->shared < matched)
            return BLOCK_FIND_ABSENT; /* it is greater where the one before was equal */
        if (entry->shared == matched) {
            size_t shorter = entry_size < key.size ? entry_size : key.size;
            matched += matching(entry->rest.data, key.data + matched, shorter - matched);
            if (matched == key.size)
                return entry_size == key.size ? BLOCK_FIND_PRESENT : BLOCK_FIND_ABSENT;
            if (matched < entry_size &&
                entry->rest.data[matched - entry->shared] > key.data[matched])
                return BLOCK_FIND_ABSENT;
        }
        if (entry->end == search->restarts_at)
            return BLOCK_FIND_ABSENT;
        if (!block_entry_decode(search->contents, search->restarts_at, entry->end, entry) ||
            entry->shared > entry_size)
            return BLOCK_FIND_CORRUPT;
    }
}

enum block_find block_find(struct bytes contents, struct bytes key, struct bytes *value,
                           bool *removed, struct wall_time *expires) {
    struct search search = {.contents = contents.data, .key = key};
    struct block_entry entry;
    if (!block_entries_locate(contents, &search.restarts_at, &search.restart_count))
        return BLOCK_FIND_CORRUPT;
    if (search.restart_count == 0)
        return BLOCK_FIND_ABSENT;
    ask_ahead(&search);
    if (!find_restart(&search, &entry))
        return BLOCK_FIND_CORRUPT;
    enum block_find found = walk(&search, &entry);
    *value = entry.value;
    *removed = entry.removed;
    *expires = entry.expires;
    return found;
}
