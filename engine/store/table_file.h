/* table_file: a table as a version knows it: where it lies, what it covers, and its open reader.
 *
 * Versions, reads and compactions hold references. A table that no version names any more stays,
 * on disk and open, until the last of them lets go; then its owner removes the file.
 *
 *     struct table_file *file = table_file_create(number);      // one reference
 *     table_file_acquire(file);
 *     if (table_file_release(file)) ...                         // it was the last: remove the file
 */
#ifndef DUNLIN_STORE_TABLE_FILE_H
#define DUNLIN_STORE_TABLE_FILE_H

#include "engine/base/file.h"
#include "engine/store/table.h"
#include "engine/store/tickets.h"

struct table_file {
    uint64_t number;
    uint64_t run;       /* tables of one flush share this; the younger the flush, the larger */
    uint64_t size;      /* bytes of the file */
    uint64_t tail_size; /* bytes from the metadata to the end of the file */
    uint64_t entry_count;
    uint64_t removed_count;
    uint64_t expiring_count;         /* known once it is open */
    uint64_t range_count;            /* removed ranges that it carries */
    struct buffer smallest, largest; /* what its entries and ranges cover: both ends included */
    bool largest_excluded;           /* but for the largest: a range ends there */
    struct table *table;             /* null until opened */
    uint32_t references;
    uint32_t
        read_failures; /* while it is more than 0, what is read next is read by itself, to tell what is lost */
    bool is_lost;          /* recovery cannot open it */
    uint64_t *lost_blocks; /* offsets of blocks that are not to be read again */
    uint32_t lost_count, lost_capacity;
    struct disk_wait wait; /* of the read that opens it */
};

struct table_file *table_file_create(uint64_t number);
static inline void table_file_acquire(struct table_file *file) {
    file->references++;
}
/* True when that was the last reference: the table is closed, and the caller destroys it. */
MUST_USE bool table_file_release(struct table_file *file);
void table_file_destroy(struct table_file *file);
/* Opens it from the last `tail_size` bytes of the file. */
MUST_USE enum table_status table_file_open(struct table_file *file, struct bytes tail,
                                           struct table_context *context);

/* The block there cannot be read: for everybody it is as if it held nothing. */
void table_file_lose_block(struct table_file *file, uint64_t offset);
bool table_file_lacks(const struct table_file *file, uint64_t offset);
/* Which keys the block there could hold: from `from` (behind it when *after) to `to`. */
void table_file_block_range(const struct table_file *file, const struct table_window *window,
                            uint64_t offset, struct bytes *from, bool *after, struct bytes *to);

static inline struct file_id table_file_id(const struct table_file *file) {
    return (struct file_id){.kind = FILE_TABLE, .number = file->number};
}
static inline struct bytes table_file_smallest(const struct table_file *file) {
    return buffer_bytes(&file->smallest);
}
static inline struct bytes table_file_largest(const struct table_file *file) {
    return buffer_bytes(&file->largest);
}
/* True when the file covers `key` or something greater. */
static inline bool table_file_reaches(const struct table_file *file, struct bytes key) {
    int order = bytes_compare(table_file_largest(file), key);
    return order > 0 || (order == 0 && !file->largest_excluded);
}
/* True when what the file covers meets [from, to]. */
static inline bool table_file_overlaps(const struct table_file *file, struct bytes from,
                                       struct bytes to) {
    return bytes_compare(table_file_smallest(file), to) <= 0 && table_file_reaches(file, from);
}

/* Tables in no particular order, owned elsewhere. */
struct table_list {
    struct table_file **items;
    uint32_t count, capacity;
};
void table_list_add(struct table_list *list, struct table_file *file);
void table_list_deinit(struct table_list *list);

#endif
