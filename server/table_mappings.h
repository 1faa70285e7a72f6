/* table_mappings: reads of a few pages from table files, without a system call each.
 *
 *     EFFECT_READ --> mapping of the file --guarded copy--> buffer
 *                       none, or no page to be had: false --> pread, which also says what is wrong
 *
 * A table is complete before it is read for the first time and is never changed, so the operating system's cache
 * can be read where it lies. A block costs a system call less. What fails is asked of a system call again, so
 * that errors are told as ever: a mapping never decides one. (Of a table that somebody cuts, the rest of the last page reads as zeros;
 * the checksum of the block tells.)
 *
 * A page that is in memory nowhere is another matter: a block that straddles two of them would wait for the disk twice where
 * a read waits once. So one read in many is watched; when it had to wait, system calls do the reading for a while.
 *
 * The least recently used mapping makes way when there are too many. Where the address space of the process is limited, nothing is mapped.
 *
 *     if (!table_mappings_read(&mappings, &directory, effect, &buffer))
 *         status = store_file_read(descriptor, effect->offset, effect->size, &buffer);
 */
#ifndef DUNLIN_SERVER_TABLE_MAPPINGS_H
#define DUNLIN_SERVER_TABLE_MAPPINGS_H

#include "server/store_directory.h"

enum {
    TABLE_MAPPINGS_MAX = 4096,
    /* From here on reads are worth their system call; those of a merge would make all its tables resident. */
    TABLE_MAPPINGS_READ_MAX = 64 * 1024,
};

struct table_mappings {
    struct id_map tables; /* table number to its struct table_mapping, in no order */
    uint64_t bytes, bytes_max;
    uint64_t uses;
    uint32_t until_watched; /* reads */
    uint32_t left_out;      /* reads that system calls are to do */
};

void table_mappings_init(struct table_mappings *mappings);
void table_mappings_deinit(struct table_mappings *mappings);
/* Appends exactly effect->size bytes, or nothing and is false. */
MUST_USE bool table_mappings_read(struct table_mappings *mappings,
                                  struct store_directory *directory, const struct effect *effect,
                                  struct buffer *to);
/* The file is renamed or removed. */
void table_mappings_forget(struct table_mappings *mappings, struct file_id file);

#endif
