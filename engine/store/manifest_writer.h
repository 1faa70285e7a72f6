/* manifest_writer: one record at a time, each synced before the next, so that every record but the
 * last is known to be durable.
 *
 *     edit          write --> sync ------------------------> done
 *     new manifest  write --> sync, and sync the directory -> done; the older one may be removed
 *
 *     struct buffer *payload = manifest_writer_begin(&manifest, PURPOSE_FLUSH, 0);
 *     manifest_put_facts(payload, ...);
 *     manifest_writer_send(&manifest, effects);
 *     ... manifest_writer_on_done() answers MANIFEST_DONE: the change holds
 *
 * After MANIFEST_FAILED nobody knows whether the record is durable, nor what a further sync of that
 * file would be worth: it takes no more records. A new manifest says what held before, and until
 * that one is durable, everything that either of the two could name must stay.
 */
#ifndef DUNLIN_STORE_MANIFEST_WRITER_H
#define DUNLIN_STORE_MANIFEST_WRITER_H

#include "engine/base/effect.h"
#include "engine/store/tickets.h"

enum manifest_purpose {
    PURPOSE_NONE, /* the writer is idle */
    PURPOSE_START,
    PURPOSE_FLUSH,
    PURPOSE_COMPACTION,
    PURPOSE_ROLL,
    PURPOSE_CLOSE,
    PURPOSE_QUARANTINE,
};

enum manifest_progress { MANIFEST_WAITING, MANIFEST_DONE, MANIFEST_FAILED };

struct manifest_writer {
    struct tickets *tickets;
    struct file_id file;
    uint64_t offset; /* where the next record goes */
    uint64_t records;
    uint64_t snapshot_end; /* offset behind the snapshot: how far the file has grown since */
    uint64_t older;        /* number of the manifest that a new one replaces; 0 for none */
    enum manifest_purpose purpose;
    bool creating;
    bool failed;   /* the record under way */
    bool doubtful; /* the file takes no more records: a new one must be written */
    struct buffer frame;
    struct disk_wait write_wait, sync_wait, directory_wait;
};

void manifest_writer_init(struct manifest_writer *writer, struct tickets *tickets);
void manifest_writer_deinit(struct manifest_writer *writer);
static inline bool manifest_writer_is_idle(const struct manifest_writer *writer) {
    return writer->purpose == PURPOSE_NONE;
}
static inline bool manifest_writer_may_append(const struct manifest_writer *writer) {
    return writer->purpose == PURPOSE_NONE && !writer->doubtful;
}
/* Begins an edit, or a new manifest with that number when it is not 0. Returns where the payload is
 * to be appended. The writer is idle. */
struct buffer *manifest_writer_begin(struct manifest_writer *writer, enum manifest_purpose purpose,
                                     uint64_t new_number);
void manifest_writer_send(struct manifest_writer *writer, struct effects *effects);
/* Takes a WAIT_MANIFEST_*. On MANIFEST_DONE and MANIFEST_FAILED *purpose says what is done or not,
 * and the writer is idle. */
MUST_USE enum manifest_progress manifest_writer_on_done(struct manifest_writer *writer,
                                                        enum wait_kind kind,
                                                        enum disk_status status,
                                                        enum manifest_purpose *purpose,
                                                        struct effects *effects);

#endif
