#include "engine/store/partition_builder.h"

#include "engine/base/memory.h"
#include "engine/store/block_pack.h"
#include "engine/store/bloom.h"
#include "engine/store/table_format.h"

/* An entry of an index takes about so much beside its key. */
enum { INDEX_ENTRY_BYTES = 14, PENDING_CAPACITY_MIN = 64 };

void partition_builder_init(struct partition_builder *builder,
                            const struct table_options *options) {
    uint64_t above =
        options->partition_above > 0 ? options->partition_above : TABLE_PARTITION_ABOVE;
    CHECK(options->filter_bits_per_key <= BLOOM_BITS_PER_KEY_MAX);
    *builder = (struct partition_builder){
        .filter_bits_per_key = options->filter_bits_per_key,
        .above = above,
        .partition_bytes = above < TABLE_PARTITION_BYTES ? above : TABLE_PARTITION_BYTES,
        .codec = &options->context->codec,
    };
}

void partition_builder_deinit(struct partition_builder *builder) {
    memory_release(builder->pending);
    buffer_deinit(&builder->separators);
    buffer_deinit(&builder->hashes);
    block_builder_deinit(&builder->index);
    block_builder_deinit(&builder->top);
    buffer_deinit(&builder->packed);
    buffer_deinit(&builder->scratch);
}

void partition_builder_add_key(struct partition_builder *builder, uint64_t hash) {
    if (builder->filter_bits_per_key > 0)
        buffer_put_u64(&builder->hashes, hash);
}

/* Where the pending block at `at` begins in separators and hashes: where the one before ends. */
static struct pending_block pending_start(const struct partition_builder *builder, size_t at) {
    return at == 0 ? (struct pending_block){0} : builder->pending[at - 1];
}

/* Bytes of index and filter for the pending blocks from `from` up to `end`, roughly. */
static uint64_t pending_bytes(const struct partition_builder *builder, size_t from, size_t end) {
    struct pending_block start = pending_start(builder, from);
    struct pending_block stop = pending_start(builder, end);
    size_t keys = (stop.hashes_end - start.hashes_end) / sizeof(uint64_t);
    return stop.separator_end - start.separator_end + (end - from) * INDEX_ENTRY_BYTES +
           keys * builder->filter_bits_per_key / 8;
}

static struct bytes pending_separator(const struct partition_builder *builder, size_t at) {
    size_t from = pending_start(builder, at).separator_end;
    return bytes_slice(buffer_bytes(&builder->separators), from,
                       builder->pending[at].separator_end - from);
}

static void pack_filter(struct partition_builder *builder, size_t from, size_t end,
                        struct table_partition *partition) {
    struct block_handle handle = {0};
    size_t hashes_from = pending_start(builder, from).hashes_end;
    size_t hashes_end = pending_start(builder, end).hashes_end;
    const uint8_t *hashes =
        builder->hashes.data == NULL ? NULL : builder->hashes.data + hashes_from;
    buffer_clear(&builder->scratch);
    bloom_build((const uint64_t *)(const void *)hashes,
                (hashes_end - hashes_from) / sizeof(uint64_t), builder->filter_bits_per_key,
                &builder->scratch);
    if (builder->scratch.size == 0)
        return;
    block_pack(builder->codec, buffer_bytes(&builder->scratch), COMPRESSION_NONE, &builder->packed,
               &handle);
    partition->filter_size = handle.size;
    partition->filter_checksum = handle.checksum;
}

static void pack_index(struct partition_builder *builder, size_t from, size_t end,
                       struct table_partition *partition) {
    block_builder_reset(&builder->index);
    for (size_t i = from; i < end; i++) {
        const struct block_handle *handle = &builder->pending[i].handle;
        buffer_clear(&builder->scratch);
        buffer_put_varint(&builder->scratch, handle->offset);
        buffer_put_varint(&builder->scratch, handle->size);
        buffer_put_u32(&builder->scratch, handle->checksum);
        block_builder_add(&builder->index, pending_separator(builder, i),
                          buffer_bytes(&builder->scratch), false);
        partition->data_size += handle->size;
    }
    struct block_handle handle = {0};
    block_pack(builder->codec, block_builder_finish(&builder->index), COMPRESSION_NONE,
               &builder->packed, &handle);
    partition->block_count = (uint32_t)(end - from);
    partition->index_size = handle.size;
    partition->index_checksum = handle.checksum;
}

/* Makes a partition of the pending blocks from `from` up to `end`. */
static void pack_partition(struct partition_builder *builder, size_t from, size_t end) {
    struct table_partition partition = {0};
    pack_filter(builder, from, end, &partition);
    pack_index(builder, from, end, &partition);
    buffer_clear(&builder->scratch);
    table_partition_encode(&partition, &builder->scratch);
    block_builder_add(&builder->top, pending_separator(builder, end - 1),
                      buffer_bytes(&builder->scratch), false);
    builder->count++;
}

static void drop_pending(struct partition_builder *builder, size_t count) {
    struct pending_block start = pending_start(builder, count);
    builder->pending_count -= count;
    memmove(builder->pending, builder->pending + count,
            builder->pending_count * sizeof *builder->pending);
    for (size_t i = 0; i < builder->pending_count; i++) {
        builder->pending[i].separator_end -= start.separator_end;
        builder->pending[i].hashes_end -= start.hashes_end;
    }
    buffer_consume(&builder->separators, start.separator_end);
    buffer_consume(&builder->hashes, start.hashes_end);
}

/* Cuts partitions off while as much is pending as one of them takes. */
static void cut_partitions(struct partition_builder *builder) {
    size_t from = 0;
    for (size_t end = 1; end <= builder->pending_count; end++) {
        if (pending_bytes(builder, from, end) < builder->partition_bytes)
            continue;
        pack_partition(builder, from, end);
        from = end;
    }
    drop_pending(builder, from);
}

void partition_builder_add_block(struct partition_builder *builder, struct bytes separator,
                                 const struct block_handle *handle) {
    if (builder->pending_count == builder->pending_capacity) {
        builder->pending_capacity =
            builder->pending_capacity == 0 ? PENDING_CAPACITY_MIN : builder->pending_capacity * 2;
        builder->pending =
            memory_resize(builder->pending, builder->pending_capacity * sizeof *builder->pending);
    }
    buffer_append(&builder->separators, separator);
    builder->pending[builder->pending_count++] =
        (struct pending_block){.handle = *handle,
                               .separator_end = builder->separators.size,
                               .hashes_end = builder->hashes.size};
    uint64_t bytes = pending_bytes(builder, 0, builder->pending_count);
    builder->cut = builder->cut || bytes > builder->above;
    if (builder->cut && bytes >= builder->partition_bytes)
        cut_partitions(builder);
}

void partition_builder_finish(struct partition_builder *builder) {
    if (builder->pending_count > 0)
        pack_partition(builder, 0, builder->pending_count);
}

uint64_t partition_builder_size(const struct partition_builder *builder) {
    return builder->packed.size + block_builder_size(&builder->top) +
           pending_bytes(builder, 0, builder->pending_count);
}
