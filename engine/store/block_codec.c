#include "engine/store/block_codec.h"

#include "engine/base/memory.h"

#include <lz4.h>
/* Contexts that take the host's memory are declared only behind this. */
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

/* An LZ4 byte stands for at most 255 bytes. A block within a Zstandard frame takes at least four bytes and stands for at
 * most 128 KiB. */
enum { LZ4_EXPANSION_MAX = 255, ZSTD_PIECE_SIZE_MIN = 4, ZSTD_PIECE_PLAIN_MAX = 128 * 1024 };

static void *allocate(void *opaque, size_t size) {
    (void)opaque;
    return memory_allocate(size);
}

static void release(void *opaque, void *memory) {
    (void)opaque;
    memory_release(memory);
}

static const ZSTD_customMem HOST_MEMORY = {.customAlloc = allocate, .customFree = release};

void block_codec_deinit(struct block_codec *codec) {
    ZSTD_freeCCtx(codec->zstd_compressor);
    ZSTD_freeDCtx(codec->zstd_decompressor);
    *codec = (struct block_codec){0};
}

static size_t compress_zstd(struct block_codec *codec, struct bytes contents, uint8_t *to,
                            size_t room) {
    if (codec->zstd_compressor == NULL)
        codec->zstd_compressor = ZSTD_createCCtx_advanced(HOST_MEMORY);
    CHECK(codec->zstd_compressor != NULL);
    size_t size = ZSTD_compressCCtx(codec->zstd_compressor, to, room, contents.data, contents.size,
                                    BLOCK_ZSTD_LEVEL);
    return ZSTD_isError(size) ? 0 : size;
}

size_t block_codec_compress(struct block_codec *codec, enum block_compression compression,
                            struct bytes contents, uint8_t *to, size_t room) {
    switch (compression) {
    case COMPRESSION_NONE:
        break;
    case COMPRESSION_LZ4: {
        int size = LZ4_compress_default((const char *)contents.data, (char *)to, (int)contents.size,
                                        (int)room);
        return size <= 0 ? 0 : (size_t)size;
    }
    case COMPRESSION_ZSTD:
        return compress_zstd(codec, contents, to, room);
    }
    CHECK_UNREACHABLE("plain contents are not compressed");
}

uint64_t block_codec_plain_size_max(enum block_compression compression, size_t stored_size) {
    switch (compression) {
    case COMPRESSION_NONE:
        break;
    case COMPRESSION_LZ4:
        return (uint64_t)stored_size * LZ4_EXPANSION_MAX;
    case COMPRESSION_ZSTD:
        return (uint64_t)(stored_size / ZSTD_PIECE_SIZE_MIN + 1) * ZSTD_PIECE_PLAIN_MAX;
    }
    return stored_size;
}

static bool decompress_zstd(struct block_codec *codec, struct bytes stored, uint8_t *to,
                            size_t plain_size) {
    if (codec->zstd_decompressor == NULL)
        codec->zstd_decompressor = ZSTD_createDCtx_advanced(HOST_MEMORY);
    CHECK(codec->zstd_decompressor != NULL);
    size_t size =
        ZSTD_decompressDCtx(codec->zstd_decompressor, to, plain_size, stored.data, stored.size);
    return !ZSTD_isError(size) && size == plain_size;
}

bool block_codec_decompress(struct block_codec *codec, enum block_compression compression,
                            struct bytes stored, uint8_t *to, size_t plain_size) {
    switch (compression) {
    case COMPRESSION_NONE:
        break;
    case COMPRESSION_LZ4: {
        int size = LZ4_decompress_safe((const char *)stored.data, (char *)to, (int)stored.size,
                                       (int)plain_size);
        return size >= 0 && (size_t)size == plain_size;
    }
    case COMPRESSION_ZSTD:
        return decompress_zstd(codec, stored, to, plain_size);
    }
    CHECK_UNREACHABLE("plain contents are not compressed");
}
