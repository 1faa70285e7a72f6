/* partition_builder: makes a table's filters and indexes, in one partition or in many.
 *
 *     key hashes, block after block --> pending --small table: all of it, at the end--> one partition
 *                                          \--once more than TABLE_PARTITION_ABOVE is pending: cut off--> partition
 *
 * A partition is made as soon as its blocks are known, so that finishing a large table is not much more work than
 * finishing a small one.
 *
 *     struct partition_builder builder;
 *     partition_builder_init(&builder, &options);
 *     partition_builder_add_key(&builder, hash64(key));                // every key of a block, then
 *     partition_builder_add_block(&builder, separator, &handle);      // the block
 *     partition_builder_finish(&builder);
 *     -> builder.packed, block_builder_finish(&builder.top), builder.count
 */
#ifndef DUNLIN_STORE_PARTITION_BUILDER_H
#define DUNLIN_STORE_PARTITION_BUILDER_H

#include "engine/store/block_builder.h"

/* A block that is in no partition yet. */
struct pending_block {
    struct block_handle handle;
    size_t separator_end; /* in `separators` */
    size_t hashes_end;    /* in `hashes`, bytes */
};

struct partition_builder {
    uint32_t filter_bits_per_key;
    uint64_t above; /* pending bytes from which on the table is cut into partitions */
    uint64_t partition_bytes;
    struct block_codec *codec;
    bool cut; /* the table has more than one partition */
    struct pending_block *pending;
    size_t pending_count, pending_capacity;
    struct buffer separators;
    struct buffer hashes; /* u64 for each key */
    struct block_builder index;
    struct block_builder top;
    struct buffer packed; /* the partitions as they go to the file */
    struct buffer scratch;
    uint32_t count;
};

void partition_builder_init(struct partition_builder *builder, const struct table_options *options);
void partition_builder_deinit(struct partition_builder *builder);
void partition_builder_add_key(struct partition_builder *builder, uint64_t hash);
void partition_builder_add_block(struct partition_builder *builder, struct bytes separator,
                                 const struct block_handle *handle);
void partition_builder_finish(struct partition_builder *builder);
/* What partitions and top-level index would take if finished now, roughly. */
uint64_t partition_builder_size(const struct partition_builder *builder);

#endif
