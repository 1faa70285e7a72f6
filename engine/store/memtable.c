#include "engine/store/memtable.h"

#include "engine/base/memory.h"

/* Chunks that are freed at a time: a fifth of a millisecond's work. */
enum { RELEASE_CHUNKS = 8 };

/* Inner nodes come in slabs: large ones, but so that a small budget has room for many. */
enum { SLAB_MAX = 16384, SLABS_MIN = 256 };

struct memtable *memtable_create(uint64_t budget) {
    struct memtable *table = memory_allocate_zeroed(1, sizeof *table);
    table->budget = budget;
    table->references = 1;
    /* Even the smallest budget leaves the arena a target. */
    table->arena.target = budget > sizeof *table ? (size_t)budget - sizeof *table : 1;
    table->tree.space.arena = &table->arena;
    table->tree.space.slab_size =
        budget / SLABS_MIN < SLAB_MAX ? (size_t)budget / SLABS_MIN : SLAB_MAX;
    return table;
}

void memtable_release(struct memtable *table) {
    if (table == NULL)
        return;
    CHECK(table->references > 0);
    if (--table->references > 0)
        return;
    arena_deinit(&table->arena);
    removed_ranges_deinit(&table->removed);
    memory_release(table);
}

void memtable_release_later(struct memtable_queue *queue, struct memtable *table) {
    CHECK(table->references > 0);
    if (table->references > 1) {
        table->references--;
        return;
    }
    table->next = queue->first;
    queue->first = table;
}

bool memtable_queue_release_some(struct memtable_queue *queue) {
    struct memtable *table = queue->first;
    if (table != NULL && arena_release_some(&table->arena, RELEASE_CHUNKS)) {
        queue->first = table->next;
        memtable_release(table);
    }
    return queue->first == NULL;
}

void memtable_queue_deinit(struct memtable_queue *queue) {
    while (!memtable_queue_release_some(queue)) {
    }
}

/* A descent changes nothing; what it finds is the caller's to change or not. */
static bool descend(const struct memtable *table, struct bytes key, struct radix_place *place) {
    return radix_tree_descend((struct radix_tree *)&table->tree, key, place);
}

const struct memtable_entry *memtable_find(const struct memtable *table, struct bytes key) {
    struct radix_place place;
    return descend(table, key, &place) ? place.entry : NULL;
}

const struct memtable_entry *memtable_seek(const struct memtable *table, struct bytes key) {
    struct radix_place place;
    if (descend(table, key, &place))
        return place.entry;
    bool follows;
    const struct memtable_entry *neighbour = radix_tree_neighbour(&place, key, &follows);
    return follows ? neighbour->next : neighbour;
}

const struct memtable_entry *memtable_seek_below(const struct memtable *table, struct bytes key) {
    const struct memtable_entry *entry = memtable_seek(table, key);
    return entry == NULL ? table->last : entry->previous;
}

/* `size`: of the value, and of what is to come behind it. */
static void set_value(struct memtable *table, struct memtable_entry *entry, struct bytes value,
                      size_t size, bool removed) {
    if (size > entry->value_capacity) {
        entry->value = arena_allocate(&table->arena, size);
        entry->value_capacity = (uint32_t)size;
    }
    if (value.size > 0)
        memcpy(entry->value, value.data, value.size);
    entry->value_size = (uint32_t)value.size;
    entry->removed = removed;
    entry->expires = false;
}

/* Entry, key and value come from one allocation. */
static struct memtable_entry *make_entry(struct memtable *table, struct bytes key,
                                         struct bytes value, size_t size, bool removed) {
    size_t head = offsetof(struct memtable_entry, key);
    struct memtable_entry *entry = arena_allocate(&table->arena, head + key.size + size);
    *entry = (struct memtable_entry){
        .value = entry->key + key.size,
        .value_capacity = (uint32_t)size,
        .key_size = (uint16_t)key.size,
    };
    memcpy(entry->key, key.data, key.size);
    set_value(table, entry, value, size, removed);
    return entry;
}

static void link_between(struct memtable *table, struct memtable_entry *before,
                         struct memtable_entry *entry, struct memtable_entry *after) {
    entry->previous = before;
    entry->next = after;
    if (before == NULL)
        table->first = entry;
    else
        before->next = entry;
    if (after == NULL)
        table->last = entry;
    else
        after->previous = entry;
}

static struct memtable_entry *put(struct memtable *table, struct bytes key, struct bytes value,
                                  size_t size, bool removed) {
    CHECK(key.size > 0 && key.size <= MEMTABLE_KEY_MAX && size <= UINT32_MAX);
    struct radix_place place;
    if (radix_tree_descend(&table->tree, key, &place)) {
        set_value(table, place.entry, value, size, removed);
        return place.entry;
    }
    bool follows;
    struct memtable_entry *neighbour = radix_tree_neighbour(&place, key, &follows);
    struct memtable_entry *entry = make_entry(table, key, value, size, removed);
    if (neighbour == NULL)
        link_between(table, NULL, entry, NULL);
    else if (follows)
        link_between(table, neighbour, entry, neighbour->next);
    else
        link_between(table, neighbour->previous, entry, neighbour);
    radix_tree_add(&table->tree, &place, entry);
    table->count++;
    return entry;
}

void memtable_put(struct memtable *table, struct bytes key, struct bytes value, bool removed) {
    (void)put(table, key, value, value.size, removed);
}

void memtable_put_expiring(struct memtable *table, struct bytes key, struct bytes value,
                           struct wall_time expires) {
    CHECK(expires.milliseconds != 0);
    table->has_expiring = true;
    size_t size = value.size + sizeof expires.milliseconds;
    struct memtable_entry *entry = put(table, key, value, size, false);
    memcpy(entry->value + value.size, &expires.milliseconds, sizeof expires.milliseconds);
    entry->expires = true;
}
