/* block_reads: which blocks are being read for requests, who waits for each, and what just came.
 *
 *     ask --> fetch under way (one per block, however many wait) --> arrivals, a few blocks --> cache
 *                              \-> waiters --> ready: to be asked again
 *
 * A block that has arrived stays here for a while before the cache may have it: a reader that needs
 * several blocks at once must find them all when it asks again, however small the cache is.
 *
 *     if (!block_reads_find(&reads, file, offset, &lent))
 *         block_reads_ask(&reads, file, &handle, waiter, effects);
 */
#ifndef DUNLIN_STORE_BLOCK_READS_H
#define DUNLIN_STORE_BLOCK_READS_H

#include "engine/base/effect.h"
#include "engine/store/block_cache.h"
#include "engine/store/table_file.h"

enum {
    BLOCK_FETCHES_MAX = 4096,
    BLOCK_WAITERS_MAX = 65536, /* over all fetches */
    BLOCK_ARRIVALS_MAX = 64,
    BLOCK_ARRIVALS_KEPT = 16, /* whatever their size */
    BLOCK_ARRIVALS_BYTES_MAX = 256 * 1024,
    BLOCK_FAILURES_MAX = 64,
};

/* Whoever waits and is not a request of the store's user: recovery. */
enum { BLOCK_WAITER_OWN = 0 };

struct block_fetch {
    struct table_file *file; /* referenced */
    struct block_handle handle;
    uint64_t key;      /* under which it is in the map */
    uint32_t failures; /* of its read, in a row */
    uint64_t *waiters;
    uint32_t waiter_count, waiter_capacity;
    struct disk_wait wait;
};

struct block_arrival {
    uint64_t file, offset;
    struct block *block; /* referenced; null: its file was forgotten */
};

/* The answer to a waiter whose block could not be read, until it asks again. */
struct block_failure {
    uint64_t waiter, file, offset;
};

struct block_reads {
    struct tickets *tickets;
    struct block_pool *blocks; /* borrowed */
    struct id_map fetches;
    uint64_t waiter_count; /* over all fetches */
    struct block_arrival arrivals[BLOCK_ARRIVALS_MAX];
    uint32_t arrival_first, arrival_count;
    uint64_t arrival_bytes;
    struct block_failure failures[BLOCK_FAILURES_MAX];
    uint32_t failure_count;
    uint64_t *ready; /* a ring */
    size_t ready_first, ready_count, ready_capacity;
    bool own_ready; /* the store itself may go on */
    uint64_t reads;
};

void block_reads_init(struct block_reads *reads, struct tickets *tickets,
                      struct block_pool *blocks);
void block_reads_deinit(struct block_reads *reads);

/* False when so much is being read already that this has to wait. */
MUST_USE bool block_reads_ask(struct block_reads *reads, struct table_file *file,
                              const struct block_handle *handle, uint64_t waiter,
                              struct effects *effects);
/* A block that has just arrived. */
bool block_reads_find(const struct block_reads *reads, uint64_t file, uint64_t offset,
                      struct lent_block *lent);
/* Asks for this fetch's block once more. */
void block_reads_repeat(struct block_reads *reads, struct block_fetch *fetch,
                        struct effects *effects);
/* True, once, when this waiter's read of this block has failed. */
bool block_reads_take_failure(struct block_reads *reads, uint64_t waiter, uint64_t file,
                              uint64_t offset);
/* The read has come back: wakes its waiters. Blocks that make way go into the cache. Returns the
 * table that the fetch held, for the caller to release. */
struct table_file *block_reads_on_done(struct block_reads *reads, struct block_fetch *fetch,
                                       enum disk_status status, struct bytes raw,
                                       struct block_cache *cache);
/* Wakes everybody: the store has failed. */
void block_reads_wake_all(struct block_reads *reads);
void block_reads_add_ready(struct block_reads *reads, uint64_t waiter);
bool block_reads_next_ready(struct block_reads *reads, uint64_t *waiter);
/* No block of this table will be asked for again. */
void block_reads_forget_file(struct block_reads *reads, uint64_t file);

#endif
