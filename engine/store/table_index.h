/* table_index: one partition of a table's index in the shape that lookups want.
 *
 *     +------------+-----------------------------------+--------------------------------+
 *     | separators | offset u64 of each block, and end | checksum u32 of each block     |
 *     +------------+-----------------------------------+--------------------------------+
 *
 * It is made when the partition is read, once, and checked meanwhile; it lies in the table or in the block cache, and
 * looking something up in it decodes nothing. (What lies in the file is a block of entries, see docs/formats/table.md.)
 *
 *     status = table_index_unfold(contents, &limits, &flat);
 *     struct table_index index = table_index_view(buffer_bytes(&flat));
 *     position = separators_find(&index.separators, key);
 *     if (position < index.separators.count) handle = table_index_handle(&index, position);
 */
#ifndef DUNLIN_STORE_TABLE_INDEX_H
#define DUNLIN_STORE_TABLE_INDEX_H

#include "engine/store/separators.h"
#include "engine/store/table.h"

struct table_index {
    struct separators separators;
    const uint64_t *offsets; /* one more than there are blocks */
    const uint32_t *checksums;
};

/* What the top-level index says of a partition: the entries must fill it exactly. */
struct table_index_limits {
    uint64_t from, end; /* offsets of its data blocks */
    uint32_t block_count;
    struct bytes last; /* the last separator */
};

/* Partitions, one behind the other, that are to become one. The zero value is empty. */
struct table_index_draft {
    struct separators_draft separators;
    struct buffer offsets, checksums;
    uint64_t end; /* of the last block */
};
void table_index_draft_deinit(struct table_index_draft *draft);
MUST_USE enum table_status table_index_draft_add(struct table_index_draft *draft,
                                                 struct bytes contents,
                                                 const struct table_index_limits *limits);
void table_index_draft_pack(const struct table_index_draft *draft, struct buffer *flat);

/* The same for one partition. Appends to an empty buffer. */
MUST_USE enum table_status table_index_unfold(struct bytes contents,
                                              const struct table_index_limits *limits,
                                              struct buffer *flat);
/* `flat` was made by table_index_unfold() and lies at a multiple of 8. */
struct table_index table_index_view(struct bytes flat);
struct block_handle table_index_handle(const struct table_index *index, uint32_t position);

#endif
