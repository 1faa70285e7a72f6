/* block_builder: makes the plain contents of a block from entries in ascending key order.
 *
 *     entry:    shared varint, unshared varint, (size << 1 | marked) varint, key bytes, size bytes
 *                 marked, and nothing behind the key: removed. Marked otherwise: u64 expiry, value
 *     contents: entry, entry, ..., restart u32, restart u32, ..., restart count u32
 *
 * An entry keeps only what its key does not share with the key before. A restart keeps its whole key,
 * and its offset is in the restart array, over which a reader searches by halves; there is one after
 * BLOCK_RESTART_INTERVAL entries or BLOCK_RESTART_BYTES, whichever comes first.
 *
 *     struct block_builder builder = {0};
 *     block_builder_add(&builder, key, value, false);
 *     struct bytes contents = block_builder_finish(&builder);   // borrowed until the reset
 *     block_builder_reset(&builder);
 *     block_builder_deinit(&builder);
 */
#ifndef DUNLIN_STORE_BLOCK_BUILDER_H
#define DUNLIN_STORE_BLOCK_BUILDER_H

#include "engine/store/table.h"

/* The zero value is an empty builder. */
struct block_builder {
    struct buffer contents;
    struct buffer restarts; /* the array as it will be appended */
    struct buffer last_key;
    uint32_t entry_count;
    uint32_t restart_at; /* offset of the last restart */
    uint32_t entries_since_restart;
};

void block_builder_deinit(struct block_builder *builder);
void block_builder_reset(struct block_builder *builder);
/* key > every key before, since the reset. */
void block_builder_add(struct block_builder *builder, struct bytes key, struct bytes value,
                       bool removed);
/* The same for a value that expires; `expires` is not 0. */
void block_builder_add_expiring(struct block_builder *builder, struct bytes key, struct bytes value,
                                struct wall_time expires);
/* Size of the contents if finished now. */
size_t block_builder_size(const struct block_builder *builder);
struct bytes block_builder_finish(struct block_builder *builder);

#endif
