/* recovery: from whatever a directory holds to a store that serves.
 *
 *     LISTING  every file
 *     MANIFEST the highest-numbered one whose snapshot is complete; its torn tail is cut
 *     TABLES   all that it names are opened
 *     TALLIES  their pages are read out of the tables
 *     LOGS     replayed from the flushed sequence on, up to the first bad record that no later
 *              segment follows on
 *     PROOF    what lies behind a bad record is searched for a record that says it had been synced
 *     SYNCING  what no later record vouches for is written once more and synced: a crash must not
 *              take back what was replayed, and a sync that failed in an earlier life may have left
 *              in the cache what will never reach the disk
 *     STARTING a new manifest is written, with the segments sealed where they were cut
 *     ROOM     there is no space for it: the store serves reads, and what nobody needs is removed
 *
 * A file that nothing names is removed once the new manifest is durable. What is damaged ends in
 * STORE_PHASE_FAILED with a sentence that names the file and the offset; or, where the store
 * salvages, in quarantine (quarantine.h), and recovery goes on with the rest. What the disk reports an
 * error for is asked for again, after pauses that grow, and is damaged when it does so every time.
 */
#ifndef DUNLIN_STORE_RECOVERY_H
#define DUNLIN_STORE_RECOVERY_H

#include "engine/base/effect.h"
#include "engine/store/log_reader.h"
#include "engine/store/manifest.h"
#include "engine/store/tickets.h"

enum recovery_phase {
    RECOVERY_LISTING,
    RECOVERY_MANIFEST,
    RECOVERY_TABLES,
    RECOVERY_TALLIES,
    RECOVERY_LOGS,
    RECOVERY_PROOF,
    RECOVERY_SYNCING,
    RECOVERY_STARTING,
    RECOVERY_ROOM,
};

enum recovery_room {
    ROOM_WANTED,
    ROOM_READING,
    ROOM_WRITING,
    ROOM_SYNCING,
    ROOM_NAMING,
    ROOM_REMOVING,
    ROOM_MADE,
};

enum {
    RECOVERY_TABLES_AT_ONCE = 16,
    RECOVERY_SEALED_MAX = 8,
    RECOVERY_REWRITE_BYTES = 256 * 1024, /* at a time */
};

struct store;

struct recovery {
    enum recovery_phase phase;
    struct file_entry *files; /* by kind, then number */
    size_t file_count;
    bool *empty;             /* by file: a segment that counts and has no record */
    bool *superfluous;       /* by file: not needed by the manifest that holds */
    struct file_id manifest; /* that one; number 0: none */
    uint64_t manifest_end;   /* of its records */
    bool makes_room;
    enum recovery_room room;
    uint64_t last_number; /* of the files that were set aside in earlier lives */
    size_t current;       /* index of the file that is being read */
    struct log_reader reader;
    uint64_t records;         /* of the manifest that is being read */
    uint64_t segment_records; /* of the log segment that is being read */
    struct manifest_state state;
    bool searching;                   /* behind a bad record of the manifest */
    struct table_list opening;        /* tables of the version, borrowed */
    uint32_t table_next, tables_open; /* of these: the next to open, and how many are under way */
    struct buffer tally_from;         /* the last page that was read */
    uint64_t next_sequence; /* in the log: what the next record begins with; 0: not known yet */
    uint64_t bad_at;        /* offset of the first bad record, in files[bad_file] */
    size_t bad_file;
    bool cut; /* the records end there, unless a later segment goes on with the next of them */
    uint64_t rewrite_from;           /* the last segment found: what lies behind is not proven */
    uint64_t proven_at;              /* offset in the last segment found: up to it all was synced */
    uint64_t mark_at, mark_sequence; /* a later such offset, once this sequence is vouched for */
    uint64_t rewritten_to;           /* offset, in that segment */
    struct buffer
        rewriting; /* the bytes from rewrite_from to the end, kept until they are synced */
    bool refused;  /* by the disk: it is to be asked again */
    struct sealed_segment *found; /* segments that count, with what is in them */
    uint32_t found_count, found_capacity;
    bool log_is_lost;  /* what follows the damage is not replayed */
    uint32_t failures; /* of the list or read that is under way, or asked for again after a pause */
    bool asks_again;   /* it is */
    uint32_t ailing;   /* operations that have failed and not succeeded yet */
    struct disk_wait list_wait, read_wait, write_wait, sync_wait, directory_wait, remove_wait;
};

void recovery_start(struct store *store, struct effects *effects);
/* Takes a WAIT_RECOVERY_*. */
void recovery_on_done(struct store *store, struct disk_wait *wait, const struct disk_done *done,
                      struct effects *effects);
/* A block that recovery waited for has come. */
void recovery_on_block(struct store *store, struct effects *effects);
/* The new manifest is durable: the store serves. */
void recovery_started(struct store *store, struct effects *effects);
/* The new manifest finds no space: begins to serve without it, and makes room for it. */
void recovery_make_room(struct store *store, struct effects *effects);
/* A read that recovery waits for has come back: true when it will be asked for again. `failures` counts its own. */
bool recovery_asks_again(struct store *store, uint32_t *failures, const char *verb,
                         struct file_id file, enum disk_status status, struct effects *effects);
/* Goes on with what the disk refused, when it is time. */
void recovery_pump(struct store *store, struct effects *effects);
void recovery_destroy(struct store *store);

#endif
