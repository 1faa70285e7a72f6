/* expiring_store: a store on a memory_disk whose entries expire, what it must hold, and two clocks that are driven by hand.
 *
 *     expiring_put(7, EXPIRING_NOON + EXPIRING_MINUTE);      // key 7, gone a minute past noon
 *     expiring_flush();                                      // into tables
 *     expiring_set_wall(EXPIRING_NOON + EXPIRING_MINUTE);
 *     expiring_check();                                      // gets and walks both ways agree with what is held
 *     expiring_idle_until(wall);                             // as a host that sleeps until the deadline
 */
#ifndef DUNLIN_TESTS_EXPIRING_STORE_H
#define DUNLIN_TESTS_EXPIRING_STORE_H

#include "engine/store/store.h"
#include "tests/store/support/memory_disk.h"

enum {
    EXPIRING_KEYS = 300,
    EXPIRING_NOON = 1000000,
    EXPIRING_MINUTE = 60000,
    EXPIRING_STEPS_MAX = 2000000
};

/* What a key holds by the plain rule: the last write, unless it removed, or has expired. */
struct expiring_held {
    uint64_t sequence; /* 0: nothing */
    uint64_t expires;
};

extern struct expiring_world {
    struct memory_disk disk;
    struct store *store;
    struct store_config config;
    struct effects effects;
    struct instant now;
    uint64_t wall; /* the latest that the store was told in this life */
    uint64_t last, next_waiter;
    struct expiring_held held[EXPIRING_KEYS];
} expiring_world;

void expiring_pump(void);
/* One operation of the disk, or time passes on the monotonic clock alone; false when all is quiet. */
bool expiring_step(void);
/* Until nothing is left to do but to wait for entries to expire. */
void expiring_settle(void);
/* What the store is told; the latest counts. */
void expiring_set_wall(uint64_t wall);
/* Another life, after a kill, told this time of day. */
void expiring_start(uint64_t wall);
/* A cmocka set-up and tear-down. */
int expiring_set_up(void **state);
int expiring_tear_down(void **state);
struct bytes expiring_name_of(uint32_t key, struct buffer *to);
/* A write that is remembered; expires 0: never. */
void expiring_send(uint32_t key, bool removed, uint64_t expires);
void expiring_put(uint32_t key, uint64_t expires);
void expiring_put_all(uint64_t expires);
/* Everything lies in tables, and levels are as they are at rest. */
void expiring_flush(void);
/* What is in memory lies in a run of its own at level 0 then, and nothing has been compacted. */
void expiring_flush_alone(void);
enum store_status expiring_get(struct store_snapshot *snapshot, struct bytes key,
                               struct bytes *value);
void expiring_check_gets(struct store_snapshot *snapshot, const struct expiring_held *held,
                         uint64_t wall);
void expiring_check_entry(const struct store_entry *entry, uint32_t key,
                          const struct expiring_held *held);
enum store_status expiring_next(struct store_cursor *cursor, struct store_entry *entry);
/* Every key, and walks both ways, against what is held. */
void expiring_check(void);
/* The same, in a snapshot (null: none) against what was held then. */
void expiring_check_all(struct store_snapshot *snapshot, const struct expiring_held *held,
                        uint64_t wall);
uint64_t expiring_table_bytes(void);
uint64_t expiring_written_bytes(void);
/* The two clocks go on together, as they do for an idle host, which sleeps until the deadline. */
void expiring_idle_until(uint64_t wall);

#endif
