/* injector: performs the actions of a schedule on the world, and knows how to undo them all.
 *
 * Blocks of several faults may overlap: a direction is open again when no fault holds it any more. What destroys data is
 * told to the history and to the replica samples, so that the oracles know what was promised.
 *
 *     injector_perform(injector, &action);
 *     injector_end_all(injector);            // the network whole, every node up, disks and clocks as configured
 */
#ifndef DUNLIN_HARNESS_INJECTOR_H
#define DUNLIN_HARNESS_INJECTOR_H

#include "harness/oracle.h"
#include "harness/schedule.h"

struct injector;

struct injector *injector_create(const struct scenario *scenario, struct world *world,
                                 struct history *history, struct replica_samples *samples);
void injector_destroy(struct injector *injector);
void injector_perform(struct injector *injector, const struct action *action);
/* A node that gave up by itself is started again once its time has come. */
void injector_watch(struct injector *injector);
void injector_end_all(struct injector *injector);

#endif
