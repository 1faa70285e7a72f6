#include "engine/store/table_format.h"

#include "engine/base/hash.h"

/*  0  data end u64               36  reserved, zero, 8 bytes
 *  8  size of partitions u64     44  format version u32
 * 16  size of top-level index    48  checksum u64 over bytes 0 to 47
 * 24  size of properties u64     56  magic
 * 32  number of partitions u32                                       */
enum { FOOTER_RESERVED_SIZE = 8, FOOTER_CHECKED_SIZE = 48 };
_Static_assert(FOOTER_CHECKED_SIZE + 8 + TABLE_MAGIC_SIZE == TABLE_FOOTER_SIZE,
               "the footer is full");

static const uint8_t TABLE_MAGIC[TABLE_MAGIC_SIZE] = {'d', 'u', 'n', 'l', 'i', 'n', 'T', 'B'};
static const uint8_t RESERVED[FOOTER_RESERVED_SIZE];

/* No file is larger, so that sums of offsets and sizes cannot wrap. */
static const uint64_t TABLE_FILE_SIZE_MAX = (uint64_t)1 << 48;

void table_footer_encode(const struct table_footer *footer, struct buffer *file) {
    size_t from = file->size;
    buffer_put_u64(file, footer->data_end);
    buffer_put_u64(file, footer->partitions_size);
    buffer_put_u64(file, footer->top_size);
    buffer_put_u64(file, footer->properties_size);
    buffer_put_u32(file, footer->partition_count);
    buffer_append(file, bytes_of(RESERVED, sizeof RESERVED));
    buffer_put_u32(file, TABLE_FORMAT_VERSION);
    CHECK(file->size - from == FOOTER_CHECKED_SIZE);
    buffer_put_u64(file, hash64(bytes_of(file->data + from, FOOTER_CHECKED_SIZE)));
    buffer_append(file, bytes_of(TABLE_MAGIC, sizeof TABLE_MAGIC));
}

static bool is_block_size(uint64_t size) {
    return size >= BLOCK_TRAILER_SIZE && size <= BLOCK_CONTENTS_MAX + BLOCK_TRAILER_SIZE;
}

enum table_status table_footer_parse(struct bytes bytes, struct table_footer *footer) {
    *footer = (struct table_footer){0};
    if (bytes.size != TABLE_FOOTER_SIZE)
        return TABLE_CORRUPT;
    struct reader reader = reader_of(bytes);
    footer->data_end = reader_u64(&reader);
    footer->partitions_size = reader_u64(&reader);
    footer->top_size = reader_u64(&reader);
    footer->properties_size = reader_u64(&reader);
    footer->partition_count = reader_u32(&reader);
    struct bytes reserved = reader_take(&reader, FOOTER_RESERVED_SIZE);
    uint32_t version = reader_u32(&reader);
    uint64_t checksum = reader_u64(&reader);
    struct bytes magic = reader_take(&reader, TABLE_MAGIC_SIZE);
    /* Version, checksum and magic stay where they are in every version to come. */
    if (!bytes_equal(magic, bytes_of(TABLE_MAGIC, sizeof TABLE_MAGIC)) ||
        checksum != hash64(bytes_slice(bytes, 0, FOOTER_CHECKED_SIZE)) || version == 0)
        return TABLE_CORRUPT;
    if (version > TABLE_FORMAT_VERSION)
        return TABLE_TOO_NEW;
    if (!bytes_equal(reserved, bytes_of(RESERVED, sizeof RESERVED)) ||
        footer->data_end > TABLE_FILE_SIZE_MAX || footer->partitions_size > TABLE_FILE_SIZE_MAX ||
        (footer->partition_count == 0) != (footer->partitions_size == 0) ||
        !is_block_size(footer->top_size) || !is_block_size(footer->properties_size))
        return TABLE_CORRUPT;
    return TABLE_OK;
}

uint64_t table_footer_file_size(const struct table_footer *footer) {
    return footer->data_end + footer->partitions_size + footer->top_size + footer->properties_size +
           TABLE_FOOTER_SIZE;
}

uint64_t table_footer_metadata_offset(const struct table_footer *footer) {
    return footer->data_end +
           (footer->partitions_size > TABLE_RESIDENT_MAX ? footer->partitions_size : 0);
}

enum table_status table_footer_decode(struct bytes footer, uint64_t file_size,
                                      struct block_handle *metadata) {
    struct table_footer parsed;
    *metadata = (struct block_handle){0};
    enum table_status status = table_footer_parse(footer, &parsed);
    if (status != TABLE_OK)
        return status;
    if (table_footer_file_size(&parsed) != file_size)
        return TABLE_CORRUPT;
    metadata->offset = table_footer_metadata_offset(&parsed);
    metadata->size = file_size - TABLE_FOOTER_SIZE - metadata->offset;
    return TABLE_OK;
}

void table_properties_encode(const struct table_properties *properties,
                             const struct removed_ranges *ranges, const struct expiries *expiries,
                             struct buffer *contents) {
    buffer_put_u64(contents, properties->entry_count);
    buffer_put_u64(contents, properties->removed_count);
    buffer_put_u64(contents, properties->key_bytes);
    buffer_put_u64(contents, properties->value_bytes);
    buffer_put_u64(contents, properties->block_count);
    buffer_put_u64(contents, properties->file_size);
    buffer_put_u64(contents, properties->number);
    buffer_put_u32(contents, properties->format_version);
    buffer_put_u32(contents, (uint32_t)properties->compression);
    removed_ranges_encode(ranges, contents);
    if (expiries->count > 0)
        expiries_encode(expiries, contents);
}

enum table_status table_properties_decode(struct bytes contents,
                                          struct table_properties *properties,
                                          struct removed_ranges *ranges,
                                          struct expiries *expiries) {
    struct reader reader = reader_of(contents);
    properties->entry_count = reader_u64(&reader);
    properties->removed_count = reader_u64(&reader);
    properties->key_bytes = reader_u64(&reader);
    properties->value_bytes = reader_u64(&reader);
    properties->block_count = reader_u64(&reader);
    properties->file_size = reader_u64(&reader);
    properties->number = reader_u64(&reader);
    properties->format_version = reader_u32(&reader);
    uint32_t compression = reader_u32(&reader);
    properties->compression = (enum block_compression)compression;
    bool decoded = removed_ranges_decode(&reader, ranges);
    if (decoded && reader.left > 0)
        decoded = expiries_decode(&reader, expiries);
    properties->range_count = ranges->count;
    properties->expiring_count = expiries->entries;
    if (!decoded || !reader_finished(&reader) ||
        properties->format_version != TABLE_FORMAT_VERSION || compression > COMPRESSION_ZSTD ||
        properties->removed_count > properties->entry_count ||
        properties->expiring_count > properties->entry_count - properties->removed_count ||
        properties->block_count > properties->entry_count ||
        (properties->block_count == 0) != (properties->entry_count == 0))
        return TABLE_CORRUPT;
    return TABLE_OK;
}

void table_partition_encode(const struct table_partition *partition, struct buffer *value) {
    buffer_put_varint(value, partition->block_count);
    buffer_put_varint(value, partition->data_size);
    buffer_put_varint(value, partition->filter_size);
    buffer_put_varint(value, partition->index_size);
    buffer_put_u32(value, partition->filter_checksum);
    buffer_put_u32(value, partition->index_checksum);
}

bool table_partition_decode(struct bytes value, struct table_partition *partition) {
    struct reader reader = reader_of(value);
    uint64_t block_count = reader_varint(&reader);
    partition->data_size = reader_varint(&reader);
    partition->filter_size = reader_varint(&reader);
    partition->index_size = reader_varint(&reader);
    partition->filter_checksum = reader_u32(&reader);
    partition->index_checksum = reader_u32(&reader);
    partition->block_count = (uint32_t)block_count;
    return reader_finished(&reader) && block_count > 0 && block_count <= UINT32_MAX &&
           partition->data_size <= TABLE_FILE_SIZE_MAX &&
           (is_block_size(partition->filter_size) ||
            (partition->filter_size == 0 && partition->filter_checksum == 0)) &&
           is_block_size(partition->index_size);
}
