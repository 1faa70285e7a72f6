/* block_stream: reads a table from one end to the other with bounded read-ahead, past the cache.
 *
 *     bytes  [####block block bl|ock####]      what was read: whole blocks, at least 64 KiB of them
 *     ahead                     [#######...]   what comes next, while the former is worked off
 *
 * A merge of whole tables reads each block once; it must not push out of the cache what requests
 * read often.
 *
 *     if (block_stream_take(&stream, file, position, &raw)) feed(raw);
 *     block_stream_pump(&stream, effects);            // asks for what is missing, or for what comes next
 */
#ifndef DUNLIN_STORE_BLOCK_STREAM_H
#define DUNLIN_STORE_BLOCK_STREAM_H

#include "engine/base/effect.h"
#include "engine/store/table_file.h"

enum { BLOCK_STREAM_READ_MIN = 64 * 1024 };

/* Whole blocks of one table, as they lie in the file. */
struct block_span {
    struct table_file *file; /* null when empty; borrowed */
    uint32_t first, end;     /* positions of its blocks: first, below end */
    uint64_t offset;
    struct buffer bytes;
    bool arrived;
};

struct block_stream {
    struct tickets *tickets;
    struct block_span now, ahead;
    bool failed; /* a read failed or fell short */
    struct disk_wait wait;
};

void block_stream_init(struct block_stream *stream, struct tickets *tickets);
void block_stream_deinit(struct block_stream *stream);
/* True when the block is in memory. False: it has been noted as the next to read. */
bool block_stream_take(struct block_stream *stream, struct table_file *file, uint32_t position,
                       struct bytes *raw);
void block_stream_pump(struct block_stream *stream, struct effects *effects);
void block_stream_on_read(struct block_stream *stream, enum disk_status status, struct bytes bytes);

#endif
