#include "engine/store/separators.h"

enum { KEYS_SIZE_MAX = 1 << 30, WORD = sizeof(uint64_t) };
enum { WORDS_OF_LINE = 8, WORDS_AHEAD_MAX = 16 * WORDS_OF_LINE };

/*  0  count u32          8  size of the keys u32
 *  4  shared u32        12  zero u32
 * 16  words, ends, keys, each filled up to a multiple of 8 with zeros */
enum { HEADER_SIZE = 16 };

void separators_draft_deinit(struct separators_draft *draft) {
    buffer_deinit(&draft->keys);
    buffer_deinit(&draft->ends);
}

bool separators_draft_add(struct separators_draft *draft, struct bytes key) {
    if (key.size > KEYS_SIZE_MAX - draft->keys.size)
        return false;
    buffer_append(&draft->keys, key);
    buffer_put_u32(&draft->ends, (uint32_t)draft->keys.size);
    return true;
}

static struct bytes draft_key(const struct separators_draft *draft, uint32_t at) {
    uint32_t from = at == 0 ? 0 : load_u32(draft->ends.data + (at - 1) * sizeof from);
    uint32_t end = load_u32(draft->ends.data + at * sizeof end);
    return bytes_slice(buffer_bytes(&draft->keys), from, end - from);
}

/* Ascending keys share what the first and the last share. */
static uint32_t shared_by_all(const struct separators_draft *draft, uint32_t count) {
    if (count == 0)
        return 0;
    struct bytes first = draft_key(draft, 0);
    struct bytes last = draft_key(draft, count - 1);
    size_t shorter = first.size < last.size ? first.size : last.size;
    uint32_t shared = 0;
    while (shared < shorter && first.data[shared] == last.data[shared])
        shared++;
    return shared;
}

/* The eight bytes at `from` as a big-endian number, with zeros behind the key's end. */
static inline uint64_t word_at(struct bytes key, size_t from) {
    uint64_t word = 0;
    if (key.size >= from + WORD)
        word = load_u64(key.data + from);
    else if (key.size > from)
        memcpy(&word, key.data + from, key.size - from);
    return __builtin_bswap64(word);
}

static size_t filled_up(size_t size) {
    return (size + WORD - 1) / WORD * WORD;
}

size_t separators_packed_size(const struct separators_draft *draft) {
    size_t count = draft->ends.size / sizeof(uint32_t);
    return HEADER_SIZE + count * WORD + filled_up(draft->ends.size) + filled_up(draft->keys.size);
}

static void fill_up(struct buffer *flat) {
    while (flat->size % WORD != 0)
        buffer_put_u8(flat, 0);
}

void separators_pack(const struct separators_draft *draft, struct buffer *flat) {
    uint32_t count = (uint32_t)(draft->ends.size / sizeof(uint32_t));
    uint32_t shared = shared_by_all(draft, count);
    CHECK(flat->size % WORD == 0);
    buffer_put_u32(flat, count);
    buffer_put_u32(flat, shared);
    buffer_put_u32(flat, (uint32_t)draft->keys.size);
    buffer_put_u32(flat, 0);
    for (uint32_t i = 0; i < count; i++)
        buffer_put_u64(flat, word_at(draft_key(draft, i), shared));
    buffer_append(flat, buffer_bytes(&draft->ends));
    fill_up(flat);
    buffer_append(flat, buffer_bytes(&draft->keys));
    fill_up(flat);
}

struct bytes separators_view(struct separators *separators, struct bytes flat) {
    CHECK(flat.size >= HEADER_SIZE && (uintptr_t)flat.data % WORD == 0);
    separators->count = load_u32(flat.data);
    separators->shared = load_u32(flat.data + 4);
    size_t words_size = (size_t)separators->count * WORD;
    size_t ends_size = filled_up(separators->count * sizeof(uint32_t));
    size_t keys_at = HEADER_SIZE + words_size + ends_size;
    separators->words = (const uint64_t *)(const void *)(flat.data + HEADER_SIZE);
    separators->ends = (const uint32_t *)(const void *)(flat.data + HEADER_SIZE + words_size);
    separators->keys = flat.data + keys_at;
    size_t size = keys_at + filled_up(load_u32(flat.data + 8));
    return bytes_slice(flat, size, flat.size - size);
}

struct bytes separators_at(const struct separators *separators, uint32_t position) {
    CHECK(position < separators->count);
    uint32_t from = position == 0 ? 0 : separators->ends[position - 1];
    return bytes_of(separators->keys + from, separators->ends[position] - from);
}

/* The first word that is not smaller. No branch depends on what is compared: such a branch is a guess that is wrong every
 * second time. */
static inline uint32_t first_word(const uint64_t *words, uint32_t count, uint64_t word) {
    uint32_t low = 0;
    while (count > 1) {
        uint32_t half = count / 2;
        low += words[low + half - 1] < word ? half : 0;
        count -= half;
    }
    return low + (count == 1 && words[low] < word ? 1 : 0);
}

/* Keys whose words are equal differ behind them, or one ends where another has zeros. */
static uint32_t find_among_equals(const struct separators *separators, uint32_t low, uint64_t word,
                                  struct bytes key) {
    uint32_t high = low;
    uint32_t step = 1;
    while (high < separators->count && separators->words[high] == word) {
        high = step < separators->count - high ? high + step : separators->count;
        step *= 2;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (bytes_compare(separators_at(separators, middle), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* All that a search may look into is asked for at once: one wait for memory instead of one for each step. */
static inline void ask_ahead(const uint64_t *words, uint32_t count) {
    if (count > WORDS_AHEAD_MAX)
        return;
    for (uint32_t i = 0; i < count; i += WORDS_OF_LINE)
        __builtin_prefetch(words + i);
}

uint32_t separators_find_between(const struct separators *separators, struct bytes key,
                                 uint32_t from, uint32_t end) {
    if (from == end)
        return from;
    ask_ahead(separators->words + from, end - from);
    size_t shorter = key.size < separators->shared ? key.size : separators->shared;
    int order = shorter == 0 ? 0 : memcmp(key.data, separators->keys, shorter);
    if (order != 0)
        return order < 0 ? from : end;
    if (key.size < separators->shared)
        return from;
    uint64_t word = word_at(key, separators->shared);
    uint32_t low = from + first_word(separators->words + from, end - from, word);
    if (low == separators->count || separators->words[low] != word)
        return low;
    return find_among_equals(separators, low, word, key);
}

uint32_t separators_find(const struct separators *separators, struct bytes key) {
    return separators_find_between(separators, key, 0, separators->count);
}
