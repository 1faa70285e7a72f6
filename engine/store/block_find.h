/* block_find: one key in the plain contents of a data block.
 *
 * A cursor puts every key together on its way; a lookup need not. It compares what it reads with what it looks for and
 * remembers how much of that has matched: an entry that shares more than this with the one before is as small, and is
 * passed without a look at its key.
 *
 *     looking for "apply"      apple      matched 4, smaller
 *                              ap|plet    shares 5 > 4: smaller, whatever it is
 *                              appl|y     shares 4: compare from there: found
 *
 *     switch (block_find(contents, key, &value, &removed, &expires)) ...
 */
#ifndef DUNLIN_STORE_BLOCK_FIND_H
#define DUNLIN_STORE_BLOCK_FIND_H

#include "engine/base/bytes.h"
#include "engine/base/units.h"

enum block_find {
    BLOCK_FIND_ABSENT,
    BLOCK_FIND_PRESENT,
    BLOCK_FIND_CORRUPT, /* an entry leaves the block, or shares what is not there */
};

/* `value` is borrowed from the contents; `expires` is 0 for never. */
enum block_find block_find(struct bytes contents, struct bytes key, struct bytes *value,
                           bool *removed, struct wall_time *expires);

#endif
