#include "engine/store/block_pack.h"

#include "engine/base/hash.h"

/* Appends the compressed form when it saves enough; false when it does not. */
static bool append_compressed(struct block_codec *codec, enum block_compression compression,
                              struct bytes contents, struct buffer *file) {
    size_t allowed =
        contents.size - (contents.size + BLOCK_SAVING_DIVISOR - 1) / BLOCK_SAVING_DIVISOR;
    if (allowed <= BLOCK_PLAIN_SIZE_BYTES)
        return false;
    uint8_t *to = buffer_reserve(file, allowed);
    size_t size = block_codec_compress(codec, compression, contents, to + BLOCK_PLAIN_SIZE_BYTES,
                                       allowed - BLOCK_PLAIN_SIZE_BYTES);
    if (size == 0)
        return false;
    uint32_t plain_size = (uint32_t)contents.size;
    memcpy(to, &plain_size, BLOCK_PLAIN_SIZE_BYTES);
    file->size += BLOCK_PLAIN_SIZE_BYTES + size;
    return true;
}

void block_pack(struct block_codec *codec, struct bytes contents,
                enum block_compression compression, struct buffer *file,
                struct block_handle *handle) {
    CHECK(contents.size <= BLOCK_CONTENTS_MAX);
    size_t from = file->size;
    if (compression == COMPRESSION_NONE || !append_compressed(codec, compression, contents, file)) {
        compression = COMPRESSION_NONE;
        buffer_append(file, contents);
    }
    buffer_put_u8(file, (uint8_t)compression);
    handle->checksum = checksum32(bytes_of(file->data + from, file->size - from));
    buffer_put_u32(file, handle->checksum);
    handle->size = file->size - from;
}

/* Memory for a block that will lie in a cache: what an old block left when it is large enough, and else no more than is
 * needed, in steps, so that it will do for most other blocks. */
static uint8_t *reserve_for_block(struct buffer *contents, size_t size) {
    enum { STEP = 64 };
    if (contents->size == 0 && contents->capacity < size)
        buffer_deinit(contents);
    return buffer_reserve_exactly(contents, (size + STEP - 1) / STEP * STEP);
}

static enum table_status append_decompressed(struct block_codec *codec,
                                             enum block_compression compression,
                                             struct bytes stored, struct buffer *contents) {
    if (stored.size <= BLOCK_PLAIN_SIZE_BYTES)
        return TABLE_CORRUPT;
    uint32_t plain_size = load_u32(stored.data);
    struct bytes compressed =
        bytes_slice(stored, BLOCK_PLAIN_SIZE_BYTES, stored.size - BLOCK_PLAIN_SIZE_BYTES);
    if (plain_size > BLOCK_CONTENTS_MAX ||
        plain_size > block_codec_plain_size_max(compression, compressed.size))
        return TABLE_CORRUPT;
    uint8_t *to = reserve_for_block(contents, plain_size);
    if (!block_codec_decompress(codec, compression, compressed, to, plain_size))
        return TABLE_CORRUPT;
    contents->size += plain_size;
    return TABLE_OK;
}

enum table_status block_unpack(struct block_codec *codec, struct bytes raw,
                               struct buffer *contents) {
    if (raw.size < BLOCK_TRAILER_SIZE || raw.size > BLOCK_CONTENTS_MAX + BLOCK_TRAILER_SIZE)
        return TABLE_CORRUPT;
    size_t size = raw.size - BLOCK_TRAILER_SIZE;
    if (load_u32(raw.data + size + 1) != checksum32(bytes_of(raw.data, size + 1)))
        return TABLE_CORRUPT;
    struct bytes stored = bytes_of(raw.data, size);
    switch (raw.data[size]) {
    case COMPRESSION_NONE:
        memcpy(reserve_for_block(contents, size), stored.data, size);
        contents->size += size;
        return TABLE_OK;
    case COMPRESSION_LZ4:
    case COMPRESSION_ZSTD:
        return append_decompressed(codec, (enum block_compression)raw.data[size], stored, contents);
    default:
        return TABLE_CORRUPT;
    }
}
