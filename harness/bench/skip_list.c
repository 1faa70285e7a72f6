#include "harness/bench/skip_list.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"

enum { HEIGHT_ONE_IN = 4, HEIGHT_STREAM = 0x736b6970, PREFIX_SIZE = 8 };

enum { INDEX_CAPACITY_MIN = 64 };

static void skip_index_deinit(struct skip_index *index) {
    memory_release(index->slots);
    *index = (struct skip_index){0};
}

static struct skip_node *skip_index_find(const struct skip_index *index, uint64_t hash,
                                         struct bytes key) {
    if (index->count == 0)
        return NULL;
    /* Bound: an empty slot, of which a quarter are. */
    for (size_t at = hash & (index->capacity - 1);; at = (at + 1) & (index->capacity - 1)) {
        const struct skip_index_slot *slot = &index->slots[at];
        if (slot->node == NULL)
            return NULL;
        if (slot->hash == hash && bytes_equal(skip_node_key(slot->node), key))
            return slot->node;
    }
}

static void place(struct skip_index *index, uint64_t hash, struct skip_node *node) {
    size_t at = hash & (index->capacity - 1);
    while (index->slots[at].node != NULL)
        at = (at + 1) & (index->capacity - 1);
    index->slots[at] = (struct skip_index_slot){.hash = hash, .node = node};
}

static void grow(struct skip_index *index) {
    struct skip_index old = *index;
    index->capacity = old.capacity == 0 ? INDEX_CAPACITY_MIN : 2 * old.capacity;
    index->slots = memory_allocate_zeroed(index->capacity, sizeof index->slots[0]);
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].node != NULL)
            place(index, old.slots[i].hash, old.slots[i].node);
    }
    memory_release(old.slots);
}

static void skip_index_add(struct skip_index *index, uint64_t hash, struct skip_node *node) {
    if (4 * (index->count + 1) > 3 * index->capacity)
        grow(index);
    place(index, hash, node);
    index->count++;
}

struct skip_list *skip_list_create(void) {
    struct skip_list *list = memory_allocate_zeroed(1, sizeof *list);
    prng_init(&list->heights, 1, HEIGHT_STREAM);
    list->height = 1;
    return list;
}

void skip_list_destroy(struct skip_list *list) {
    if (list == NULL)
        return;
    skip_index_deinit(&list->index);
    arena_deinit(&list->arena);
    memory_release(list);
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
static bool node_is_before(const struct skip_node *node, uint64_t prefix, struct bytes key) {
    if (node->prefix != prefix)
        return node->prefix < prefix;
    return bytes_compare(skip_node_key(node), key) < 0;
}

/* links[i] is the link on level i that leads past every key < `key`. */
static struct skip_node *descend(const struct skip_list *list, struct bytes key,
                                 struct skip_node **links[SKIP_LIST_HEIGHT_MAX]) {
    uint64_t prefix = prefix_of(key);
    struct skip_node *const *tower = list->head;
    struct skip_node *known_after = NULL;
    for (uint32_t level = list->height; level-- > 0;) {
        struct skip_node *next = tower[level];
        while (next != NULL && next != known_after && node_is_before(next, prefix, key)) {
            tower = next->next;
            next = tower[level];
        }
        known_after = next;
        if (links != NULL)
            links[level] = (struct skip_node **)&tower[level];
    }
    return tower[0];
}

const struct skip_node *skip_list_seek(const struct skip_list *list, struct bytes key) {
    return descend(list, key, NULL);
}

const struct skip_node *skip_list_find(const struct skip_list *list, struct bytes key) {
    return skip_index_find(&list->index, hash64(key), key);
}

static uint32_t draw_height(struct skip_list *list) {
    uint32_t height = 1;
    uint32_t bits = prng_u32(&list->heights);
    while (height < SKIP_LIST_HEIGHT_MAX && bits % HEIGHT_ONE_IN == 0) {
        bits /= HEIGHT_ONE_IN;
        height++;
    }
    return height;
}

static void set_value(struct skip_list *list, struct skip_node *node, struct bytes value,
                      bool removed) {
    if (value.size > node->value_capacity) {
        node->value = arena_allocate(&list->arena, value.size);
        node->value_capacity = (uint32_t)value.size;
    }
    if (value.size > 0)
        memcpy(node->value, value.data, value.size);
    node->value_size = (uint32_t)value.size;
    node->removed = removed;
}

/* Node, key and value come from one allocation. */
static struct skip_node *make_node(struct skip_list *list, struct bytes key, struct bytes value,
                                   uint32_t height) {
    size_t tower = sizeof(struct skip_node) + height * sizeof(struct skip_node *);
    struct skip_node *node = arena_allocate(&list->arena, tower + key.size + value.size);
    uint8_t *key_copy = (uint8_t *)node + tower;
    memcpy(key_copy, key.data, key.size);
    node->prefix = prefix_of(key);
    node->key = key_copy;
    node->key_size = (uint32_t)key.size;
    node->value = key_copy + key.size;
    node->value_capacity = (uint32_t)value.size;
    return node;
}

void skip_list_put(struct skip_list *list, struct bytes key, struct bytes value, bool removed) {
    CHECK(key.size > 0 && key.size <= UINT32_MAX && value.size <= UINT32_MAX);
    uint64_t hash = hash64(key);
    struct skip_node *node = skip_index_find(&list->index, hash, key);
    if (node != NULL) {
        set_value(list, node, value, removed);
        return;
    }
    struct skip_node **links[SKIP_LIST_HEIGHT_MAX];
    (void)descend(list, key, links);
    uint32_t height = draw_height(list);
    while (list->height < height) {
        links[list->height] = &list->head[list->height];
        list->height++;
    }
    node = make_node(list, key, value, height);
    set_value(list, node, value, removed);
    for (uint32_t level = 0; level < height; level++) {
        node->next[level] = *links[level];
        *links[level] = node;
    }
    skip_index_add(&list->index, hash, node);
    list->count++;
}
