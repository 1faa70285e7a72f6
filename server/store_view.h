/* store_view: a stopped store as its node would see it, without changing a byte of it.
 *
 *     engine/store --reads--> files
 *                  --writes-> nowhere: they are answered as if done
 *
 * Recovery runs as ever, in memory: logs are replayed, the youngest version of each key wins, removed ranges hide.
 *
 *     struct store_view *view = store_view_open(&stopped, &problem);
 *     while (store_view_next(view, prefix, &entry) == STORE_OK) use(entry.key, entry.value);
 *     store_view_close(view);
 */
#ifndef DUNLIN_SERVER_STORE_VIEW_H
#define DUNLIN_SERVER_STORE_VIEW_H

#include "engine/store/store.h"
#include "server/stopped_store.h"

struct store_view;

/* Null with a sentence. */
struct store_view *store_view_open(const struct stopped_store *stopped, struct buffer *problem);
/* Null is allowed. */
void store_view_close(struct store_view *view);
/* The next live entry with this prefix, borrowed until the next call; STORE_ABSENT at the end. */
MUST_USE enum store_status store_view_next(struct store_view *view, struct bytes prefix,
                                           struct store_entry *entry);
/* Begins at the front again. */
void store_view_rewind(struct store_view *view);
/* Reads everything: the digests and counts that the store keeps up with each write, against its entries. False with a
 * sentence. While something is in quarantine they need not fit. */
MUST_USE bool store_view_totals_fit(struct store_view *view, struct buffer *problem);
/* The same, whatever is in quarantine: what is left was counted anew. */
MUST_USE bool store_view_is_counted(struct store_view *view, struct buffer *problem);
const struct store *store_view_store(const struct store_view *view);

#endif
