/* block_pack: how a block's contents go to the file: compressed when that pays, and with a
 * checksum.
 *
 *     +--------------------------------------------------------+---------+--------------+
 *     | contents, or plain size u32 and what they compress to  | type u8 | checksum u32 |
 *     +--------------------------------------------------------+---------+--------------+
 *
 * The other direction, block_unpack(), is in table.h.
 *
 *     struct block_handle handle = {.offset = at};
 *     block_pack(&codec, contents, COMPRESSION_LZ4, &file, &handle);      // sets size and checksum
 */
#ifndef DUNLIN_STORE_BLOCK_PACK_H
#define DUNLIN_STORE_BLOCK_PACK_H

#include "engine/store/table.h"

/* The type byte is the number of the compression. */
_Static_assert(COMPRESSION_NONE == 0 && COMPRESSION_LZ4 == 1 && COMPRESSION_ZSTD == 2,
               "these numbers lie in files");

/* A compressed block must save at least 1 / BLOCK_SAVING_DIVISOR of its contents. */
enum { BLOCK_SAVING_DIVISOR = 8, BLOCK_PLAIN_SIZE_BYTES = 4 };

/* Appends the block and fills in the handle's size and checksum. contents.size <=
 * BLOCK_CONTENTS_MAX. */
void block_pack(struct block_codec *codec, struct bytes contents,
                enum block_compression compression, struct buffer *file,
                struct block_handle *handle);

#endif
