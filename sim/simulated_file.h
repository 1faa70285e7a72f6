/* simulated_file: one file as the page cache has it, as the disk has it, and what lies between.
 *
 *     cached   what reads see:        [AAAA][BBBB][CCCC]
 *     writes   not yet durable:             B at 4   C at 8       oldest first
 *     durable  what a power loss leaves:  [AAAA]
 *
 * A sync makes durable every write that was complete when the sync was issued. At a loss of power
 * each sector of the other writes meets a fate of its own: lost, kept, kept as it was at some
 * moment between, or torn in two. A sync that fails leaves the disk as a loss of power would, and
 * those writes count as done: a later sync that succeeds does not bring them back, as on Linux.
 *
 * Writes that wait for a sync are bounded: as a kernel does, the file writes the oldest back by
 * itself when there are too many.
 */
#ifndef DUNLIN_SIM_SIMULATED_FILE_H
#define DUNLIN_SIM_SIMULATED_FILE_H

#include "engine/base/prng.h"
#include "sim/file_image.h"
#include "sim/object_pool.h"

enum { FILE_UNSYNCED_WRITES_MAX = 4096, FILE_UNSYNCED_BYTES_MAX = 32 * 1024 * 1024 };

struct file_write {
    struct file_write *next;
    uint64_t sequence;
    uint64_t offset;
    struct chunk *chunk; /* owned: what was written; null: space was taken, without bytes */
    uint64_t size;       /* of these; the rest did not happen */
    uint64_t length_after;
    bool is_lost;      /* the disk will never have it, whatever a sync says */
    bool is_found_out; /* and once it was synced, the cache shows what the disk has */
};

/* Where files take their memory from. */
struct file_memory {
    struct chunk_pool *chunks;
    struct object_pool files;
    struct object_pool writes;
    uint64_t files_created;
};

struct simulated_file {
    uint64_t number; /* no two files of a disk have the same */
    uint64_t references;
    struct file_image cached, durable;
    struct file_write *oldest, *newest; /* not yet durable */
    uint64_t unsynced_count, unsynced_bytes;
    uint64_t lost_count; /* of the unsynced writes */
    uint64_t sequence;   /* of the last write */
    uint64_t names;      /* current ones */
    uint64_t counted;    /* in the count of this number: the disk counts each file once */
};

void file_memory_init(struct file_memory *memory, struct chunk_pool *chunks);
void file_memory_deinit(struct file_memory *memory);

/* Empty, one reference. */
struct simulated_file *simulated_file_create(struct file_memory *memory);
void simulated_file_release(struct simulated_file *file, struct file_memory *memory);

/* Writes the first `size` bytes of the chunk, which it shares. */
void simulated_file_write(struct simulated_file *file, struct file_memory *memory, uint64_t offset,
                          struct chunk *chunk, uint64_t size);
/* The file is at least `length` long: what was never written is a hole, and reads as zero. */
void simulated_file_allocate(struct simulated_file *file, struct file_memory *memory,
                             uint64_t length);
/* Writes up to `sequence` are durable, and the file is at least `length` long on the disk. */
void simulated_file_sync(struct simulated_file *file, struct file_memory *memory, uint64_t sequence,
                         uint64_t length);
/* A sync up to `sequence` failed. The cache goes on showing what was written, or forgets it. */
void simulated_file_fail_sync(struct simulated_file *file, struct file_memory *memory,
                              uint64_t sequence, uint32_t sector_bytes, bool cache_shows,
                              struct prng *prng);
/* The cache is gone; what the disk has is all there is. */
void simulated_file_lose_power(struct simulated_file *file, struct file_memory *memory,
                               uint32_t sector_bytes, struct prng *prng);

/* --- accidents: what a disk does that nobody hears of --- */

/* Of the newest write: the disk says that it has it, and has not. */
void simulated_file_lose_newest(struct simulated_file *file, bool is_found_out);
/* Somebody else's write came to this file instead: what of it fits below the durable length. */
void simulated_file_overwrite(struct simulated_file *file, struct file_memory *memory,
                              uint64_t offset, struct bytes bytes);
/* A bit of what is durable flips; false when there is a hole. bit / 8 < durable.length. */
bool simulated_file_flip_bit(struct simulated_file *file, struct file_memory *memory, uint64_t bit);

#endif
