/* read_ahead: large reads for a cursor that walks a run of tables block after block, past the cache.
 *
 *     block   1   2   3   4   5   6 . . . . . . . .
 *     read    4K  4K  4K  4K  [ 16K    ][ 32K      ][ 64K ...           up to 256 KiB
 *             through the cache         past it, the next one while this one is worked off
 *
 * A few blocks in a row are read one by one, so that a short scan reads no more than it needs; from
 * then on each read is twice as large as the one before. What is read so does not enter the cache:
 * a scan pushes nothing out of it.
 *
 *     if (block_streak_note(&streak, file, &handle)) answer = read_ahead_take(ahead, file, &handle, waiter, &raw, effects);
 *     ... WAIT_AHEAD_READ: read_ahead_on_done(ahead, ...); the waiter asks again
 */
#ifndef DUNLIN_STORE_READ_AHEAD_H
#define DUNLIN_STORE_READ_AHEAD_H

#include "engine/store/block_stream.h"

enum { READ_AHEAD_AFTER = 4, READ_AHEAD_MIN = 16 * 1024, READ_AHEAD_MAX = 256 * 1024 };

enum read_ahead_answer {
    READ_AHEAD_READY,
    READ_AHEAD_WAITS,
    READ_AHEAD_FAILED, /* a read failed: which block's fault it was, reading it alone will tell */
};

/* How many blocks in a row were wanted. The zero value has seen none. */
struct block_streak {
    uint64_t file, offset, end; /* of the last one */
    uint32_t length;            /* blocks in a row before it */
};

struct read_ahead {
    struct block_stream stream;
    uint64_t waiter;                    /* for the read that is out; 0: nobody */
    struct table_file *read_file;       /* of that read, referenced */
    bool abandoned;                     /* its cursor is gone: it lives until the read comes back */
    struct read_ahead *next, *previous; /* of the abandoned ones */
};

struct read_ahead *read_ahead_create(struct tickets *tickets);
void read_ahead_destroy(struct read_ahead *ahead);
/* Notes that this block is wanted, again or next. True when enough of those before it were wanted in
 * order. */
bool block_streak_note(struct block_streak *streak, const struct table_file *file,
                       const struct block_handle *handle);
/* A new row of blocks begins: with small reads. */
static inline void read_ahead_restart(struct read_ahead *ahead) {
    if (!ahead->stream.wait.pending)
        ahead->stream.read_bytes = READ_AHEAD_MIN;
}
/* `raw` is borrowed until the next call. */
MUST_USE enum read_ahead_answer read_ahead_take(struct read_ahead *ahead, struct table_file *file,
                                                const struct block_handle *handle, uint64_t waiter,
                                                struct bytes *raw, struct effects *effects);
/* A read has come back. Returns the table that it held, for the caller to release. */
MUST_USE struct table_file *read_ahead_on_done(struct read_ahead *ahead, enum disk_status status,
                                               struct bytes bytes);
static inline bool read_ahead_is_reading(const struct read_ahead *ahead) {
    return ahead->stream.wait.pending;
}

#endif
