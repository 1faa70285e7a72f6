/* table_state: an open table's metadata in the shape that lookups want, for the parts of the reader.
 *
 *     tops:        last separator of each partition
 *     partitions:  what the top-level index says of each, with where it begins
 *     index, blooms: of all partitions, the index as one, when they stay in memory
 *
 *     table_open.c fills it, table_lookup.c asks it, table_unpack.c takes its blocks out of what was read.
 */
#ifndef DUNLIN_STORE_TABLE_STATE_H
#define DUNLIN_STORE_TABLE_STATE_H

#include "engine/store/bloom.h"
#include "engine/store/table.h"
#include "engine/store/table_index.h"

/* Where a partition and its data begin. */
struct open_partition {
    uint64_t data_offset;
    uint64_t filter_offset, index_offset;
    uint32_t filter_checksum, index_checksum;
    uint32_t first_block;
};

struct table {
    struct table_context *context; /* borrowed */
    struct table_properties properties;
    struct removed_ranges ranges;
    struct expiries expiries;
    uint64_t data_end, partitions_end;
    struct buffer tops_flat;
    struct separators tops;
    struct open_partition *partitions; /* and behind the last one, where all of them end */
    uint32_t partition_count;
    bool resident;
    struct buffer index_flat, filters; /* when resident */
    struct table_index index;
    struct bloom *blooms; /* of each partition */
    size_t pinned;        /* counted in the context */
};

static inline struct block_handle table_index_handle_of(const struct table *table,
                                                        uint32_t partition) {
    const struct open_partition *here = &table->partitions[partition];
    return (struct block_handle){
        .offset = here->index_offset,
        .size = here[1].filter_offset - here->index_offset,
        .checksum = here->index_checksum,
        .kind = BLOCK_INDEX,
    };
}

static inline struct block_handle table_filter_handle_of(const struct table *table,
                                                         uint32_t partition) {
    const struct open_partition *here = &table->partitions[partition];
    return (struct block_handle){
        .offset = here->filter_offset,
        .size = here->index_offset - here->filter_offset,
        .checksum = here->filter_checksum,
        .kind = BLOCK_FILTER,
    };
}

static inline struct table_index_limits table_limits_of(const struct table *table,
                                                        uint32_t partition) {
    const struct open_partition *here = &table->partitions[partition];
    return (struct table_index_limits){
        .from = here->data_offset,
        .end = here[1].data_offset,
        .block_count = here[1].first_block - here->first_block,
        .last = separators_at(&table->tops, partition),
    };
}

static inline bool table_is_named_block(const struct block_handle *handle, struct bytes raw) {
    return raw.size == handle->size && raw.size >= BLOCK_TRAILER_SIZE &&
           load_u32(raw.data + raw.size - sizeof handle->checksum) == handle->checksum;
}

/* The last partition that begins at or before an offset of the partitions' region. */
static inline uint32_t table_partition_at(const struct table *table, uint64_t offset) {
    uint32_t low = 0;
    uint32_t high = table->partition_count - 1;
    while (low < high) {
        uint32_t middle = high - (high - low) / 2;
        if (table->partitions[middle].filter_offset <= offset)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

#endif
