/* trouble: what the disk refuses to do, when to ask it again, and what people are told meanwhile.
 *
 *     an operation fails --> trouble_note(): a sentence, a delay that doubles from failure to failure
 *     ...the delay is over -> whoever it stopped tries again, in a new file
 *     it succeeds ---------> trouble_over()
 *
 *     what failed             no space is left                    any other error
 *     the log                 writes are refused: STORE_FULL      what is in memory goes into tables, then a new segment
 *     a table of a flush      writes are refused                  the memtable waits
 *     a table of a compaction writes go on until level 0 is full  the tables stay as they are
 *     the manifest            writes are refused                  a whole new one is written
 *     what recovery reads     -                                   the start waits; at last it is damage: recovery.h
 *
 * Want of space is waited out for as long as it takes. Errors of the log and of the manifest are met TROUBLE_ATTEMPTS_MAX
 * times in a row; then the store has failed. A store that is being closed does not wait longer than that for anything.
 *
 *     trouble_note(store, TROUBLE_FLUSH, "write", file, status, effects);
 *     if (trouble_waits(&store->troubles, TROUBLE_FLUSH)) return;
 *     trouble_over(store, TROUBLE_FLUSH, effects);
 */
#ifndef DUNLIN_STORE_TROUBLE_H
#define DUNLIN_STORE_TROUBLE_H

#include "engine/base/effect.h"

enum trouble_kind {
    TROUBLE_LOG,
    TROUBLE_FLUSH,
    TROUBLE_COMPACTION,
    TROUBLE_MANIFEST,
    TROUBLE_SEGMENT,  /* preparing the log's next segment: nothing waits for it */
    TROUBLE_RECOVERY, /* reading what is there at the start; who reads decides when it is given up */
    TROUBLE_CHECKPOINT, /* removing one */
    TROUBLE_ASIDE,      /* renaming what is damaged */
    TROUBLE_KINDS,
};

enum {
    TROUBLE_ATTEMPTS_MAX = 6,
    TROUBLE_DELAY_MILLISECONDS_MIN = 50,
    TROUBLE_DELAY_MILLISECONDS_MAX = 5000,
};

struct trouble {
    uint32_t failures;       /* in a row, all for want of space or none of them; 0: all is well */
    bool full;               /* they were for want of space */
    struct instant retry_at; /* INSTANT_NEVER when nothing waits */
};

/* trouble_init() begins it. */
struct troubles {
    struct trouble of[TROUBLE_KINDS];
    struct buffer sentence; /* about the last failure */
    uint64_t count;         /* failures ever */
};

struct store;

void trouble_init(struct troubles *troubles);
void trouble_deinit(struct troubles *troubles);

/* "cannot sync 000012.log: the disk reports an error" is noted, and the time of the next attempt set; or the store
 * fails. */
void trouble_note(struct store *store, enum trouble_kind kind, const char *verb,
                  struct file_id file, enum disk_status status, struct effects *effects);
/* What had failed has succeeded. */
void trouble_over(struct store *store, enum trouble_kind kind, struct effects *effects);
/* It is not tried any more. */
void trouble_forget(struct store *store, enum trouble_kind kind);
/* The next attempt need not wait: something has changed. */
void trouble_hurry(struct troubles *troubles, enum trouble_kind kind);
/* Delays that are over end. */
void trouble_pass_time(struct troubles *troubles, struct instant now);

/* True while the next attempt is not due. */
static inline bool trouble_waits(const struct troubles *troubles, enum trouble_kind kind) {
    return troubles->of[kind].retry_at.nanoseconds != UINT64_MAX;
}
static inline bool trouble_is_full(const struct troubles *troubles, enum trouble_kind kind) {
    return troubles->of[kind].failures > 0 && troubles->of[kind].full;
}
/* True when a write would dig into space that is not there. */
bool trouble_refuses_writes(const struct troubles *troubles);
bool trouble_is_any(const struct troubles *troubles);
struct instant trouble_deadline(const struct troubles *troubles);

#endif
