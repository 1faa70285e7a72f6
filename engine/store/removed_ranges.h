/* removed_ranges: runs of keys that are gone, whatever older sources hold in them.
 *
 *     keys     a   b   c   d   e   f   g   h
 *     ranges       [b ------> e)       [g ---> i)       ascending, apart from one another
 *
 * A memtable or a table carries the ranges that were removed while it was being filled. They say nothing about its own
 * entries, which are younger than they are; they hide what every older source holds.
 *
 *     removed_ranges_add(&ranges, bytes_of_text("b"), bytes_of_text("e"));
 *     range = removed_ranges_find(&ranges, bytes_of_text("c"));      // range->to is "e"
 *     removed_ranges_deinit(&ranges);
 */
#ifndef DUNLIN_STORE_REMOVED_RANGES_H
#define DUNLIN_STORE_REMOVED_RANGES_H

#include "engine/base/bytes.h"

/* from < to; `from` is in it, `to` is not. */
struct removed_range {
    struct buffer from, to;
};

/* The zero value is empty. */
struct removed_ranges {
    struct removed_range *items;
    uint32_t count, capacity;
    uint64_t bytes; /* of memory */
};

void removed_ranges_deinit(struct removed_ranges *ranges);
void removed_ranges_clear(struct removed_ranges *ranges);
/* Ranges that meet or touch become one. */
void removed_ranges_add(struct removed_ranges *ranges, struct bytes from, struct bytes to);
/* Null when no range covers the key. */
const struct removed_range *removed_ranges_find_slow(const struct removed_ranges *ranges,
                                                     struct bytes key);
static inline const struct removed_range *removed_ranges_find(const struct removed_ranges *ranges,
                                                              struct bytes key) {
    return ranges->count == 0 ? NULL : removed_ranges_find_slow(ranges, key);
}
/* True when every key from `from` to `last`, both included, is covered. */
bool removed_ranges_cover(const struct removed_ranges *ranges, struct bytes from,
                          struct bytes last);
/* What lies before `at` moves to `front`, which is empty; what lies behind, `at` included, stays. */
void removed_ranges_split(struct removed_ranges *ranges, struct bytes at,
                          struct removed_ranges *front);

/* How many, then each range's bounds, ascending. Decoding refuses what encoding does not make. */
void removed_ranges_encode(const struct removed_ranges *ranges, struct buffer *to);
MUST_USE bool removed_ranges_decode(struct reader *from, struct removed_ranges *ranges);

/* The smallest key that is greater than every key that begins with `prefix`. False when there is none: the prefix is
 * empty, or nothing but bytes of 255. */
MUST_USE bool removed_ranges_prefix_end(struct bytes prefix, struct buffer *end);

#endif
