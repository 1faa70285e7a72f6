/* stopped_store: the directory of a store that no node runs on, for those who look at its files.
 *
 *     struct stopped_store stopped;
 *     if (!stopped_store_open(&stopped, "/var/lib/dunlin/n1", false, &problem)) ...
 *     for (i = 0; i < stopped.file_count; i++) stopped_store_read(&stopped, stopped.files[i].file, 0, size, &bytes);
 *     stopped_store_close(&stopped);
 *
 * Nothing is written, unless it is opened for that: then nobody else may look meanwhile. The directory of a checkpoint
 * is one too.
 */
#ifndef DUNLIN_SERVER_STOPPED_STORE_H
#define DUNLIN_SERVER_STOPPED_STORE_H

#include "engine/store/manifest.h"
#include "server/store_directory.h"

struct stopped_store {
    const char *path; /* borrowed */
    struct store_directory directory;
    struct buffer listed;
    struct file_entry *files; /* the live ones, by kind and number */
    size_t file_count;
    struct file_entry *others; /* those of checkpoints, in no order */
    size_t other_count;
};

/* False with a sentence: it is not there, or a node runs on it. */
MUST_USE bool stopped_store_open(struct stopped_store *stopped, const char *path, bool writes,
                                 struct buffer *problem);
void stopped_store_close(struct stopped_store *stopped);
/* Looks at the directory again. */
MUST_USE bool stopped_store_list(struct stopped_store *stopped);
/* Null when it is not there. */
const struct file_entry *stopped_store_find(const struct stopped_store *stopped,
                                            struct file_id file);
/* Appends up to `size` bytes; false when the disk reports an error. */
MUST_USE bool stopped_store_read(const struct stopped_store *stopped, struct file_id file,
                                 uint64_t offset, uint64_t size, struct buffer *to);

/* Which manifest holds, and what it says. */
enum manifest_finding {
    MANIFEST_HOLDS,
    MANIFEST_MISSING, /* none at all, or none that was ever completed */
    MANIFEST_DAMAGED, /* one was, and cannot be trusted now */
    MANIFEST_TOO_NEW,
};
struct found_manifest {
    enum manifest_finding finding;
    struct file_id file;
    uint64_t records, size;
    uint64_t end; /* where its last good record ends: behind it there is a torn edit, if anything */
    const char *what; /* of damage */
    struct manifest_state state;
};
/* In the way that recovery looks for it. The state is to be deinitialized. */
void stopped_store_manifest(const struct stopped_store *stopped, struct found_manifest *found);

#endif
