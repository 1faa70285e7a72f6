/* store_directory: the files of one store on a real file system, each operation done within the
 * call.
 *
 *     DIRECTORY/lock                              held while it is open
 *     DIRECTORY/000012.log
 *     DIRECTORY/checkpoint-000007/000012.table    made with its first file, removed with its last
 *
 * Files stay open between operations; the one that was used longest ago is closed when there are
 * too many. One thread acquires files and changes names. What takes a descriptor may run in
 * another, while the file is acquired; so may store_directory_sync().
 *
 *     struct store_directory directory;
 *     if (!store_directory_open(&directory, "/var/lib/thing", &problem)) ...
 *     struct store_file *file = store_directory_acquire(&directory, id, true, &status);
 *     status = store_file_write(file->descriptor, 0, bytes);
 *     store_directory_release(&directory, file);
 */
#ifndef DUNLIN_SERVER_STORE_DIRECTORY_H
#define DUNLIN_SERVER_STORE_DIRECTORY_H

#include "engine/base/effect.h"
#include "engine/base/id_map.h"

#include <dirent.h>

struct store_file {
    struct file_id file;
    int descriptor;   /* -1 when it was closed already */
    uint64_t used_at; /* for closing the least recently used */
    uint32_t users;   /* acquired so often */
    /* Whoever writes and syncs counts: a file with writes that no good sync has covered stays open,
     * so that an error in writing them back is still reported to its next sync. */
    uint64_t writes, writes_synced;
    bool is_detached; /* its name stands for something else: closed with the last release */
};

enum store_listing { STORE_LISTING_ALL, STORE_LISTING_CHECKPOINT, STORE_LISTINGS };

struct store_directory {
    int descriptor, lock_descriptor; /* -1 while closed */
    /* That are open: what a call that was left in the middle leaves behind is closed with the rest. */
    DIR *listings[STORE_LISTINGS];
    struct id_map files; /* struct store_file, of those that are open */
    size_t open_max;
    uint64_t uses;
};

/* Makes the directory when it is not there. False with a sentence in *problem; nothing is left open
 * then. */
MUST_USE bool store_directory_open(struct store_directory *directory, const char *path,
                                   struct buffer *problem);
void store_directory_close(struct store_directory *directory);

/* Opens the file, and makes it when asked to. Null with *status when it cannot. */
struct store_file *store_directory_acquire(struct store_directory *directory, struct file_id file,
                                           bool creates, enum disk_status *status);
void store_directory_release(struct store_directory *directory, struct store_file *file);

enum disk_status store_directory_rename(struct store_directory *directory, struct file_id file,
                                        struct file_id to);
enum disk_status store_directory_link(struct store_directory *directory, struct file_id file,
                                      struct file_id to);
enum disk_status store_directory_remove(struct store_directory *directory, struct file_id file);
/* Appends one struct file_entry for each file, as EFFECT_LIST wants it. */
enum disk_status store_directory_list(struct store_directory *directory, uint32_t checkpoint,
                                      struct buffer *entries);
enum disk_status store_directory_sync(const struct store_directory *directory, uint32_t checkpoint);

enum disk_status store_file_write(int descriptor, uint64_t offset, struct bytes bytes);
enum disk_status store_file_allocate(int descriptor, uint64_t size);
/* Appends up to `size` bytes: fewer at the end of the file. */
enum disk_status store_file_read(int descriptor, uint64_t offset, uint64_t size, struct buffer *to);
enum disk_status store_file_sync(int descriptor);

enum disk_status disk_status_of_errno(int number);

#endif
