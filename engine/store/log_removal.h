/* log_removal: how the removal of a whole range lies in a log record, in the place of a batch.
 *
 *     removal := flags u8        0x40, and 0x80 when a page of tallies is reset
 *                [page u32]
 *                prefix          varint length (1 to 65535), bytes
 *
 *     if (log_removal_is_next(&reader)) ok = log_removal_decode(&reader, &removal);
 *     else ok = log_batch_decode(&reader, &batch);
 */
#ifndef DUNLIN_STORE_LOG_REMOVAL_H
#define DUNLIN_STORE_LOG_REMOVAL_H

#include "engine/store/store.h"

struct log_removal {
    struct bytes prefix; /* every key that begins with it is gone */
    bool resets;
    uint32_t page; /* of the tallies that become zero */
};

void log_removal_encode(const struct log_removal *removal, struct buffer *to);
bool log_removal_is_next(const struct reader *from);
/* The prefix is borrowed from the reader's source. */
MUST_USE bool log_removal_decode(struct reader *from, struct log_removal *removal);

#endif
