/* Turns entries in ascending order into a table's bytes.
 *
 *     add --> block in progress --full--> packed into output --drained--> gone
 *                                  \-> waits for the next key, then goes to the partition_builder
 *
 * Memory: one block, what the caller has not drained, and what the partition_builder holds. */
#include "engine/store/block_builder.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/store/block_pack.h"
#include "engine/store/partition_builder.h"
#include "engine/store/table_format.h"

enum { TABLE_BLOCK_BYTES_MAX = 64 << 20 };

struct table_builder {
    struct table_options options;
    struct table_context own_context; /* for want of a lent one */
    struct table_properties properties;
    struct block_builder block;
    struct partition_builder partitions;
    struct block_handle waiting; /* a block whose index key depends on the next key; size 0: none */
    struct buffer smallest;
    struct buffer largest;
    struct removed_ranges ranges;
    struct expiries expiries;
    struct buffer output;
    size_t drained;     /* bytes of output handed on, still lying at its front */
    uint64_t output_at; /* offset in the file of the output's front */
    bool finished;
};

struct table_builder *table_builder_create(const struct table_options *options) {
    CHECK(options->block_bytes <= TABLE_BLOCK_BYTES_MAX);
    struct table_builder *builder = memory_allocate_zeroed(1, sizeof *builder);
    builder->options = *options;
    if (options->context == NULL)
        builder->options.context = &builder->own_context;
    partition_builder_init(&builder->partitions, &builder->options);
    builder->properties = (struct table_properties){.number = options->number,
                                                    .format_version = TABLE_FORMAT_VERSION,
                                                    .compression = options->compression};
    return builder;
}

void table_builder_destroy(struct table_builder *builder) {
    if (builder == NULL)
        return;
    block_codec_deinit(&builder->own_context.codec);
    block_builder_deinit(&builder->block);
    partition_builder_deinit(&builder->partitions);
    buffer_deinit(&builder->smallest);
    buffer_deinit(&builder->largest);
    removed_ranges_deinit(&builder->ranges);
    expiries_deinit(&builder->expiries);
    buffer_deinit(&builder->output);
    memory_release(builder);
}

/* Where the next byte of output will lie in the file. */
static uint64_t file_end(const struct table_builder *builder) {
    return builder->output_at + builder->output.size;
}

/* A short key that is >= `last` and < `next`: the head of `next` up to the first byte in which they
 * differ, when that is shorter than `last`. */
static struct bytes separator_between(struct bytes last, struct bytes next) {
    size_t shorter = last.size < next.size ? last.size : next.size;
    size_t shared = 0;
    while (shared < shorter && last.data[shared] == next.data[shared])
        shared++;
    size_t size = shared + 1;
    return size < last.size && size < next.size ? bytes_slice(next, 0, size) : last;
}

static void index_waiting_block(struct table_builder *builder, struct bytes separator) {
    if (builder->waiting.size == 0)
        return;
    partition_builder_add_block(&builder->partitions, separator, &builder->waiting);
    builder->waiting = (struct block_handle){0};
}

static void end_block(struct table_builder *builder) {
    if (builder->block.entry_count == 0)
        return;
    CHECK(builder->waiting.size == 0);
    builder->waiting.offset = file_end(builder);
    block_pack(&builder->options.context->codec, block_builder_finish(&builder->block),
               builder->options.compression, &builder->output, &builder->waiting);
    block_builder_reset(&builder->block);
    builder->properties.block_count++;
}

/* Up to the entry itself. */
static inline void begin_entry(struct table_builder *builder, struct bytes key,
                               struct bytes value) {
    const struct table_properties *properties = &builder->properties;
    struct bytes largest = buffer_bytes(&builder->largest);
    CHECK(!builder->finished);
    CHECK(key.size <= TABLE_KEY_MAX && value.size <= TABLE_VALUE_MAX);
    CHECK(properties->entry_count == 0 || bytes_compare(key, largest) > 0);
    index_waiting_block(builder, separator_between(largest, key));
    if (properties->entry_count == 0)
        buffer_append(&builder->smallest, key);
}

static inline void end_entry(struct table_builder *builder, struct bytes key, struct bytes value) {
    struct table_properties *properties = &builder->properties;
    partition_builder_add_key(&builder->partitions, hash64(key));
    buffer_clear(&builder->largest);
    buffer_append(&builder->largest, key);
    properties->entry_count++;
    properties->key_bytes += key.size;
    properties->value_bytes += value.size;
    if (block_builder_size(&builder->block) >= builder->options.block_bytes)
        end_block(builder);
}

void table_builder_add(struct table_builder *builder, struct bytes key, struct bytes value,
                       bool removed) {
    CHECK(!removed || value.size == 0);
    begin_entry(builder, key, value);
    block_builder_add(&builder->block, key, value, removed);
    builder->properties.removed_count += removed ? 1 : 0;
    end_entry(builder, key, value);
}

void table_builder_add_expiring(struct table_builder *builder, struct bytes key, struct bytes value,
                                struct wall_time expires) {
    begin_entry(builder, key, value);
    block_builder_add_expiring(&builder->block, key, value, expires);
    expiries_add(&builder->expiries, expires);
    builder->properties.expiring_count++;
    end_entry(builder, key, value);
}

void table_builder_remove(struct table_builder *builder, const struct removed_ranges *ranges) {
    CHECK(!builder->finished && builder->ranges.count == 0);
    for (uint32_t i = 0; i < ranges->count; i++)
        removed_ranges_add(&builder->ranges, buffer_bytes(&ranges->items[i].from),
                           buffer_bytes(&ranges->items[i].to));
    builder->properties.range_count = builder->ranges.count;
}

struct bytes table_builder_output(const struct table_builder *builder, uint64_t *offset) {
    *offset = builder->output_at + builder->drained;
    return bytes_slice(buffer_bytes(&builder->output), builder->drained,
                       builder->output.size - builder->drained);
}

void table_builder_drained(struct table_builder *builder, size_t size) {
    CHECK(size <= builder->output.size - builder->drained);
    builder->drained += size;
    /* What is left moves to the front only when it is the smaller part, so that each byte moves
     * less than once on average. */
    if (builder->drained < builder->output.size - builder->drained)
        return;
    buffer_consume(&builder->output, builder->drained);
    builder->output_at += builder->drained;
    builder->drained = 0;
}

uint64_t table_builder_size(const struct table_builder *builder) {
    uint64_t size = file_end(builder);
    if (builder->finished)
        return size;
    return size + block_builder_size(&builder->block) +
           partition_builder_size(&builder->partitions) + TABLE_PROPERTIES_SIZE +
           builder->ranges.bytes + TABLE_FOOTER_SIZE;
}

static uint64_t append_block(struct table_builder *builder, struct bytes contents) {
    struct block_handle handle = {0};
    block_pack(&builder->options.context->codec, contents, COMPRESSION_NONE, &builder->output,
               &handle);
    return handle.size;
}

void table_builder_finish(struct table_builder *builder) {
    CHECK(!builder->finished);
    end_block(builder);
    index_waiting_block(builder, buffer_bytes(&builder->largest));
    partition_builder_finish(&builder->partitions);
    struct table_footer footer = {
        .data_end = file_end(builder),
        .partitions_size = builder->partitions.packed.size,
        .partition_count = builder->partitions.count,
    };
    buffer_append(&builder->output, buffer_bytes(&builder->partitions.packed));
    footer.top_size = append_block(builder, block_builder_finish(&builder->partitions.top));
    struct buffer properties = {0};
    /* The first time for its size alone. */
    table_properties_encode(&builder->properties, &builder->ranges, &builder->expiries,
                            &properties);
    footer.properties_size = properties.size + BLOCK_TRAILER_SIZE;
    builder->properties.file_size = table_footer_file_size(&footer);
    buffer_clear(&properties);
    table_properties_encode(&builder->properties, &builder->ranges, &builder->expiries,
                            &properties);
    (void)append_block(builder, buffer_bytes(&properties));
    buffer_deinit(&properties);
    table_footer_encode(&footer, &builder->output);
    builder->finished = true;
    CHECK(file_end(builder) == builder->properties.file_size);
}

struct table_summary table_builder_summary(const struct table_builder *builder) {
    CHECK(builder->finished);
    struct table_summary summary = {
        .properties = builder->properties,
        .smallest = buffer_bytes(&builder->smallest),
        .largest = buffer_bytes(&builder->largest),
    };
    if (builder->ranges.count == 0)
        return summary;
    struct bytes from = buffer_bytes(&builder->ranges.items[0].from);
    struct bytes to = buffer_bytes(&builder->ranges.items[builder->ranges.count - 1].to);
    bool has_entries = builder->properties.entry_count > 0;
    if (!has_entries || bytes_compare(from, summary.smallest) < 0)
        summary.smallest = from;
    if (!has_entries || bytes_compare(to, summary.largest) > 0) {
        summary.largest = to;
        summary.largest_excluded = true;
    }
    return summary;
}
