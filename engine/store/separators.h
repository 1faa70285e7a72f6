/* separators: ascending keys, packed for one question: which is the first that is not smaller than this key?
 *
 *     keys   [ user:0000417 | user:0000893 | user:0001200 ]      all share "user:000"
 *     words  [ 0417----     | 0893----     | 1200----     ]      the eight bytes behind that, as numbers
 *
 * The search goes over the words, which lie side by side, and looks into the keys only where words are equal. Everything
 * is one run of bytes, so it can live in a cache, and is made once from keys that were checked.
 *
 *     struct separators_draft draft = {0};
 *     separators_draft_add(&draft, key);                  // ascending
 *     separators_pack(&draft, &flat);                     // appends; flat.size is a multiple of 8 before and after
 *     struct separators separators;
 *     separators_view(&separators, flat_bytes);           // borrows; returns what lies behind them
 *     position = separators_find(&separators, key);       // separators.count when all are smaller
 */
#ifndef DUNLIN_STORE_SEPARATORS_H
#define DUNLIN_STORE_SEPARATORS_H

#include "engine/base/bytes.h"

struct separators {
    uint32_t count;
    uint32_t shared;       /* leading bytes that all keys have in common */
    const uint64_t *words; /* the next eight bytes of each, zeros where a key ends */
    const uint32_t *ends;  /* of each key in `keys`, where all lie one behind the other */
    const uint8_t *keys;
};

/* The zero value is empty. */
struct separators_draft {
    struct buffer keys;
    struct buffer ends; /* u32 each */
};

void separators_draft_deinit(struct separators_draft *draft);
/* False when the keys together would pass 1 GiB; nothing was added then. */
MUST_USE bool separators_draft_add(struct separators_draft *draft, struct bytes key);
/* What separators_pack() will append. */
size_t separators_packed_size(const struct separators_draft *draft);
void separators_pack(const struct separators_draft *draft, struct buffer *flat);

/* `flat` was made by separators_pack() and lies at a multiple of 8. */
struct bytes separators_view(struct separators *separators, struct bytes flat);
struct bytes separators_at(const struct separators *separators, uint32_t position);
uint32_t separators_find(const struct separators *separators, struct bytes key);
/* The same for a key that is known to be greater than all before `from`, and not than the one before `end`. */
uint32_t separators_find_between(const struct separators *separators, struct bytes key,
                                 uint32_t from, uint32_t end);

#endif
