/* store_state: what a store consists of. For the files that implement store.h, and no others.
 *
 *     store.c            the doors: start, write, pump, disk events, close
 *     store_remove.c     whole ranges of keys, removed at once
 *     store_disk.c       file operations that came back, and whom each concerns
 *     store_log.c        the log: when it is pumped, and what follows when it fails
 *     trouble.c          what the disk refused, and when to ask it again
 *     recovery.c         from a directory to a serving store
 *     flush.c            frozen memtable -> tables at level 0
 *     compaction.c       tables of one level -> tables of a deeper one
 *     checkpoint.c       tables -> a directory that holds the store as it was at one moment
 *     pacing.c           how much of both a step does
 *     store_read.c       one key
 *     store_cursor.c     keys in order;  store_scan.c  the same without a cursor to keep
 *     store_feed.c       where a cursor's blocks come from
 *     store_snapshot.c   the store as it was
 *     quarantine.c       what the disk has lost
 *     store_wall.c       the time of day, for entries that expire
 *     store_install.c    what changes when a manifest record has become durable
 */
#ifndef DUNLIN_STORE_STORE_STATE_H
#define DUNLIN_STORE_STORE_STATE_H

#include "engine/store/block_reads.h"
#include "engine/store/checkpoint.h"
#include "engine/store/compaction.h"
#include "engine/store/flush.h"
#include "engine/store/log_writer.h"
#include "engine/store/manifest.h"
#include "engine/store/manifest_writer.h"
#include "engine/store/memtable.h"
#include "engine/store/merge.h"
#include "engine/store/quarantine.h"
#include "engine/store/read_ahead.h"
#include "engine/store/recovery.h"
#include "engine/store/store.h"
#include "engine/store/tallies.h"
#include "engine/store/trouble.h"
#include "engine/store/version.h"

enum {
    STORE_PINNED_DIVISOR =
        2, /* of the cache's budget, what indexes and filters of open tables may take at most */
    STORE_SCANS_KEPT = 4,
    STORE_SCAN_SKIP_MAX = 4096, /* removed entries that one call walks over */
};

enum close_phase { CLOSE_NOT_ASKED, CLOSE_FLUSHING, CLOSE_MARKING, CLOSE_DONE };

/* What a reader looks into: sources by age. Those of the store itself, or of a snapshot. */
struct store_view {
    struct memtable *newest;        /* null when there is none */
    struct memtable *const *frozen; /* oldest first */
    uint32_t frozen_count;
    struct version *version;
    struct wall_time wall; /* what has expired by then is not there */
};

struct store_snapshot {
    uint32_t references;
    struct store *store;
    struct memtable **memtables; /* referenced, oldest first */
    uint32_t memtable_count;
    struct version *version; /* referenced */
    struct wall_time wall;   /* when it was acquired */
};

/* How a source of a cursor has come by its blocks. */
struct cursor_feed {
    struct block_row row;
    struct read_ahead *ahead; /* null until it is time to read ahead */
};

/* Between calls it stands on an entry of its merge, waits for a block, or, detached from all
 * sources, only knows its floor. */
struct store_cursor {
    struct store *store;
    struct store_snapshot *snapshot;      /* referenced; null */
    struct store_cursor *next, *previous; /* of the open ones */
    struct buffer lower, upper;           /* keys >= lower and < upper; no bound when empty */
    bool reverse;
    bool from_end; /* in reverse, nothing was met yet and there is no upper bound */
    bool ended;
    bool sought; /* the floor is a new one: the merge is to go there */
    bool attached;
    struct version *version; /* referenced while attached */
    uint64_t writes;         /* the store's, when its memtable was last looked into */
    struct buffer floor;     /* where to go on when attached or sought: as that of a merge */
    struct buffer spare;     /* memory for the next floor */
    struct buffer begun;     /* where the present call began */
    bool passed_damage;      /* it cannot tell any more what lies behind its last answer */
    struct merge merge;
    struct cursor_feed *feeds; /* of each source of the merge; null until one needs a block */
};

/* A scan that has stopped somewhere and may be continued. */
struct scan_state {
    struct store_cursor *cursor; /* null when there is none */
    bool waits;                  /* for a block: the next call repeats `from` and `after` */
    bool after;
    uint64_t used;                    /* the larger, the later */
    struct buffer prefix, from, last; /* `last`: the key of the last answer */
};

struct store {
    struct store_config config;
    enum store_phase phase;
    enum close_phase closing;
    bool born, closed_cleanly;
    bool work_left;        /* a slice of CPU work waits for no I/O */
    bool rests;            /* nobody has written for a while: see pacing.h */
    uint64_t reads_in_row; /* since the last write */
    struct instant rest_due,
        merge_due; /* see pacing.h; the latter of a compaction that is held back */
    struct buffer failure;
    struct instant now;               /* of the last call that came with a time */
    struct wall_time wall, wall_told; /* the latest that it was told, and the last */
    bool has_expiring;                /* some source may hold an entry that expires */
    struct troubles troubles;
    struct tickets tickets;
    struct table_context tables; /* what they share */

    struct manifest_facts facts; /* as the manifest has them, next_file ahead of it */
    struct manifest_writer manifest;
    struct version *version;
    struct log_writer log;
    struct memtable *memtable;
    struct memtable **frozen; /* oldest first */
    uint32_t frozen_count, frozen_capacity;
    struct memtable_queue unheld; /* flushed, and nobody looks into them any more */
    uint64_t memtable_log_bytes;  /* what went into the log since the last freeze */
    struct tallies tallies;

    struct flush flush;
    struct compaction compaction;
    struct checkpoints checkpoints;
    struct recovery
        *recovery; /* null once its manifest is durable: before that it takes no write */

    struct quarantine quarantine;
    struct block_pool blocks;
    struct block_cache *cache; /* null until a block was read */
    struct block_reads reads;
    struct scan_state *scans; /* null until the first scan */
    struct buffer scan_from;  /* what was asked for last */
    uint64_t scan_uses, writes;
    struct store_cursor *cursors; /* that are open, linked */
    struct read_ahead *abandoned; /* whose read is still out, linked */
    struct read_ahead_pool aheads;
    struct store_snapshot *snapshot; /* the youngest, if it is still held; not referenced */

    struct table_list dead_tables; /* of no version any more: a merge leaves hundreds at once */
    struct file_id *removals;      /* files that nobody needs any more */
    size_t removal_count, removal_capacity;
    struct disk_wait remove_wait;
    struct store_figures figures;
};

/* store.c */
void store_fail(struct store *store, struct bytes sentence);
/* store_disk.c: "cannot write 000012.log: no space is left on the disk" */
void store_describe_failure(struct buffer *to, const char *verb, struct file_id file,
                            enum disk_status status);
void store_fail_disk(struct store *store, const char *verb, struct file_id file,
                     enum disk_status status);
/* store_wall.c: memtables or version have changed: finds out anew whether an entry expires. */
void store_note_expiring(struct store *store);
/* When the next table is due for what will have expired in it. */
struct instant store_expiry_deadline(const struct store *store);
/* store_log.c */
void store_advance_log(struct store *store, struct effects *effects);
void store_on_log(struct store *store, enum wait_kind kind, enum disk_status status,
                  struct effects *effects);
void store_on_segment(struct store *store, enum wait_kind kind, enum disk_status status,
                      struct effects *effects);
/* Lets go of the log's segments that the tables have made superfluous. */
void store_retire_segments(struct store *store);
/* Space is needed for something else. */
void store_give_spares_back(struct store *store);
/* store.c */
void store_remove_later(struct store *store, struct file_id file);
void store_freeze(struct store *store);
/* Freezes a memtable that is full, so that a write has room. STORE_BUSY when it has to wait for that. */
MUST_USE enum store_status store_make_room(struct store *store);
/* The memtable that takes the next write. */
struct memtable *store_open_memtable(struct store *store);
/* Applies a batch to memtable and tallies; false when it names a tally that does not exist. */
MUST_USE bool store_apply(struct store *store, const struct store_batch *batch, uint64_t sequence);

/* store_remove.c: the same for a removed range. */
struct log_removal;
MUST_USE bool store_apply_removal(struct store *store, const struct log_removal *removal,
                                  uint64_t sequence);

/* store_install.c */
void store_release_table(struct store *store, struct table_file *file);
void store_release_version(struct store *store, struct version *version);
/* Destroys some of the tables that versions have left behind; true when there are no more. */
bool store_destroy_dead_tables(struct store *store, uint32_t most);
/* Puts the version after the edit in place of the present one. */
void store_install(struct store *store, const struct version_edit *edit);
/* Begins a manifest record; the facts are in it already. Null while another is under way. */
struct buffer *store_begin_manifest(struct store *store, enum manifest_purpose purpose,
                                    const struct manifest_facts *facts);
/* Everything that a manifest's snapshot says. */
void store_put_snapshot(const struct store *store, struct buffer *to,
                        const struct manifest_facts *facts, const struct version *version);
/* Writes a whole new manifest. The writer is idle. */
void store_roll_manifest(struct store *store, enum manifest_purpose purpose,
                         struct effects *effects);
/* For tables that go to this level. */
struct table_options store_table_options(struct store *store, uint32_t level);
/* Removes the files of tables that will not be used, and frees the output. */
void store_drop_output(struct store *store, struct table_output *output);

/* store_read.c: the cache, with the budget that pinned metadata leaves it. */
struct block_cache *store_cache(struct store *store);
/* The block there cannot be read. STORE_NEED_BLOCK: the waiter is to ask again. */
MUST_USE enum store_status store_lose_block(struct store *store, struct table_file *file,
                                            const struct block_handle *handle, uint64_t waiter,
                                            struct effects *effects);
/* The block, when it is in memory. */
MUST_USE bool store_block_at_hand(struct store *store, const struct table_file *file,
                                  const struct block_handle *handle, struct lent_block *lent);
/* The same, or what stands in the way. */
MUST_USE enum store_status store_block(struct store *store, struct table_file *file,
                                       const struct block_handle *handle, uint64_t waiter,
                                       struct lent_block *lent, struct effects *effects);

struct store_view store_view(const struct store *store);

/* store_cursor.c: bounds that may reach into the store's own keys. */
struct store_cursor *store_cursor_open_within(struct store *store, struct bytes lower,
                                              struct bytes upper, bool reverse);
/* Memtables or version change: cursors without a snapshot let go of them, and look again. */
void store_detach_cursors(struct store *store);

/* store_feed.c: hands the cursor's sources the blocks that they wait for, and asks for those that are not there. */
MUST_USE enum store_status store_feed(struct store_cursor *cursor, uint64_t waiter,
                                      struct effects *effects);
void store_drop_read_ahead(struct store_cursor *cursor);
void store_abandoned_deinit(struct store *store);
void store_on_read_ahead(struct store *store, struct read_ahead *ahead,
                         const struct disk_done *done);

/* store_snapshot.c */
struct store_view store_snapshot_view(const struct store_snapshot *snapshot);

/* store_scan.c */
MUST_USE enum store_status store_scan_all(struct store *store, struct bytes prefix,
                                          struct bytes from, bool after, uint64_t waiter,
                                          struct store_entry *entry, struct effects *effects);
void store_scans_deinit(struct store *store);

#endif
