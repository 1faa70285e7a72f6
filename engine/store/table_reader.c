/* Holds an open table's metadata in the shape that lookups want: the filter on whole cache lines,
 * the index as flat arrays.
 *
 *     keys:      separator 0 | separator 1 | ...          one run of bytes
 *     key_ends:  where each separator ends in it
 *     handles:   the block of each separator                                                    */
#include "engine/store/table.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/store/bloom.h"
#include "engine/store/table_format.h"

/* Separators are found by 32-bit offsets. */
enum { TABLE_INDEX_KEYS_MAX = 1 << 30 };

struct table {
    struct block_codec *codec; /* borrowed */
    struct table_properties properties;
    struct removed_ranges ranges;
    struct bloom bloom;   /* looks into filter */
    struct buffer filter; /* the filter's lines, from filter_from on */
    struct buffer keys;
    uint32_t *key_ends;
    struct block_handle *handles;
    uint32_t block_count;
};

void table_close(struct table *table) {
    if (table == NULL)
        return;
    removed_ranges_deinit(&table->ranges);
    buffer_deinit(&table->filter);
    buffer_deinit(&table->keys);
    memory_release(table->key_ends);
    memory_release(table->handles);
    memory_release(table);
}

/* Moves the lines to an address at which each is one cache line. */
static void align_filter(struct table *table, struct bytes lines) {
    struct buffer aligned = {0};
    uint8_t *to = buffer_reserve(&aligned, lines.size + BLOOM_LINE_SIZE - 1);
    size_t gap = (BLOOM_LINE_SIZE - (uintptr_t)to % BLOOM_LINE_SIZE) % BLOOM_LINE_SIZE;
    memcpy(to + gap, lines.data, lines.size);
    aligned.size = gap + lines.size;
    table->bloom.lines = to + gap;
    buffer_deinit(&table->filter);
    table->filter = aligned;
}

static enum table_status read_filter(struct table *table, struct bytes raw) {
    enum table_status status = block_unpack(table->codec, raw, &table->filter);
    if (status != TABLE_OK)
        return status;
    if (!bloom_decode(buffer_bytes(&table->filter), &table->bloom))
        return TABLE_CORRUPT;
    if (table->bloom.line_count > 0)
        align_filter(table, bytes_slice(buffer_bytes(&table->filter), 0,
                                        (size_t)table->bloom.line_count * BLOOM_LINE_SIZE));
    return TABLE_OK;
}

static enum table_status read_properties(struct table *table, struct bytes raw) {
    struct buffer contents = {0};
    enum table_status status = block_unpack(table->codec, raw, &contents);
    if (status == TABLE_OK)
        status =
            table_properties_decode(buffer_bytes(&contents), &table->properties, &table->ranges);
    buffer_deinit(&contents);
    return status;
}

/* Takes one index entry; `at` is where the block before it ended. */
static bool take_handle(struct table *table, const struct block_cursor *cursor, uint64_t at) {
    struct reader reader = reader_of(cursor->value);
    struct block_handle handle = {.offset = reader_varint(&reader)};
    handle.size = reader_varint(&reader);
    handle.checksum = reader_u32(&reader);
    if (!reader_finished(&reader) || cursor->removed || handle.offset != at ||
        handle.size < BLOCK_TRAILER_SIZE || handle.size > BLOCK_CONTENTS_MAX + BLOCK_TRAILER_SIZE ||
        cursor->key.size > TABLE_INDEX_KEYS_MAX - table->keys.size)
        return false;
    buffer_append(&table->keys, cursor->key);
    table->key_ends[table->block_count] = (uint32_t)table->keys.size;
    table->handles[table->block_count] = handle;
    table->block_count++;
    return true;
}

/* Takes all index entries: as many as the properties say, without a gap from 0 to `data_end`. */
static enum table_status take_index(struct table *table, struct bytes contents, uint64_t data_end) {
    /* An index entry takes more than one byte, so a count beyond that is a lie. */
    uint64_t count = table->properties.block_count;
    if (count >= contents.size)
        return TABLE_CORRUPT;
    table->key_ends = memory_allocate_zeroed(count + 1, sizeof *table->key_ends);
    table->handles = memory_allocate_zeroed(count + 1, sizeof *table->handles);
    struct block_cursor cursor = {0};
    uint64_t at = 0;
    enum table_status status = block_cursor_open(&cursor, contents);
    if (status == TABLE_OK)
        block_cursor_first(&cursor);
    while (status == TABLE_OK && cursor.valid) {
        if (table->block_count == count || !take_handle(table, &cursor, at)) {
            status = TABLE_CORRUPT;
            break;
        }
        at += table->handles[table->block_count - 1].size;
        block_cursor_next(&cursor);
    }
    bool whole = !cursor.corrupt && table->block_count == count && at == data_end;
    block_cursor_deinit(&cursor);
    return status == TABLE_OK && whole ? TABLE_OK : TABLE_CORRUPT;
}

static enum table_status read_index(struct table *table, struct bytes raw, uint64_t data_end) {
    struct buffer contents = {0};
    enum table_status status = block_unpack(table->codec, raw, &contents);
    if (status == TABLE_OK)
        status = take_index(table, buffer_bytes(&contents), data_end);
    buffer_deinit(&contents);
    return status;
}

static enum table_status read_metadata(struct table *table, const struct table_footer *footer,
                                       struct bytes metadata) {
    struct reader reader = reader_of(metadata);
    struct bytes filter = reader_take(&reader, footer->filter.size);
    struct bytes properties = reader_take(&reader, footer->properties.size);
    struct bytes index = reader_take(&reader, footer->index.size);
    if (!reader_finished(&reader))
        return TABLE_CORRUPT;
    enum table_status status = read_filter(table, filter);
    if (status == TABLE_OK)
        status = read_properties(table, properties);
    if (status == TABLE_OK && table->properties.file_size != table_footer_file_size(footer))
        status = TABLE_CORRUPT;
    if (status == TABLE_OK)
        status = read_index(table, index, footer->filter.offset);
    return status;
}

struct table *table_open(struct bytes footer, struct bytes metadata, struct block_codec *codec,
                         enum table_status *status) {
    struct table_footer parsed;
    *status = table_footer_parse(footer, &parsed);
    if (*status != TABLE_OK)
        return NULL;
    struct table *table = memory_allocate_zeroed(1, sizeof *table);
    table->codec = codec;
    *status = read_metadata(table, &parsed, metadata);
    if (*status == TABLE_OK)
        return table;
    table_close(table);
    return NULL;
}

const struct table_properties *table_properties(const struct table *table) {
    return &table->properties;
}

const struct removed_ranges *table_ranges(const struct table *table) {
    return &table->ranges;
}

size_t table_memory(const struct table *table) {
    return sizeof *table + table->ranges.bytes + table->filter.capacity + table->keys.capacity +
           (table->block_count + (size_t)1) * (sizeof *table->key_ends + sizeof *table->handles);
}

bool table_may_contain(const struct table *table, struct bytes key) {
    return bloom_may_contain(&table->bloom, hash64(key));
}

static struct bytes separator_at(const struct table *table, uint32_t position) {
    uint32_t from = position == 0 ? 0 : table->key_ends[position - 1];
    return bytes_of(table->keys.data + from, table->key_ends[position] - from);
}

bool table_find_block(const struct table *table, struct bytes key, uint32_t *position,
                      struct block_handle *handle) {
    uint32_t low = 0;
    uint32_t high = table->block_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (bytes_compare(separator_at(table, middle), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *position = low;
    return table_block_at(table, low, handle);
}

bool table_block_at(const struct table *table, uint32_t position, struct block_handle *handle) {
    if (position >= table->block_count)
        return false;
    *handle = table->handles[position];
    return true;
}

enum table_status table_block_unpack(const struct table *table, const struct block_handle *handle,
                                     struct bytes raw, struct buffer *contents) {
    if (raw.size != handle->size || raw.size < BLOCK_TRAILER_SIZE ||
        load_u32(raw.data + raw.size - sizeof handle->checksum) != handle->checksum)
        return TABLE_CORRUPT;
    return block_unpack(table->codec, raw, contents);
}
