/* file: what the store calls a file. A host turns it into a name in the node's directory.
 *
 *     {FILE_LOG, 12}      000012.log         the commit log's segments
 *     {FILE_TABLE, 13}    000013.table       sorted tables
 *     {FILE_MANIFEST, 4}  000004.manifest    which files live
 */
#ifndef DUNLIN_BASE_FILE_H
#define DUNLIN_BASE_FILE_H

#include "engine/base/bytes.h"

enum file_kind { FILE_LOG = 1, FILE_TABLE = 2, FILE_MANIFEST = 3 };

struct file_id {
    enum file_kind kind;
    uint64_t number;
};

enum { FILE_NAME_SIZE = 40 };

/* Writes the zero-terminated name into `name`. */
void file_name(struct file_id file, char name[FILE_NAME_SIZE]);
/* False when the name is not one that file_name() gives. */
bool file_parse(const char *name, struct file_id *file);

static inline bool file_equal(struct file_id left, struct file_id right) {
    return left.kind == right.kind && left.number == right.number;
}

#endif
