/* checkpoint: the store as it was at one moment, in a directory of its own, made while the store serves.
 *
 *     ask      memory is frozen; whatever was written before goes into the checkpoint
 *     FLUSHING until tables hold that
 *     LINKING  every table of the version gets a second name in checkpoint-00000k/; no byte is copied
 *     SETTLING these names are synced
 *     WRITING  a manifest that names them, as 000000.manifest, and its sync
 *     NAMING   it gets its own number, and the name is synced
 *
 * A checkpoint is complete when it holds a manifest of a number above 0: that name comes last when one is made and
 * goes first when one is removed, durably, before any table does. What a crash leaves in between is removed at the next
 * start. One whose removal has begun is not listed any more, whatever the disk says to that: the removal is tried again
 * after growing pauses, and a sync of the directory that failed is not asked for again before the name was moved again.
 *
 * The directory is a whole store. Its manifest says that it is rolled back: whoever starts from it must not vouch for
 * what came after the checkpoint.
 *
 *     status = store_checkpoint(store, &number);      // checkpoint_pump() in every step does the rest
 *     store_checkpoint_remove(store, number);
 */
#ifndef DUNLIN_STORE_CHECKPOINT_H
#define DUNLIN_STORE_CHECKPOINT_H

#include "engine/base/effect.h"
#include "engine/store/checkpoint_list.h"
#include "engine/store/tickets.h"
#include "engine/store/version.h"

enum checkpoint_phase {
    CHECKPOINT_IDLE,
    CHECKPOINT_FLUSHING,
    CHECKPOINT_LINKING,
    CHECKPOINT_SETTLING,
    CHECKPOINT_WRITING,
    CHECKPOINT_SYNCING,
    CHECKPOINT_NAMING,
    CHECKPOINT_CONFIRMING,
    CHECKPOINT_ABANDONING, /* an operation failed: when all are back, what was made is removed */
    CHECKPOINT_REGAINING,  /* a removal is tried again: the manifest gets its number back */
    CHECKPOINT_UNNAMING,   /* one is being removed: its manifest loses its number first */
    CHECKPOINT_FORGETTING,
    CHECKPOINT_REMOVING,
};

enum { CHECKPOINT_LINKS_AT_ONCE = 16 };

struct checkpoints {
    enum checkpoint_phase phase;
    struct checkpoint_entry made; /* that is being made, or removed */
    struct file_id manifest;      /* of that one */
    uint64_t sequence;            /* which tables must hold before the links are made */
    struct version *version;      /* referenced while links are made */
    uint32_t level, at;           /* the next table of it to link */
    bool gives_up;                /* one that could not be made is being removed */
    bool is_broken;               /* one that a crash left without a number is being removed */
    uint32_t failures;            /* of this removal */
    struct disk_wait waits[CHECKPOINT_LINKS_AT_ONCE];
    uint32_t under_way;
    struct buffer frame;           /* the manifest's bytes */
    struct checkpoint_list list;   /* the complete ones */
    struct checkpoint_list broken; /* that a crash left, to be removed */
    uint32_t last_number;          /* the highest ever seen */
};

struct store;

void checkpoints_init(struct checkpoints *checkpoints);
void checkpoints_deinit(struct store *store);
/* At the start: takes note of complete checkpoints, and has the rest of what lies in their directories removed. */
void checkpoints_find(struct store *store, const struct file_entry *files, size_t count);
void checkpoint_pump(struct store *store, struct effects *effects);
/* True when the next step need not wait for an operation. */
bool checkpoint_work_left(const struct store *store);
/* Takes a WAIT_CHECKPOINT. */
void checkpoint_on_done(struct store *store, enum disk_status status, struct effects *effects);

#endif
