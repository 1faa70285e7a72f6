/* tallies: running totals (a digest and a count each), in pages that the flush makes durable.
 *
 * A page exists once something in it was changed. Pages that changed since the last freeze are
 * dirty: their contents are put into the memtable that is being frozen, under keys of the store's
 * own, so that a flush carries them exactly as they stood at the log position that it covers.
 *
 *     key    0x00 'T' page (4 bytes, big-endian)
 *     value  32 bytes: one bit per tally, set when it is not all zero (bit i % 8 of byte i / 8)
 *            for each set bit, ascending: digest u64, count as zigzag varint
 */
#ifndef DUNLIN_STORE_TALLIES_H
#define DUNLIN_STORE_TALLIES_H

#include "engine/store/memtable.h"
#include "engine/store/store.h"

enum { TALLIES_KEY_SIZE = 6, TALLIES_KEY_PREFIX_SIZE = 2 };

struct tally_page {
    uint64_t digests[STORE_TALLIES_PER_PAGE];
    int64_t counts[STORE_TALLIES_PER_PAGE];
    bool dirty;
};

struct tallies {
    uint32_t page_count;
    struct tally_page **pages; /* null until something changed */
    uint32_t *dirty;           /* numbers of the dirty pages, in the order of their first change */
    uint32_t dirty_count;
    int64_t total; /* sum of all counts */
};

void tallies_init(struct tallies *tallies, uint32_t tally_count);
void tallies_deinit(struct tallies *tallies);
/* The two bytes that the keys of all pages begin with. */
struct bytes tallies_key_prefix(void);

/* False when there is no such tally. */
MUST_USE bool tallies_apply(struct tallies *tallies, const struct tally_change *change);
/* All of the page's tallies become zero. False when there is no such page. */
MUST_USE bool tallies_reset(struct tallies *tallies, uint32_t page);
const uint64_t *tallies_digests(const struct tallies *tallies, uint32_t page);
int64_t tallies_count(const struct tallies *tallies, uint32_t tally);

/* Puts the dirty pages into the memtable; none is dirty afterwards. */
void tallies_freeze(struct tallies *tallies, struct memtable *table);
/* Takes a page as it was read back. False when it is malformed. */
MUST_USE bool tallies_load(struct tallies *tallies, struct bytes key, struct bytes value);

#endif
