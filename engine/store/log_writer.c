#include "engine/store/log_writer.h"

#include "engine/base/memory.h"
#include "engine/store/log_batch.h"
#include "engine/store/log_record.h"

enum { LOG_GATHER_BYTES_MAX = 256 * 1024, LOG_SYNC_AHEAD_MIN = 128 * 1024 };
enum { SEGMENTS_CAPACITY_MIN = 4 };

void log_writer_init(struct log_writer *log, const struct store_config *config,
                     struct tickets *tickets) {
    *log = (struct log_writer){
        .tickets = tickets,
        .policy = config->sync,
        .interval = config->sync_interval,
        .segment_bytes = config->log_segment_bytes,
        .file = {.kind = FILE_LOG},
        .sync_due = INSTANT_NEVER,
        .write_wait = {.kind = WAIT_LOG_WRITE},
        .sync_wait = {.kind = WAIT_LOG_SYNC},
        .directory_wait = {.kind = WAIT_LOG_DIRECTORY},
    };
    log_supply_init(&log->supply, config, tickets);
}

void log_writer_deinit(struct log_writer *log) {
    buffer_deinit(&log->filling);
    buffer_deinit(&log->writing);
    memory_release(log->segments);
    log->segments = NULL;
}

void log_writer_begin(struct log_writer *log, uint64_t last_sequence) {
    log->next_sequence = last_sequence + 1;
    log->sent = log->written = log->durable = last_sequence;
}

static void begin_append(struct log_writer *log) {
    if (log->filling_count == 0)
        record_begin(&log->filling);
}

uint64_t log_writer_append(struct log_writer *log, const struct store_batch *batch) {
    begin_append(log);
    log_batch_encode(batch, &log->filling);
    log->filling_count++;
    return log->next_sequence++;
}

uint64_t log_writer_append_removal(struct log_writer *log, const struct log_removal *removal) {
    begin_append(log);
    log_removal_encode(removal, &log->filling);
    log->filling_count++;
    return log->next_sequence++;
}

static bool sync_is_pending(const struct log_writer *log) {
    return log->sync_wait.pending || log->directory_wait.pending;
}

static bool segment_is_full(const struct log_writer *log) {
    uint64_t frame = log->filling.size - RECORD_FILE_HEADER_SIZE;
    return log->offset > RECORD_FILE_HEADER_SIZE && log->offset + frame > log->segment_bytes;
}

static bool needs_new_segment(const struct log_writer *log) {
    return log->file.number == 0 || segment_is_full(log);
}

static void open_segment(struct log_writer *log, uint64_t number, bool is_ready) {
    log->file.number = number;
    log->identity = record_file_identity(log->file);
    log->offset = log->sync_offset = 0;
    log->name_synced = is_ready;
    if (log->segment_count == log->segment_capacity) {
        log->segment_capacity =
            log->segment_capacity == 0 ? SEGMENTS_CAPACITY_MIN : log->segment_capacity * 2;
        log->segments = memory_resize(log->segments, log->segment_capacity * sizeof *log->segments);
    }
    log->segments[log->segment_count++] =
        (struct log_segment){.number = number, .size = is_ready ? log->segment_bytes : 0};
}

/* False when that has to wait. */
static bool open_next(struct log_writer *log, uint64_t *next_file, struct effects *effects) {
    if (log->durable < log->written || sync_is_pending(log))
        return false;
    if (log_supply_is_at_work(&log->supply))
        return false;
    uint64_t number;
    bool is_ready = log_supply_take(&log->supply, &number);
    if (!is_ready && log_supply_make(&log->supply, next_file, effects))
        return false;
    open_segment(log, is_ready ? number : (*next_file)++, is_ready);
    return true;
}

/* The next segment is begun when half of this one is full: by the time it is needed it is there. */
static void prepare_next(struct log_writer *log, uint64_t *next_file, struct effects *effects) {
    if (log->supply.behind || (log->file.number != 0 && log->offset >= log->segment_bytes / 2))
        (void)!log_supply_make(&log->supply, next_file, effects);
}

/* The file header goes out together with the first record: nothing is written ahead of need. */
static void start_write(struct log_writer *log, struct effects *effects) {
    struct buffer swap = log->writing;
    log->writing = log->filling;
    log->filling = swap;
    struct record record = {
        .kind = RECORD_BATCHES,
        .count = log->filling_count,
        .sequence = log->sent + 1,
        .synced = log->durable,
    };
    struct bytes bytes = record_end(&log->writing, &record, log->identity);
    if (log->offset == 0)
        bytes = record_add_file_header(&log->writing, bytes, log->file);
    effects_write(effects, tickets_draw(log->tickets, &log->write_wait), log->file, log->offset,
                  bytes);
    log->frame = bytes;
    log->frame_at = log->offset;
    log->offset += bytes.size;
    log->bytes_written += bytes.size;
    log->sent += log->filling_count;
    log->filling_count = 0;
    buffer_clear(&log->filling);
    struct log_segment *segment = &log->segments[log->segment_count - 1];
    segment->last_sequence = log->sent;
    if (log->offset > segment->size)
        segment->size = log->offset;
}

static void start_sync(struct log_writer *log, struct effects *effects) {
    log->sync_target = log->written;
    log->sync_offset = log->offset;
    log->syncs++;
    effects_sync(effects, tickets_draw(log->tickets, &log->sync_wait), log->file);
    if (!log->name_synced)
        effects_sync_directory(effects, tickets_draw(log->tickets, &log->directory_wait));
}

/* As much waits for a sync as the segment has room for. */
static bool sync_is_due_ahead(const struct log_writer *log) {
    uint64_t room = log->segment_bytes > log->offset ? log->segment_bytes - log->offset : 0;
    uint64_t waiting = log->offset - log->sync_offset;
    return waiting >= LOG_SYNC_AHEAD_MIN && waiting >= room;
}

static bool sync_is_due(const struct log_writer *log, struct instant now) {
    if (sync_is_pending(log) || log->written <= log->durable)
        return false;
    bool blocks_a_segment = log->filling_count > 0 && needs_new_segment(log);
    return blocks_a_segment || sync_is_due_ahead(log) || log->wanted > log->durable ||
           log->policy == STORE_SYNC_ALWAYS || instant_reached(now, log->sync_due);
}

/* When nothing is acknowledged before its sync, a write that goes out while another sync is under way gains nobody
 * anything: it would wait for the next sync, and so may join what else arrives. */
static bool gathers(const struct log_writer *log) {
    return log->policy == STORE_SYNC_ALWAYS && sync_is_pending(log) &&
           log->filling.size < LOG_GATHER_BYTES_MAX;
}

void log_writer_pump(struct log_writer *log, struct instant now, uint64_t *next_file,
                     struct effects *effects) {
    CHECK(!log->abandoned);
    if (sync_is_due(log, now))
        start_sync(log, effects);
    prepare_next(log, next_file, effects);
    if (log->filling_count == 0 || log->write_wait.pending || log->unwritten || gathers(log))
        return;
    if (needs_new_segment(log) && !open_next(log, next_file, effects))
        return;
    start_write(log, effects);
}

static void on_written(struct log_writer *log, struct instant now) {
    log->written = log->sent;
    if (log->policy == STORE_SYNC_INTERVAL && log->sync_due.nanoseconds == UINT64_MAX)
        log->sync_due = instant_after(now, log->interval);
}

static void on_synced(struct log_writer *log, struct instant now) {
    if (sync_is_pending(log))
        return;
    log->name_synced = true;
    log->durable = log->sync_target;
    bool more = log->policy == STORE_SYNC_INTERVAL && log->written > log->durable;
    log->sync_due = more ? instant_after(now, log->interval) : INSTANT_NEVER;
}

void log_writer_repeat(struct log_writer *log, struct effects *effects) {
    CHECK(log->unwritten && !log->abandoned);
    log->unwritten = false;
    effects_write(effects, tickets_draw(log->tickets, &log->write_wait), log->file, log->frame_at,
                  log->frame);
}

static void abandon(struct log_writer *log) {
    log->abandoned = true;
    /* Where the disk has refused once, nothing is to be written again. */
    log->segments[log->segment_count - 1].size = 0;
    log->unwritten = false;
    log->filling_count = 0;
    buffer_clear(&log->filling);
    log->sync_due = INSTANT_NEVER;
}

enum log_progress log_writer_on_done(struct log_writer *log, enum wait_kind kind,
                                     enum disk_status status, struct instant now) {
    /* What was still under way comes home, and changes nothing. */
    if (log->abandoned)
        return LOG_GOES_ON;
    if (status == DISK_FULL && kind == WAIT_LOG_WRITE) {
        log->unwritten = true;
        return LOG_HAS_NO_SPACE;
    }
    if (status != DISK_OK) {
        abandon(log);
        return LOG_ABANDONED;
    }
    if (kind == WAIT_LOG_WRITE)
        on_written(log, now);
    else
        on_synced(log, now);
    return LOG_GOES_ON;
}

void log_writer_restart(struct log_writer *log, uint64_t last_sequence) {
    CHECK(log->abandoned && log_writer_is_idle(log) && last_sequence + 1 == log->next_sequence);
    log->abandoned = false;
    log->file.number = 0;
    log->sent = log->written = log->durable = last_sequence;
}

struct instant log_writer_deadline(const struct log_writer *log) {
    bool can_sync = !log->abandoned && !sync_is_pending(log) && log->written > log->durable;
    return can_sync ? log->sync_due : INSTANT_NEVER;
}

static bool is_last(const struct log_writer *log, uint32_t index) {
    return log->file.number != 0 && index + 1 == log->segment_count;
}

bool log_writer_retire(struct log_writer *log, uint64_t sequence, struct log_segment *retired) {
    if (log->segment_count == 0 || log->segments[0].last_sequence > sequence)
        return false;
    /* The last one takes more, or something of it may still be under way. */
    if (is_last(log, 0) && !(log->abandoned && log_writer_is_idle(log)))
        return false;
    *retired = log->segments[0];
    log->segment_count--;
    memmove(log->segments, log->segments + 1, log->segment_count * sizeof *log->segments);
    return true;
}

uint64_t log_writer_first_kept(const struct log_writer *log, uint64_t sequence,
                               uint64_t next_file) {
    for (uint32_t i = 0; i < log->segment_count; i++) {
        bool open = is_last(log, i) && !log->abandoned;
        if (open || log->segments[i].last_sequence > sequence)
            return log->segments[i].number;
    }
    uint64_t next = log_supply_number(&log->supply);
    return next != 0 ? next : next_file;
}
