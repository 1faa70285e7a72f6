/* table_output: turns a run of ascending entries into synced table files, each of a bounded size.
 *
 *     add, add, ... --> builder --write_bytes--> write --> ... finish --> write the rest --> sync --> next table
 *     end --> after the last table: sync the directory --> done: `made` may go into the manifest
 *
 * One operation is under way at a time. The bytes of a write are the builder's own, so nothing is
 * added while one is out.
 *
 * Removed ranges are cut where tables are: the part up to a table's last key goes into it, the rest on to the next.
 *
 *     while (table_output_has_room(&output)) table_output_add(&output, ...);
 *     table_output_pump(&output, &next_file, effects);
 */
#ifndef DUNLIN_STORE_TABLE_OUTPUT_H
#define DUNLIN_STORE_TABLE_OUTPUT_H

#include "engine/base/effect.h"
#include "engine/store/merge.h"

enum { TABLE_OUTPUT_WRITE_MIN = 64 * 1024 };

struct table_output {
    struct tickets *tickets;
    struct table_options options;
    uint64_t table_bytes;
    uint64_t run;                  /* of the tables made; 0: the first one's number */
    struct table_builder *builder; /* null between tables */
    struct file_id file;
    uint64_t write_bytes;  /* so many are written at once, or a block more */
    uint64_t room_seen_at; /* bytes of the table when has_room was last worked out */
    bool room_seen;
    size_t writing;     /* bytes of the write under way */
    struct buffer tail; /* everything that came out of finishing: the metadata lies at its end */
    bool finishing;     /* the builder is finished; when drained, the file is synced */
    bool ended;         /* no more entries come */
    bool done;
    bool failed; /* an operation was refused: nothing that was made can be trusted */
    struct table_list made;
    struct removed_ranges ranges; /* that go into the tables still to come */
    struct buffer last;           /* the last key added */
    struct disk_wait write_wait, sync_wait, directory_wait;
    uint64_t bytes_written;
};

void table_output_init(struct table_output *output, struct tickets *tickets,
                       const struct table_options *options, uint64_t table_bytes);
/* Releases the tables in `made`. */
void table_output_deinit(struct table_output *output);
/* How much is written at once from now on. */
static inline void table_output_set_write_bytes(struct table_output *output, uint64_t bytes) {
    output->write_bytes = bytes;
    output->room_seen_at = UINT64_MAX;
}
/* True when an entry may be added now. */
bool table_output_has_room(struct table_output *output);
/* Adds the entry that the merge stands on; of one that has expired by then, that its key is removed. New tables draw their
 * number from *next_file. */
void table_output_add(struct table_output *output, uint64_t *next_file, const struct merge *merge,
                      struct wall_time wall);
/* A range that the tables are to carry. */
void table_output_remove(struct table_output *output, struct bytes from, struct bytes to);
static inline void table_output_end(struct table_output *output) {
    output->ended = true;
}
static inline bool table_output_waits(const struct table_output *output) {
    return output->write_wait.pending || output->sync_wait.pending ||
           output->directory_wait.pending;
}
/* Emits the operation that is due, if any. */
void table_output_pump(struct table_output *output, uint64_t *next_file, struct effects *effects);
/* Takes a WAIT_OUTPUT_*. False when the operation failed. */
MUST_USE bool table_output_on_done(struct table_output *output, enum wait_kind kind,
                                   enum disk_status status);

#endif
