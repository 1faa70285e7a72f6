/* inspector: a client that asks single replicas what they hold (DLOCAL).
 *
 *     while the workload runs    now and then one replica of one key, for the monotone oracle
 *     after healing              every key from each of its owners, for convergence and the final oracles
 *
 * It stands outside of all partitions, and its questions change nothing.
 *
 *     struct inspector *inspector = inspector_create(&setup);
 *     inspector_begin(inspector);                          // ask for everything
 *     ... run the world ... inspector_is_done(inspector)
 *     inspector_agrees(inspector, &key)                    // false: `key` is one whose owners differ
 */
#ifndef DUNLIN_HARNESS_INSPECTOR_H
#define DUNLIN_HARNESS_INSPECTOR_H

#include "harness/oracle.h"
#include "sim/world.h"

struct inspector;

struct inspector_setup {
    struct history *history;
    struct world *world;
    struct replica_samples *samples;
    const uint8_t
        *owners; /* [key][NODE_REPLICAS_MAX]: the nodes that hold a key, 0xff behind the last */
};

struct inspector *inspector_create(const struct inspector_setup *setup);
void inspector_destroy(struct inspector *inspector);
struct program inspector_program(struct inspector *inspector);

/* Drops what was learned by an earlier inspection and asks every owner of every key that was ever written. */
void inspector_begin(struct inspector *inspector);
bool inspector_is_done(const struct inspector *inspector);
/* Of a done inspection. */
bool inspector_agrees(const struct inspector *inspector, uint32_t *key);
/* What the first owner of a key holds. */
const struct id_set *inspector_live(const struct inspector *inspector, uint32_t key);
/* One sentence about what the owners of a key hold. */
void inspector_describe(const struct inspector *inspector, uint32_t key, struct buffer *to);

#endif
