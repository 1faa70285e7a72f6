/* store_host: a store on a memory_disk, and a model of what it must hold.
 *
 * The model is the history of all writes of this life and the lives before it. A write of the host
 * also keeps a tally up to date: the digest of a tally is the XOR over its live entries, its count
 * their number, so tallies can be recomputed from the entries.
 *
 *     store_host_start(&host);                          // until it serves or has failed
 *     store_host_write(&host, 17, 100);                 // key 17, a value of 100 bytes
 *     store_host_settle(&host);                         // until nothing is under way
 *     store_host_crash(&host, CRASH_TEARS);             // and start again
 *     store_host_check(&host);                          // everything, against the model
 */
#ifndef DUNLIN_TESTS_STORE_HOST_H
#define DUNLIN_TESTS_STORE_HOST_H

#include "engine/store/store.h"
#include "tests/store/support/memory_disk.h"

enum { STORE_HOST_KEYS = 700, STORE_HOST_TALLIES = 1024 };

struct store_host_write {
    uint32_t key;
    uint32_t size; /* of the value */
    bool removed;
};

/* What a key holds: the number of the write, from 1; 0 for nothing. */
struct store_host {
    struct store_config config;
    struct memory_disk *disk;
    struct store *store;
    uint32_t keys; /* that are checked: those below it */
    struct effects effects;
    struct instant now;
    struct store_host_write *history; /* [sequence] */
    uint64_t history_capacity;
    uint64_t last; /* sequence of the last write */
    uint64_t acknowledged_durable, acknowledged_written;
    uint32_t *held; /* by key: sequence of its last write */
    uint64_t next_waiter;
    struct store_figures figures; /* kept by the test: of the last life */
    bool was_closed;              /* kept by the test: the last life ended with a clean close */
};

/* A configuration so small that flush and compaction are always under way. */
struct store_config store_host_small_config(void);
/* Smaller still: in some hundred operations of the disk there are flushes, compactions and used segments. */
struct store_config store_host_crowded_config(enum store_sync sync);
void store_host_init(struct store_host *host, struct memory_disk *disk,
                     const struct store_config *config);
void store_host_deinit(struct store_host *host);
/* Starts a store on the disk as it is. False when it failed; the store is there to be asked why. */
bool store_host_start(struct store_host *host);
/* Performs one disk operation, or lets time pass when only that helps; false when all is quiet. */
bool store_host_step(struct store_host *host);
void store_host_settle(struct store_host *host);
/* STORE_OK, STORE_BUSY or STORE_FAILED. */
enum store_status store_host_write(struct store_host *host, uint32_t key, uint32_t size);
enum store_status store_host_remove(struct store_host *host, uint32_t key);
/* None to three entries, some of them removals, now and then a wish for durability, and the pump. */
void store_host_write_some(struct store_host *host, struct prng *prng);
/* Pumps, as the end of a node's step does. */
void store_host_pump(struct store_host *host);
/* The store is gone; what it had acknowledged is remembered. */
void store_host_kill(struct store_host *host);
void store_host_crash(struct store_host *host, enum crash_outcome outcome);
/* After a restart: nothing below the watermark was lost, nothing else is there. Fails the test. */
void store_host_check_recovered(struct store_host *host, enum crash_outcome outcome);
/* Every key, a scan of all, and every tally, against the model. */
void store_host_check(struct store_host *host);
/* True when the key's value is as the model has it. Waits for blocks. */
enum store_status store_host_get(struct store_host *host, uint32_t key, struct bytes *value);
enum store_status store_host_scan(struct store_host *host, struct bytes prefix, struct bytes from,
                                  bool after, struct store_entry *entry);
void store_host_key(uint32_t key, struct buffer *to);
void store_host_value(uint64_t sequence, const struct store_host_write *write, struct buffer *to);
/* Another store, on another disk, is to hold what this one holds. */
void store_host_copy_model(struct store_host *host, const struct store_host *from);
bool store_host_close(struct store_host *host);

#endif
