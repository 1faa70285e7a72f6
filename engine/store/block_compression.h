/* block_compression: the ways in which a table's blocks may be made smaller, and how settings name them.
 *
 *     "lz4"               every level by LZ4
 *     "none, none, lz4"   level 0 and 1 as they are, every level below by LZ4
 *
 * Young levels are rewritten often and hold little; the last levels hold nearly everything and stay.
 *
 *     enum block_compression levels[STORE_LEVELS];
 *     if (!block_compression_parse_levels(bytes_of_text("none, none, lz4, zstd"), levels, STORE_LEVELS)) ...
 */
#ifndef DUNLIN_STORE_BLOCK_COMPRESSION_H
#define DUNLIN_STORE_BLOCK_COMPRESSION_H

#include "engine/base/bytes.h"

enum block_compression { COMPRESSION_NONE, COMPRESSION_LZ4, COMPRESSION_ZSTD };

/* "none", "lz4" or "zstd". */
const char *block_compression_name(enum block_compression compression);
/* Names between commas and spaces, the first for level 0; the last one holds for every level behind it. False, with the
 * levels as they were, when there is none, one is not known, or there are more than levels. */
MUST_USE bool block_compression_parse_levels(struct bytes text, enum block_compression *levels,
                                             uint32_t level_count);

#endif
