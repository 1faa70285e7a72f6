/* block_pack: how a block's contents go to the file: compressed when that pays, and with a
 * checksum.
 *
 *     +--------------------------------------------+---------+--------------+
 *     | contents, or plain size u32 and LZ4 block  | type u8 | checksum u32 |
 *     +--------------------------------------------+---------+--------------+
 *
 * The other direction, block_unpack(), is in table.h.
 *
 *     struct block_handle handle = {.offset = at};
 *     block_pack(contents, true, &file, &handle);      // sets size and checksum
 */
#ifndef DUNLIN_STORE_BLOCK_PACK_H
#define DUNLIN_STORE_BLOCK_PACK_H

#include "engine/store/table.h"

enum block_type { BLOCK_PLAIN = 0, BLOCK_LZ4 = 1 };

/* A compressed block must save at least 1 / BLOCK_SAVING_DIVISOR of its contents. */
enum { BLOCK_SAVING_DIVISOR = 8, BLOCK_PLAIN_SIZE_BYTES = 4 };

/* Appends the block and fills in the handle's size and checksum. contents.size <=
 * BLOCK_CONTENTS_MAX. */
void block_pack(struct bytes contents, bool compress, struct buffer *file,
                struct block_handle *handle);

#endif
