#include "engine/store/block_stream.h"

void block_stream_init(struct block_stream *stream, struct tickets *tickets) {
    *stream = (struct block_stream){
        .tickets = tickets,
        .read_bytes = BLOCK_STREAM_READ_MIN,
        .wait = {.kind = WAIT_STREAM_READ, .owner = stream},
    };
}

void block_stream_deinit(struct block_stream *stream) {
    buffer_deinit(&stream->now.bytes);
    buffer_deinit(&stream->ahead.bytes);
    buffer_deinit(&stream->side.bytes);
}

static void span_clear(struct block_span *span, uint64_t offset) {
    buffer_clear(&span->bytes);
    span->offset = offset;
    span->wanted = 0;
}

static uint64_t span_end(const struct block_span *span) {
    return span->offset + span->bytes.size;
}

static bool span_take(const struct block_span *span, const struct block_handle *handle,
                      struct bytes *raw) {
    if (handle->offset < span->offset || handle->size > span->bytes.size ||
        handle->offset - span->offset > span->bytes.size - handle->size)
        return false;
    *raw = bytes_slice(buffer_bytes(&span->bytes), (size_t)(handle->offset - span->offset),
                       (size_t)handle->size);
    return true;
}

/* Drops what lies before `offset` and lets what has been read ahead follow. */
static void advance(struct block_stream *stream, uint64_t offset) {
    struct block_span *now = &stream->now;
    uint64_t done = offset - now->offset < now->bytes.size ? offset - now->offset : now->bytes.size;
    buffer_consume(&now->bytes, (size_t)done);
    now->offset += done;
    buffer_append(&now->bytes, buffer_bytes(&stream->ahead.bytes));
    span_clear(&stream->ahead, span_end(now));
}

static void jump(struct block_stream *stream, uint64_t offset) {
    span_clear(&stream->now, offset);
    span_clear(&stream->ahead, offset);
}

static bool take_index(struct block_stream *stream, const struct block_handle *handle,
                       struct bytes *raw) {
    if (span_take(&stream->side, handle, raw))
        return true;
    if (stream->wait.pending)
        return false;
    span_clear(&stream->side, handle->offset);
    stream->side.wanted = handle->size;
    return false;
}

static bool take_data(struct block_stream *stream, const struct block_handle *handle,
                      struct bytes *raw) {
    struct block_span *now = &stream->now;
    stream->asked = *handle;
    if (span_take(now, handle, raw))
        return true;
    if (stream->wait.pending)
        return false;
    if (handle->offset < now->offset || handle->offset > span_end(&stream->ahead))
        jump(stream, handle->offset);
    else
        advance(stream, handle->offset);
    return span_take(now, handle, raw);
}

bool block_stream_take(struct block_stream *stream, struct table_file *file,
                       const struct block_handle *handle, struct bytes *raw) {
    if (stream->file != file) {
        /* What is being read belongs to the file before. */
        if (stream->wait.pending)
            return false;
        stream->file = file;
        span_clear(&stream->side, 0);
        jump(stream, handle->kind == BLOCK_DATA ? handle->offset : 0);
    }
    return handle->kind == BLOCK_DATA ? take_data(stream, handle, raw)
                                      : take_index(stream, handle, raw);
}

/* It must turn out which block cannot be read. */
static bool is_careful(const struct block_stream *stream) {
    return stream->file->read_failures > 0;
}

bool block_stream_failed_block(const struct block_stream *stream, struct block_handle *handle) {
    CHECK(stream->failed);
    bool aside = stream->reading == &stream->side;
    *handle = aside ? (struct block_handle){.offset = stream->side.offset, .kind = BLOCK_INDEX}
                    : stream->asked;
    return is_careful(stream);
}

static void read_span(struct block_stream *stream, struct block_span *span,
                      struct effects *effects) {
    stream->reading = span;
    effects_read(effects, tickets_draw(stream->tickets, &stream->wait), table_file_id(stream->file),
                 span->offset, span->wanted);
}

void block_stream_pump(struct block_stream *stream, struct effects *effects) {
    struct block_span *ahead = &stream->ahead;
    if (stream->wait.pending || stream->failed || stream->file == NULL)
        return;
    if (stream->side.wanted > 0) {
        read_span(stream, &stream->side, effects);
        return;
    }
    uint64_t left = table_data_end(stream->file->table) - ahead->offset;
    if (ahead->bytes.size > 0 || left == 0)
        return;
    ahead->wanted = left < stream->read_bytes ? left : stream->read_bytes;
    if (is_careful(stream)) {
        if (stream->asked.offset != ahead->offset)
            return;
        ahead->wanted = stream->asked.size;
    }
    read_span(stream, ahead, effects);
}

void block_stream_on_read(struct block_stream *stream, enum disk_status status,
                          struct bytes bytes) {
    struct block_span *span = stream->reading;
    if (status != DISK_OK || bytes.size != span->wanted) {
        stream->failed = true;
        return;
    }
    buffer_append(&span->bytes, bytes);
    span->wanted = 0;
}
