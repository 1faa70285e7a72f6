/* healing: gets back from the other owners what this node's disk has lost, while the node serves.
 *
 *     the store names a damage: keys from .. to may have lost their value
 *         new actor          a key that is lost here may have a dot of the present one: none is given twice
 *         not held           the partitions that it meets: absent may mean lost, so reads do not count here
 *         recount            their trees still sum up what is lost: the leaves are counted anew from what is readable
 *         exchange           with every other owner, begun after the recount: what differs comes back as ordinary writes
 *         held again         and once that is durable, the store is told that the damage is healed
 *
 * A recount walks over a partition in slices while writes go on. A write at or before the cursor is added to what was
 * counted, one behind it will be met: so at the end the sums are those of what is there. What the tallies differ by is
 * then written as a change to them.
 *
 * Where a partition has no other owner nothing can heal: it stays held, reads of keys that may be lost fail with an
 * error of their own, and everything else is served. Once the others have given back what they have, the node says so, loudly and
 * once for each damage. It gives up nothing by itself: that a key is absent would be a guess. Operators may
 * (`dunlin store repair --give-up`).
 *
 *     healing_look(node);                     // at the beginning of every step
 *     healing_note_write(node, &batch);       // with every write
 */
#ifndef DUNLIN_NODE_HEALING_H
#define DUNLIN_NODE_HEALING_H

#include "engine/base/deadlines.h"
#include "engine/store/store.h"

struct node;

enum { HEALING_SLICE = 256 /* entries counted in one step */ };

enum healing_phase {
    HEALING_IDLE,
    HEALING_COUNTING,
    HEALING_CORRECTING, /* all was counted, the tallies are being put right */
};

struct leaf_sum {
    uint64_t digest;
    int64_t count;
};

struct healing {
    uint64_t changes;      /* of the store's damages, when they were last looked at */
    uint64_t last_taken;   /* id of the damage */
    uint64_t actor_covers; /* damages up to this id were known when the actor was drawn */
    uint8_t *recounts;     /* a bit per partition that is still to be recounted */
    uint32_t recount_count;
    enum healing_phase phase;
    uint16_t partition;    /* that is being recounted */
    struct leaf_sum *sums; /* by row (n - 1) and leaf; null until the first recount */
    struct buffer cursor;  /* the last entry that was counted, or the partition's prefix */
    bool cursor_is_taken;
    uint32_t corrected; /* sums that were compared with their tally */
    struct deadline timer;
    uint64_t recounted; /* partitions, in this life */
    uint64_t
        beyond; /* damages of which the others have given back what they have, and nobody has the rest */
    uint64_t beyond_last; /* the last of them, by its id */
};

void healing_init(struct node *node);
void healing_deinit(struct healing *healing);
/* Takes note of what the store says it has lost, before anything is read. */
void healing_look(struct node *node);
/* A recount's next slice, and a look at what may be healed by now. */
void healing_on_timer(struct node *node);
void healing_wake(struct node *node);
/* A batch was written to the store. */
void healing_note_write(struct node *node, const struct store_batch *batch);
/* True while the partition's trees do not say what is there. */
bool healing_recounts(const struct node *node, uint16_t partition);

#endif
