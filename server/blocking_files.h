/* blocking_files: the files of one store in a real directory, each operation done within the call.
 *
 *     effect --> pwrite / pread / fdatasync / unlink / readdir --> outcome
 *
 * The directory is made when it is not there, and locked: two hosts on one store would destroy it.
 * Files stay open between operations, the one that was used longest ago is closed when there are too
 * many. What a read or a list gives is borrowed until the next read or list.
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

#include "engine/base/effect.h"
#include "engine/base/id_map.h"

#include <stdatomic.h>

struct blocking_file {
    struct file_id file;
    int descriptor;
    uint64_t used_at;
    atomic_uint users; /* syncs under way in another thread: it may not be closed */
};

struct blocking_files {
    int directory, lock; /* descriptors; -1 while closed */
    struct id_map open;  /* struct blocking_file by kind and number */
    size_t open_max;
    uint64_t uses;
    struct buffer read, listed; /* what the last read and the last list gave */
    uint64_t bytes_read, bytes_written;
};

/* False with a sentence in *problem; nothing is left open then. */
bool blocking_files_open(struct blocking_files *files, const char *directory,
                         struct buffer *problem);
void blocking_files_close(struct blocking_files *files);
/* Performs one disk effect. */
void blocking_files_perform(struct blocking_files *files, const struct effect *effect,
                            struct disk_done *done);
/* The open file, for a sync elsewhere; null when it cannot be opened, with errno saying why. */
struct blocking_file *blocking_files_get(struct blocking_files *files, struct file_id file,
                                         bool create);
enum disk_status blocking_files_status(int error_number);

#endif
