/* id_set: a small set of write ids: what one reply held, or what a client had seen of a key.
 *
 *     struct id_set seen = {0};
 *     id_set_add(&seen, id);
 */
#ifndef DUNLIN_HARNESS_ID_SET_H
#define DUNLIN_HARNESS_ID_SET_H

#include <stdbool.h>
#include <stdint.h>

/* More than the siblings that an object may hold. */
enum { ID_SET_MAX = 144 };

struct id_set {
    uint32_t count;
    uint32_t ids[ID_SET_MAX];
};

static inline bool id_set_has(const struct id_set *set, uint32_t id) {
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->ids[i] == id)
            return true;
    }
    return false;
}

/* False when it is full. */
static inline bool id_set_add(struct id_set *set, uint32_t id) {
    if (id_set_has(set, id))
        return true;
    if (set->count == ID_SET_MAX)
        return false;
    set->ids[set->count++] = id;
    return true;
}

static inline void id_set_copy(struct id_set *to, const struct id_set *from) {
    to->count = from->count;
    for (uint32_t i = 0; i < from->count; i++)
        to->ids[i] = from->ids[i];
}

#endif
