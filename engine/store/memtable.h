/* memtable: the newest entries in key order, in an arena with a budget.
 *
 *     radix tree   finds a key, or where it belongs     (radix_tree.h)
 *                      |     |      |     |
 *     entries      [ a ] <-> [b] <-> [c] <-> [d]        linked both ways in key order
 *
 * There is one version of a key: a later write replaces the value, in place where it fits, so that
 * a key that is written over and over does not fill the budget. Entries are never taken out and
 * never move; a removed key is an entry that says so.
 *
 * Memory is counted to the byte, with what the arena holds in reserve. Once memtable_is_full() no
 * entry should be added; added before, the last one is all that may exceed the budget. An entry
 * costs its key, its value, 8 bytes when it expires, and 35 bytes, rounded up to 16, and its share of the inner nodes, about
 * 40 bytes more.
 *
 * A frozen memtable may have several holders: its flush, and the snapshots and cursors that look
 * into it.
 *
 *     struct memtable *table = memtable_create(32 << 20);        // one reference
 *     memtable_put(table, key, value, false);
 *     for (entry = memtable_seek(table, from); entry != NULL; entry = entry->next) ...
 *     memtable_release(table);
 */
#ifndef DUNLIN_STORE_MEMTABLE_H
#define DUNLIN_STORE_MEMTABLE_H

#include "engine/base/units.h"
#include "engine/store/radix_tree.h"
#include "engine/store/removed_ranges.h"

enum { MEMTABLE_KEY_MAX = UINT16_MAX };

struct memtable_entry {
    struct memtable_entry *next, *previous; /* in key order; null at the ends */
    uint8_t *value;                         /* behind the key at first */
    uint32_t value_size;
    uint32_t value_capacity;
    uint16_t key_size;
    bool removed : 1;
    bool expires : 1; /* its time lies behind its value */
    uint8_t key[];
};

struct memtable {
    struct arena arena;
    struct radix_tree tree;
    struct memtable_entry *first, *last;
    uint64_t count;
    bool has_expiring;             /* an entry expires, or did before it was written over */
    struct removed_ranges removed; /* what is gone from everything older than this */
    uint64_t budget;               /* bytes */
    uint64_t last_sequence;        /* of what was written into it; kept by the owner */
    uint32_t references;
    struct memtable *next; /* in a memtable_queue */
};

struct memtable *memtable_create(uint64_t budget);
static inline void memtable_acquire(struct memtable *table) {
    table->references++;
}
/* Null is allowed. */
void memtable_release(struct memtable *table);

/* Memtables that nobody holds any more, whose memory is given back a little at a time. */
struct memtable_queue {
    struct memtable *first;
};
/* As memtable_release(), but a last reference only enters the memtable into the queue. */
void memtable_release_later(struct memtable_queue *queue, struct memtable *table);
/* Frees a bounded part; true when the queue is empty. */
bool memtable_queue_release_some(struct memtable_queue *queue);
void memtable_queue_deinit(struct memtable_queue *queue);

void memtable_put(struct memtable *table, struct bytes key, struct bytes value, bool removed);
/* The same for a value that expires; `expires` is not 0. */
void memtable_put_expiring(struct memtable *table, struct bytes key, struct bytes value,
                           struct wall_time expires);
/* Null when the key is not here; an entry that says removed when it was removed. */
const struct memtable_entry *memtable_find(const struct memtable *table, struct bytes key);
/* The first entry whose key is >= `key`; null when all are smaller. */
const struct memtable_entry *memtable_seek(const struct memtable *table, struct bytes key);
/* The last entry whose key is < `key`; null when none is. */
const struct memtable_entry *memtable_seek_below(const struct memtable *table, struct bytes key);

static inline const struct memtable_entry *memtable_first(const struct memtable *table) {
    return table->first;
}
static inline struct bytes memtable_entry_key(const struct memtable_entry *entry) {
    return bytes_of(entry->key, entry->key_size);
}
static inline struct bytes memtable_entry_value(const struct memtable_entry *entry) {
    return bytes_of(entry->value, entry->value_size);
}
static inline struct wall_time memtable_entry_expires(const struct memtable_entry *entry) {
    return (struct wall_time){entry->expires ? load_u64(entry->value + entry->value_size) : 0};
}
/* All memory that the memtable takes. */
static inline uint64_t memtable_bytes(const struct memtable *table) {
    return sizeof *table + table->arena.held + table->removed.bytes;
}
/* True when the budget is used up. */
static inline bool memtable_is_full(const struct memtable *table) {
    return memtable_bytes(table) - arena_room(&table->arena) >= table->budget;
}

#endif
