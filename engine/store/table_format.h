/* table_format: the fixed parts of a table file, which say where everything else lies.
 *
 *     +--------+--------+-----+--------+------------+-------+--------+
 *     | block 0| block 1| ... | filter | properties | index | footer |
 *     +--------+--------+-----+--------+------------+-------+--------+
 *     0                       ^ filter.offset        file size ------^
 *
 * Nothing lies between the parts and nothing is left out, so three sizes and one offset name them
 * all, and a footer that does not add up to the file's size is corrupt.
 *
 *     struct table_footer footer = {.filter = ..., .properties = ..., .index = ...};
 *     table_footer_encode(&footer, &file);
 *     status = table_footer_parse(last_64_bytes, &footer);
 */
#ifndef DUNLIN_STORE_TABLE_FORMAT_H
#define DUNLIN_STORE_TABLE_FORMAT_H

#include "engine/store/table.h"

enum { TABLE_FORMAT_VERSION = 1 };
enum { TABLE_MAGIC_SIZE = 8, TABLE_PROPERTIES_SIZE = 48 /* without the ranges */ };

struct table_footer {
    struct block_handle filter;
    struct block_handle properties;
    struct block_handle index;
};

void table_footer_encode(const struct table_footer *footer, struct buffer *file);
MUST_USE enum table_status table_footer_parse(struct bytes bytes, struct table_footer *footer);
/* Of the file that this footer closes. */
uint64_t table_footer_file_size(const struct table_footer *footer);

/* The removed ranges lie behind the properties: what opens a table reads both anyhow. */
void table_properties_encode(const struct table_properties *properties,
                             const struct removed_ranges *ranges, struct buffer *contents);
MUST_USE enum table_status table_properties_decode(struct bytes contents,
                                                   struct table_properties *properties,
                                                   struct removed_ranges *ranges);

#endif
