/* Feeds the table reader with bytes from anywhere. The first byte chooses what the rest is:
 *
 *     0  a whole file
 *     1  the plain contents of a data block, and a key to seek
 *     2  the contents of filter, index, top-level index and properties, sealed with sound checksums and a footer, so
 *        that what lies behind the checksums is reached
 *     3  the same without a top-level index: one is made that fits
 *     4  a block as it lies in a file, its checksum made sound
 *     5  the contents of an index, to be unfolded
 *     6  the contents of a filter
 */
#include "engine/base/hash.h"
#include "engine/store/block_builder.h"
#include "engine/store/block_entry.h"
#include "engine/store/block_find.h"
#include "engine/store/block_pack.h"
#include "engine/store/bloom.h"
#include "engine/store/table_format.h"
#include "engine/store/table_index.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MODES = 7, SEALED_KEY_SIZE = 4, PROPERTIES_FILE_SIZE_AT = 40 };

static struct table_context context = {.pinned_bytes_max = UINT64_MAX};

/* Where a cursor finds no fault in a whole block, a lookup must find what the cursor finds. */
static void find_in_block(const struct block_cursor *cursor, struct bytes key, bool sound) {
    struct bytes value;
    bool removed;
    struct wall_time expires;
    enum block_find found = block_find(cursor->contents, key, &value, &removed, &expires);
    bool there = cursor->valid && bytes_equal(cursor->key, key);
    CHECK(!sound || found == (there ? BLOCK_FIND_PRESENT : BLOCK_FIND_ABSENT));
    CHECK(!sound || !there ||
          (bytes_equal(value, cursor->value) && removed == cursor->removed &&
           expires.milliseconds == cursor->expires.milliseconds));
}

/* Whether the present entry shares with the key before all that it can, or may share nothing because it is a restart. A
 * lookup counts on that; a cursor need not. */
static bool shares_all(const struct block_cursor *cursor, struct bytes before) {
    struct block_entry entry;
    bool decoded =
        block_entry_decode(cursor->contents.data, cursor->restarts_at, cursor->at, &entry);
    CHECK(decoded);
    for (uint32_t i = 0; i < cursor->restart_count; i++) {
        if (load_u32(cursor->contents.data + cursor->restarts_at + i * sizeof(uint32_t)) ==
            cursor->at)
            return true;
    }
    return entry.shared == before.size ||
           before.data[entry.shared] != cursor->key.data[entry.shared];
}

static void walk_block(struct bytes contents, struct bytes key) {
    struct block_cursor cursor = {0};
    struct buffer before = {0};
    if (block_cursor_open(&cursor, contents) == TABLE_OK) {
        block_cursor_first(&cursor);
        bool whole = true;
        for (bool first = true; cursor.valid; first = false) {
            whole = whole && (first || shares_all(&cursor, buffer_bytes(&before)));
            CHECK(first || bytes_compare(cursor.key, buffer_bytes(&before)) > 0);
            buffer_clear(&before);
            buffer_append(&before, cursor.key);
            block_cursor_next(&cursor);
        }
        bool sound = whole && !cursor.corrupt;
        block_cursor_seek(&cursor, key);
        CHECK(!cursor.valid || bytes_compare(cursor.key, key) >= 0);
        sound = sound && !cursor.corrupt;
        find_in_block(&cursor, key, sound);
        /* Corruption is final, so that each walk begins with a cursor of its own. */
        CHECK(block_cursor_open(&cursor, contents) == TABLE_OK);
        for (block_cursor_last(&cursor); cursor.valid;) {
            uint32_t at = cursor.at;
            block_cursor_previous(&cursor);
            CHECK(!cursor.valid || cursor.at < at);
        }
        block_cursor_seek_below(&cursor, key);
    }
    buffer_deinit(&before);
    block_cursor_deinit(&cursor);
}

/* False when the block lies outside the file or is corrupt. */
static bool fetch(const struct table *table, struct bytes file, const struct block_handle *handle,
                  struct buffer *contents) {
    buffer_deinit(contents);
    if (handle->offset > file.size || handle->size > file.size - handle->offset)
        return false;
    struct bytes raw = bytes_slice(file, (size_t)handle->offset, (size_t)handle->size);
    return table_block_unpack(table, handle, raw, contents) == TABLE_OK;
}

static void ask_filter(const struct table *table, struct bytes file, struct bytes key) {
    struct block_handle handle;
    struct buffer contents = {0};
    uint64_t hash = hash64(key);
    if (table_may_contain(table, key, hash, &handle) == TABLE_FILTER_FETCH &&
        fetch(table, file, &handle, &contents))
        (void)table_filter_passes(buffer_bytes(&contents), hash);
    buffer_deinit(&contents);
}

/* What has expired grows with time, and comes to all that expires. */
static void use_expiries(const struct table *table) {
    const struct expiries *expiries = table_expiries(table);
    uint64_t passed = 0;
    for (uint32_t i = 0; i < expiries->count; i++) {
        struct wall_time to = expiries->steps[i].to;
        CHECK(expiries_passed(expiries, to) > passed);
        passed = expiries_passed(expiries, to);
        CHECK(expiries_due(expiries, passed).milliseconds == to.milliseconds);
        CHECK(expiries_find(expiries, to) == i);
    }
    CHECK(passed == table_properties(table)->expiring_count);
}

/* Looks a key up and walks every block that lies inside the file. */
static void use_table(const struct table *table, struct bytes file, struct bytes key) {
    struct block_handle handle;
    struct table_window window = {0};
    struct buffer index = {0};
    struct buffer contents = {0};
    uint32_t position = 0;
    use_expiries(table);
    ask_filter(table, file, key);
    (void)table_find_block(table, &window, key, &position, &handle);
    position = 0;
    for (enum table_answer answer;
         (answer = table_block_at(table, &window, position, &handle)) != TABLE_NO_BLOCK;) {
        if (answer == TABLE_NEEDS_INDEX) {
            window = (struct table_window){0};
            if (!fetch(table, file, &handle, &index))
                break;
            table_window_set(&window, table, &handle, buffer_bytes(&index));
            (void)table_find_block(table, &window, key, &(uint32_t){0}, &(struct block_handle){0});
            continue;
        }
        if (!fetch(table, file, &handle, &contents))
            break;
        walk_block(buffer_bytes(&contents), key);
        position++;
    }
    buffer_deinit(&index);
    buffer_deinit(&contents);
}

static void try_file(struct bytes file) {
    struct block_handle metadata;
    enum table_status status;
    if (file.size < TABLE_FOOTER_SIZE)
        return;
    struct bytes footer = bytes_slice(file, file.size - TABLE_FOOTER_SIZE, TABLE_FOOTER_SIZE);
    if (table_footer_decode(footer, file.size, &metadata) != TABLE_OK)
        return;
    struct bytes run = bytes_slice(file, (size_t)metadata.offset, (size_t)metadata.size);
    struct table *table = table_open(footer, run, &context, &status);
    CHECK((table != NULL) == (status == TABLE_OK));
    if (table != NULL)
        use_table(table, file, bytes_slice(file, 0, file.size < 8 ? file.size : 8));
    table_close(table);
}

static uint64_t seal(struct bytes contents, struct buffer *file, uint32_t *checksum) {
    struct block_handle handle = {0};
    block_pack(&context.codec, contents, COMPRESSION_NONE, file, &handle);
    *checksum = handle.checksum;
    return handle.size;
}

/* A top-level index that leads to one partition. */
static void build_top(const struct table_partition *partition, struct bytes last,
                      struct block_builder *top) {
    struct buffer value = {0};
    table_partition_encode(partition, &value);
    block_builder_add(top, last, buffer_bytes(&value), false);
    buffer_deinit(&value);
}

/* The size of the file cannot be guessed, so it is made true. */
static void append_properties(struct bytes told, struct table_footer *footer, struct buffer *file) {
    uint32_t checksum;
    struct buffer properties = {0};
    buffer_append(&properties, told);
    footer->properties_size = told.size + BLOCK_TRAILER_SIZE;
    uint64_t size = table_footer_file_size(footer);
    memcpy(properties.data + PROPERTIES_FILE_SIZE_AT, &size, sizeof size);
    (void)seal(buffer_bytes(&properties), file, &checksum);
    buffer_deinit(&properties);
}

static void try_sealed(struct bytes input, bool own_top) {
    struct reader reader = reader_of(input);
    struct buffer file = {0};
    struct block_builder top = {0};
    struct table_partition partition = {0};
    uint32_t checksum;
    struct bytes blocks = reader_bytes(&reader);
    struct bytes filter = reader_bytes(&reader);
    struct bytes index = reader_bytes(&reader);
    struct bytes properties = reader_bytes(&reader);
    uint8_t count = reader_u8(&reader);
    struct bytes told_top = reader_bytes(&reader);
    if (!reader.failed && properties.size >= TABLE_PROPERTIES_SIZE) {
        struct table_footer footer = {.data_end = blocks.size,
                                      .partition_count = own_top ? count : 1};
        buffer_append(&file, blocks);
        if (filter.size > 0)
            partition.filter_size = seal(filter, &file, &partition.filter_checksum);
        partition.index_size = seal(index, &file, &partition.index_checksum);
        partition.data_size = blocks.size;
        partition.block_count = count;
        build_top(&partition, told_top, &top);
        footer.partitions_size = file.size - blocks.size;
        footer.top_size = seal(own_top ? told_top : block_builder_finish(&top), &file, &checksum);
        append_properties(properties, &footer, &file);
        table_footer_encode(&footer, &file);
        try_file(buffer_bytes(&file));
    }
    block_builder_deinit(&top);
    buffer_deinit(&file);
}

static void try_index(struct bytes input) {
    struct buffer flat = {0};
    struct reader reader = reader_of(input);
    struct table_index_limits limits = {.block_count = reader_u8(&reader),
                                        .end = reader_varint(&reader),
                                        .last = reader_bytes(&reader)};
    struct bytes contents = reader_take(&reader, reader.left);
    if (!reader.failed && table_index_unfold(contents, &limits, &flat) == TABLE_OK) {
        struct table_index index = table_index_view(buffer_bytes(&flat));
        CHECK(index.separators.count == limits.block_count);
        uint32_t at = separators_find(&index.separators, limits.last);
        CHECK(limits.block_count == 0 || at == limits.block_count - 1);
        for (at = 0; at < index.separators.count; at++)
            CHECK(table_index_handle(&index, at).size >= BLOCK_TRAILER_SIZE);
    }
    buffer_deinit(&flat);
}

static void try_filter(struct bytes input) {
    struct bloom bloom;
    if (bloom_decode(input, &bloom))
        (void)bloom_may_contain(&bloom, hash64(input));
}

static void try_block(struct bytes input) {
    struct buffer raw = {0};
    struct buffer contents = {0};
    if (input.size > 0) {
        buffer_append(&raw, input);
        buffer_put_u32(&raw, checksum32(input));
        if (block_unpack(&context.codec, buffer_bytes(&raw), &contents) == TABLE_OK)
            walk_block(buffer_bytes(&contents), bytes_slice(input, 0, 1));
    }
    buffer_deinit(&raw);
    buffer_deinit(&contents);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    struct bytes input = bytes_slice(bytes_of(data, size), 1, size - 1);
    size_t key_size = input.size < SEALED_KEY_SIZE ? input.size : SEALED_KEY_SIZE;
    switch (data[0] % MODES) {
    case 0:
        try_file(input);
        break;
    case 1:
        walk_block(bytes_slice(input, key_size, input.size - key_size),
                   bytes_slice(input, 0, key_size));
        break;
    case 2:
        try_sealed(input, true);
        break;
    case 3:
        try_sealed(input, false);
        break;
    case 4:
        try_block(input);
        break;
    case 5:
        try_index(input);
        break;
    default:
        try_filter(input);
        break;
    }
    return 0;
}
