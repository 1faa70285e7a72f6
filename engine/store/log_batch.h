/* log_batch: how a batch lies in a log record.
 *
 *     batch := flags u8          entries (0 to 16) in the low five bits, 0x80 when a tally follows
 *              [tally u32, digest u64, count i64]
 *              entry ...
 *     entry := kind u8, 0 a value, 1 removed, 2 a value that expires
 *              [expires u64]
 *              key as varint length and bytes, value as varint length and bytes
 *
 *     log_batch_encode(&batch, &buffer);
 *     while (reader.left > 0 && log_batch_decode(&reader, &batch)) ...
 */
#ifndef DUNLIN_STORE_LOG_BATCH_H
#define DUNLIN_STORE_LOG_BATCH_H

#include "engine/store/store.h"

void log_batch_encode(const struct store_batch *batch, struct buffer *to);
/* Keys and values are borrowed from the reader's source. */
MUST_USE bool log_batch_decode(struct reader *from, struct store_batch *batch);

#endif
