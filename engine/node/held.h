/* held: which partitions this node holds in full.
 *
 * A node whose store was born empty may have lost what it once acknowledged. It takes writes, but
 * its reads must not count until it has compared each partition with every other owner: otherwise
 * r + w > n would no longer mean that a read meets the last write. The bitmap is durable, so a
 * restart does not begin anew.
 */
#ifndef DUNLIN_NODE_HELD_H
#define DUNLIN_NODE_HELD_H

#include "engine/base/bytes.h"

struct node;

struct held {
    uint8_t *bits;      /* one per partition */
    uint16_t *compared; /* per partition: places of the preference list that were compared */
    uint32_t missing;   /* owned and not held */
    bool unsaved;
};

/* Nothing is held, but for partitions that nobody else owns. */
void held_init(struct node *node);
/* Takes over what an earlier life had saved; bytes that do not fit this cluster are ignored. */
void held_load(struct node *node, struct bytes saved);
/* An exchange of this partition with `member` is complete. */
void held_compared(struct node *node, uint16_t partition, uint32_t member);
/* Something of the partition may be lost: it is not held until it was compared anew with all other owners. */
void held_doubt(struct node *node, uint16_t partition);
/* True when this node owns the partition and does not hold it. */
bool held_misses(const struct node *node, uint16_t partition);
/* What is here may be an old copy: nothing is held until it was compared anew. */
void held_forget(struct node *node);
bool held_is_compared(const struct node *node, uint16_t partition, uint32_t member);
/* Makes a change durable; when the store has no room, at the end of a later step. */
void held_save(struct node *node);
bool held_partition(const struct node *node, uint16_t partition);
void held_deinit(struct held *held);

#endif
