/* table_check: reads every byte of a table and believes nothing: each block's checksum, the order of the keys, that index
 * and filter lead to each of them, and that what is counted and told about the table is so.
 *
 *     struct checked_table checked;
 *     table_check(&stopped, entry, told, &report, &checked);     // told: by the manifest, or null
 *     if (checked.file != NULL) ... its open reader, bounds and counts as the table itself has them
 *     checked_table_deinit(&checked);
 */
#ifndef DUNLIN_SERVER_TABLE_CHECK_H
#define DUNLIN_SERVER_TABLE_CHECK_H

#include "server/stopped_store.h"
#include "server/store_report.h"

/* A block that cannot be read, and the keys that it could hold: from `from` (behind it when `after`) to `to`. */
struct lost_block {
    struct block_handle handle;
    struct buffer from, to;
    bool after;
};

struct checked_table {
    struct table_context context;
    struct table_file *file; /* null when it could not be opened */
    uint64_t entries, removed, blocks;
    struct lost_block *lost; /* those that the manifest does not know of */
    uint32_t lost_count;
    uint64_t problems; /* all but these */
};

/* What is found is reported about the report's present file. */
void table_check(const struct stopped_store *stopped, const struct file_entry *entry,
                 const struct table_file *told, struct store_report *report,
                 struct checked_table *checked);
void checked_table_deinit(struct checked_table *checked);

/* Opens the table from its file; null with a sentence when it cannot be. */
struct table_file *table_check_open(const struct stopped_store *stopped,
                                    const struct file_entry *entry, struct table_context *context,
                                    const char **what, uint64_t *offset);

#endif
