/* log_writer: group commit. At most one write and one sync are under way; what arrives meanwhile
 * joins the next write.
 *
 *     append --> [ filling ] --pump--> [ writing ] --write done--> written --sync done--> durable
 *
 * A write may go out while a sync is under way, and the next sync covers it; but where all wait for
 * their sync, it waits with them and takes along whatever arrives. A segment that is full is
 * synced to its end before the first byte of the next one is written, so that a segment's first
 * record proves that the one before it is complete. The first sync of a segment waits for a sync
 * of the directory too: without its name its bytes would be lost.
 *
 * Whoever writes the first record of a segment waits for the rest of the one before to be synced, whatever the policy. So that
 * little is left then, a segment is synced on the way whenever as much waits for a sync as may still come: at a half of it, three
 * quarters, seven eighths, until LOG_SYNC_AHEAD_MIN bytes are left.
 *
 * A write for which there was no space is repeated: nothing rests on it yet. After any other
 * failure nobody knows what the segment holds behind the last sync, and asking for that sync again
 * may be answered with a yes that means nothing. So the log is abandoned: it writes no more and its
 * watermarks stand still, until its owner has made everything durable in another way.
 *
 *     sequence = log_writer_append(&log, &batch);
 *     log_writer_pump(&log, now, &next_file, effects);      // once a step
 *     switch (log_writer_on_done(&log, wait->kind, status, now)) ...
 *     case LOG_ABANDONED: flush all memtables, then log_writer_restart(&log, last_sequence)
 */
#ifndef DUNLIN_STORE_LOG_WRITER_H
#define DUNLIN_STORE_LOG_WRITER_H

#include "engine/store/log_removal.h"
#include "engine/store/log_supply.h"

/* A segment that was written in this life. */
struct log_segment {
    uint64_t number;
    uint64_t last_sequence; /* of what was sent into it so far */
    uint64_t size;          /* of the file, records or not; 0 when it is not worth keeping */
};

enum log_progress { LOG_GOES_ON, LOG_HAS_NO_SPACE, LOG_ABANDONED };

struct log_writer {
    struct tickets *tickets;
    enum store_sync policy;
    struct duration interval;
    uint64_t segment_bytes;

    struct file_id file; /* number 0 while no segment is open */
    uint64_t identity;
    uint64_t offset; /* where the next write goes */
    bool name_synced;
    struct log_supply supply;

    struct buffer filling; /* room for the headers, then batches */
    uint32_t filling_count;
    struct buffer writing; /* what the write under way borrows */
    struct bytes frame;    /* of it: what was sent, and */
    uint64_t frame_at;     /* where to */
    bool unwritten;        /* there was no space for it */
    bool abandoned;

    uint64_t next_sequence; /* of the next batch */
    uint64_t sent;          /* last sequence handed to a write */
    uint64_t written, durable;
    uint64_t wanted; /* somebody waits for durability up to here */
    uint64_t sync_target;
    uint64_t sync_offset;    /* of the segment: where the last sync that was asked for ends */
    struct instant sync_due; /* of the interval policy; INSTANT_NEVER when nothing waits */

    struct log_segment *segments; /* oldest first; the last is the open one */
    uint32_t segment_count, segment_capacity;

    struct disk_wait write_wait, sync_wait, directory_wait;
    uint64_t bytes_written, syncs;
};

void log_writer_init(struct log_writer *log, const struct store_config *config,
                     struct tickets *tickets);
void log_writer_deinit(struct log_writer *log);
/* Recovery found everything up to `last_sequence`, and synced it. */
void log_writer_begin(struct log_writer *log, uint64_t last_sequence);
/* Returns the batch's sequence number. */
uint64_t log_writer_append(struct log_writer *log, const struct store_batch *batch);
uint64_t log_writer_append_removal(struct log_writer *log, const struct log_removal *removal);
/* Bytes that wait for their write to begin. */
static inline uint64_t log_writer_backlog(const struct log_writer *log) {
    return log->filling.size;
}
/* Begins a write or a sync where one is due. New segments draw their number from *next_file.
 * Neither abandoned nor unwritten. */
void log_writer_pump(struct log_writer *log, struct instant now, uint64_t *next_file,
                     struct effects *effects);
/* Sends the write again for which there was no space. */
void log_writer_repeat(struct log_writer *log, struct effects *effects);
/* Takes a WAIT_LOG_*. */
MUST_USE enum log_progress log_writer_on_done(struct log_writer *log, enum wait_kind kind,
                                              enum disk_status status, struct instant now);
/* An abandoned log that is idle goes on in a new segment: everything up to `last_sequence`, the
 * last that was appended, is durable elsewhere. */
void log_writer_restart(struct log_writer *log, uint64_t last_sequence);
static inline bool log_writer_is_idle(const struct log_writer *log) {
    return !log->write_wait.pending && !log->sync_wait.pending && !log->directory_wait.pending;
}
struct instant log_writer_deadline(const struct log_writer *log);
/* Takes out the oldest segment when everything in it is <= `sequence` and it is not the open one;
 * false when there is none. */
bool log_writer_retire(struct log_writer *log, uint64_t sequence, struct log_segment *retired);
/* The number of the oldest segment that a retire up to `sequence` would leave, the next one
 * included; `next_file` when it would leave none. */
uint64_t log_writer_first_kept(const struct log_writer *log, uint64_t sequence, uint64_t next_file);

#endif
