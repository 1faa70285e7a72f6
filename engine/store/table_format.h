/* table_format: the fixed parts of a table file, which say where everything else lies.
 *
 *     +------------+-----------------+------------+--------+
 *     | partitions | top-level index | properties | footer |
 *     +------------+-----------------+------------+--------+
 *     ^ data_end                              file size ---^
 *
 * Nothing lies between the parts and nothing is left out, so one offset and three sizes name them
 * all, and a footer that does not add up to the file's size is corrupt.
 *
 *     struct table_footer footer = {.data_end = ..., .partitions_size = ..., ...};
 *     table_footer_encode(&footer, &file);
 *     status = table_footer_parse(last_64_bytes, &footer);
 */
#ifndef DUNLIN_STORE_TABLE_FORMAT_H
#define DUNLIN_STORE_TABLE_FORMAT_H

#include "engine/store/table.h"

enum { TABLE_FORMAT_VERSION = 1 };
enum { TABLE_MAGIC_SIZE = 8, TABLE_PROPERTIES_SIZE = 64 /* without the ranges */ };

struct table_footer {
    uint64_t data_end;
    uint64_t partitions_size; /* of all filters and indexes, one behind the other */
    uint64_t top_size;
    uint64_t properties_size;
    uint32_t partition_count;
};

void table_footer_encode(const struct table_footer *footer, struct buffer *file);
MUST_USE enum table_status table_footer_parse(struct bytes bytes, struct table_footer *footer);
/* Of the file that this footer closes. */
uint64_t table_footer_file_size(const struct table_footer *footer);
/* Where the bytes begin with which the table is opened. */
uint64_t table_footer_metadata_offset(const struct table_footer *footer);

/* The removed ranges, and behind them the expiries when there are any, lie behind the properties: what opens a table reads
 * all of it anyhow. */
void table_properties_encode(const struct table_properties *properties,
                             const struct removed_ranges *ranges, const struct expiries *expiries,
                             struct buffer *contents);
MUST_USE enum table_status table_properties_decode(struct bytes contents,
                                                   struct table_properties *properties,
                                                   struct removed_ranges *ranges,
                                                   struct expiries *expiries);

/* What the top-level index says of one partition, under the separator of its last block. */
struct table_partition {
    uint32_t block_count;
    uint64_t data_size;   /* of its data blocks */
    uint64_t filter_size; /* 0: there is no filter */
    uint64_t index_size;
    uint32_t filter_checksum, index_checksum;
};

void table_partition_encode(const struct table_partition *partition, struct buffer *value);
MUST_USE bool table_partition_decode(struct bytes value, struct table_partition *partition);

#endif
