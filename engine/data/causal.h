/* causal: dots, version vectors and the timestamps of a hybrid logical clock.
 *
 * A dot names one write of one key: (actor, counter). An actor is a replica for as long as it can
 * vouch for every dot that it gave: a new one is drawn whenever it may have lost data. A version
 * vector says, per actor, up to which counter the key's writes are known: contiguously, because an
 * actor holds all of its own.
 *
 * Source: Preguica et al., "Brief announcement: efficient causality tracking in distributed storage
 * systems with dotted version vectors", PODC 2012; Kulkarni et al., "Logical physical clocks",
 * OPODIS 2014, for the timestamps.
 */
#ifndef DUNLIN_DATA_CAUSAL_H
#define DUNLIN_DATA_CAUSAL_H

#include "engine/base/bytes.h"
#include "engine/base/units.h"

struct dot {
    uint64_t actor;
    uint64_t counter; /* from 1 */
};

enum { VECTOR_ENTRIES_MAX = 256 };

/* Sorted by actor, actors distinct, counters > 0. `dots` may be borrowed by whoever made it. */
struct version_vector {
    uint32_t count;
    struct dot dots[VECTOR_ENTRIES_MAX];
};

/* 0 when the actor is unknown. */
uint64_t vector_counter(const struct version_vector *vector, uint64_t actor);
static inline bool vector_covers(const struct version_vector *vector, struct dot dot) {
    return vector_counter(vector, dot.actor) >= dot.counter;
}
/* Raises the actor's counter to at least dot.counter. False when the vector is full. */
MUST_USE bool vector_raise(struct version_vector *vector, struct dot dot);
/* vector := least upper bound of both. False when it does not fit, and then vector is unchanged. */
MUST_USE bool vector_join(struct version_vector *vector, const struct version_vector *other);
/* True when left covers everything that right covers. */
bool vector_descends(const struct version_vector *left, const struct version_vector *right);

void vector_encode(const struct version_vector *vector, struct buffer *to);
/* False on bytes that vector_encode() cannot have made (order, zero counters, too many). */
MUST_USE bool vector_decode(struct reader *from, struct version_vector *vector);

/* A hybrid logical timestamp: milliseconds in the high 48 bits, a logical counter in the low 16. */
struct timestamp {
    uint64_t value;
};

struct logical_clock {
    struct timestamp last;
};

/* A timestamp greater than every one given or observed before. */
struct timestamp logical_clock_tick(struct logical_clock *clock, struct wall_time wall);
/* Notes a timestamp that came from elsewhere. One that is more than a day ahead of `wall` is
 * ignored: a broken clock must not drag the cluster along. */
void logical_clock_observe(struct logical_clock *clock, struct timestamp seen,
                           struct wall_time wall);

#endif
