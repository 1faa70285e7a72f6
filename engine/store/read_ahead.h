/* read_ahead: larger reads for a cursor that walks a run of tables block after block, in either direction.
 *
 *     block   1   2   3   4   5 6 7 8   9 . . . . . . . .
 *     read    1   1   1   1   [   4   ] [       8       ] ...         up to 64 KiB, the next before it is needed
 *             ---------- into the cache ----------> from 256 KiB on past it
 *
 * What was wanted so far, one block behind the other, and had to be read is a row. Once it has READ_AHEAD_AFTER blocks, a
 * read takes as many bytes as the whole row had: however long the scan is, at most about half of what is read was not wanted.
 * Blocks that are in the cache are no reason to read ahead of them: in a short scan they end the row.
 *
 * What a short scan reads goes through the cache, for the next one that comes this way; a long one would only drive it
 * through, and goes past it.
 *
 *     if (block_row_note(&row, file, &handle, descends, cache_bytes) && it is at hand) block_row_met(&row);
 *     if (block_row_reads_ahead(&row))
 *         answer = read_ahead_take(ahead, &row, file, &handle, waiter, &raw, effects);
 *     ... WAIT_AHEAD_READ: read_ahead_on_done(ahead, ...); the waiter asks again
 */
#ifndef DUNLIN_STORE_READ_AHEAD_H
#define DUNLIN_STORE_READ_AHEAD_H

#include "engine/base/effect.h"
#include "engine/store/table_file.h"

enum {
    READ_AHEAD_AFTER = 4,          /* blocks that are read one by one */
    READ_AHEAD_MAX = 64 * 1024,    /* bytes of one read */
    READ_AHEAD_EARLY = 128 * 1024, /* behind so many, the next read is begun before it is needed */
    /* A row of so many bytes, or of this part of the cache, is not a short scan's. */
    READ_AHEAD_LONG_SCAN = 256 * 1024,
    READ_AHEAD_CACHE_DIVISOR = 64,
    /* So many are kept for the next cursors, with so much memory. */
    READ_AHEAD_IDLE_MAX = 4,
    READ_AHEAD_IDLE_BYTES = 128 * 1024,
};

/* Blocks that were wanted one behind the other. The zero value has seen none. */
struct block_row {
    uint64_t file, offset, end; /* of the last one */
    bool descends;
    bool is_long;     /* too long for the cache */
    uint64_t bytes;   /* of all of them */
    uint64_t missing; /* bytes of those that were not at hand, since the last that was */
    uint32_t missing_count;
};

/* Notes that this block is wanted; false when it is the same once more. At first it counts as missing. */
bool block_row_note(struct block_row *row, const struct table_file *file,
                    const struct block_handle *handle, bool descends, uint64_t cache_bytes);
/* The block that was noted last is at hand, or must be read alone. */
static inline void block_row_met(struct block_row *row) {
    if (!row->is_long)
        row->missing = row->missing_count = 0;
}
static inline bool block_row_reads_ahead(const struct block_row *row) {
    return row->missing_count > READ_AHEAD_AFTER;
}

enum read_ahead_answer {
    READ_AHEAD_READY,
    READ_AHEAD_WAITS,
    READ_AHEAD_DECLINES, /* the block is to be read alone: then it turns out whose fault a failed read was */
};

/* Bytes of the file from `offset` on. */
struct read_span {
    uint64_t offset;
    struct buffer bytes;
};

struct read_ahead {
    struct tickets *tickets;
    struct disk_wait wait;
    struct table_file *file; /* whose bytes lie in the spans; not referenced */
    bool descends;
    struct read_span now, next;   /* `next` lies behind `now`, or, descending, before it */
    uint64_t wanted;              /* bytes of the read that is out, or 0 */
    bool failed;                  /* the last read */
    uint64_t waiter;              /* for the read that is out; 0: nobody */
    struct table_file *read_file; /* of that read, referenced */
    bool abandoned;               /* its cursor is gone: it lives until the read comes back */
    struct read_ahead *next_abandoned, *previous_abandoned;
};

/* Most are used for one short scan, and their memory for the next one. The zero value has none. */
struct read_ahead_pool {
    struct read_ahead *idle[READ_AHEAD_IDLE_MAX];
    uint32_t count;
};

struct read_ahead *read_ahead_create(struct read_ahead_pool *pool, struct tickets *tickets);
/* No read of it is out, or what it brings will not be told. */
void read_ahead_destroy(struct read_ahead_pool *pool, struct read_ahead *ahead);
void read_ahead_pool_deinit(struct read_ahead_pool *pool);
/* `raw` is borrowed until the next call. The file stays open until then. */
MUST_USE enum read_ahead_answer read_ahead_take(struct read_ahead *ahead,
                                                const struct block_row *row,
                                                struct table_file *file,
                                                const struct block_handle *handle, uint64_t waiter,
                                                struct bytes *raw, struct effects *effects);
/* A read has come back. Returns the table that it held, for the caller to release. */
MUST_USE struct table_file *read_ahead_on_done(struct read_ahead *ahead, enum disk_status status,
                                               struct bytes bytes);
static inline bool read_ahead_is_reading(const struct read_ahead *ahead) {
    return ahead->wait.pending;
}

#endif
