/* rolling_hash: one number for everything that has happened in a world so far.
 *
 *     for every event and effect: state = XXH3([state, time, host and kind, ..., hash of payload])
 *
 * Each field is put into a word of its own: neither padding nor an address has a say. Notes are not
 * part of it, so that a narrated run has the hash of a silent one.
 */
#ifndef DUNLIN_SIM_ROLLING_HASH_H
#define DUNLIN_SIM_ROLLING_HASH_H

#include "engine/base/effect.h"
#include "engine/base/units.h"
#include "sim/chunk.h"

struct rolling_hash {
    uint64_t state;
};

/* `chunk`, when not null, is where the event's bytes lie: the hash of a whole chunk is computed
 * once. */
void rolling_hash_event(struct rolling_hash *hash, struct instant at, uint32_t host,
                        const struct event *event, struct chunk *chunk);
void rolling_hash_effect(struct rolling_hash *hash, struct instant at, uint32_t host,
                         const struct effect *effect);

#endif
