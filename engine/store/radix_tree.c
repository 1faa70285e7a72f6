#include "engine/store/radix_tree.h"

#include "engine/store/memtable.h"

/* How many bytes two runs begin with in common. */
static size_t count_same(const uint8_t *left, const uint8_t *right, size_t most) {
    size_t same = 0;
    while (same < most && left[same] == right[same])
        same++;
    return same;
}

static size_t smaller(size_t left, size_t right) {
    return left < right ? left : right;
}

/* The descent has come to an entry: is it the key's own? */
static bool end_at_entry(struct radix_place *place, struct bytes key) {
    struct memtable_entry *entry = radix_link_entry(*place->link);
    struct bytes other = memtable_entry_key(entry);
    size_t most = smaller(other.size, key.size) - place->depth;
    place->same = count_same(other.data + place->depth, key.data + place->depth, most);
    if (place->depth + place->same < key.size || other.size != key.size)
        return false;
    place->entry = entry;
    return true;
}

bool radix_tree_descend(struct radix_tree *tree, struct bytes key, struct radix_place *place) {
    *place = (struct radix_place){.link = &tree->root};
    /* Ends: every round takes at least one byte of the key. */
    while (!radix_link_is_null(*place->link)) {
        if (radix_link_is_entry(*place->link))
            return end_at_entry(place, key);
        struct radix_node *node = radix_link_node(*place->link);
        size_t most = smaller(node->path_size, key.size - place->depth);
        place->same =
            most == 0 ? 0 : count_same(radix_node_path(node), key.data + place->depth, most);
        if (place->same < node->path_size)
            return false;
        size_t at = place->depth + node->path_size;
        if (at == key.size) {
            place->entry = node->ended;
            return node->ended != NULL;
        }
        struct radix_link *child = radix_node_child(node, key.data[at]);
        if (child == NULL)
            return false;
        place->link = child;
        place->depth = at + 1;
        place->same = 0;
    }
    return false;
}

static struct memtable_entry *first_below(struct radix_link link) {
    while (!radix_link_is_entry(link)) {
        const struct radix_node *node = radix_link_node(link);
        if (node->ended != NULL)
            return node->ended;
        link = radix_node_child_above(node, -1);
    }
    return radix_link_entry(link);
}

static struct memtable_entry *last_below(struct radix_link link) {
    while (!radix_link_is_entry(link))
        link = radix_node_child_below(radix_link_node(link), UINT8_MAX + 1);
    return radix_link_entry(link);
}

/* True when the key, which parts from `other` at offset `at`, sorts behind it. */
static bool is_after(struct bytes key, size_t at, const uint8_t *other, size_t other_size) {
    if (at == key.size)
        return false;
    return other_size == 0 || key.data[at] > *other;
}

/* The key's path leads through the node, whose children it would join. */
static struct memtable_entry *neighbour_in(const struct radix_node *node, struct bytes key,
                                           size_t at, bool *key_is_after) {
    *key_is_after = false;
    if (at == key.size)
        return first_below(radix_node_child_above(node, -1));
    struct radix_link below = radix_node_child_below(node, key.data[at]);
    *key_is_after = !radix_link_is_null(below) || node->ended != NULL;
    if (!radix_link_is_null(below))
        return last_below(below);
    if (node->ended != NULL)
        return node->ended;
    return first_below(radix_node_child_above(node, key.data[at]));
}

struct memtable_entry *radix_tree_neighbour(const struct radix_place *place, struct bytes key,
                                            bool *key_is_after) {
    struct radix_link link = *place->link;
    *key_is_after = false;
    if (radix_link_is_null(link))
        return NULL;
    size_t at = place->depth + place->same;
    if (radix_link_is_entry(link)) {
        struct memtable_entry *entry = radix_link_entry(link);
        *key_is_after = is_after(key, at, entry->key + at, entry->key_size - at);
        return entry;
    }
    const struct radix_node *node = radix_link_node(link);
    if (place->same == node->path_size)
        return neighbour_in(node, key, at, key_is_after);
    *key_is_after = is_after(key, at, radix_node_path(node) + place->same, 1);
    return *key_is_after ? last_below(link) : first_below(link);
}

static void join(struct radix_tree *tree, struct radix_link *link, struct memtable_entry *entry,
                 size_t at) {
    if (at == entry->key_size)
        radix_link_node(*link)->ended = entry;
    else
        radix_add_child(&tree->space, link, entry->key[at], radix_link_to_entry(entry));
}

/* A new node takes the entry's place; both entries become its children. */
static void split_entry(struct radix_tree *tree, const struct radix_place *place,
                        struct memtable_entry *entry) {
    struct memtable_entry *other = radix_link_entry(*place->link);
    struct radix_node *node = radix_node_make(&tree->space);
    radix_node_set_path(node, other->key + place->depth, (uint32_t)place->same);
    *place->link = radix_link_to_node(node);
    size_t at = place->depth + place->same;
    join(tree, place->link, other, at);
    join(tree, place->link, entry, at);
}

/* A new node takes the first part of the node's path; what is behind stays with the node. */
static void split_path(struct radix_tree *tree, const struct radix_place *place,
                       struct memtable_entry *entry) {
    struct radix_node *lower = radix_link_node(*place->link);
    struct radix_node *upper = radix_node_make(&tree->space);
    const uint8_t *path = radix_node_path(lower);
    radix_node_set_path(upper, path, (uint32_t)place->same);
    uint8_t byte = path[place->same];
    radix_node_set_path(lower, path + place->same + 1,
                        lower->path_size - (uint32_t)place->same - 1);
    *place->link = radix_link_to_node(upper);
    radix_add_child(&tree->space, place->link, byte, radix_link_to_node(lower));
    join(tree, place->link, entry, place->depth + place->same);
}

void radix_tree_add(struct radix_tree *tree, const struct radix_place *place,
                    struct memtable_entry *entry) {
    CHECK(place->entry == NULL);
    if (radix_link_is_null(*place->link))
        *place->link = radix_link_to_entry(entry);
    else if (radix_link_is_entry(*place->link))
        split_entry(tree, place, entry);
    else if (place->same < radix_link_node(*place->link)->path_size)
        split_path(tree, place, entry);
    else
        join(tree, place->link, entry, place->depth + place->same);
}
