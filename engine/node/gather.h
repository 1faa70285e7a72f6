/* gather: one command over many keys, as many operations of which only so many are under way at once.
 *
 *     MGET a b c d ...   -->   [a][b] .. GATHER_UNDER_WAY_MAX          the rest waits here, copied
 *                                |  |
 *                       result of each --> parts (in the order of the keys) --> one reply at the end
 *
 * The first words are submitted straight from the client's bytes. Only when the bound is reached are the others copied,
 * because those bytes are gone when the call returns.
 *
 * The struct is plain: command_multi.c, which gives it its meaning, fills and reads it.
 */
#ifndef DUNLIN_NODE_GATHER_H
#define DUNLIN_NODE_GATHER_H

#include "engine/base/bytes.h"
#include "engine/node/operation.h"

enum { GATHER_UNDER_WAY_MAX = 64, GATHER_BUFFER_KEPT = 64 << 10, GATHER_PARTS_KEPT = 1024 };

/* What one key of an MGET has. */
struct gather_part {
    enum keyspace_siblings siblings; /* as the key's keyspace has it */
    bool is_present;
    size_t from; /* in `values` */
    size_t size;
};

struct gather {
    uint32_t total; /* operations */
    uint32_t submitted;
    uint32_t finished;
    uint32_t succeeded;
    uint64_t counted;              /* keys that existed */
    bool is_submitting;            /* a result that arrives meanwhile must not submit more */
    bool is_too_large;             /* the values are more than a client may be owed */
    uint8_t copies;                /* fewest replicas that a write of these waits for */
    uint32_t siblings_most;        /* of a key that cannot be shown as one value; 0: none */
    enum operation_status failure; /* of the first that failed; OPERATION_OK: none did */
    bool in_doubt;                 /* some operation failed that may have written */
    struct buffer reason;
    struct buffer rest; /* words of operations still to submit, each behind its length */
    size_t rest_from;
    struct gather_part *parts;
    uint32_t part_capacity;
    struct buffer values;
};

struct gather *gather_create(void);
/* Null is fine. */
void gather_destroy(struct gather *gather);
/* Ready for the next command; memory is kept, but not much. */
void gather_reset(struct gather *gather);
void gather_reserve_parts(struct gather *gather, uint32_t count);

#endif
