/* expiries: when the entries of a table expire, told in a few steps, so that nobody needs to read it to know how much of it has.
 *
 *     entries   |..  . ....|        |... .|   |.......  .|      each dot expires at its time
 *     steps         7 until a        4 until b     8 until c      a < b < c
 *
 * Each step tells exactly how many entries expire after the step before and at its time at the latest; only where they lie
 * between the two is not told. So what has passed for certain is a sum, and nothing is ever said to have expired that has not.
 *
 * Times come in the order of keys, that is, in none. A time inside a step counts there; any other becomes a step of its own,
 * and when these are too many, the two neighbours with the fewest entries become one. So steps are fine where many
 * entries expire, and a few that stay for years do not coarsen them.
 *
 *     expiries_add(&expiries, expires);
 *     expiries_encode(&expiries, &buffer);
 *     uint64_t gone = expiries_passed(&expiries, wall);
 */
#ifndef DUNLIN_STORE_EXPIRIES_H
#define DUNLIN_STORE_EXPIRIES_H

#include "engine/base/bytes.h"
#include "engine/base/units.h"

enum { EXPIRY_STEPS_MAX = 32 };

#define WALL_TIME_NEVER ((struct wall_time){UINT64_MAX})

struct expiry_step {
    struct wall_time from; /* of its first entry; known to the writer alone */
    struct wall_time to;   /* of its last */
    uint64_t count;        /* of entries */
};

/* The zero value is empty. */
struct expiries {
    struct expiry_step *steps; /* ascending; null while there are none */
    uint32_t count;
    uint64_t entries; /* of all steps */
};

/* True when an entry with this expiry, 0 for never, has expired. */
static inline bool has_expired(struct wall_time expires, struct wall_time wall) {
    return expires.milliseconds != 0 && expires.milliseconds <= wall.milliseconds;
}

void expiries_deinit(struct expiries *expiries);
/* `expires` is not 0. */
void expiries_add(struct expiries *expiries, struct wall_time expires);
/* The step that counts an entry with this expiry; the number of steps when none does. */
uint32_t expiries_find(const struct expiries *expiries, struct wall_time expires);
/* How many entries have expired by then, for certain. */
uint64_t expiries_passed(const struct expiries *expiries, struct wall_time wall);
/* When expiries_passed() comes to `wanted`; WALL_TIME_NEVER when there are fewer entries. */
struct wall_time expiries_due(const struct expiries *expiries, uint64_t wanted);

/* Number of steps, then for each the time that lies between its end and that of the one before, and its entries, all varints.
 * There is a step. Decoding refuses what encoding does not make. */
void expiries_encode(const struct expiries *expiries, struct buffer *to);
MUST_USE bool expiries_decode(struct reader *from, struct expiries *expiries);

#endif
