/* disk_directory: the names on a disk, as programs see them and as the disk has them.
 *
 *     000012.log   current --> file <-- durable      synced
 *     000013.log   current --> file      (none)      created; a loss of power may take the name
 *     000011.log   (none)      file <-- durable      removed; a loss of power may bring it back
 *
 *     000014.log   (none)      file <-- durable      renamed: a loss of power may leave the old
 *     000009.log   current ------^                   name, the new one or both, never none
 *
 * A name is made, moved or removed in the cache, and the change waits until its directory is
 * synced. At a loss of power, of the changes of each name the first few, by chance, have happened;
 * a name that moved is gone from the old place only when it has come to the new one.
 *
 * One object holds the names of the live directory and of all checkpoints; each is synced by
 * itself.
 */
#ifndef DUNLIN_SIM_DISK_DIRECTORY_H
#define DUNLIN_SIM_DISK_DIRECTORY_H

#include "engine/base/file.h"
#include "engine/base/id_map.h"
#include "engine/base/units.h"
#include "sim/simulated_file.h"

enum { DIRECTORY_UNSYNCED_CHANGES_MAX = 4096 };
#define DIRECTORY_FILE_NUMBER_MAX (((uint64_t)1 << 40) - 1)
#define DIRECTORY_CHECKPOINT_MAX (((uint32_t)1 << 22) - 1)

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
        *file;           /* what the name stands for from now on, one reference; null: removed */
    bool needs_previous; /* happens only when the change before it has happened */
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
/* In each of these there must be a file of the entry's name. A rename replaces what `to` stood for;
 * a link wants `to` to be free. */
void disk_directory_remove(struct disk_directory *directory, struct directory_entry *entry);
void disk_directory_rename(struct disk_directory *directory, struct directory_entry *entry,
                           struct directory_entry *to);
void disk_directory_link(struct disk_directory *directory, struct directory_entry *entry,
                         struct directory_entry *to);
/* Changes up to `sequence` of names in this checkpoint's directory are durable. */
void disk_directory_sync(struct disk_directory *directory, uint32_t checkpoint, uint64_t sequence);
/* Every change is durable. */
void disk_directory_sync_all(struct disk_directory *directory);
/* Names first, then the contents of what is left. `crash` is a new number at each crash. */
void disk_directory_lose_power(struct disk_directory *directory, uint32_t sector_bytes,
                               uint64_t crash, struct prng *prng);
/* Every file is gone for good; no operation may refer to an entry. */
void disk_directory_wipe(struct disk_directory *directory);

#endif
