/* compaction_expiry: tables that are due because of what has expired in them, and when the next one will be.
 *
 *     a quarter has expired     it goes down, with what it overlaps; in the last level it is written anew
 *     a sixth, at rest          the same, so that the store takes at most 1.2 times the space of its contents; level 0 too
 *     all, and nothing older    it is dropped, unread: there is nothing that it hides
 *       lies below it
 *
 *     if (compaction_is_outlived(store, level, at)) ...            // drop it
 *     if (compaction_has_expired(store, level, file)) ...          // compact it
 *     wall = compaction_expiry_due(store);                         // look again then
 */
#ifndef DUNLIN_STORE_COMPACTION_EXPIRY_H
#define DUNLIN_STORE_COMPACTION_EXPIRY_H

#include "engine/store/store_state.h"

enum {
    COMPACTION_EXPIRED_ONE_IN =
        4, /* a table with so many expired or removed entries among all is due */
    COMPACTION_REST_EXPIRED_ONE_IN = 6,
};

/* True when no entry of the table is live any more, and nothing older lies where it lies. */
bool compaction_is_outlived(const struct store *store, uint32_t level, uint32_t at);
/* True when so much of the table has expired that it is due, at a level where that counts. */
bool compaction_has_expired(const struct store *store, uint32_t level,
                            const struct table_file *file);
/* When the next of the tables that are not due comes to be; WALL_TIME_NEVER when none will. */
struct wall_time compaction_expiry_due(const struct store *store);

#endif
