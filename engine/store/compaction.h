/* compaction: moves tables to a deeper level, merging them with what they overlap there.
 *
 *     level 0   [run 9][run 7] ... [run 3][run 2]    sixteen runs: all of level 0 goes, to the base
 *     level 5   [a..f][g..m][n..z]                   over its target: one table goes
 *     level 6   [a..c][d..e]...                      with all that it overlaps
 *
 * One at a time, in slices. Inputs are read in long runs past the cache; outputs are written in
 * tables of a bounded size. A removed entry is dropped when no deeper level can hold its key, and
 * so is one that has expired; until then that one goes on as a removed one.
 * Tables that overlap nothing just change their level; those that have expired as a whole just go. What is due is compaction_pick's business.
 *
 * Source: the levelled scheme of LevelDB (its implementation notes).
 */
#ifndef DUNLIN_STORE_COMPACTION_H
#define DUNLIN_STORE_COMPACTION_H

#include "engine/store/block_stream.h"
#include "engine/store/merge.h"
#include "engine/store/table_output.h"
#include "engine/store/version.h"

enum compaction_phase {
    COMPACTION_IDLE,
    COMPACTION_MERGING,
    COMPACTION_INSTALLING,
    COMPACTION_ABANDONING, /* an input cannot be read or an output not be written: what is under
                              way comes home, then all is dropped */
};

struct store;

struct compaction {
    enum compaction_phase phase;
    uint32_t level, to;             /* from which tables go, and where to */
    struct version *version;        /* referenced while under way */
    uint32_t upper_at, upper_count; /* its tables of `level` that go */
    uint32_t lower_at, lower_count; /* and those of `to` that they overlap */
    bool moves;                     /* the inputs only change their level, */
    bool drops;                     /* or go for good */
    struct merge merge;
    enum merge_result step;
    struct block_stream *streams; /* one per source of the merge */
    uint32_t stream_count;
    struct table_output output;
    bool nothing_due;            /* as far as the present version goes, */
    struct wall_time expiry_due; /* until then */
};

/* Does a slice. True when work is left that waits for no I/O. */
bool compaction_pump(struct store *store, struct instant now, struct effects *effects);
/* When a merge that is held back may go on; INSTANT_NEVER when none is. */
struct instant compaction_deadline(const struct store *store);
void compaction_installed(struct store *store);
/* Nobody knows whether the manifest's edit is durable: it will be said again in another one. */
void compaction_not_installed(struct store *store);
/* A table could not be written. */
void compaction_give_up(struct store *store);
/* Something has changed that may make a compaction due. */
static inline void compaction_reconsider(struct compaction *compaction) {
    compaction->nothing_due = false;
}
/* Something of this table is lost for everybody: what was taken from it must not come back. */
void compaction_forget(struct store *store, const struct table_file *file);
void compaction_deinit(struct store *store);

#endif
