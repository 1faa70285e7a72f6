/* radix_node: the inner nodes of a memtable's tree, in four sizes, each no larger than its children
 * need.
 *
 *     4     head | bytes [b f q .]         | children [4]     bytes ascending
 *     16    head | bytes [...]             | children [16]    bytes ascending, eight looked at a time
 *     48    head | slot of each byte [256] | children [48]    slot 0: no child
 *     256   head |                           children [256]   null: no child
 *
 * All keys below a node share the node's path: the bytes between the one that leads to the node and
 * the one by which its children differ. Up to eight lie in the node; a longer path lies in the key
 * of some entry below, for keys never move. A key that ends where the path ends is the node's `ended`
 * entry, before all children.
 *
 * A node that outgrows its size is copied into the next one, and its memory is kept for the next
 * node of its size: growing loses nothing.
 *
 *     link = radix_node_child(node, byte);              // null when there is none
 *     radix_add_child(&space, &link, byte, child);      // may put a larger node behind the link
 *
 * Source: Leis, Kemper, Neumann, "The adaptive radix tree: ARTful indexing for main-memory
 * databases", ICDE 2013.
 */
#ifndef DUNLIN_STORE_RADIX_NODE_H
#define DUNLIN_STORE_RADIX_NODE_H

#include "engine/base/arena.h"

struct memtable_entry;
struct radix_node;

enum radix_size { RADIX_4, RADIX_16, RADIX_48, RADIX_256, RADIX_SIZES };
enum { RADIX_PATH_INLINE = 8, RADIX_ENTRY_TAG = 1, RADIX_LINE = 64 };

/* Leads to a node, to an entry (the lowest bit is set), or nowhere (0). */
struct radix_link {
    uintptr_t word;
};

static inline bool radix_link_is_null(struct radix_link link) {
    return link.word == 0;
}
static inline bool radix_link_is_entry(struct radix_link link) {
    return (link.word & RADIX_ENTRY_TAG) != 0;
}
static inline struct memtable_entry *radix_link_entry(struct radix_link link) {
    return (struct memtable_entry *)(link.word - RADIX_ENTRY_TAG);
}
static inline struct radix_node *radix_link_node(struct radix_link link) {
    return (struct radix_node *)link.word;
}
static inline struct radix_link radix_link_to_entry(const struct memtable_entry *entry) {
    return (struct radix_link){(uintptr_t)entry + RADIX_ENTRY_TAG};
}
static inline struct radix_link radix_link_to_node(const struct radix_node *node) {
    return (struct radix_link){(uintptr_t)node};
}

struct radix_node {
    uint8_t size; /* enum radix_size */
    uint16_t count;
    uint32_t path_size;
    union {
        uint8_t near[RADIX_PATH_INLINE];
        const uint8_t *far; /* in the key of an entry below; when longer than near */
        struct radix_node *next_spare;
    } path;
    struct memtable_entry *ended; /* null when no key ends here */
};

/* Where nodes come from, and where they wait for their next use. They lie together, each on cache
 * lines of its own, apart from the entries: descents then touch few lines and few pages. */
struct radix_space {
    struct arena *arena;
    size_t slab_size; /* bytes that are taken from the arena at a time */
    uint8_t *slab;    /* what is left of the present slab, on a line's boundary */
    size_t slab_left;
    struct radix_node *spare[RADIX_SIZES]; /* outgrown, linked through `path` */
};

static inline const uint8_t *radix_node_path(const struct radix_node *node) {
    return node->path_size <= RADIX_PATH_INLINE ? node->path.near : node->path.far;
}
/* `path` stays where it is as long as the node. */
void radix_node_set_path(struct radix_node *node, const uint8_t *path, uint32_t size);

/* The smallest size, without children; the path is the caller's to set. */
struct radix_node *radix_node_make(struct radix_space *space);
/* The place of the child behind a byte; null when there is none. */
struct radix_link *radix_node_child(struct radix_node *node, uint8_t byte);
/* The byte has no child yet. `link` leads to the node, and to a larger one when it was full. */
void radix_add_child(struct radix_space *space, struct radix_link *link, uint8_t byte,
                     struct radix_link child);
/* The nearest child whose byte is less, or greater; a null link when there is none. `byte` may be
 * -1 and 256. */
struct radix_link radix_node_child_below(const struct radix_node *node, int byte);
struct radix_link radix_node_child_above(const struct radix_node *node, int byte);

#endif
