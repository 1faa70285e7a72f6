#include "engine/base/id_map.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"

enum { ID_MAP_CAPACITY_MIN = 16 };

void id_map_deinit(struct id_map *map) {
    memory_release(map->slots);
    *map = (struct id_map){0};
}

/* The slot that holds the id, or the empty one where it belongs. */
static size_t find_slot(const struct id_map *map, uint64_t id) {
    size_t slot = id_map_home(map, id);
    while (map->slots[slot].value != NULL && map->slots[slot].id != id)
        slot = (slot + 1) & (map->capacity - 1);
    return slot;
}

/* The map is whole should the allocation not return: a host then closes what it holds. */
static void grow(struct id_map *map) {
    struct id_map old = *map;
    size_t capacity = old.capacity == 0 ? ID_MAP_CAPACITY_MIN : old.capacity * 2;
    map->slots = memory_allocate_zeroed(capacity, sizeof *map->slots);
    map->capacity = capacity;
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].value != NULL)
            map->slots[find_slot(map, old.slots[i].id)] = old.slots[i];
    }
    memory_release(old.slots);
}

void id_map_make_room(struct id_map *map) {
    /* At most three quarters full, so that probes stay short and always end. */
    if (map->count + 1 > map->capacity / 4 * 3)
        grow(map);
}

void id_map_put(struct id_map *map, uint64_t id, void *value) {
    CHECK(value != NULL);
    id_map_make_room(map);
    size_t slot = find_slot(map, id);
    map->count += map->slots[slot].value == NULL;
    map->slots[slot] = (struct id_map_slot){.id = id, .value = value};
}

void *id_map_remove(struct id_map *map, uint64_t id) {
    if (map->count == 0)
        return NULL;
    size_t mask = map->capacity - 1;
    size_t hole = find_slot(map, id);
    void *removed = map->slots[hole].value;
    if (removed == NULL)
        return NULL;
    for (size_t next = (hole + 1) & mask; map->slots[next].value != NULL;
         next = (next + 1) & mask) {
        /* An entry moves into the hole unless that would put it before its home. */
        size_t home = id_map_home(map, map->slots[next].id);
        if (((next - home) & mask) >= ((next - hole) & mask)) {
            map->slots[hole] = map->slots[next];
            hole = next;
        }
    }
    map->slots[hole] = (struct id_map_slot){0};
    map->count--;
    return removed;
}

void *id_map_next(const struct id_map *map, size_t *position, uint64_t *id) {
    while (*position < map->capacity) {
        const struct id_map_slot *slot = &map->slots[(*position)++];
        if (slot->value != NULL) {
            *id = slot->id;
            return slot->value;
        }
    }
    return NULL;
}
