/* log_mapping: writes into the present log segment without a system call each.
 *
 *     segment (preallocated)   [ records ......|                                  ]
 *     mapping of the file       same pages     ^ a write is a copy into them
 *
 * A store that is a library writes its log for each batch, as small as that may be, so that a kill of the process loses
 * nothing. A segment whose bytes are all there already (EFFECT_ALLOCATE) can be mapped: what is copied into its pages lies in
 * the operating system's cache as if written, for a tenth of the cost; syncing the file makes it durable, and tells of pages
 * that could not be written back. A write that would make the file longer is refused here and left to a system call; so
 * is one whose page might find no space, and one whose page cannot be had: the system call says why.
 *
 *     if (!log_mapping_write(&mapping, effect->file, descriptor, effect->offset, effect->bytes))
 *         status = store_file_write(descriptor, effect->offset, effect->bytes);
 */
#ifndef DUNLIN_SERVER_LOG_MAPPING_H
#define DUNLIN_SERVER_LOG_MAPPING_H

#include "engine/base/file.h"

/* The zero value maps nothing. */
struct log_mapping {
    struct file_id file; /* the segment that was last asked for; number 0: none */
    uint8_t *memory;     /* null when it cannot be mapped */
    size_t size;
    size_t ready_to; /* its pages before this are there to be written to */
    /* What is left of the segment before, which is unmapped piece by piece: all at once takes milliseconds. */
    uint8_t *leaving;
    size_t leaving_size;
};

/* False when a system call has to do it; a part of the bytes may lie there already. */
MUST_USE bool log_mapping_write(struct log_mapping *mapping, struct file_id file, int descriptor,
                                uint64_t offset, struct bytes bytes);
/* The file is renamed or removed. */
void log_mapping_forget(struct log_mapping *mapping, struct file_id file);
void log_mapping_close(struct log_mapping *mapping);

#endif
