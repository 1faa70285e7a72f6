/* log_supply: the log's next segment, made ready before it is needed, out of one that is not needed any more.
 *
 *     spare 000012.log --rename--> 000019.log --\
 *                                                --sync it, and the directory--> ready --take--> the open segment
 *     no spare:  allocate 000019.log -----------/                                                      |
 *                                                      kept as a spare <--its entries lie in tables----/
 *
 * A file whose blocks are there, and were written before, needs neither new blocks nor changes of metadata when the log
 * writes into it, so a sync has one thing to do. What an earlier use left in it does no harm: the checksums of records
 * begin with the file's number (log_record.h). Spares keep the number of their last use as their name, which no manifest
 * counts any more.
 *
 *     log_supply_make(&supply, &next_file, effects);        // ahead of need
 *     if (log_supply_is_at_work(&supply)) ... wait; it is soon done
 *     else if (!log_supply_take(&supply, &number)) ... make do with a new file
 */
#ifndef DUNLIN_STORE_LOG_SUPPLY_H
#define DUNLIN_STORE_LOG_SUPPLY_H

#include "engine/store/store.h"
#include "engine/store/tickets.h"

enum log_supply_phase {
    LOG_SUPPLY_EMPTY,
    LOG_SUPPLY_MAKING,  /* renaming or allocating */
    LOG_SUPPLY_SYNCING, /* the file and the directory */
    LOG_SUPPLY_READY,
};

enum log_supply_progress { LOG_SUPPLY_GOES_ON, LOG_SUPPLY_FAILED };

struct log_supply {
    struct tickets *tickets;
    bool on;
    uint64_t segment_bytes;
    uint32_t spares_max;
    enum log_supply_phase phase;
    bool failed; /* one of the operations under way */
    struct file_id file;
    uint64_t made_of; /* number of the spare that became it; 0 for none */
    bool paused;      /* set by the owner: the disk has refused, nothing is made for a while */
    bool behind;      /* the last one failed: the next attempt does not wait until it is needed */
    uint64_t spares[STORE_LOG_SPARES_MAX];
    uint32_t spare_count;
    struct disk_wait make_wait, sync_wait, directory_wait;
    uint64_t recycled, allocated; /* segments so far */
};

void log_supply_init(struct log_supply *supply, const struct store_config *config,
                     struct tickets *tickets);
/* Begins to make the next segment, which draws its number from *next_file. False when there is one, or none is to be. */
bool log_supply_make(struct log_supply *supply, uint64_t *next_file, struct effects *effects);
static inline bool log_supply_is_at_work(const struct log_supply *supply) {
    return supply->phase == LOG_SUPPLY_MAKING || supply->phase == LOG_SUPPLY_SYNCING;
}
/* Takes a WAIT_SEGMENT_*. After LOG_SUPPLY_FAILED `file` and, when it is not 0, the spare that it was made of are the
 * caller's to remove. */
MUST_USE enum log_supply_progress log_supply_on_done(struct log_supply *supply, enum wait_kind kind,
                                                     enum disk_status status,
                                                     struct effects *effects);
/* The number of the segment that is ready. False when none is. */
MUST_USE bool log_supply_take(struct log_supply *supply, uint64_t *number);
/* The number of what is ready or will be; 0 for none. */
static inline uint64_t log_supply_number(const struct log_supply *supply) {
    return supply->phase == LOG_SUPPLY_EMPTY ? 0 : supply->file.number;
}
/* Keeps a segment that nobody needs, `size` bytes long. False when it is to be removed. */
MUST_USE bool log_supply_keep(struct log_supply *supply, uint64_t number, uint64_t size);
/* Gives one spare back, to be removed: its space is needed. False when there is none. */
MUST_USE bool log_supply_give_back(struct log_supply *supply, uint64_t *number);

#endif
