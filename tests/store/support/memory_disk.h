/* memory_disk: a disk with a page cache, in memory, that crashes and fails on demand.
 *
 *     operation --> current contents and names --sync--> durable contents, durable names
 *                                              \--crash--> of what was not synced, each sector and
 *                                                          each name is lost, kept or torn
 *
 * A sync that fails leaves the cache as it was, and its pages clean, as kernels do: reads go on showing what never reached
 * the disk, later syncs have nothing to do for it, and at a loss of power it is gone.
 *
 * Operations wait in a queue. They are performed in any order that the contract of effect.h allows:
 * only writes to one file keep theirs.
 *
 * At a crash the changes of one name since its directory was synced have happened together or not
 * at all, each name by itself; but a name that moved is never gone from both places.
 */
#ifndef DUNLIN_TESTS_MEMORY_DISK_H
#define DUNLIN_TESTS_MEMORY_DISK_H

#include "engine/base/effect.h"
#include "engine/base/prng.h"

enum { MEMORY_DISK_FILES = 2048, MEMORY_DISK_QUEUE = 512, MEMORY_DISK_SECTOR = 512 };

/* CRASH_KILLS ends the process only: what was not synced stays in the page cache. */
enum crash_outcome { CRASH_LOSES, CRASH_KEEPS, CRASH_TEARS, CRASH_KILLS };

/* What names stand for: several of them when there are links. */
struct memory_content {
    struct buffer current, durable;
    struct buffer
        stuck; /* a byte for each sector: 1 when a sync of it has failed and it was not written since */
    size_t references;
};

struct memory_file {
    struct file_id file;
    struct memory_content *content;
    bool named, name_durable; /* in the directory now; after a crash that loses names */
    struct file_id moved_to;  /* of a name that was renamed and is not yet durably gone */
};

struct memory_operation {
    struct effect effect; /* its bytes are copied */
    struct buffer bytes;
};

struct memory_disk {
    struct memory_file files[MEMORY_DISK_FILES];
    size_t file_count;
    struct memory_operation queue[MEMORY_DISK_QUEUE];
    size_t queued;
    struct prng prng;
    uint64_t performed; /* operations so far */
    uint64_t fail_at;   /* this one fails (counted from 1); 0: none */
    uint64_t fail_more; /* and so do as many that follow it */
    enum disk_status fail_status;
    bool fail_reads, fail_writes; /* which kinds fail_at may hit; the count goes over these */
    uint64_t eligible;
    struct file_id spoiled; /* a file of which a part cannot be read; kind 0: none */
    uint64_t spoiled_from, spoiled_to;
    uint64_t capacity;  /* bytes of all files together; 0: no limit */
    bool in_order;      /* perform the oldest first */
    struct buffer read; /* bytes of the last read */
    struct file_entry listed[MEMORY_DISK_FILES];
};

void memory_disk_init(struct memory_disk *disk, uint64_t seed);
void memory_disk_deinit(struct memory_disk *disk);
/* The files of `from` as they are now, all durable. */
void memory_disk_copy(struct memory_disk *disk, const struct memory_disk *from);
/* A checkpoint of `from`, as the live directory of this disk. */
void memory_disk_restore(struct memory_disk *disk, const struct memory_disk *from,
                         uint32_t checkpoint);
/* Takes the disk effects over; other kinds are ignored. */
void memory_disk_take(struct memory_disk *disk, const struct effects *effects);
/* Performs one waiting operation; false when none waits. *done is borrowed until the next call. */
bool memory_disk_perform(struct memory_disk *disk, struct disk_done *done);
void memory_disk_crash(struct memory_disk *disk, enum crash_outcome outcome);

/* What a crash makes of all that was not synced: asked once for each such name, sector and length, in the order of files
 * and offsets. */
struct crash_choices {
    void *context;
    /* Whether a name that was made, moved or removed is durably so. */
    bool (*name_happens)(void *context);
    /* How many of the sector's first `size` bytes are new; the others are old. */
    size_t (*sector_keeps)(void *context, size_t size);
    /* Whether the file is as long as it was, although the bytes at its end may be lost. */
    bool (*length_keeps)(void *context);
};
void memory_disk_crash_by(struct memory_disk *disk, const struct crash_choices *choices);
/* No files, and nothing waits. */
void memory_disk_forget(struct memory_disk *disk);
/* Files and names as they are in `from`, durable or not; nothing waits. */
void memory_disk_clone(struct memory_disk *disk, const struct memory_disk *from);
struct memory_file *memory_disk_find(struct memory_disk *disk, struct file_id file);
/* Bytes of all files that have a name. */
uint64_t memory_disk_used(const struct memory_disk *disk);
/* The file of this kind with the highest number; null when there is none. */
struct memory_file *memory_disk_last(struct memory_disk *disk, enum file_kind kind);
size_t memory_disk_count(const struct memory_disk *disk, enum file_kind kind);

#endif
