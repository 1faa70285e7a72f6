/* Takes the metadata of a table into memory, when it is opened. */
#include "engine/store/table_state.h"

#include "engine/base/memory.h"
#include "engine/store/table_format.h"

void table_close(struct table *table) {
    if (table == NULL)
        return;
    removed_ranges_deinit(&table->ranges);
    expiries_deinit(&table->expiries);
    table->context->pinned_bytes -= table->pinned;
    buffer_deinit(&table->tops_flat);
    buffer_deinit(&table->index_flat);
    buffer_deinit(&table->filters);
    memory_release(table->blooms);
    memory_release(table->partitions);
    memory_release(table);
}

/* Takes the lines of a partition's filter; `raw` begins where partitions do. */
static enum table_status read_filter(struct table *table, uint32_t partition, struct bytes raw) {
    struct block_handle handle = table_filter_handle_of(table, partition);
    struct buffer contents = {0};
    if (handle.size == 0)
        return TABLE_OK;
    enum table_status status = table_block_unpack(
        table, &handle,
        bytes_slice(raw, (size_t)(handle.offset - table->data_end), (size_t)handle.size),
        &contents);
    struct bloom *bloom = &table->blooms[partition];
    if (status == TABLE_OK && bloom_decode(buffer_bytes(&contents), bloom)) {
        bloom->lines = table->filters.data + table->filters.size;
        /* There is room: the lines of all partitions take less than their blocks. */
        buffer_append(&table->filters, bytes_slice(buffer_bytes(&contents), 0,
                                                   (size_t)bloom->line_count * BLOOM_LINE_SIZE));
    }
    buffer_deinit(&contents);
    return status;
}

static enum table_status read_index(const struct table *table, uint32_t partition, struct bytes raw,
                                    struct table_index_draft *draft) {
    struct block_handle handle = table_index_handle_of(table, partition);
    struct table_index_limits limits = table_limits_of(table, partition);
    struct buffer contents = {0};
    enum table_status status = TABLE_CORRUPT;
    raw = bytes_slice(raw, (size_t)(handle.offset - table->data_end), (size_t)handle.size);
    if (table_is_named_block(&handle, raw))
        status = block_unpack(&table->context->codec, raw, &contents);
    if (status == TABLE_OK)
        status = table_index_draft_add(draft, buffer_bytes(&contents), &limits);
    buffer_deinit(&contents);
    return status;
}

/* Bytes of all filters. */
static uint64_t filters_size(const struct table *table) {
    uint64_t size = 0;
    for (uint32_t i = 0; i < table->partition_count; i++)
        size += table_filter_handle_of(table, i).size;
    return size;
}

/* Takes all partitions into memory, each line of a filter on one cache line. */
static enum table_status read_partitions(struct table *table, struct bytes raw) {
    struct table_index_draft draft = {0};
    enum table_status status = TABLE_OK;
    uint8_t *lines =
        buffer_reserve_exactly(&table->filters, (size_t)filters_size(table) + BLOOM_LINE_SIZE);
    table->filters.size = (BLOOM_LINE_SIZE - (uintptr_t)lines % BLOOM_LINE_SIZE) % BLOOM_LINE_SIZE;
    memset(lines, 0, table->filters.size);
    table->blooms = memory_allocate_zeroed(table->partition_count, sizeof *table->blooms);
    for (uint32_t i = 0; status == TABLE_OK && i < table->partition_count; i++) {
        status = read_filter(table, i, raw);
        if (status == TABLE_OK)
            status = read_index(table, i, raw, &draft);
    }
    if (status == TABLE_OK) {
        table_index_draft_pack(&draft, &table->index_flat);
        table->index = table_index_view(buffer_bytes(&table->index_flat));
        table->resident = true;
    }
    table_index_draft_deinit(&draft);
    return status;
}

static enum table_status read_properties(struct table *table, struct bytes raw) {
    struct buffer contents = {0};
    enum table_status status = block_unpack(&table->context->codec, raw, &contents);
    if (status == TABLE_OK)
        status = table_properties_decode(buffer_bytes(&contents), &table->properties,
                                         &table->ranges, &table->expiries);
    buffer_deinit(&contents);
    return status;
}

/* Takes one entry of the top-level index. */
static bool take_partition(struct table *table, const struct block_cursor *cursor,
                           struct separators_draft *draft) {
    struct table_partition told;
    struct open_partition *here = &table->partitions[table->partition_count];
    if (cursor->removed || cursor->expires.milliseconds != 0 ||
        !table_partition_decode(cursor->value, &told) ||
        told.data_size > table->data_end - here->data_offset ||
        told.filter_size + told.index_size > table->partitions_end - here->filter_offset ||
        told.block_count > UINT32_MAX - here->first_block ||
        !separators_draft_add(draft, cursor->key))
        return false;
    here->index_offset = here->filter_offset + told.filter_size;
    here->filter_checksum = told.filter_checksum;
    here->index_checksum = told.index_checksum;
    here[1] = (struct open_partition){
        .data_offset = here->data_offset + told.data_size,
        .filter_offset = here->index_offset + told.index_size,
        .first_block = here->first_block + told.block_count,
    };
    table->partition_count++;
    return true;
}

/* Takes all entries: as many as the footer says, without a gap in data or partitions. */
static enum table_status take_top(struct table *table, struct bytes contents, uint32_t count) {
    /* An entry takes more than one byte, so a count beyond that is a lie. */
    if (count >= contents.size)
        return TABLE_CORRUPT;
    table->partitions = memory_allocate_zeroed(count + (size_t)1, sizeof *table->partitions);
    table->partitions[0].filter_offset = table->data_end;
    struct separators_draft draft = {0};
    struct block_cursor cursor = {0};
    bool sound = block_cursor_open(&cursor, contents) == TABLE_OK;
    if (sound)
        block_cursor_first(&cursor);
    while (sound && cursor.valid) {
        sound = table->partition_count < count && take_partition(table, &cursor, &draft);
        if (sound)
            block_cursor_next(&cursor);
    }
    sound = sound && !cursor.corrupt && table->partition_count == count;
    if (sound) {
        buffer_reserve_exactly(&table->tops_flat, separators_packed_size(&draft));
        separators_pack(&draft, &table->tops_flat);
        (void)separators_view(&table->tops, buffer_bytes(&table->tops_flat));
    }
    const struct open_partition *end = &table->partitions[count];
    sound = sound && end->data_offset == table->data_end &&
            end->filter_offset == table->partitions_end &&
            end->first_block == table->properties.block_count;
    separators_draft_deinit(&draft);
    block_cursor_deinit(&cursor);
    return sound ? TABLE_OK : TABLE_CORRUPT;
}

static enum table_status read_top(struct table *table, struct bytes raw, uint32_t count) {
    struct buffer contents = {0};
    enum table_status status = block_unpack(&table->context->codec, raw, &contents);
    if (status == TABLE_OK)
        status = take_top(table, buffer_bytes(&contents), count);
    buffer_deinit(&contents);
    return status;
}

static bool may_pin(const struct table_context *context, uint64_t bytes) {
    return context->pinned_bytes <= context->pinned_bytes_max &&
           bytes <= context->pinned_bytes_max - context->pinned_bytes;
}

static enum table_status read_metadata(struct table *table, const struct table_footer *footer,
                                       struct bytes metadata) {
    struct reader reader = reader_of(metadata);
    bool small = footer->partitions_size <= TABLE_RESIDENT_MAX;
    struct bytes partitions = reader_take(&reader, small ? footer->partitions_size : 0);
    struct bytes top = reader_take(&reader, footer->top_size);
    struct bytes properties = reader_take(&reader, footer->properties_size);
    if (!reader_finished(&reader))
        return TABLE_CORRUPT;
    enum table_status status = read_properties(table, properties);
    if (status == TABLE_OK && table->properties.file_size != table_footer_file_size(footer))
        status = TABLE_CORRUPT;
    if (status == TABLE_OK)
        status = read_top(table, top, footer->partition_count);
    if (status == TABLE_OK && small && footer->partition_count > 0 &&
        may_pin(table->context, footer->partitions_size))
        status = read_partitions(table, partitions);
    return status;
}

struct table *table_open(struct bytes footer, struct bytes metadata, struct table_context *context,
                         enum table_status *status) {
    struct table_footer parsed;
    *status = table_footer_parse(footer, &parsed);
    if (*status != TABLE_OK)
        return NULL;
    struct table *table = memory_allocate_zeroed(1, sizeof *table);
    table->context = context;
    table->data_end = parsed.data_end;
    table->partitions_end = parsed.data_end + parsed.partitions_size;
    *status = read_metadata(table, &parsed, metadata);
    if (*status != TABLE_OK) {
        table_close(table);
        return NULL;
    }
    table->pinned = table_memory(table);
    context->pinned_bytes += table->pinned;
    return table;
}

const struct table_properties *table_properties(const struct table *table) {
    return &table->properties;
}

const struct removed_ranges *table_ranges(const struct table *table) {
    return &table->ranges;
}

const struct expiries *table_expiries(const struct table *table) {
    return &table->expiries;
}

size_t table_memory(const struct table *table) {
    size_t blooms = table->blooms == NULL ? 0 : table->partition_count * sizeof *table->blooms;
    return sizeof *table + table->ranges.bytes +
           table->expiries.count * sizeof *table->expiries.steps + table->filters.capacity +
           blooms + table->index_flat.capacity + table->tops_flat.capacity +
           (table->partition_count + (size_t)1) * sizeof *table->partitions;
}
