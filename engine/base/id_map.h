/* id_map: from a 64-bit number to a pointer, by open addressing with linear probing.
 *
 * Iteration is by slot and so depends only on the order of insertions and removals, never on
 * addresses. A removal shifts the entries behind it back, so no tombstones pile up and a map that
 * is always in motion stays fast.
 *
 *     struct id_map map = {0};
 *     id_map_put(&map, request->id, request);
 *     struct request *found = id_map_get(&map, id);   // null when absent
 *     id_map_remove(&map, id);
 *     id_map_deinit(&map);
 */
#ifndef DUNLIN_BASE_ID_MAP_H
#define DUNLIN_BASE_ID_MAP_H

#include <stddef.h>
#include <stdint.h>

struct id_map_slot {
    uint64_t id;
    void *value; /* null marks an empty slot */
};

/* The zero value is an empty map. */
struct id_map {
    struct id_map_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

/* Where the probing for an id begins. High bits are folded in first: ids may be (node, sequence)
 * pairs. */
static inline size_t id_map_home(const struct id_map *map, uint64_t id) {
    uint64_t mixed = (id ^ id >> 32) * 0x9e3779b97f4a7c15u;
    return (size_t)(mixed >> 32) & (map->capacity - 1);
}

void id_map_deinit(struct id_map *map);
/* The next put takes no memory. */
void id_map_make_room(struct id_map *map);
/* value != null. Replaces what was there. */
void id_map_put(struct id_map *map, uint64_t id, void *value);
static inline void *id_map_get(const struct id_map *map, uint64_t id) {
    if (map->count == 0)
        return NULL;
    size_t slot = id_map_home(map, id);
    /* Ends: the map is never full. */
    while (map->slots[slot].value != NULL) {
        if (map->slots[slot].id == id)
            return map->slots[slot].value;
        slot = (slot + 1) & (map->capacity - 1);
    }
    return NULL;
}
/* Returns what was there, or null. */
void *id_map_remove(struct id_map *map, uint64_t id);
/* Walks the map: start with *position = 0; null at the end. Do not put or remove while walking. */
void *id_map_next(const struct id_map *map, size_t *position, uint64_t *id);

#endif
