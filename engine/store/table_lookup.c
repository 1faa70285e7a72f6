/* Which block of an open table has a key, or comes next. */
#include "engine/store/table_state.h"

uint32_t table_partition_count(const struct table *table) {
    return table->partition_count;
}

uint64_t table_data_end(const struct table *table) {
    return table->data_end;
}

bool table_is_resident(const struct table *table) {
    return table->resident || table->partition_count == 0;
}

uint32_t table_locate(const struct table *table, struct bytes key, uint64_t hash) {
    uint32_t partition = separators_find(&table->tops, key);
    if (table->resident && partition < table->partition_count)
        bloom_ask_ahead(&table->blooms[partition], hash);
    return partition;
}

enum table_filter table_partition_may_contain(const struct table *table, uint32_t partition,
                                              uint64_t hash, struct block_handle *handle) {
    if (partition == table->partition_count)
        return TABLE_FILTER_EXCLUDES;
    if (table->resident)
        return bloom_may_contain(&table->blooms[partition], hash) ? TABLE_FILTER_PASSES
                                                                  : TABLE_FILTER_EXCLUDES;
    *handle = table_filter_handle_of(table, partition);
    return handle->size > 0 ? TABLE_FILTER_FETCH : TABLE_FILTER_PASSES;
}

enum table_filter table_may_contain(const struct table *table, struct bytes key, uint64_t hash,
                                    struct block_handle *handle) {
    return table_partition_may_contain(table, table_locate(table, key, hash), hash, handle);
}

bool table_filter_passes(struct bytes contents, uint64_t hash) {
    struct bloom bloom;
    bool sound = bloom_decode(contents, &bloom);
    CHECK(sound);
    return bloom_may_contain(&bloom, hash);
}

/* The last partition whose first block is at or before a position. */
static uint32_t partition_of_block(const struct table *table, uint32_t position) {
    uint32_t low = 0;
    uint32_t high = table->partition_count - 1;
    while (low < high) {
        uint32_t middle = high - (high - low) / 2;
        if (table->partitions[middle].first_block <= position)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

void table_window_set(struct table_window *window, const struct table *table,
                      const struct block_handle *handle, struct bytes contents) {
    CHECK(handle->kind == BLOCK_INDEX);
    *window = (struct table_window){
        .table = table, .partition = table_partition_at(table, handle->offset), .index = contents};
}

/* An index that covers a partition, when one is at hand, and the position of its first block. */
static bool view_index(const struct table *table, const struct table_window *window,
                       uint32_t partition, struct table_index *index, uint32_t *first) {
    *first = table->resident ? 0 : table->partitions[partition].first_block;
    if (table->resident)
        *index = table->index;
    else if (window->table == table && window->partition == partition)
        *index = table_index_view(window->index);
    else
        return false;
    return true;
}

enum table_answer table_find_block_in(const struct table *table, const struct table_window *window,
                                      struct bytes key, uint32_t partition, uint32_t *position,
                                      struct block_handle *handle) {
    struct table_index index;
    uint32_t first;
    if (partition == table->partition_count)
        return TABLE_NO_BLOCK;
    if (!view_index(table, window, partition, &index, &first)) {
        *handle = table_index_handle_of(table, partition);
        return TABLE_NEEDS_INDEX;
    }
    const struct open_partition *here = &table->partitions[partition];
    uint32_t at = separators_find_between(&index.separators, key, here->first_block - first,
                                          here[1].first_block - first);
    /* The partition's last separator is that of the table's top: the key is not behind it. */
    CHECK(at < index.separators.count);
    *position = first + at;
    *handle = table_index_handle(&index, at);
    return TABLE_HAS_BLOCK;
}

enum table_answer table_find_block(const struct table *table, const struct table_window *window,
                                   struct bytes key, uint32_t *position,
                                   struct block_handle *handle) {
    return table_find_block_in(table, window, key, separators_find(&table->tops, key), position,
                               handle);
}

enum table_answer table_block_at(const struct table *table, const struct table_window *window,
                                 uint32_t position, struct block_handle *handle) {
    struct table_index index;
    uint32_t first;
    if (position >= table->properties.block_count)
        return TABLE_NO_BLOCK;
    uint32_t partition = table->resident ? 0 : partition_of_block(table, position);
    if (!view_index(table, window, partition, &index, &first)) {
        *handle = table_index_handle_of(table, partition);
        return TABLE_NEEDS_INDEX;
    }
    *handle = table_index_handle(&index, position - first);
    return TABLE_HAS_BLOCK;
}

uint32_t table_partition_begin(const struct table *table, const struct block_handle *handle) {
    return table->partitions[table_partition_at(table, handle->offset)].first_block;
}

uint32_t table_partition_end(const struct table *table, const struct block_handle *handle) {
    return table->partitions[table_partition_at(table, handle->offset) + 1].first_block;
}

/* The last partition whose data begins at or before an offset of the data's region. */
static uint32_t partition_of_data(const struct table *table, uint64_t offset) {
    uint32_t low = 0;
    uint32_t high = table->partition_count - 1;
    while (low < high) {
        uint32_t middle = high - (high - low) / 2;
        if (table->partitions[middle].data_offset <= offset)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

bool table_index_of(const struct table *table, uint64_t offset, struct block_handle *handle) {
    if (table->resident || offset >= table->data_end)
        return false;
    *handle = table_index_handle_of(table, partition_of_data(table, offset));
    return true;
}

void table_block_range(const struct table *table, const struct table_window *window,
                       uint64_t offset, struct bytes *before, struct bytes *last) {
    bool is_data = offset < table->data_end;
    uint32_t partition =
        is_data ? partition_of_data(table, offset) : table_partition_at(table, offset);
    *before = partition == 0 ? (struct bytes){0} : separators_at(&table->tops, partition - 1);
    *last = separators_at(&table->tops, partition);
    struct table_index index;
    uint32_t first;
    if (!is_data || !view_index(table, window, partition, &index, &first))
        return;
    for (uint32_t i = 0; i < index.separators.count; i++) {
        if (index.offsets[i] != offset)
            continue;
        if (i > 0)
            *before = separators_at(&index.separators, i - 1);
        *last = separators_at(&index.separators, i);
    }
}
