#include "engine/store/read_ahead.h"

#include "engine/base/memory.h"

static void begin(struct read_ahead *ahead, struct tickets *tickets) {
    block_stream_init(&ahead->stream, tickets);
    ahead->stream.read_bytes = READ_AHEAD_MIN;
    ahead->stream.wait = (struct disk_wait){.kind = WAIT_AHEAD_READ, .owner = ahead};
}

struct read_ahead *read_ahead_create(struct tickets *tickets) {
    struct read_ahead *ahead = memory_allocate_zeroed(1, sizeof *ahead);
    begin(ahead, tickets);
    return ahead;
}

void read_ahead_destroy(struct read_ahead *ahead) {
    block_stream_deinit(&ahead->stream);
    memory_release(ahead);
}

bool block_streak_note(struct block_streak *streak, const struct table_file *file,
                       const struct block_handle *handle) {
    bool begun = streak->end > 0;
    bool same_file = streak->file == file->number;
    bool again = begun && same_file && streak->offset == handle->offset;
    bool follows = begun && handle->offset == (same_file ? streak->end : 0);
    if (!again)
        streak->length = follows ? streak->length + 1 : 0;
    streak->file = file->number;
    streak->offset = handle->offset;
    streak->end = handle->offset + handle->size;
    return streak->length >= READ_AHEAD_AFTER;
}

/* Asks for what is missing, or for what comes next. */
static void pump(struct read_ahead *ahead, struct effects *effects) {
    struct block_stream *stream = &ahead->stream;
    bool was_reading = read_ahead_is_reading(ahead);
    block_stream_pump(stream, effects);
    if (was_reading || !read_ahead_is_reading(ahead))
        return;
    ahead->read_file = stream->file;
    table_file_acquire(stream->file);
    if (stream->read_bytes < READ_AHEAD_MAX)
        stream->read_bytes *= 2;
}

enum read_ahead_answer read_ahead_take(struct read_ahead *ahead, struct table_file *file,
                                       const struct block_handle *handle, uint64_t waiter,
                                       struct bytes *raw, struct effects *effects) {
    struct block_stream *stream = &ahead->stream;
    if (stream->failed) {
        struct tickets *tickets = stream->tickets;
        block_stream_deinit(stream);
        begin(ahead, tickets);
        return READ_AHEAD_FAILED;
    }
    bool there = block_stream_take(stream, file, handle, raw);
    pump(ahead, effects);
    ahead->waiter = there ? 0 : waiter;
    return there ? READ_AHEAD_READY : READ_AHEAD_WAITS;
}

struct table_file *read_ahead_on_done(struct read_ahead *ahead, enum disk_status status,
                                      struct bytes bytes) {
    struct table_file *file = ahead->read_file;
    ahead->read_file = NULL;
    block_stream_on_read(&ahead->stream, status, bytes);
    return file;
}
