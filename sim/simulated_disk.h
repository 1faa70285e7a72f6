/* simulated_disk: one host's files, and how long and how well its disk does what programs ask.
 *
 *     submit --> operations under way, oldest first --(latency)--> performed, EVENT_DISK_DONE
 *                      |
 *                 process killed: each write has happened wholly, in part or not; nobody is told
 *
 * An operation takes effect when it completes. Writes to one file complete in the order in which
 * they were asked for; a sync and a directory sync cover what was complete when they were asked
 * for.
 */
#ifndef DUNLIN_SIM_SIMULATED_DISK_H
#define DUNLIN_SIM_SIMULATED_DISK_H

#include "engine/base/effect.h"
#include "sim/disk_directory.h"
#include "sim/timeline.h"
#include "sim/world.h"

struct simulated_disk;

struct disk_operation {
    struct disk_operation *next, *previous;
    struct simulated_disk *disk;
    uint32_t generation; /* raised when the memory is used again */
    enum effect_kind kind;
    uint64_t ticket;
    uint32_t checkpoint;           /* whose directory it concerns; 0: the live one */
    struct directory_entry *entry; /* of the file, when the operation has one */
    struct directory_entry *to;    /* of a rename or a link: the new name */
    struct simulated_file *file;   /* of a sync: one reference; null when there was no file */
    struct chunk *chunk;           /* of a write: owned */
    uint64_t offset, size;
    uint64_t sequence; /* of a sync: what it covers */
    uint64_t length;
};

/* The disk as it was at world_snapshot_disk(). */
struct disk_snapshot_file {
    struct file_id id;
    uint64_t number; /* of the file: names of one file are so again after a rollback */
    struct file_image image;
};

struct simulated_disk {
    struct disk_settings settings;
    struct timeline *timeline;
    uint32_t host;
    struct file_memory memory;
    struct disk_directory directory;
    struct object_pool operation_pool;
    struct disk_operation *first, *last;
    uint64_t used_bytes; /* lengths of all current files, each once however many names it has */
    uint64_t crashes, counts;
    struct disk_snapshot_file *snapshot;
    uint64_t snapshot_count;
    struct prng latency_stream, read_error_stream, write_error_stream, sync_error_stream;
    struct prng rot_stream, crash_stream, list_stream;
    struct prng slow_stream, rest_stream, lost_write_stream, misdirected_write_stream;
    struct instant slow_from, slow_until; /* the newest spell; zeros while there are none */
    bool slow_is_told;
    struct instant rots_at; /* the next flip of a bit; zero while there are none */
};

void simulated_disk_init(struct simulated_disk *disk, struct timeline *timeline, uint32_t host,
                         const struct disk_settings *settings);
void simulated_disk_deinit(struct simulated_disk *disk);

/* Starts what a disk effect asks for, at `at`. */
void simulated_disk_submit(struct simulated_disk *disk, const struct effect *effect,
                           struct instant at);
/* HAPPENING_DISK: performs the operation and delivers its outcome. */
void simulated_disk_perform(const struct happening *happening);

/* What is under way happens wholly, in part or not; what was written stays. */
void simulated_disk_process_killed(struct simulated_disk *disk);
/* The same, and then the cache is gone. */
void simulated_disk_power_lost(struct simulated_disk *disk);

/* No operation may be under way in a wipe or a rollback. A disk without a snapshot rolls back to
 * empty. */
void simulated_disk_wipe(struct simulated_disk *disk);
void simulated_disk_take_snapshot(struct simulated_disk *disk);
void simulated_disk_roll_back(struct simulated_disk *disk);
/* No operation may be under way on either. Settings and chance stay where they are. */
void simulated_disk_swap(struct simulated_disk *left, struct simulated_disk *right);
/* Flips so many bits of durable files whose kind is in `kinds`. */
void simulated_disk_rot(struct simulated_disk *disk, uint32_t kinds, uint32_t bits);

#endif
