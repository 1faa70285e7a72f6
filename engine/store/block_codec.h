/* block_codec: compresses and decompresses the contents of blocks, keeping what the libraries need between calls.
 *
 * A Zstandard context is large and slow to make, so a store has one codec for all of its tables. It is made on first use,
 * in a store that never meets such a block never.
 *
 *     struct block_codec codec = {0};
 *     size = block_codec_compress(&codec, COMPRESSION_ZSTD, contents, to, room);      // 0: no room
 *     ok = block_codec_decompress(&codec, COMPRESSION_ZSTD, stored, to, plain_size);
 *     block_codec_deinit(&codec);
 */
#ifndef DUNLIN_STORE_BLOCK_CODEC_H
#define DUNLIN_STORE_BLOCK_CODEC_H

#include "engine/store/block_compression.h"

enum { BLOCK_ZSTD_LEVEL = 3 };

/* The zero value is ready. */
struct block_codec {
    void *zstd_compressor, *zstd_decompressor;
};

void block_codec_deinit(struct block_codec *codec);
/* Size of what was written to `to`, or 0 when it did not fit into `room`. Not for COMPRESSION_NONE. */
size_t block_codec_compress(struct block_codec *codec, enum block_compression compression,
                            struct bytes contents, uint8_t *to, size_t room);
/* No larger size can come out of so many stored bytes: a claim beyond it is a lie that would only cost memory. */
uint64_t block_codec_plain_size_max(enum block_compression compression, size_t stored_size);
/* True when exactly `plain_size` bytes came out. */
MUST_USE bool block_codec_decompress(struct block_codec *codec, enum block_compression compression,
                                     struct bytes stored, uint8_t *to, size_t plain_size);

#endif
