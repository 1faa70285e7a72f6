#include "engine/store/read_ahead.h"

#include "engine/base/memory.h"

struct read_ahead *read_ahead_create(struct read_ahead_pool *pool, struct tickets *tickets) {
    struct read_ahead *ahead =
        pool->count > 0 ? pool->idle[--pool->count] : memory_allocate_zeroed(1, sizeof *ahead);
    ahead->tickets = tickets;
    ahead->wait = (struct disk_wait){.kind = WAIT_AHEAD_READ, .owner = ahead};
    return ahead;
}

static void free_idle(struct read_ahead *ahead) {
    buffer_deinit(&ahead->now.bytes);
    buffer_deinit(&ahead->next.bytes);
    memory_release(ahead);
}

void read_ahead_destroy(struct read_ahead_pool *pool, struct read_ahead *ahead) {
    struct buffer now = ahead->now.bytes;
    struct buffer next = ahead->next.bytes;
    if (pool->count == READ_AHEAD_IDLE_MAX ||
        now.capacity + next.capacity > READ_AHEAD_IDLE_BYTES) {
        free_idle(ahead);
        return;
    }
    buffer_clear(&now);
    buffer_clear(&next);
    *ahead = (struct read_ahead){.now.bytes = now, .next.bytes = next};
    pool->idle[pool->count++] = ahead;
}

void read_ahead_pool_deinit(struct read_ahead_pool *pool) {
    while (pool->count > 0)
        free_idle(pool->idle[--pool->count]);
}

/* --- rows ---------------------------------------------------------------------------------- */

static bool follows(const struct block_row *row, const struct table_file *file,
                    const struct block_handle *handle) {
    bool same_file = row->file == file->number;
    if (row->end == 0)
        return false;
    if (row->descends)
        return handle->offset + handle->size ==
               (same_file ? row->offset : table_data_end(file->table));
    return handle->offset == (same_file ? row->end : 0);
}

bool block_row_note(struct block_row *row, const struct table_file *file,
                    const struct block_handle *handle, bool descends, uint64_t cache_bytes) {
    bool again = row->end > 0 && row->file == file->number && row->offset == handle->offset;
    if (again && row->descends == descends)
        return false;
    if (row->descends != descends || !follows(row, file, handle))
        *row = (struct block_row){.descends = descends};
    row->file = file->number;
    row->offset = handle->offset;
    row->end = handle->offset + handle->size;
    row->bytes += handle->size;
    row->missing += handle->size;
    row->missing_count++;
    row->is_long =
        row->bytes >= READ_AHEAD_LONG_SCAN || row->bytes >= cache_bytes / READ_AHEAD_CACHE_DIVISOR;
    return true;
}

/* --- spans --------------------------------------------------------------------------------- */

static uint64_t span_end(const struct read_span *span) {
    return span->offset + span->bytes.size;
}

static bool span_has(const struct read_span *span, const struct block_handle *handle) {
    return handle->offset >= span->offset && handle->offset + handle->size <= span_end(span);
}

static void forget_spans(struct read_ahead *ahead) {
    buffer_clear(&ahead->now.bytes);
    buffer_clear(&ahead->next.bytes);
}

/* What was read in advance becomes `now`, and what was `now` memory for the next read. */
static void change_places(struct read_ahead *ahead) {
    struct read_span done = ahead->now;
    ahead->now = ahead->next;
    ahead->next = done;
    buffer_clear(&ahead->next.bytes);
}

/* What was read in advance follows what is left of `now`; what lies before the block is done with. */
static void advance_up(struct read_ahead *ahead, uint64_t from) {
    struct read_span *now = &ahead->now;
    if (from >= span_end(now)) {
        change_places(ahead);
        buffer_consume(&now->bytes, (size_t)(from - now->offset));
    } else {
        buffer_consume(&now->bytes, (size_t)(from - now->offset));
        buffer_append(&now->bytes, buffer_bytes(&ahead->next.bytes));
        buffer_clear(&ahead->next.bytes);
    }
    now->offset = from;
}

/* The same from above: what lies behind the block is done with. */
static void advance_down(struct read_ahead *ahead, uint64_t end) {
    struct read_span *now = &ahead->now;
    struct read_span *next = &ahead->next;
    if (end > now->offset)
        buffer_append(&next->bytes,
                      bytes_slice(buffer_bytes(&now->bytes), 0, (size_t)(end - now->offset)));
    else
        next->bytes.size = (size_t)(end - next->offset);
    change_places(ahead);
}

/* The end of the block from which on it is needed. */
static uint64_t near_end(const struct read_ahead *ahead, const struct block_handle *handle) {
    return ahead->descends ? handle->offset + handle->size : handle->offset;
}

/* What has been read, or is about to be, goes on without a gap from where the block begins to be needed. */
static bool continues(const struct read_ahead *ahead, const struct block_handle *handle) {
    uint64_t at = near_end(ahead, handle);
    uint64_t low = ahead->now.offset;
    uint64_t high = span_end(&ahead->now);
    if (ahead->next.bytes.size > 0 && ahead->descends)
        low = ahead->next.offset;
    else if (ahead->next.bytes.size > 0)
        high = span_end(&ahead->next);
    return at >= low && at <= high;
}

/* Brings the block into `now` when it has been read; false when it has not. */
static bool find(struct read_ahead *ahead, const struct block_handle *handle) {
    if (span_has(&ahead->now, handle))
        return true;
    if (ahead->next.bytes.size == 0 || !continues(ahead, handle))
        return false;
    if (ahead->descends)
        advance_down(ahead, near_end(ahead, handle));
    else
        advance_up(ahead, near_end(ahead, handle));
    return span_has(&ahead->now, handle);
}

/* --- reads --------------------------------------------------------------------------------- */

/* As many bytes as were missing before this block. */
static uint64_t window(const struct block_row *row) {
    uint64_t before = row->missing - (row->end - row->offset);
    return before < READ_AHEAD_MAX ? before : READ_AHEAD_MAX;
}

/* Reads up to `size` bytes next to `now`. False where the table ends. */
static bool read_next(struct read_ahead *ahead, uint64_t size, struct effects *effects) {
    uint64_t from = span_end(&ahead->now);
    uint64_t left = table_data_end(ahead->file->table) - from;
    if (ahead->descends) {
        left = ahead->now.offset;
        size = size < left ? size : left;
        from = left - size;
    }
    ahead->wanted = size < left ? size : left;
    if (ahead->wanted == 0)
        return false;
    ahead->next.offset = from;
    ahead->read_file = ahead->file;
    table_file_acquire(ahead->file);
    effects_read(effects, tickets_draw(ahead->tickets, &ahead->wait), table_file_id(ahead->file),
                 from, ahead->wanted);
    return true;
}

/* True when the read that is out will bring something of the block. */
static bool awaits(const struct read_ahead *ahead, const struct block_handle *handle) {
    return handle->offset < ahead->next.offset + ahead->wanted &&
           handle->offset + handle->size > ahead->next.offset;
}

static void read_block_and_more(struct read_ahead *ahead, const struct block_row *row,
                                const struct block_handle *handle, struct effects *effects) {
    struct read_span *now = &ahead->now;
    uint64_t end = handle->offset + handle->size;
    buffer_clear(&ahead->next.bytes);
    if (!continues(ahead, handle)) {
        buffer_clear(&now->bytes);
        now->offset = ahead->descends ? end : handle->offset;
    }
    uint64_t missing = ahead->descends ? now->offset - handle->offset : end - span_end(now);
    uint64_t wanted = window(row);
    bool begun = read_next(ahead, wanted > missing ? wanted : missing, effects);
    CHECK(begun);
}

static enum read_ahead_answer wait(struct read_ahead *ahead, uint64_t waiter) {
    ahead->waiter = waiter;
    return READ_AHEAD_WAITS;
}

static bool is_elsewhere(const struct read_ahead *ahead, const struct block_row *row,
                         const struct table_file *file) {
    return ahead->file != file || ahead->descends != row->descends;
}

enum read_ahead_answer read_ahead_take(struct read_ahead *ahead, const struct block_row *row,
                                       struct table_file *file, const struct block_handle *handle,
                                       uint64_t waiter, struct bytes *raw,
                                       struct effects *effects) {
    bool failed = ahead->failed;
    ahead->failed = false;
    if (failed || file->read_failures > 0)
        return READ_AHEAD_DECLINES;
    if (is_elsewhere(ahead, row, file)) {
        /* What is out belongs to where the cursor was before. */
        if (ahead->wait.pending)
            return READ_AHEAD_DECLINES;
        forget_spans(ahead);
        ahead->file = file;
        ahead->descends = row->descends;
    }
    if (find(ahead, handle)) {
        *raw = bytes_slice(buffer_bytes(&ahead->now.bytes),
                           (size_t)(handle->offset - ahead->now.offset), (size_t)handle->size);
        if (row->missing >= READ_AHEAD_EARLY && !ahead->wait.pending && ahead->next.bytes.size == 0)
            (void)read_next(ahead, window(row), effects);
        ahead->waiter = 0;
        return READ_AHEAD_READY;
    }
    if (ahead->wait.pending)
        return awaits(ahead, handle) ? wait(ahead, waiter) : READ_AHEAD_DECLINES;
    read_block_and_more(ahead, row, handle, effects);
    return wait(ahead, waiter);
}

struct table_file *read_ahead_on_done(struct read_ahead *ahead, enum disk_status status,
                                      struct bytes bytes) {
    struct table_file *file = ahead->read_file;
    ahead->failed = status != DISK_OK || bytes.size != ahead->wanted;
    if (!ahead->failed)
        buffer_append(&ahead->next.bytes, bytes);
    ahead->wanted = 0;
    ahead->read_file = NULL;
    return file;
}
