/* quarantine: what the disk has lost, which keys that may concern, and until when.
 *
 *     a block that fails its checksum --> its table never reads it again
 *                                     \-> a damage: the keys from .. to may have lost their value
 *     a table, a log, a manifest that recovery cannot read --> set aside, and the same
 *
 * The store goes on with what is readable; a question that only lost bytes could answer gets
 * STORE_CORRUPT. Whoever can get the entries from elsewhere writes them anew and says that the
 * damage is healed: from then on what is absent in its range is absent.
 *
 * Nobody is told of a damage before the manifest has it: otherwise a block that can be read again
 * after a crash would come back beneath what was written in its place. Every change has a number.
 * Facts that no record has carried yet go into the next one, whatever that is for.
 *
 *     quarantine_block(store, file, &handle, effects);
 *     quarantine_put_pending(&store->quarantine, payload);     // and when the record is durable:
 *     quarantine_noted(store);
 */
#ifndef DUNLIN_STORE_QUARANTINE_H
#define DUNLIN_STORE_QUARANTINE_H

#include "engine/base/effect.h"
#include "engine/store/damage.h"
#include "engine/store/table_file.h"
#include "engine/store/tickets.h"

/* So many are told apart; beyond, all become one that concerns every key. */
enum { QUARANTINE_DAMAGES_MAX = 256 };

struct quarantine {
    struct damage_list damages;
    uint64_t last_id;
    struct buffer pending;              /* facts that no manifest record has carried yet */
    uint64_t changes, carried, durable; /* numbers of changes */
    uint64_t *waiters;                  /* for the manifest to have what they met */
    uint32_t waiter_count, waiter_capacity;
    struct file_id *aside; /* files to be renamed, for people to look at */
    uint32_t aside_count, aside_capacity;
    struct disk_wait aside_wait;
    struct file_id aside_last; /* the one that is being renamed */
    uint32_t aside_failures;   /* in a row */
    uint64_t found, healed;    /* in this life */
};

void quarantine_init(struct quarantine *quarantine);
void quarantine_deinit(struct quarantine *quarantine);
/* What a manifest had of it. */
void quarantine_adopt(struct quarantine *quarantine, struct damage_list *damages);

/* True when some key from `from` to `to` is concerned; an empty `to` is the end of all keys. */
bool quarantine_meets(const struct quarantine *quarantine, struct bytes from, struct bytes to);
/* The same of the keys from `from` on that begin with `prefix`. */
bool quarantine_meets_prefix(const struct quarantine *quarantine, struct bytes from,
                             struct bytes prefix);

/* The table's block is not to be read again. That of a filter concerns no key: all pass. */
void quarantine_block(struct store *store, struct table_file *file,
                      const struct block_handle *handle, struct effects *effects);
/* The whole table is lost. */
void quarantine_table(struct store *store, const struct table_file *file, struct effects *effects);
/* Every key may have lost what a log or a manifest said of it. */
void quarantine_all(struct store *store, enum store_damage_kind kind, struct file_id file,
                    uint64_t offset, struct effects *effects);
/* A flush of this run has the key, and is about to be merged with older tables: what comes of it stays younger than the
 * damages that were found before. */
void quarantine_answer(struct store *store, struct bytes key, uint64_t run);
/* Comes out of store_next_ready() when the manifest has all that is known. */
void quarantine_wait(struct store *store, uint64_t waiter);
static inline bool quarantine_is_noted(const struct quarantine *quarantine) {
    return quarantine->durable == quarantine->changes;
}

/* Everything, for a snapshot; or what no record has carried yet. */
void quarantine_put_all(const struct quarantine *quarantine, struct buffer *to);
void quarantine_put_pending(struct quarantine *quarantine, struct buffer *to);
/* A snapshot carries what is pending. */
void quarantine_carry(struct quarantine *quarantine);
/* The record that carried them is durable. */
void quarantine_noted(struct store *store);

/* Recovery is over: what it found goes into tables of its own where it must be told from what comes. */
void quarantine_begin(struct store *store);
/* The file gets a name that the store leaves alone. */
void quarantine_set_aside(struct store *store, struct file_id file);
/* A file was renamed, or not: then it is tried again, a few times. */
void quarantine_on_aside(struct store *store, enum disk_status status, struct effects *effects);
bool quarantine_is_aside(const struct quarantine *quarantine, struct file_id file);
/* Emits the manifest record or the renaming that is due. */
void quarantine_pump(struct store *store, struct effects *effects);

#endif
