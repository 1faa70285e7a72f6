/* store: the log-structured merge tree, as a pure, resumable state machine.
 *
 *      store_write --> log buffer --> FILE_LOG (group commit)          store_get --> memtable, frozen memtables,
 *                  \-> memtable --freeze--> flush --> FILE_TABLE L0              level 0 .. level n (Bloom, index, block)
 *                                              compaction --> L1 .. Ln                    |
 *                                   FILE_MANIFEST: the only truth about which files live  +-> NEED_BLOCK: a read effect is
 *                                                                                             out, ask again when woken
 *
 * It does no I/O: file operations go out as effects and come back as tickets. Every call does a bounded amount of work;
 * what is left over waits for the next store_pump(). Keys and values are opaque bytes; keys beginning with a zero byte
 * are the store's own.
 *
 * Durability is told by two watermarks. A write gets a sequence number; it is *written* once the log holds it in the
 * operating system's cache (it survives a kill of the process) and *durable* once that was synced (it survives a loss of
 * power). Both only grow, and whoever must wait compares its own sequence number after each store_on_disk().
 *
 *     struct store *store = store_create(&config);
 *     store_start(store, now, effects);               // then feed disk events until store_phase() is STORE_SERVING
 *     store_write(store, &batch, now, &sequence);
 *     store_pump(store, now, effects);                // once at the end of every step: lets the log go out
 *     ... EVENT_DISK_DONE: store_on_disk(store, &event->disk, now, effects);
 *     if (store_written(store) >= sequence) ...
 *     while (store_next_ready(store, &waiter)) ...    // reads to ask again
 *     store_destroy(store);
 *
 * Source: O'Neil et al., "The log-structured merge-tree", 1996; the LevelDB file layout notes for levels and blocks.
 */
#ifndef DUNLIN_STORE_STORE_H
#define DUNLIN_STORE_STORE_H

#include "engine/base/effect.h"
#include "engine/store/block_compression.h"

enum { STORE_LEVELS = 7 };

enum { STORE_LOG_SPARES_MAX = 4 };

enum store_sync { STORE_SYNC_ALWAYS, STORE_SYNC_INTERVAL, STORE_SYNC_NEVER };

/* Every budget works, however small, but those that store_config_problem() names; memory is taken as it is needed. In all,
 * a store takes up to 5 memtables, the cache, and a few tables that are being written. The defaults in brackets. */
struct store_config {
    /* When the log is synced although nobody asked for it: at every write (what is written is durable at the next pump),
     * after an interval (as much may be lost with the power), never. Whoever wants durability for one write gets it in any
     * case. [INTERVAL] */
    enum store_sync sync;
    struct duration sync_interval; /* nanoseconds, for STORE_SYNC_INTERVAL [1 s] */
    /* Bytes of a memtable, with all that it takes beside keys and values; it is frozen then, and flushed. The
     * larger, the fewer bytes compaction writes; recovery reads up to that much log. [32 MiB] */
    uint64_t memtable_bytes;
    /* Bytes for blocks, and for what open tables keep of their indexes and filters: those take half of it at most; a
     * filter takes filter_bits_per_key / 8 bytes a key. [64 MiB] */
    uint64_t cache_bytes;
    /* Bytes of a table's block before compression: what a read that misses the cache decompresses. Larger ones compress
     * better, and take less index. [4 KiB] */
    uint64_t block_bytes;
    /* Bytes of a compacted table, on disk: the unit in which compaction moves data [4 MiB] */
    uint64_t table_bytes;
    /* Bytes of a file of the log; the least that the log takes on disk, with each spare. One that holds a whole memtable is
     * used again and again. [32 MiB] */
    uint64_t log_segment_bytes;
    /* A segment is given all its space before its first record: syncs are quicker [true] */
    bool log_allocates;
    /* Segments that are kept to be used again, at most STORE_LOG_SPARES_MAX [1] */
    uint32_t log_spares;
    /* Bytes of edits behind the snapshot; then a new manifest is written [1 MiB] */
    uint64_t manifest_bytes;
    /* Bytes a second that compaction works off; 0: as fast as writers need [0] */
    uint64_t compaction_rate;
    /* Of the Bloom filter, at most 64; 10 make less than 1 % false positives; 0 for no filter. [10] */
    uint32_t filter_bits_per_key;
    /* Of blocks that it makes smaller, by level [LZ4] */
    enum block_compression compression[STORE_LEVELS];
    /* Bytes: a table whose index and filter take more has them in partitions, which are read like blocks. 0: 16 KiB [0] */
    uint64_t partition_above;
    /* Number of tallies, a multiple of STORE_TALLIES_PER_PAGE; 16 bytes of memory each, by pages that are used. 0: a store
     * that keeps none. [1024 pages] */
    uint32_t tally_count;
    /* Tickets are drawn upwards from here [1] */
    uint64_t first_ticket;
    /* Serves what is left of a damaged directory, see below; else recovery fails with a sentence. [false] */
    bool salvages;
};

/* What a production node uses. */
struct store_config store_config_default(void);
/* One sentence that says why no store can be created with these settings; null when one can, however small its budgets. */
const char *store_config_problem(const struct store_config *config);

enum store_status {
    STORE_OK,
    STORE_ABSENT,
    STORE_NEED_BLOCK, /* a read is under way; `waiter` will come out of store_next_ready() */
    STORE_BUSY,       /* too much is waiting already; nothing was done. Ask again later */
    STORE_FULL,       /* no space is left on the disk; nothing was done. See store_problem() */
    STORE_CORRUPT,    /* what could answer is lost: see store_next_damage() */
    STORE_FAILED,     /* the store is in STORE_PHASE_FAILED */
};

enum store_phase {
    STORE_PHASE_NEW,
    STORE_PHASE_RECOVERING,
    STORE_PHASE_SERVING,
    STORE_PHASE_FAILED, /* the disk refused too often, or recovery found what it cannot trust: see store_failure() */
};

/* How well a store is, whatever its phase. Reads are answered in all of them but the last. */
#define STORE_CONDITIONS(X)                                                                        \
    X(SOUND, "ok")                                                                                 \
    X(TROUBLED, "troubled") /* something failed and will be tried again; writes go on */           \
    X(FULL, "full") /* no space is left: writes are answered STORE_FULL until there is some */     \
    X(RECOVERING,                                                                                  \
      "recovering") /* the log failed: nothing is acknowledged until all is durable anew */        \
    X(FAILED, "failed")
#define STORE_CONDITION_AS_ENUMERATOR(name, text) STORE_CONDITION_##name,
enum store_condition { STORE_CONDITIONS(STORE_CONDITION_AS_ENUMERATOR) };
#undef STORE_CONDITION_AS_ENUMERATOR

/* A tally is a pair of running totals that is updated atomically with the write that carries the change, flushed with
 * the memtable, and recovered by replay: Merkle leaves and key counts live in them. */
struct tally_change {
    uint32_t tally;
    uint64_t digest; /* XORed into the tally's digest */
    int64_t count;   /* added to the tally's count */
};
enum { STORE_TALLIES_PER_PAGE = 256 };

enum { STORE_BATCH_MAX = 16, STORE_KEY_MAX = 65535, STORE_VALUE_MAX = 64 << 20 };

struct store_entry {
    struct bytes key;
    struct bytes value;
    bool removed; /* the key is gone; value is empty */
    struct wall_time
        expires; /* 0: never; else the key is gone from then on, see store_set_wall() */
};

/* Written and recovered as one: all or nothing. A batch with a tally has no entry that expires: nobody would take that out of
 * the tally again. */
struct store_batch {
    uint32_t count;
    struct store_entry entries[STORE_BATCH_MAX];
    bool has_tally;
    struct tally_change tally;
};

struct store;

/* The settings have no problem. */
struct store *store_create(const struct store_config *config);
void store_destroy(struct store *store);

/* Begins recovery in an existing directory, or births an empty store in an empty one. */
void store_start(struct store *store, struct instant now, struct effects *effects);
enum store_phase store_phase(const struct store *store);
/* One sentence that names what and where; empty unless STORE_PHASE_FAILED. */
struct bytes store_failure(const struct store *store);
enum store_condition store_condition(const struct store *store);
const char *store_condition_name(enum store_condition condition);
/* What was wrong last, in one sentence: "cannot write 000012.table: no space is left on the disk". Empty while the store
 * is sound. Borrowed until the next call that is not const. */
struct bytes store_problem(const struct store *store);
/* True when recovery found a directory without any store in it: this node's first life, or its disk was lost. */
bool store_was_born(const struct store *store);
/* True when the log ended with a clean close: nothing acknowledged in the last life, durable or not, was lost. */
bool store_was_closed_cleanly(const struct store *store);

/* True when the store may hold less than it once acknowledged, durable or not: it was started from a checkpoint, or
 * repaired. Its owner must not vouch for what came later, and calls store_accept_rollback() once its own note of that is
 * durable; until then every start says so again. */
bool store_was_rolled_back(const struct store *store);
void store_accept_rollback(struct store *store);

/* --- entries that expire
 *
 *     time of day   ----- 12:00 ----------- 12:05 ---------------> told by store_set_wall()
 *     key           | value, expires 12:05  | absent, like a removed key; its space comes back with compaction
 *
 * The store knows no clock. It goes by the latest wall time that it was told in this life, 0 before the first: an entry has
 * expired once that has come to its expiry. So
 *
 *     - what has expired stays so for as long as the store lives, also when the clock steps back;
 *     - while the clock is behind the latest time told, what is written for a time before that is absent at once. A clock that
 *       was far ahead by mistake is put right by setting it, and starting the store again;
 *     - the next life believes the clock that it is told. When that is behind, an entry that had expired may be there again,
 *       unless its space was given up already. An older value of its key never is: an entry hides it whether it has expired
 *       or not;
 *     - a snapshot has the time of its acquisition: nothing expires in it.
 */
/* What the time of day is now. Costs next to nothing, and moves nothing by itself: tell it before what is to go by it. */
void store_set_wall(struct store *store, struct wall_time wall);
/* False when no entry of the store expires: the time of day is of no use to it. */
bool store_has_expiring(const struct store *store);

/* Takes a disk event whose ticket the store drew. False when the ticket is not the store's. */
bool store_on_disk(struct store *store, const struct disk_done *done, struct instant now,
                   struct effects *effects);
/* Emits what is due: the next log write or sync, a slice of flush or compaction. Bounded work. */
void store_pump(struct store *store, struct instant now, struct effects *effects);
/* The log's part of store_pump() alone, for a host that gives flush and compaction their slices at times of its own. */
void store_pump_log(struct store *store, struct instant now, struct effects *effects);
/* When store_pump() has something to do although no event came: now for an unfinished slice of work, the interval sync,
 * the next attempt at what failed, a table of which much will have expired, or INSTANT_NEVER. */
struct instant store_deadline(const struct store *store);
/* The same, but for entries that are to expire: for one who waits until there is nothing more to do. */
struct instant store_work_deadline(const struct store *store);

/* Applies the batch to the memtable and the log buffer. STORE_BUSY while too many frozen memtables wait for their flush
 * or the log is being made anew: nothing was done, ask again after the next disk event. STORE_FULL while the disk has no
 * space: nothing was done either. */
MUST_USE enum store_status store_write(struct store *store, const struct store_batch *batch,
                                       struct instant now, uint64_t *sequence);
/* Removes every key that begins with `prefix`, however many there are, at the cost of one small write; with it, when
 * `tally_page` is not STORE_NO_PAGE, all tallies of that page become zero. As atomic and as durable as a batch. The prefix
 * does not begin with a zero byte and is not all bytes of 255. STORE_BUSY as for a write. */
static const uint32_t STORE_NO_PAGE = UINT32_MAX;
MUST_USE enum store_status store_remove_prefix(struct store *store, struct bytes prefix,
                                               uint32_t tally_page, struct instant now,
                                               uint64_t *sequence);
/* Everything up to this sequence number is in the operating system's cache / synced. */
uint64_t store_written(const struct store *store);
uint64_t store_durable(const struct store *store);
/* Somebody waits for durability up to `sequence`: sync at the next pump, whatever the interval. */
void store_want_durable(struct store *store, uint64_t sequence);

/* `value` is borrowed until the next call on this store that is not const. `waiter` (not 0) comes back from
 * store_next_ready() when the answer was STORE_NEED_BLOCK. With STORE_CORRUPT, `value` is what older sources have, which may
 * be superseded, or empty. */
MUST_USE enum store_status store_get(struct store *store, struct bytes key, uint64_t waiter,
                                     struct bytes *value, struct effects *effects);
/* The first live entry whose key is >= `from` (> `from` when `after`) and begins with `prefix`, in key order;
 * STORE_ABSENT at the end. Key and value are borrowed as in store_get(). Where keys on the way may be lost the answer is
 * STORE_CORRUPT; a store that salvages passes over them. */
MUST_USE enum store_status store_scan(struct store *store, struct bytes prefix, struct bytes from,
                                      bool after, uint64_t waiter, struct store_entry *entry,
                                      struct effects *effects);
/* --- cursors
 *
 * A cursor walks the live entries of a range in key order, one at a call. Without a snapshot it holds nothing between
 * calls: each step finds the next key as the store is then. So it meets every key that is there all the time exactly once,
 * none that was removed before the step began, and may miss those that are written behind it, or while the step that
 * passes them waits for a block. With a snapshot it meets what was there when that was acquired.
 *
 *     struct store_range range = {.prefix = bytes_of_text("cart:")};
 *     struct store_cursor *cursor = store_cursor_open(store, &range, NULL);
 *     while ((status = store_cursor_next(cursor, waiter, &entry, effects)) == STORE_OK) use(&entry);
 *     store_cursor_close(cursor);                      // or wait for the block, or STORE_ABSENT: the end
 */
struct store_range {
    struct bytes from; /* keys >= from */
    struct bytes to;   /* and < to; no bound when empty */
    struct bytes prefix;
    bool reverse; /* from the last key down */
};

struct store_cursor;
struct store_snapshot;

/* Before the first entry of the range, which is copied. The prefix does not begin with a zero byte. `snapshot` may be null;
 * it stays acquired while the cursor is open. */
struct store_cursor *store_cursor_open(struct store *store, const struct store_range *range,
                                       struct store_snapshot *snapshot);
/* Goes on with the first entry whose key is >= `key`, in reverse with the last whose key is <= `key`, within the range. */
void store_cursor_seek(struct store_cursor *cursor, struct bytes key);
/* The next entry; STORE_ABSENT at the end, and from then on until a seek. Key and value are borrowed as in store_get(). */
MUST_USE enum store_status store_cursor_next(struct store_cursor *cursor, uint64_t waiter,
                                             struct store_entry *entry, struct effects *effects);
/* Before the store is destroyed. */
void store_cursor_close(struct store_cursor *cursor);

/* --- snapshots
 *
 * A snapshot is the store as it is now, for as long as it is held; it dies with the process. It freezes the memtable and
 * keeps it, and keeps on disk what tables it needs; holding many costs little, and those that see the same share all.
 * STORE_BUSY: so many memtables wait for their flush that no other may be frozen; ask again after the next disk event.
 */
MUST_USE enum store_status store_snapshot_acquire(struct store *store,
                                                  struct store_snapshot **snapshot);
/* Before the store is destroyed. */
void store_snapshot_release(struct store_snapshot *snapshot);
/* store_get() in the snapshot. */
MUST_USE enum store_status store_snapshot_get(struct store_snapshot *snapshot, struct bytes key,
                                              uint64_t waiter, struct bytes *value,
                                              struct effects *effects);

/* Takes one waiter whose block has arrived (or whose read has failed: asking again tells). False when there is none. */
bool store_next_ready(struct store *store, uint64_t *waiter);

/* The digests of one page of tallies: STORE_TALLIES_PER_PAGE of them, or null when all are zero. Borrowed until the next
 * store_write(). */
const uint64_t *store_tally_digests(const struct store *store, uint32_t page);
int64_t store_tally_count(const struct store *store, uint32_t tally);
/* Sum over all tallies. */
int64_t store_count_total(const struct store *store);

/* A checkpoint is the store as it was when it was asked for, or a little later, in a directory of its own, made of second
 * names for the store's tables; see checkpoint.h. It is itself a store. */
struct store_checkpoint {
    uint32_t number;   /* its directory is checkpoint_name() of it */
    uint64_t sequence; /* it holds every write up to this; 0 when it was made in an earlier life */
    uint64_t tables, bytes;
};
enum checkpoint_state { CHECKPOINT_ABSENT, CHECKPOINT_MAKING, CHECKPOINT_COMPLETE };
/* Begins one, while the store goes on serving. STORE_BUSY while one is made or removed, STORE_FULL when the store was started
 * on a disk that has had no space since. When its state ceases to be CHECKPOINT_MAKING it is complete and durable, or it could not be made and nothing is left of it. */
MUST_USE enum store_status store_checkpoint(struct store *store, uint32_t *number);
enum checkpoint_state store_checkpoint_state(const struct store *store, uint32_t number);
/* STORE_OK: it begins to go, and is not listed any more. STORE_ABSENT, STORE_BUSY as above. */
MUST_USE enum store_status store_checkpoint_remove(struct store *store, uint32_t number);
/* The complete ones, ascending. */
uint32_t store_checkpoint_count(const struct store *store);
struct store_checkpoint store_checkpoint_at(const struct store *store, uint32_t index);

/* --- what the disk has lost
 *
 * A block of a table that cannot be read puts the keys that it could hold into quarantine: which of them it held is not
 * known, so store_get() answers STORE_CORRUPT for those that nothing younger answers for. The store goes on, also with
 * compaction. A store that salvages also starts when a table, the log or the manifest is damaged: the file is set aside
 * as NNNNNN.quarantined, and
 *
 *     a table       its keys are in quarantine
 *     the log       it ends before the damage; whatever came behind is lost, so all keys are in quarantine
 *     the manifest  the store is born empty, and all keys are in quarantine
 *
 * Which keys are in quarantine is durable. Whoever has them elsewhere writes them anew, then calls store_heal().
 */
enum store_damage_kind {
    STORE_DAMAGE_BLOCK,
    STORE_DAMAGE_TABLE,
    STORE_DAMAGE_LOG,
    STORE_DAMAGE_MANIFEST,
    STORE_DAMAGE_KINDS,
};

struct store_damage {
    uint64_t id; /* the later it was found, the larger */
    enum store_damage_kind kind;
    struct file_id file; /* where it lies, or lay */
    uint64_t offset;
    struct bytes from, to; /* the keys that it may concern; an empty `to` is the end of all keys */
    bool after;            /* `from` itself is sound */
};

/* The first damage whose id is greater than `after`. Borrowed until the next call that is not const. */
bool store_next_damage(const struct store *store, uint64_t after, struct store_damage *damage);
/* Differs from an earlier answer when there may be a new damage. */
uint64_t store_damage_changes(const struct store *store);
/* What the damage concerned is written anew, or given up: from now on, and durably soon, what is absent in its range is
 * absent. Unknown ids are ignored. */
void store_heal(struct store *store, uint64_t id);

/* Flushes and syncs everything and writes the clean-close mark; done when store_is_closed(). No write may follow. */
void store_close(struct store *store, struct instant now, struct effects *effects);
bool store_is_closed(const struct store *store);

struct store_figures {
    uint64_t log_segments_recycled, log_segments_allocated;
    uint64_t log_bytes_written, log_syncs, flushes, compactions;
    uint64_t table_bytes_written, table_count, table_bytes, level_count;
    uint64_t
        slice_bytes_max; /* the most that flush or compaction has worked off in one step, read and written */
    uint64_t memtable_bytes, frozen_count;
    uint64_t pinned_bytes, cache_bytes; /* together at most the cache's budget */
    uint64_t block_count, block_bytes;  /* in memory: in the cache, just read, or held by cursors */
    uint64_t cache_hits, cache_misses, filter_skips, blocks_read;
    uint64_t stalls;       /* writes answered STORE_BUSY */
    uint64_t refusals;     /* writes answered STORE_FULL */
    uint64_t disk_errors;  /* operations that failed and were tried again */
    uint64_t log_restarts; /* the log had failed, and all was made durable anew */
    uint64_t ranges_removed;
    uint64_t checkpoints, checkpoint_failures; /* made and given up in this life */
    uint64_t damages;                          /* that are not healed yet */
    uint64_t damages_found, damages_healed;
};
void store_figures(const struct store *store, struct store_figures *figures);

#endif
