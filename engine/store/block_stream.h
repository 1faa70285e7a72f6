/* block_stream: reads a table from one end to the other with bounded read-ahead, past the cache.
 *
 *     file     ...[block block block bl|ock block ...         ]...   [index partition]...
 *     now         [####################]                             [side]
 *     ahead                            [#########]                   64 KiB, read while `now` is worked off
 *
 * A merge of whole tables reads each block once; it must not push out of the cache what requests
 * read often. Spans are cut anywhere: where blocks end, only the index tells, and partitions of it are read aside.
 *
 *     if (block_stream_take(&stream, file, &handle, &raw)) feed(raw);
 *     block_stream_pump(&stream, effects);            // asks for what is missing, or for what comes next
 */
#ifndef DUNLIN_STORE_BLOCK_STREAM_H
#define DUNLIN_STORE_BLOCK_STREAM_H

#include "engine/base/effect.h"
#include "engine/store/table_file.h"

enum { BLOCK_STREAM_READ_MIN = 64 * 1024 };

/* Bytes of the file from `offset` on: `bytes.size` of them have arrived, `wanted` are to be read. */
struct block_span {
    uint64_t offset;
    uint64_t wanted; /* 0: nothing */
    struct buffer bytes;
};

struct block_stream {
    struct tickets *tickets;
    uint64_t read_bytes;     /* of the next read */
    struct table_file *file; /* null at first; borrowed */
    struct block_span now, ahead, side;
    struct block_span *reading; /* ahead or side, while the read is out */
    struct block_handle
        asked;   /* the data block that is waited for; its size is 0 when there is none */
    bool failed; /* a read failed or fell short */
    struct disk_wait wait;
};

void block_stream_init(struct block_stream *stream, struct tickets *tickets);
void block_stream_deinit(struct block_stream *stream);
/* True when the block is in memory; `raw` is borrowed until the next call. False: it has been noted as the next to read. */
bool block_stream_take(struct block_stream *stream, struct table_file *file,
                       const struct block_handle *handle, struct bytes *raw);
/* After a failure: true when it is known which block it was. Where a read of a table has failed, its blocks are read one by
 * one. */
bool block_stream_failed_block(const struct block_stream *stream, struct block_handle *handle);
void block_stream_pump(struct block_stream *stream, struct effects *effects);
void block_stream_on_read(struct block_stream *stream, enum disk_status status, struct bytes bytes);

#endif
