/* disk_directory: the names on a disk, as programs see them and as the disk has them.
 *
 *     000012.log   current --> file <-- durable      synced
 *     000013.log   current --> file      (none)      created; a loss of power may take the name
 *     000011.log   (none)      file <-- durable      removed; a loss of power may bring it back
 *
 * A name is created or removed in the cache, and the change waits until the directory is synced. At
 * a loss of power, of the changes of each name the first few, by chance, have happened.
 */
#ifndef DUNLIN_SIM_DISK_DIRECTORY_H
#define DUNLIN_SIM_DISK_DIRECTORY_H

#include "engine/base/file.h"
#include "engine/base/id_map.h"
#include "engine/base/units.h"
#include "sim/simulated_file.h"

enum { DIRECTORY_UNSYNCED_CHANGES_MAX = 4096 };
#define DIRECTORY_FILE_NUMBER_MAX (((uint64_t)1 << 56) - 1)

struct directory_entry {
    struct directory_entry *next, *previous; /* oldest first */
    struct file_id id;
    struct simulated_file *current, *durable; /* one reference each, or null */
    uint64_t users;                           /* operations and changes that refer to this entry */
    struct instant busy_until;                /* when the last write issued to it completes */
    uint64_t stopped_at_crash; /* nothing further of it happens at the crash of this number */
};

struct directory_change {
    struct directory_change *next;
    uint64_t sequence;
    struct directory_entry *entry;
    struct simulated_file
        *file; /* what the name stands for from now on, one reference; null: removed */
};

struct disk_directory {
    struct file_memory *memory;
    struct object_pool entry_pool, change_pool;
    struct id_map entries;
    struct directory_entry *first, *last;
    struct directory_change *oldest, *newest;
    uint64_t unsynced_count;
    uint64_t sequence;   /* of the last change */
    uint64_t file_count; /* current */
};

void disk_directory_init(struct disk_directory *directory, struct file_memory *memory);
void disk_directory_deinit(struct disk_directory *directory);

/* The entry of a name, whether or not there is such a file; stays valid until released. */
struct directory_entry *disk_directory_acquire(struct disk_directory *directory,
                                               struct file_id file);
void disk_directory_release(struct disk_directory *directory, struct directory_entry *entry);
/* The name's file, empty when there was none. */
struct simulated_file *disk_directory_create(struct disk_directory *directory,
                                             struct directory_entry *entry);
/* There must be such a file. */
void disk_directory_remove(struct disk_directory *directory, struct directory_entry *entry);
/* Changes up to `sequence` are durable. */
void disk_directory_sync(struct disk_directory *directory, uint64_t sequence);
/* Names first, then the contents of what is left. `crash` is a new number at each crash. */
void disk_directory_lose_power(struct disk_directory *directory, uint32_t sector_bytes,
                               uint64_t crash, struct prng *prng);
/* Every file is gone for good; no operation may refer to an entry. */
void disk_directory_wipe(struct disk_directory *directory);

#endif
