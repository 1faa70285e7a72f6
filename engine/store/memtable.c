#include "engine/store/memtable.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"

enum { HEIGHT_ONE_IN = 4, HEIGHT_STREAM = 0x736b6970, PREFIX_SIZE = 8 };

struct memtable *memtable_create(void) {
    struct memtable *table = memory_allocate_zeroed(1, sizeof *table);
    prng_init(&table->heights, 1, HEIGHT_STREAM);
    table->height = 1;
    return table;
}

void memtable_destroy(struct memtable *table) {
    if (table == NULL)
        return;
    memtable_index_deinit(&table->index);
    arena_deinit(&table->arena);
    memory_release(table);
}

static uint64_t prefix_of(struct bytes key) {
    if (key.size >= PREFIX_SIZE)
        return __builtin_bswap64(load_u64(key.data));
    uint64_t prefix = 0;
    for (size_t i = 0; i < key.size; i++)
        prefix |= (uint64_t)key.data[i] << (56 - 8 * i);
    return prefix;
}

/* Equal prefixes leave the rest, and for short keys the lengths, to be compared. */
static bool node_is_before(const struct memtable_node *node, uint64_t prefix, struct bytes key) {
    if (node->prefix != prefix)
        return node->prefix < prefix;
    return bytes_compare(memtable_node_key(node), key) < 0;
}

/* links[i] is the link on level i that leads past every key < `key`. */
static struct memtable_node *descend(const struct memtable *table, struct bytes key,
                                     struct memtable_node **links[MEMTABLE_HEIGHT_MAX]) {
    uint64_t prefix = prefix_of(key);
    struct memtable_node *const *tower = table->head;
    struct memtable_node *known_after = NULL;
    for (uint32_t level = table->height; level-- > 0;) {
        struct memtable_node *next = tower[level];
        while (next != NULL && next != known_after && node_is_before(next, prefix, key)) {
            tower = next->next;
            next = tower[level];
        }
        known_after = next;
        if (links != NULL)
            links[level] = (struct memtable_node **)&tower[level];
    }
    return tower[0];
}

const struct memtable_node *memtable_seek(const struct memtable *table, struct bytes key) {
    return descend(table, key, NULL);
}

const struct memtable_node *memtable_find(const struct memtable *table, struct bytes key) {
    return memtable_index_find(&table->index, hash64(key), key);
}

static uint32_t draw_height(struct memtable *table) {
    uint32_t height = 1;
    uint32_t bits = prng_u32(&table->heights);
    while (height < MEMTABLE_HEIGHT_MAX && bits % HEIGHT_ONE_IN == 0) {
        bits /= HEIGHT_ONE_IN;
        height++;
    }
    return height;
}

static void set_value(struct memtable *table, struct memtable_node *node, struct bytes value,
                      bool removed) {
    if (value.size > node->value_capacity) {
        node->value = arena_allocate(&table->arena, value.size);
        node->value_capacity = (uint32_t)value.size;
    }
    if (value.size > 0)
        memcpy(node->value, value.data, value.size);
    node->value_size = (uint32_t)value.size;
    node->removed = removed;
}

/* Node, key and value come from one allocation. */
static struct memtable_node *make_node(struct memtable *table, struct bytes key, struct bytes value,
                                       uint32_t height) {
    size_t tower = sizeof(struct memtable_node) + height * sizeof(struct memtable_node *);
    struct memtable_node *node = arena_allocate(&table->arena, tower + key.size + value.size);
    uint8_t *key_copy = (uint8_t *)node + tower;
    memcpy(key_copy, key.data, key.size);
    node->prefix = prefix_of(key);
    node->key = key_copy;
    node->key_size = (uint32_t)key.size;
    node->value = key_copy + key.size;
    node->value_capacity = (uint32_t)value.size;
    return node;
}

void memtable_put(struct memtable *table, struct bytes key, struct bytes value, bool removed) {
    CHECK(key.size > 0 && key.size <= UINT32_MAX && value.size <= UINT32_MAX);
    uint64_t hash = hash64(key);
    struct memtable_node *node = memtable_index_find(&table->index, hash, key);
    if (node != NULL) {
        set_value(table, node, value, removed);
        return;
    }
    struct memtable_node **links[MEMTABLE_HEIGHT_MAX];
    (void)descend(table, key, links);
    uint32_t height = draw_height(table);
    while (table->height < height) {
        links[table->height] = &table->head[table->height];
        table->height++;
    }
    node = make_node(table, key, value, height);
    set_value(table, node, value, removed);
    for (uint32_t level = 0; level < height; level++) {
        node->next[level] = *links[level];
        *links[level] = node;
    }
    memtable_index_add(&table->index, hash, node);
    table->count++;
}
