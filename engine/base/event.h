/* event: everything that can happen to a node. A host gives them one at a time to node_step().
 *
 * All bytes in an event are borrowed for the call. `now` never goes back within one run of a
 * process; `wall` may.
 *
 * Links carry bytes in order until they close. The host chooses even numbers for links that it
 * accepted, the node odd numbers for links that it asked for with EFFECT_CONNECT; a number is used
 * once in a node's life.
 */
#ifndef DUNLIN_BASE_EVENT_H
#define DUNLIN_BASE_EVENT_H

#include "engine/base/bytes.h"
#include "engine/base/file.h"
#include "engine/base/units.h"

struct link_id {
    uint64_t value;
};

enum link_role { LINK_CLIENT = 1, LINK_PEER = 2 };

enum event_kind {
    EVENT_START,         /* once, first: start */
    EVENT_TIMEOUT,       /* node_deadline() was reached */
    EVENT_LINK_ACCEPTED, /* link, role, remote */
    EVENT_LINK_OPENED,   /* link: an EFFECT_CONNECT succeeded */
    EVENT_LINK_BYTES,    /* link, bytes */
    EVENT_LINK_DRAINED,  /* link: everything sent so far has left the host's own queue */
    EVENT_LINK_CLOSED,   /* link: also when a connect failed; nothing follows on this link, and the
                            node need not close it */
    EVENT_DISK_DONE,     /* disk */
    EVENT_STOP,          /* finish gracefully: answers with EFFECT_HALT once all is durable */
};

enum disk_status {
    DISK_OK,
    DISK_ERROR, /* EIO: the operation may have happened in part */
    DISK_FULL,  /* ENOSPC */
    DISK_NO_FILE,
};

struct file_entry {
    struct file_id file;
    uint64_t size; /* bytes */
};

/* The outcome of the disk effect that carried the same ticket. */
struct disk_done {
    uint64_t ticket;
    enum disk_status status;
    struct bytes bytes; /* of a read: may be shorter than asked for, at the end of the file */
    const struct file_entry *files; /* of a list, in no particular order */
    size_t file_count;
};

struct event {
    enum event_kind kind;
    struct instant now;
    struct wall_time wall;
    bool memory_is_short; /* what the host had in reserve is used up: it can lend little more */
    struct link_id link;
    enum link_role role; /* of an accepted link: which port it came in by */
    struct bytes remote; /* of an accepted link: the other side's address as text */
    struct bytes bytes;
    struct disk_done disk;
    uint8_t entropy[32]; /* of a start: fresh random bytes */
};

#endif
