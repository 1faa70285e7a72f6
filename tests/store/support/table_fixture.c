#include "tests/store/support/table_fixture.h"

#include "engine/base/hash.h"

#include <stdlib.h>

/* Of all tables that are opened here. */
static struct table_context context = {.pinned_bytes_max = UINT64_MAX};

void table_fixture_pin(uint64_t pinned_bytes_max) {
    context.pinned_bytes_max = pinned_bytes_max;
}

const struct table_context *table_fixture_context(void) {
    return &context;
}

static void drain_output(struct table_builder *builder, size_t drain, struct buffer *file) {
    for (;;) {
        uint64_t offset;
        struct bytes output = table_builder_output(builder, &offset);
        CHECK(offset == file->size);
        if (output.size == 0)
            return;
        size_t size = drain == 0 || drain > output.size ? output.size : drain;
        buffer_append(file, bytes_slice(output, 0, size));
        table_builder_drained(builder, size);
        if (drain != 0 && drain < 1000)
            return;
    }
}

static void add_entry(struct table_builder *builder, const struct fixture_entry *entry) {
    struct bytes key = buffer_bytes(&entry->key), value = buffer_bytes(&entry->value);
    if (entry->expires != 0)
        table_builder_add_expiring(builder, key, value, (struct wall_time){entry->expires});
    else
        table_builder_add(builder, key, value, entry->removed);
}

void table_fixture_build(const struct table_options *options, const struct fixture_entry *entries,
                         size_t count, size_t drain, struct buffer *file) {
    struct table_builder *builder = table_builder_create(options);
    for (size_t i = 0; i < count; i++) {
        add_entry(builder, &entries[i]);
        if (drain != 0)
            drain_output(builder, drain, file);
    }
    table_builder_finish(builder);
    CHECK(table_builder_size(builder) >= file->size);
    drain_output(builder, 0, file);
    CHECK(table_builder_size(builder) == file->size);
    table_builder_destroy(builder);
}

struct table *table_fixture_open(struct bytes file) {
    struct block_handle metadata;
    enum table_status status;
    if (file.size < TABLE_FOOTER_SIZE)
        return NULL;
    struct bytes footer = bytes_slice(file, file.size - TABLE_FOOTER_SIZE, TABLE_FOOTER_SIZE);
    if (table_footer_decode(footer, file.size, &metadata) != TABLE_OK)
        return NULL;
    return table_open(footer, bytes_slice(file, metadata.offset, metadata.size), &context, &status);
}

enum table_status table_fixture_block(const struct table *table, struct bytes file,
                                      const struct block_handle *handle, struct buffer *contents) {
    return table_block_unpack(table, handle, bytes_slice(file, handle->offset, handle->size),
                              contents);
}

static enum lookup get_in_block(struct bytes contents, struct bytes key, struct buffer *value,
                                bool *removed) {
    struct block_cursor cursor = {0};
    enum lookup found = LOOKUP_ABSENT;
    if (block_cursor_open(&cursor, contents) != TABLE_OK) {
        found = LOOKUP_CORRUPT;
    } else {
        block_cursor_seek(&cursor, key);
        if (cursor.corrupt) {
            found = LOOKUP_CORRUPT;
        } else if (cursor.valid && bytes_equal(cursor.key, key)) {
            found = LOOKUP_FOUND;
            buffer_append(value, cursor.value);
            *removed = cursor.removed;
        }
    }
    block_cursor_deinit(&cursor);
    return found;
}

/* Fetches the filter if need be. */
static enum lookup ask_filter(const struct table *table, struct bytes file, struct bytes key) {
    struct block_handle handle;
    uint64_t hash = hash64(key);
    enum table_filter answer = table_may_contain(table, key, hash, &handle);
    if (answer != TABLE_FILTER_FETCH)
        return answer == TABLE_FILTER_PASSES ? LOOKUP_FOUND : LOOKUP_ABSENT;
    struct buffer contents = {0};
    enum lookup found = LOOKUP_CORRUPT;
    if (table_fixture_block(table, file, &handle, &contents) == TABLE_OK)
        found = table_filter_passes(buffer_bytes(&contents), hash) ? LOOKUP_FOUND : LOOKUP_ABSENT;
    buffer_deinit(&contents);
    return found;
}

enum table_answer table_fixture_find(const struct table *table, struct bytes file, struct bytes key,
                                     uint32_t *position, struct block_handle *handle) {
    struct table_window window = {0};
    struct buffer index = {0};
    enum table_answer answer = table_find_block(table, &window, key, position, handle);
    if (answer == TABLE_NEEDS_INDEX &&
        table_fixture_block(table, file, handle, &index) == TABLE_OK) {
        table_window_set(&window, table, handle, buffer_bytes(&index));
        answer = table_find_block(table, &window, key, position, handle);
    }
    buffer_deinit(&index);
    return answer;
}

enum table_answer table_fixture_at(const struct table *table, struct bytes file, uint32_t position,
                                   struct block_handle *handle) {
    struct table_window window = {0};
    struct buffer index = {0};
    enum table_answer answer = table_block_at(table, &window, position, handle);
    if (answer == TABLE_NEEDS_INDEX &&
        table_fixture_block(table, file, handle, &index) == TABLE_OK) {
        table_window_set(&window, table, handle, buffer_bytes(&index));
        answer = table_block_at(table, &window, position, handle);
    }
    buffer_deinit(&index);
    return answer;
}

enum lookup table_fixture_get(const struct table *table, struct bytes file, struct bytes key,
                              struct buffer *value, bool *removed) {
    uint32_t position;
    struct block_handle handle;
    buffer_clear(value);
    enum lookup found = ask_filter(table, file, key);
    if (found != LOOKUP_FOUND)
        return found;
    enum table_answer answer = table_fixture_find(table, file, key, &position, &handle);
    if (answer != TABLE_HAS_BLOCK)
        return answer == TABLE_NO_BLOCK ? LOOKUP_ABSENT : LOOKUP_CORRUPT;
    struct buffer contents = {0};
    found = LOOKUP_CORRUPT;
    if (table_fixture_block(table, file, &handle, &contents) == TABLE_OK)
        found = get_in_block(buffer_bytes(&contents), key, value, removed);
    buffer_deinit(&contents);
    return found;
}

static int compare_entries(const void *left, const void *right) {
    const struct fixture_entry *first = left;
    const struct fixture_entry *second = right;
    return bytes_compare(buffer_bytes(&first->key), buffer_bytes(&second->key));
}

static void free_entry(struct fixture_entry *entry) {
    buffer_deinit(&entry->key);
    buffer_deinit(&entry->value);
}

struct fixture_entry *table_fixture_random(struct prng *prng, size_t wanted, uint32_t key_size_max,
                                           uint32_t value_size_max, size_t *count) {
    static const uint8_t ALPHABET[] = {0, 'a', 'b', 255};
    struct fixture_entry *entries = calloc(wanted + 1, sizeof *entries);
    CHECK(entries != NULL);
    for (size_t i = 0; i < wanted; i++) {
        uint32_t key_size = prng_below(prng, key_size_max + 1);
        for (uint32_t at = 0; at < key_size; at++)
            buffer_put_u8(&entries[i].key, ALPHABET[prng_below(prng, sizeof ALPHABET)]);
        entries[i].removed = prng_chance(prng, 1, 10);
        uint32_t value_size = entries[i].removed ? 0 : prng_below(prng, value_size_max + 1);
        bool noise = prng_chance(prng, 1, 2);
        for (uint32_t at = 0; at < value_size; at++)
            buffer_put_u8(&entries[i].value, noise ? (uint8_t)prng_u32(prng) : 'v');
    }
    qsort(entries, wanted, sizeof *entries, compare_entries);
    *count = 0;
    for (size_t i = 0; i < wanted; i++) {
        if (*count > 0 && compare_entries(&entries[*count - 1], &entries[i]) == 0)
            free_entry(&entries[i]);
        else
            entries[(*count)++] = entries[i];
    }
    return entries;
}

void table_fixture_let_expire(struct fixture_entry *entries, size_t count, struct prng *prng,
                              uint32_t one_in) {
    uint64_t first = prng_chance(prng, 1, 4) ? UINT64_MAX - 100000 : 1700000000000;
    uint32_t range = prng_chance(prng, 1, 3) ? 20 : 100000;
    for (size_t i = 0; i < count; i++) {
        if (!entries[i].removed && prng_chance(prng, 1, one_in))
            entries[i].expires = first + prng_below(prng, range);
    }
}

void table_fixture_free(struct fixture_entry *entries, size_t count) {
    for (size_t i = 0; i < count; i++)
        free_entry(&entries[i]);
    free(entries);
}
