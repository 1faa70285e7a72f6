/* Takes blocks of an open table out of what was read from the file. */
#include "engine/store/table_state.h"

static enum table_status unpack_index(const struct table *table, const struct block_handle *handle,
                                      struct bytes plain, struct buffer *contents) {
    struct table_index_limits limits =
        table_limits_of(table, table_partition_at(table, handle->offset));
    return table_index_unfold(plain, &limits, contents);
}

static enum table_status unpack_partition(const struct table *table,
                                          const struct block_handle *handle, struct bytes raw,
                                          struct buffer *contents) {
    struct buffer plain = {0};
    struct bloom bloom;
    enum table_status status = block_unpack(&table->context->codec, raw, &plain);
    if (status == TABLE_OK && handle->kind == BLOCK_INDEX)
        status = unpack_index(table, handle, buffer_bytes(&plain), contents);
    else if (status == TABLE_OK && (plain.size == 0 || !bloom_decode(buffer_bytes(&plain), &bloom)))
        status = TABLE_CORRUPT;
    else if (status == TABLE_OK) {
        buffer_reserve_exactly(contents, plain.size);
        buffer_append(contents, buffer_bytes(&plain));
    }
    buffer_deinit(&plain);
    return status;
}

enum table_status table_block_unpack(const struct table *table, const struct block_handle *handle,
                                     struct bytes raw, struct buffer *contents) {
    if (!table_is_named_block(handle, raw))
        return TABLE_CORRUPT;
    if (handle->kind != BLOCK_DATA)
        return unpack_partition(table, handle, raw, contents);
    return block_unpack(&table->context->codec, raw, contents);
}
