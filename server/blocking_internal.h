/* blocking_internal: what the parts of the blocking host share.
 *
 *     blocking_store.c     open, close, and what is left when memory runs out
 *     blocking_perform.c   the store's operations are performed, its background work goes on
 *     blocking_write.c     batches, removed ranges, durability
 *     blocking_read.c      keys, cursors, snapshots
 *     blocking_upkeep.c    settling, checkpoints, damages
 *
 * All memory of the engine and of its files is lent from the store's own pool (host_memory.h). Every call that may take
 * some enters it, and is left by a jump to where it was entered should there be none:
 *
 *     enum store_status blocking_store_sync(struct blocking_store *blocking) {
 *         BLOCKING_ENTER(blocking, STORE_FAILED);
 *         enum store_status status = finish(blocking, blocking->last_sequence, true);
 *         blocking_leave();
 *         return status;
 *     }
 */
#ifndef DUNLIN_SERVER_BLOCKING_INTERNAL_H
#define DUNLIN_SERVER_BLOCKING_INTERNAL_H

#include "server/blocking_files.h"
#include "server/blocking_store.h"
#include "server/host_memory.h"
#include "server/step_watch.h"
#include "server/sync_thread.h"

enum {
    /* Two lists of effects: outcomes of one are handed to the store, which fills the other. */
    BLOCKING_EFFECT_LISTS = 2,
    BLOCKING_WHY_SIZE = 160,
};

/* A sync of the log that whoever asked for it performs by itself, while others use the store. */
struct blocking_sync {
    int descriptor; /* its own; -1: there is nothing to sync */
    struct file_id file;
    uint64_t ticket;
    uint64_t writes; /* to the file: those that it covers */
    enum disk_status status;
};

struct blocking_store {
    struct store *store; /* null once it is lost, or when it was never opened */
    struct host_memory_pool pool;
    char why[BLOCKING_WHY_SIZE]; /* it was lost */
    struct buffer refusal;       /* why it was not opened */
    struct blocking_files files;
    struct sync_thread syncs;
    struct effects effects[BLOCKING_EFFECT_LISTS];
    uint32_t filling; /* the list that the store fills */
    int *statuses;    /* of one list: a disk_status, or none */
    size_t statuses_capacity;
    struct blocking_sync
        *handed_out;   /* where the next sync of the log goes; null: it is performed */
    bool caller_syncs; /* the caller waits for durability: the log is synced by its own thread */
    bool was_idle;     /* in this call, nothing was left to do but to wait */
    bool work_left;    /* the last slice was not the last */
    bool has_interval; /* of syncs: somebody must look at the clock */
    bool has_wall;     /* the caller tells the time of day; else the clock does */
    uint64_t unpaid_bytes;
    uint32_t unpaid_steps; /* of reads */
    uint64_t next_waiter;
    uint64_t last_sequence;
    struct buffer write_copies; /* of a write that has to wait */
    struct buffer read_copies;  /* of what a read is asked for */
    struct buffer note;         /* the last sentence that the store had for people */
    struct blocking_figures figures;
    struct step_watch *watch; /* null unless somebody measures */
};

/* Enters the pool; false when the store is lost. */
MUST_USE bool blocking_enter(struct blocking_store *blocking);
static inline void blocking_leave(void) {
    host_memory_leave();
}
/* Memory ran out, and the call was left: everything that the store held is let go, its files are as a kill leaves them. */
void blocking_lose(struct blocking_store *blocking);

/* A macro, because the door is in the frame of the function that enters. */
#define BLOCKING_ENTER(blocking, otherwise)                                                        \
    do {                                                                                           \
        if (!blocking_enter(blocking))                                                             \
            return otherwise;                                                                      \
        if (setjmp((blocking)->pool.door) != 0) {                                                  \
            blocking_lose(blocking);                                                               \
            return otherwise;                                                                      \
        }                                                                                          \
    } while (0)

/* Appends bytes that a caller has passed in, and may have borrowed from the store, which does other work before it needs
 * them. The copy is good while `to` does not grow. */
static inline struct bytes blocking_copy(struct buffer *to, struct bytes bytes) {
    size_t at = to->size;
    buffer_append(to, bytes);
    return bytes_slice(buffer_bytes(to), at, bytes.size);
}

bool blocking_has_failed(const struct blocking_store *blocking);
/* Want of space may last: nobody is held for it. */
bool blocking_is_full(const struct blocking_store *blocking);

struct instant blocking_now(void);
/* Tells the store the time of day, when an entry of it expires: with each call, so that what has expired by then is gone. */
void blocking_tell_wall(struct blocking_store *blocking);
static inline struct effects *blocking_effects(struct blocking_store *blocking) {
    return &blocking->effects[blocking->filling];
}
/* Everything that was asked for, and all that follows from it. */
void blocking_perform(struct blocking_store *blocking);
/* Hands over the outcomes of syncs that nobody stood still for; false when there were none. */
bool blocking_take_syncs(struct blocking_store *blocking, bool wait);
/* The log only: what a write needs. */
void blocking_pump_log(struct blocking_store *blocking);
/* A bounded piece of background work; false when none is left. */
bool blocking_work(struct blocking_store *blocking);
/* Goes on with whatever there is, and waits for the disk when there is nothing else. False when nothing is under way. */
bool blocking_go_on(struct blocking_store *blocking);
/* Some work is due only later: when nobody has written for a while, or when what failed is tried again. False when
 * nothing will ever be due; entries that are to expire are not waited for. */
bool blocking_wait_for_deadline(const struct blocking_store *blocking);
/* Either, for one who waits for a certain thing that may need another attempt of the store's. */
bool blocking_go_on_or_wait(struct blocking_store *blocking);
/* Until the waiter is to ask again. A block that is lost is so durably before that is told, which may take a sync; false
 * when the disk takes no note of it. */
MUST_USE bool blocking_await(struct blocking_store *blocking, uint64_t waiter);

/* blocking_store_finish() in two parts, between which the caller syncs the descriptor and closes it, and others may read.
 * Until the second is done nobody waits for the store: what it waits for does not come. */
MUST_USE enum store_status blocking_finish_begin(struct blocking_store *blocking, uint64_t sequence,
                                                 bool durable, struct blocking_sync *sync);
MUST_USE enum store_status blocking_finish_end(struct blocking_store *blocking, uint64_t sequence,
                                               const struct blocking_sync *sync);

/* The memtable, when there is one, becomes tables. False when the store cannot get on. */
MUST_USE bool blocking_flush(struct blocking_store *blocking);

#endif
