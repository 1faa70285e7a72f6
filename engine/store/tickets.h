/* tickets: which of the store's disk operations are under way, and who waits for each.
 *
 * A disk_wait is embedded in whoever asked for an operation; it says what kind of operation it was
 * and, where several of a kind can exist, whose. No memory is allocated per operation.
 *
 *     effects_sync(effects, tickets_draw(&store->tickets, &log->sync_wait), log->file);
 *     ...
 *     struct disk_wait *wait = tickets_take(&store->tickets, done->ticket);
 *     switch (wait->kind) ...
 */
#ifndef DUNLIN_STORE_TICKETS_H
#define DUNLIN_STORE_TICKETS_H

#include "engine/base/check.h"
#include "engine/base/id_map.h"

#include <stdbool.h>

enum wait_kind {
    WAIT_LOG_WRITE = 1,
    WAIT_LOG_SYNC,
    WAIT_LOG_DIRECTORY,
    WAIT_SEGMENT_MAKE, /* the log's next segment is allocated, or a spare renamed */
    WAIT_SEGMENT_SYNC,
    WAIT_SEGMENT_DIRECTORY,
    WAIT_MANIFEST_WRITE,
    WAIT_MANIFEST_SYNC,
    WAIT_MANIFEST_DIRECTORY,
    WAIT_OUTPUT_WRITE,     /* owner: struct table_output */
    WAIT_OUTPUT_SYNC,      /* owner: struct table_output */
    WAIT_OUTPUT_DIRECTORY, /* owner: struct table_output */
    WAIT_STREAM_READ,      /* owner: struct block_stream */
    WAIT_AHEAD_READ,       /* owner: struct read_ahead */
    WAIT_BLOCK_READ,       /* owner: struct block_fetch */
    WAIT_REMOVE,
    WAIT_CHECKPOINT,
    WAIT_SET_ASIDE,
    WAIT_RECOVERY_LIST,
    WAIT_RECOVERY_READ,
    WAIT_RECOVERY_WRITE,
    WAIT_RECOVERY_SYNC,
    WAIT_RECOVERY_REMOVE,
    WAIT_RECOVERY_DIRECTORY,
    WAIT_RECOVERY_TABLE, /* owner: struct table_file */
};

struct disk_wait {
    enum wait_kind kind;
    bool pending; /* its operation is under way */
    void *owner;  /* null where the kind says it all */
};

struct tickets {
    uint64_t first, next; /* drawn so far: from first, below next */
    struct id_map waiting;
};

static inline void tickets_init(struct tickets *tickets, uint64_t first) {
    *tickets = (struct tickets){.first = first, .next = first};
}
static inline void tickets_deinit(struct tickets *tickets) {
    id_map_deinit(&tickets->waiting);
}

static inline uint64_t tickets_draw(struct tickets *tickets, struct disk_wait *wait) {
    CHECK(!wait->pending && wait->kind != 0);
    wait->pending = true;
    id_map_put(&tickets->waiting, tickets->next, wait);
    return tickets->next++;
}

/* Null when nobody waits for this ticket. */
static inline struct disk_wait *tickets_take(struct tickets *tickets, uint64_t ticket) {
    struct disk_wait *wait = id_map_remove(&tickets->waiting, ticket);
    if (wait != NULL)
        wait->pending = false;
    return wait;
}

static inline bool tickets_drew(const struct tickets *tickets, uint64_t ticket) {
    return ticket >= tickets->first && ticket < tickets->next;
}

#endif
