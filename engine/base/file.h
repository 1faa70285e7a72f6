/* file: what the store calls a file. A host turns it into a name in the node's directory.
 *
 *     {.kind = FILE_LOG, .number = 12}      000012.log         the commit log's segments
 *     {.kind = FILE_TABLE, .number = 13}    000013.table       sorted tables
 *     {.kind = FILE_MANIFEST, .number = 4}  000004.manifest    which files live
 *     {.kind = FILE_QUARANTINED, .number = 13}  000013.quarantined  was damaged; kept for people
 *
 * A file with a checkpoint's number lies in that checkpoint's own directory, which the host makes
 * when the first file is put there and removes with the last:
 *
 *     {.kind = FILE_TABLE, .number = 13, .checkpoint = 7}     checkpoint-000007/000013.table
 */
#ifndef DUNLIN_BASE_FILE_H
#define DUNLIN_BASE_FILE_H

#include "engine/base/bytes.h"

enum file_kind { FILE_LOG = 1, FILE_TABLE = 2, FILE_MANIFEST = 3, FILE_QUARANTINED = 4 };

struct file_id {
    enum file_kind kind;
    uint64_t number;
    uint32_t checkpoint; /* 0: the file is live */
};

enum { FILE_NAME_SIZE = 64, CHECKPOINT_NAME_SIZE = 32 };

/* Writes the zero-terminated name into `name`. */
void file_name(struct file_id file, char name[FILE_NAME_SIZE]);
/* The name without the checkpoint's directory. */
void file_base_name(struct file_id file, char name[FILE_NAME_SIZE]);
/* False when the name is not one that file_name() gives. */
bool file_parse(const char *name, struct file_id *file);

/* The directory of a checkpoint, which is not 0: "checkpoint-000007". */
void checkpoint_name(uint32_t checkpoint, char name[CHECKPOINT_NAME_SIZE]);
/* False when the name is not one that checkpoint_name() gives. */
bool checkpoint_parse(const char *name, uint32_t *checkpoint);

static inline bool file_equal(struct file_id left, struct file_id right) {
    return left.kind == right.kind && left.number == right.number &&
           left.checkpoint == right.checkpoint;
}

#endif
