/* sabotage: faults planted into nodes at run time, so that tests can prove which oracle and which scenario notices them.
 *
 * A saboteur stands between a node and its host and changes its effects; the engine itself stays as it is.
 *
 *     sync lies          the disk says "synced" and has not        an unsynced log acknowledged as durable
 *     hints lost         deliveries go to a wrong key              a hint that is removed and never arrives
 *     branches skipped   half of the Merkle branches are not told  differences that no exchange finds
 *     replica ignored    replies to reads are emptied              a read that looks at one replica only
 *
 *     struct run *run = run_create_sabotaged(scenario, seed, SABOTAGE_SYNC_LIES);
 */
#ifndef DUNLIN_HARNESS_SABOTAGE_H
#define DUNLIN_HARNESS_SABOTAGE_H

#include "engine/base/effect.h"

enum sabotage {
    SABOTAGE_NONE,
    SABOTAGE_SYNC_LIES,
    SABOTAGE_HINTS_LOST,
    SABOTAGE_BRANCHES_SKIPPED,
    SABOTAGE_REPLICA_IGNORED,
};

/* After the node's step. */
void sabotage_effects(enum sabotage sabotage, struct effects *effects);

#endif
