/* run_cursor: walks the entries of ascending, non-overlapping tables, holding one block at a time.
 *
 * It reads nothing. When it needs a block it stops in RUN_NEEDS_BLOCK and says which; whoever owns
 * it hands the block over, and it goes on where it was. It walks forwards or backwards, as its last
 * seek said.
 *
 * A block that is lent to it is looked at where it lies; one that comes as it lies in the file is unpacked into memory of the
 * cursor's own.
 *
 *     run_cursor_seek(&cursor, from);
 *     while (cursor.state == RUN_NEEDS_BLOCK)
 *         run_cursor_feed_raw(&cursor, bytes of cursor.handle in run_cursor_table(&cursor));
 *     for (; cursor.state == RUN_READY; run_cursor_next(&cursor)) use(cursor.block.key);
 */
#ifndef DUNLIN_STORE_RUN_CURSOR_H
#define DUNLIN_STORE_RUN_CURSOR_H

#include "engine/store/block.h"
#include "engine/store/table_file.h"

enum run_state { RUN_END, RUN_READY, RUN_NEEDS_BLOCK, RUN_CORRUPT };

/* Where in the next block the cursor begins. */
enum run_entrance { ENTRANCE_FIRST, ENTRANCE_TARGET, ENTRANCE_LAST, ENTRANCE_BELOW_TARGET };

/* What the cursor looks into: a block that was lent, or bytes that it has unpacked itself. */
struct run_hold {
    struct block *lent; /* referenced; null */
    struct buffer own;
};

struct run_cursor {
    struct table_file *const *tables; /* borrowed from a version that is held meanwhile */
    uint32_t count, index;
    uint32_t position; /* of the block in its table */
    struct block_handle
        handle; /* of that block, or of the partition of the index that tells where it lies */
    struct table_window window; /* looks into the partition */
    struct run_hold partition;
    bool searching; /* for the block, once the partition is here */
    enum run_state state;
    struct buffer target; /* where the seek under way goes */
    enum run_entrance entrance;
    struct run_hold contents;
    struct block_cursor block;
};

void run_cursor_init(struct run_cursor *cursor, struct table_file *const *tables, uint32_t count);
void run_cursor_deinit(struct run_cursor *cursor);
/* Forwards, from the first entry whose key is >= `target`. */
void run_cursor_seek(struct run_cursor *cursor, struct bytes target);
void run_cursor_next(struct run_cursor *cursor);
/* Backwards, from the last entry whose key is < `target`, or from the last of all. */
void run_cursor_seek_below(struct run_cursor *cursor, struct bytes target);
void run_cursor_seek_end(struct run_cursor *cursor);
void run_cursor_previous(struct run_cursor *cursor);
static inline struct table_file *run_cursor_table(const struct run_cursor *cursor) {
    return cursor->tables[cursor->index];
}
/* The removed range of one of the tables that covers `key`, or null. */
const struct removed_range *run_cursor_find_range(const struct run_cursor *cursor,
                                                  struct bytes key);
/* Goes on behind a block that turned out to be lost; false when it stands in none. */
bool run_cursor_pass_lost(struct run_cursor *cursor);
/* The block or partition that was asked for, as it lies in the file, or lent: it is held until the cursor goes on. */
void run_cursor_feed_raw(struct run_cursor *cursor, struct bytes raw);
void run_cursor_feed_block(struct run_cursor *cursor, const struct lent_block *lent);

#endif
