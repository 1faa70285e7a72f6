/* node_start: from an empty or recovered store to a node that serves.
 *
 *     RECOVERING --> READ_INCARNATION --> SAVE_INCARNATION --> READ_HELD --> COUNT_HINTS --> DONE
 *
 * An actor names this node in dots for as long as it can vouch for every dot that it gave. Only a
 * clean close proves that: after anything else (a crash, a birth, a lost disk) the node draws a new
 * actor and makes it durable before it serves. A store that was rolled back (it is a checkpoint, or was repaired) may
 * lack what this node once acknowledged: with the new actor it forgets, in one write, which partitions it held. On a full disk
 * the note is made later: until then nothing at all is written, and so no dot given out.
 */
#ifndef DUNLIN_NODE_NODE_START_H
#define DUNLIN_NODE_NODE_START_H

#include "engine/base/bytes.h"

struct node;

enum start_phase {
    START_RECOVERING,
    START_READ_INCARNATION,
    START_SAVE_INCARNATION,
    START_AWAIT_INCARNATION,
    START_READ_HELD,
    START_COUNT_HINTS,
    START_DONE,
};

struct node_start {
    enum start_phase phase;
    bool is_waiting;   /* for a block */
    uint64_t sequence; /* of the saved incarnation */
    uint64_t kept; /* the incarnation that this disk remembered, when its actor was kept; else 0 */
    bool unsaved;  /* a life begun anew is still to be noted in the store */
    struct buffer cursor;
    bool cursor_is_taken;
};

/* Goes as far as it can; true when the node may serve now. */
bool node_start_advance(struct node *node);
/* A peer remembers this incarnation of ours. When the actor was kept because the disk was closed cleanly, but others know of a
 * life after the one that the disk remembers, then the disk is an old copy. */
void node_start_check(struct node *node, uint64_t remembered);
/* Others know a later incarnation of this member than ours: this disk is an old copy, or was lost while the clock ran
 * behind, or somebody else uses the name. Whatever it is, no dot of ours may be one that was given before: draws a new
 * actor, and compares all partitions before its reads count again. */
void node_start_anew(struct node *node, uint64_t rival_incarnation);
/* Begins a life of its own for the dots to come: no dot that was given before can be given again. */
void node_start_renew(struct node *node, const char *why);
/* Notes a life begun anew in the store, once that has room. */
void node_start_save(struct node *node);

#endif
