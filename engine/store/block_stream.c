#include "engine/store/block_stream.h"

void block_stream_init(struct block_stream *stream, struct tickets *tickets) {
    *stream = (struct block_stream){
        .tickets = tickets,
        .wait = {.kind = WAIT_STREAM_READ, .owner = stream},
    };
}

void block_stream_deinit(struct block_stream *stream) {
    buffer_deinit(&stream->now.bytes);
    buffer_deinit(&stream->ahead.bytes);
}

static bool span_covers(const struct block_span *span, const struct table_file *file,
                        uint32_t position) {
    return span->file == file && position >= span->first && position < span->end;
}

static void span_plan(struct block_span *span, struct table_file *file, uint32_t position) {
    span->file = file;
    span->first = span->end = position;
    span->arrived = false;
}

static struct bytes span_block(const struct block_span *span, uint32_t position) {
    struct block_handle handle;
    bool there = table_block_at(span->file->table, position, &handle);
    CHECK(there && handle.offset >= span->offset);
    return bytes_slice(buffer_bytes(&span->bytes), (size_t)(handle.offset - span->offset),
                       (size_t)handle.size);
}

bool block_stream_take(struct block_stream *stream, struct table_file *file, uint32_t position,
                       struct bytes *raw) {
    if (stream->ahead.arrived && span_covers(&stream->ahead, file, position)) {
        struct block_span done = stream->now;
        stream->now = stream->ahead;
        stream->ahead = done;
        span_plan(&stream->ahead, file, stream->now.end);
    }
    if (stream->now.arrived && span_covers(&stream->now, file, position)) {
        *raw = span_block(&stream->now, position);
        return true;
    }
    if (!stream->wait.pending &&
        (stream->ahead.file != file || stream->ahead.first != position || stream->ahead.arrived))
        span_plan(&stream->ahead, file, position);
    return false;
}

void block_stream_pump(struct block_stream *stream, struct effects *effects) {
    struct block_span *span = &stream->ahead;
    if (stream->wait.pending || stream->failed || span->file == NULL || span->arrived)
        return;
    struct block_handle handle;
    uint64_t size = 0;
    span->end = span->first;
    while (size < BLOCK_STREAM_READ_MIN && table_block_at(span->file->table, span->end, &handle)) {
        if (size == 0)
            span->offset = handle.offset;
        size = handle.offset + handle.size - span->offset;
        span->end++;
    }
    if (size > 0)
        effects_read(effects, tickets_draw(stream->tickets, &stream->wait),
                     table_file_id(span->file), span->offset, size);
}

void block_stream_on_read(struct block_stream *stream, enum disk_status status,
                          struct bytes bytes) {
    struct block_span *span = &stream->ahead;
    struct block_handle last;
    bool there = table_block_at(span->file->table, span->end - 1, &last);
    CHECK(there);
    if (status != DISK_OK || bytes.size != last.offset + last.size - span->offset) {
        stream->failed = true;
        return;
    }
    buffer_clear(&span->bytes);
    buffer_append(&span->bytes, bytes);
    span->arrived = true;
}
