/* Holds an open table's metadata in the shape that lookups want.
 *
 *     tops:        last separator of each partition
 *     partitions:  what the top-level index says of each, with where it begins
 *     index, bloom: of the only partition, when they stay in memory                             */
#include "engine/store/table.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/store/bloom.h"
#include "engine/store/table_format.h"
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
    uint64_t data_end, partitions_end;
    struct buffer tops_flat;
    struct separators tops;
    struct open_partition *partitions; /* and behind the last one, where all of them end */
    uint32_t partition_count;
    bool resident;
    struct buffer index_flat, filter; /* when resident */
    struct table_index index;
    struct bloom bloom;
    size_t pinned; /* counted in the context */
};

void table_close(struct table *table) {
    if (table == NULL)
        return;
    removed_ranges_deinit(&table->ranges);
    table->context->pinned_bytes -= table->pinned;
    buffer_deinit(&table->tops_flat);
    buffer_deinit(&table->index_flat);
    buffer_deinit(&table->filter);
    memory_release(table->partitions);
    memory_release(table);
}

static struct block_handle index_handle(const struct table *table, uint32_t partition) {
    const struct open_partition *here = &table->partitions[partition];
    return (struct block_handle){
        .offset = here->index_offset,
        .size = here[1].filter_offset - here->index_offset,
        .checksum = here->index_checksum,
        .kind = BLOCK_INDEX,
    };
}

static struct block_handle filter_handle(const struct table *table, uint32_t partition) {
    const struct open_partition *here = &table->partitions[partition];
    return (struct block_handle){
        .offset = here->filter_offset,
        .size = here->index_offset - here->filter_offset,
        .checksum = here->filter_checksum,
        .kind = BLOCK_FILTER,
    };
}

/* Moves the lines to an address at which each is one cache line. */
static void align_filter(struct table *table, struct bytes lines) {
    struct buffer aligned = {0};
    uint8_t *to = buffer_reserve_exactly(&aligned, lines.size + BLOOM_LINE_SIZE - 1);
    size_t gap = (BLOOM_LINE_SIZE - (uintptr_t)to % BLOOM_LINE_SIZE) % BLOOM_LINE_SIZE;
    memcpy(to + gap, lines.data, lines.size);
    aligned.size = gap + lines.size;
    table->bloom.lines = to + gap;
    buffer_deinit(&table->filter);
    table->filter = aligned;
}

/* Takes the only partition into memory; `raw` begins where partitions do. */
static enum table_status read_partition(struct table *table, struct bytes raw) {
    struct block_handle filter = filter_handle(table, 0);
    struct block_handle index = index_handle(table, 0);
    enum table_status status = TABLE_OK;
    if (filter.size > 0)
        status = table_block_unpack(table, &filter, bytes_slice(raw, 0, (size_t)filter.size),
                                    &table->filter);
    if (status == TABLE_OK)
        status = table_block_unpack(table, &index,
                                    bytes_slice(raw, (size_t)filter.size, (size_t)index.size),
                                    &table->index_flat);
    if (status != TABLE_OK)
        return status;
    bool sound = bloom_decode(buffer_bytes(&table->filter), &table->bloom);
    CHECK(sound);
    if (table->bloom.line_count > 0)
        align_filter(table, bytes_slice(buffer_bytes(&table->filter), 0,
                                        (size_t)table->bloom.line_count * BLOOM_LINE_SIZE));
    table->index = table_index_view(buffer_bytes(&table->index_flat));
    table->resident = true;
    return TABLE_OK;
}

static enum table_status read_properties(struct table *table, struct bytes raw) {
    struct buffer contents = {0};
    enum table_status status = block_unpack(&table->context->codec, raw, &contents);
    if (status == TABLE_OK)
        status =
            table_properties_decode(buffer_bytes(&contents), &table->properties, &table->ranges);
    buffer_deinit(&contents);
    return status;
}

/* Takes one entry of the top-level index. */
static bool take_partition(struct table *table, const struct block_cursor *cursor,
                           struct separators_draft *draft) {
    struct table_partition told;
    struct open_partition *here = &table->partitions[table->partition_count];
    if (cursor->removed || !table_partition_decode(cursor->value, &told) ||
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
    struct bytes partition =
        reader_take(&reader, footer->partition_count > 1 ? 0 : footer->partitions_size);
    struct bytes top = reader_take(&reader, footer->top_size);
    struct bytes properties = reader_take(&reader, footer->properties_size);
    if (!reader_finished(&reader))
        return TABLE_CORRUPT;
    enum table_status status = read_properties(table, properties);
    if (status == TABLE_OK && table->properties.file_size != table_footer_file_size(footer))
        status = TABLE_CORRUPT;
    if (status == TABLE_OK)
        status = read_top(table, top, footer->partition_count);
    if (status == TABLE_OK && footer->partition_count == 1 &&
        may_pin(table->context, footer->partitions_size))
        status = read_partition(table, partition);
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

size_t table_memory(const struct table *table) {
    return sizeof *table + table->ranges.bytes + table->filter.capacity +
           table->index_flat.capacity + table->tops_flat.capacity +
           (table->partition_count + (size_t)1) * sizeof *table->partitions;
}

uint32_t table_partition_count(const struct table *table) {
    return table->partition_count;
}

uint64_t table_data_end(const struct table *table) {
    return table->data_end;
}

bool table_is_resident(const struct table *table) {
    return table->resident || table->partition_count == 0;
}

enum table_filter table_may_contain(const struct table *table, struct bytes key, uint64_t hash,
                                    struct block_handle *handle) {
    if (table->resident)
        return bloom_may_contain(&table->bloom, hash) ? TABLE_FILTER_PASSES : TABLE_FILTER_EXCLUDES;
    uint32_t partition = separators_find(&table->tops, key);
    if (partition == table->partition_count)
        return TABLE_FILTER_EXCLUDES;
    *handle = filter_handle(table, partition);
    return handle->size > 0 ? TABLE_FILTER_FETCH : TABLE_FILTER_PASSES;
}

bool table_filter_passes(struct bytes contents, uint64_t hash) {
    struct bloom bloom;
    bool sound = bloom_decode(contents, &bloom);
    CHECK(sound);
    return bloom_may_contain(&bloom, hash);
}

/* The last partition that begins at or before an offset of the partitions' region. */
static uint32_t partition_at(const struct table *table, uint64_t offset) {
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
        .table = table, .partition = partition_at(table, handle->offset), .index = contents};
}

/* The index of a partition, when it is at hand. */
static bool view_index(const struct table *table, const struct table_window *window,
                       uint32_t partition, struct table_index *index) {
    if (table->resident)
        *index = table->index;
    else if (window->table == table && window->partition == partition)
        *index = table_index_view(window->index);
    else
        return false;
    return true;
}

enum table_answer table_find_block(const struct table *table, const struct table_window *window,
                                   struct bytes key, uint32_t *position,
                                   struct block_handle *handle) {
    struct table_index index;
    uint32_t partition = table->resident ? 0 : separators_find(&table->tops, key);
    if (partition == table->partition_count)
        return TABLE_NO_BLOCK;
    if (!view_index(table, window, partition, &index)) {
        *handle = index_handle(table, partition);
        return TABLE_NEEDS_INDEX;
    }
    uint32_t at = separators_find(&index.separators, key);
    if (at == index.separators.count)
        return TABLE_NO_BLOCK;
    *position = table->partitions[partition].first_block + at;
    *handle = table_index_handle(&index, at);
    return TABLE_HAS_BLOCK;
}

enum table_answer table_block_at(const struct table *table, const struct table_window *window,
                                 uint32_t position, struct block_handle *handle) {
    struct table_index index;
    if (position >= table->properties.block_count)
        return TABLE_NO_BLOCK;
    uint32_t partition = partition_of_block(table, position);
    if (!view_index(table, window, partition, &index)) {
        *handle = index_handle(table, partition);
        return TABLE_NEEDS_INDEX;
    }
    *handle = table_index_handle(&index, position - table->partitions[partition].first_block);
    return TABLE_HAS_BLOCK;
}

uint32_t table_partition_begin(const struct table *table, const struct block_handle *handle) {
    return table->partitions[partition_at(table, handle->offset)].first_block;
}

uint32_t table_partition_end(const struct table *table, const struct block_handle *handle) {
    return table->partitions[partition_at(table, handle->offset) + 1].first_block;
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
    *handle = index_handle(table, partition_of_data(table, offset));
    return true;
}

void table_block_range(const struct table *table, const struct table_window *window,
                       uint64_t offset, struct bytes *before, struct bytes *last) {
    bool is_data = offset < table->data_end;
    uint32_t partition = is_data ? partition_of_data(table, offset) : partition_at(table, offset);
    *before = partition == 0 ? (struct bytes){0} : separators_at(&table->tops, partition - 1);
    *last = separators_at(&table->tops, partition);
    struct table_index index;
    if (!is_data || !view_index(table, window, partition, &index))
        return;
    for (uint32_t i = 0; i < index.separators.count; i++) {
        if (index.offsets[i] != offset)
            continue;
        if (i > 0)
            *before = separators_at(&index.separators, i - 1);
        *last = separators_at(&index.separators, i);
    }
}

static enum table_status unpack_index(const struct table *table, const struct block_handle *handle,
                                      struct bytes plain, struct buffer *contents) {
    uint32_t partition = partition_at(table, handle->offset);
    const struct open_partition *here = &table->partitions[partition];
    struct table_index_limits limits = {
        .from = here->data_offset,
        .end = here[1].data_offset,
        .block_count = here[1].first_block - here->first_block,
        .last = separators_at(&table->tops, partition),
    };
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
    if (raw.size != handle->size || raw.size < BLOCK_TRAILER_SIZE ||
        load_u32(raw.data + raw.size - sizeof handle->checksum) != handle->checksum)
        return TABLE_CORRUPT;
    if (handle->kind != BLOCK_DATA)
        return unpack_partition(table, handle, raw, contents);
    return block_unpack(&table->context->codec, raw, contents);
}
