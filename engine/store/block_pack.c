#include "engine/store/block_pack.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"

#include <lz4.h>

/* An LZ4 byte can stand for at most 255 bytes; more is a lie that would only cost memory. */
enum { LZ4_EXPANSION_MAX = 255 };

/* Appends the compressed form when it saves enough; false when it does not. */
static bool append_compressed(struct bytes contents, struct buffer *file) {
    size_t allowed =
        contents.size - (contents.size + BLOCK_SAVING_DIVISOR - 1) / BLOCK_SAVING_DIVISOR;
    if (allowed <= BLOCK_PLAIN_SIZE_BYTES)
        return false;
    uint8_t *to = buffer_reserve(file, allowed);
    int size =
        LZ4_compress_default((const char *)contents.data, (char *)to + BLOCK_PLAIN_SIZE_BYTES,
                             (int)contents.size, (int)(allowed - BLOCK_PLAIN_SIZE_BYTES));
    if (size <= 0)
        return false;
    uint32_t plain_size = (uint32_t)contents.size;
    memcpy(to, &plain_size, BLOCK_PLAIN_SIZE_BYTES);
    file->size += BLOCK_PLAIN_SIZE_BYTES + (size_t)size;
    return true;
}

void block_pack(struct bytes contents, bool compress, struct buffer *file,
                struct block_handle *handle) {
    CHECK(contents.size <= BLOCK_CONTENTS_MAX);
    size_t from = file->size;
    enum block_type type = BLOCK_PLAIN;
    if (compress && append_compressed(contents, file))
        type = BLOCK_LZ4;
    else
        buffer_append(file, contents);
    buffer_put_u8(file, (uint8_t)type);
    handle->checksum = checksum32(bytes_of(file->data + from, file->size - from));
    buffer_put_u32(file, handle->checksum);
    handle->size = file->size - from;
}

/* Blocks are kept in a cache for long, so a fresh buffer gets exactly what it needs. */
static uint8_t *reserve_exactly(struct buffer *buffer, size_t size) {
    if (buffer->data != NULL || size == 0)
        return buffer_reserve(buffer, size);
    buffer->data = memory_allocate(size);
    buffer->capacity = size;
    return buffer->data;
}

static enum table_status append_decompressed(struct bytes stored, struct buffer *contents) {
    if (stored.size <= BLOCK_PLAIN_SIZE_BYTES)
        return TABLE_CORRUPT;
    uint32_t plain_size = load_u32(stored.data);
    size_t size = stored.size - BLOCK_PLAIN_SIZE_BYTES;
    if (plain_size > BLOCK_CONTENTS_MAX || plain_size / LZ4_EXPANSION_MAX > size)
        return TABLE_CORRUPT;
    uint8_t *to = reserve_exactly(contents, plain_size);
    int decoded = LZ4_decompress_safe((const char *)stored.data + BLOCK_PLAIN_SIZE_BYTES,
                                      (char *)to, (int)size, (int)plain_size);
    if (decoded < 0 || (uint32_t)decoded != plain_size)
        return TABLE_CORRUPT;
    contents->size += plain_size;
    return TABLE_OK;
}

enum table_status block_unpack(struct bytes raw, struct buffer *contents) {
    if (raw.size < BLOCK_TRAILER_SIZE || raw.size > BLOCK_CONTENTS_MAX + BLOCK_TRAILER_SIZE)
        return TABLE_CORRUPT;
    size_t size = raw.size - BLOCK_TRAILER_SIZE;
    if (load_u32(raw.data + size + 1) != checksum32(bytes_of(raw.data, size + 1)))
        return TABLE_CORRUPT;
    struct bytes stored = bytes_of(raw.data, size);
    switch (raw.data[size]) {
    case BLOCK_PLAIN:
        memcpy(reserve_exactly(contents, size), stored.data, size);
        contents->size += size;
        return TABLE_OK;
    case BLOCK_LZ4:
        return append_decompressed(stored, contents);
    default:
        return TABLE_CORRUPT;
    }
}

enum table_status table_block_unpack(const struct block_handle *handle, struct bytes raw,
                                     struct buffer *contents) {
    if (raw.size != handle->size || raw.size < BLOCK_TRAILER_SIZE ||
        load_u32(raw.data + raw.size - sizeof handle->checksum) != handle->checksum)
        return TABLE_CORRUPT;
    return block_unpack(raw, contents);
}
