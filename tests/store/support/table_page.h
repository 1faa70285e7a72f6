/* table_page: a second reader of table files, written from docs/formats/table.md alone. It shares no code with engine/store:
 * when it disagrees with the builder, the page or the builder is wrong.
 *
 *     data blocks | filter, index of each partition | top index | properties | footer
 *                                                                              \--table_page_take_apart()
 *
 *     table_fixture_build(&options, entries, count, 0, &file);
 *     partitions = table_page_expect(buffer_bytes(&file), options.filter_bits_per_key, entries, count);
 *
 * What is not as the page says fails the test that asks.
 */
#ifndef DUNLIN_TESTS_TABLE_PAGE_H
#define DUNLIN_TESTS_TABLE_PAGE_H

#include "tests/store/support/table_fixture.h"

/* Of every table that table_page_expect() is given. */
enum { TABLE_PAGE_NUMBER = 77 };

/* Contents of a block; freed by who asked. */
struct table_page_stretch {
    uint8_t *data;
    size_t size;
};

/* The parts of a file, as its footer names them. */
struct table_page_parts {
    uint64_t data_end;
    uint64_t partitions_end;
    uint64_t partition_count;
    struct table_page_stretch top;
    struct table_page_stretch properties;
};

struct table_page_parts table_page_take_apart(struct bytes file);
/* Reads all of the file, which must hold these entries. Returns the number of partitions. */
size_t table_page_expect(struct bytes file, uint32_t filter_bits,
                         const struct fixture_entry *entries, size_t count);

#endif
