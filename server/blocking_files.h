/* blocking_files: the store's disk effects, each performed within the call.
 *
 *     effect --> store_directory (log writes: log_mapping, blocks of tables: table_mappings) --> outcome
 *
 * What a read or a list gives is borrowed until the next read or list: no memory is taken per read.
 *
 *     struct blocking_files files;
 *     if (!blocking_files_open(&files, "/var/lib/thing", &problem)) ...
 *     struct disk_done done;
 *     blocking_files_perform(&files, &effect, &done);
 *     store_on_disk(store, &done, now, effects);
 *     blocking_files_close(&files);
 */
#ifndef DUNLIN_SERVER_BLOCKING_FILES_H
#define DUNLIN_SERVER_BLOCKING_FILES_H

#include "server/log_mapping.h"
#include "server/store_directory.h"
#include "server/table_mappings.h"

struct blocking_files {
    struct store_directory directory;
    struct log_mapping log;
    struct table_mappings tables;
    struct buffer read, listed; /* what the last read and the last list gave */
    uint64_t bytes_read, bytes_written;
    uint64_t bytes_mapped; /* of those written: by a copy into a mapping */
};

/* False with a sentence in *problem; nothing is left open then. */
MUST_USE bool blocking_files_open(struct blocking_files *files, const char *directory,
                                  struct buffer *problem);
void blocking_files_close(struct blocking_files *files);
/* Somebody else renames or removes the file. */
void blocking_files_forget(struct blocking_files *files, struct file_id file);
/* Performs one disk effect. */
void blocking_files_perform(struct blocking_files *files, const struct effect *effect,
                            struct disk_done *done);

#endif
