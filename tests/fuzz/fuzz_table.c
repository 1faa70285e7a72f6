/* Feeds the table reader with bytes from anywhere. The first byte chooses what the rest is:
 *
 *     0  a whole file
 *     1  the plain contents of a data block, and a key to seek
 *     2  the contents of filter, properties and index, sealed with sound checksums and a footer, so
 *        that what lies behind the checksums is reached
 *     3  a block as it lies in a file, its checksum made sound
 */
#include "engine/base/hash.h"
#include "engine/store/block_pack.h"
#include "engine/store/table_format.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MODES = 4, SEALED_KEY_SIZE = 4 };

static struct block_codec codec;

static void walk_block(struct bytes contents, struct bytes key) {
    struct block_cursor cursor = {0};
    struct buffer before = {0};
    if (block_cursor_open(&cursor, contents) == TABLE_OK) {
        block_cursor_first(&cursor);
        for (bool first = true; cursor.valid; first = false) {
            CHECK(first || bytes_compare(cursor.key, buffer_bytes(&before)) > 0);
            buffer_clear(&before);
            buffer_append(&before, cursor.key);
            block_cursor_next(&cursor);
        }
        block_cursor_seek(&cursor, key);
        CHECK(!cursor.valid || bytes_compare(cursor.key, key) >= 0);
    }
    buffer_deinit(&before);
    block_cursor_deinit(&cursor);
}

/* Looks a key up and walks every block that lies inside the file. */
static void use_table(const struct table *table, struct bytes file, struct bytes key) {
    struct block_handle handle;
    uint32_t position;
    (void)table_may_contain(table, key);
    (void)table_find_block(table, key, &position, &handle);
    for (position = 0; table_block_at(table, position, &handle); position++) {
        struct buffer contents = {0};
        if (handle.offset > file.size || handle.size > file.size - handle.offset)
            break;
        struct bytes raw = bytes_slice(file, (size_t)handle.offset, (size_t)handle.size);
        if (table_block_unpack(table, &handle, raw, &contents) == TABLE_OK)
            walk_block(buffer_bytes(&contents), key);
        buffer_deinit(&contents);
    }
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
    struct table *table = table_open(footer, run, &codec, &status);
    CHECK((table != NULL) == (status == TABLE_OK));
    if (table != NULL)
        use_table(table, file, bytes_slice(file, 0, file.size < 8 ? file.size : 8));
    table_close(table);
}

static void seal(struct bytes contents, struct buffer *file, struct block_handle *handle) {
    handle->offset = file->size;
    block_pack(&codec, contents, COMPRESSION_NONE, file, handle);
}

static void try_sealed(struct bytes input) {
    struct reader reader = reader_of(input);
    struct buffer file = {0};
    struct table_footer footer = {0};
    struct bytes blocks = reader_bytes(&reader);
    struct bytes filter = reader_bytes(&reader);
    struct bytes properties = reader_bytes(&reader);
    struct bytes index = reader_bytes(&reader);
    if (!reader.failed && properties.size >= TABLE_PROPERTIES_SIZE) {
        buffer_append(&file, blocks);
        seal(filter, &file, &footer.filter);
        size_t properties_at = file.size;
        seal(properties, &file, &footer.properties);
        seal(index, &file, &footer.index);
        /* The size of the file cannot be guessed, so it is made true too. */
        uint64_t size = file.size + TABLE_FOOTER_SIZE;
        uint8_t *at = file.data + properties_at;
        memcpy(at + TABLE_PROPERTIES_SIZE - sizeof size, &size, sizeof size);
        uint32_t checksum = checksum32(bytes_of(at, properties.size + 1));
        memcpy(at + properties.size + 1, &checksum, sizeof checksum);
        table_footer_encode(&footer, &file);
        try_file(buffer_bytes(&file));
    }
    buffer_deinit(&file);
}

static void try_block(struct bytes input) {
    struct buffer raw = {0};
    struct buffer contents = {0};
    if (input.size > 0) {
        buffer_append(&raw, input);
        buffer_put_u32(&raw, checksum32(input));
        if (block_unpack(&codec, buffer_bytes(&raw), &contents) == TABLE_OK)
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
        try_sealed(input);
        break;
    default:
        try_block(input);
        break;
    }
    return 0;
}
