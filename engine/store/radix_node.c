#include "engine/store/radix_node.h"

enum { BYTE_VALUES = 256, WORD_SIZE = sizeof(uint64_t) };
enum { CHILDREN_4 = 4, CHILDREN_16 = 16, CHILDREN_48 = 48 };

struct node_4 {
    struct radix_node head;
    uint8_t bytes[WORD_SIZE]; /* CHILDREN_4 of them, and what fills a word */
    struct radix_link children[CHILDREN_4];
};

struct node_16 {
    struct radix_node head;
    uint8_t bytes[CHILDREN_16];
    struct radix_link children[CHILDREN_16];
};

struct node_48 {
    struct radix_node head;
    uint8_t slots[BYTE_VALUES]; /* index of the child plus 1 */
    struct radix_link children[CHILDREN_48];
};

struct node_256 {
    struct radix_node head;
    struct radix_link children[BYTE_VALUES];
};

/* The sorted nodes, of 4 and of 16, in one shape. */
struct sorted_node {
    uint8_t *bytes;
    struct radix_link *children;
};

static struct sorted_node sorted(const struct radix_node *node) {
    if (node->size == RADIX_4) {
        struct node_4 *four = (struct node_4 *)node;
        return (struct sorted_node){four->bytes, four->children};
    }
    struct node_16 *sixteen = (struct node_16 *)node;
    return (struct sorted_node){sixteen->bytes, sixteen->children};
}

static size_t bytes_of_size(enum radix_size size) {
    switch (size) {
    case RADIX_4:
        return sizeof(struct node_4);
    case RADIX_16:
        return sizeof(struct node_16);
    case RADIX_48:
        return sizeof(struct node_48);
    case RADIX_256:
        return sizeof(struct node_256);
    case RADIX_SIZES:
        break;
    }
    CHECK_UNREACHABLE("a node has one of four sizes");
}

/* On a cache line's boundary, in whole lines. */
static void *take_lines(struct radix_space *space, size_t size) {
    size_t lines = (size + RADIX_LINE - 1) / RADIX_LINE * RADIX_LINE;
    if (lines > space->slab_left) {
        size_t slab = lines > space->slab_size ? lines : space->slab_size;
        uint8_t *taken = arena_allocate(space->arena, slab + RADIX_LINE - ARENA_ALIGNMENT);
        space->slab = taken + (RADIX_LINE - (uintptr_t)taken % RADIX_LINE) % RADIX_LINE;
        space->slab_left = slab;
    }
    void *node = space->slab;
    space->slab += lines;
    space->slab_left -= lines;
    return node;
}

static struct radix_node *take_node(struct radix_space *space, enum radix_size size) {
    struct radix_node *node = space->spare[size];
    if (node != NULL)
        space->spare[size] = node->path.next_spare;
    else
        node = take_lines(space, bytes_of_size(size));
    memset(node, 0, bytes_of_size(size));
    node->size = (uint8_t)size;
    return node;
}

struct radix_node *radix_node_make(struct radix_space *space) {
    return take_node(space, RADIX_4);
}

void radix_node_set_path(struct radix_node *node, const uint8_t *path, uint32_t size) {
    node->path_size = size;
    if (size > RADIX_PATH_INLINE)
        node->path.far = path;
    else if (size > 0)
        memmove(node->path.near, path, size);
}

/* The lowest byte of a word that equals `byte`, or WORD_SIZE. */
static uint32_t find_in_word(uint64_t word, uint8_t byte) {
    uint64_t ones = UINT64_MAX / 0xff;
    uint64_t differs = word ^ ones * byte;
    uint64_t zeros = (differs - ones) & ~differs & ones << 7;
    return zeros == 0 ? WORD_SIZE : (uint32_t)__builtin_ctzll(zeros) / 8;
}

static struct radix_link *find_sorted(struct radix_node *node, uint8_t byte) {
    struct sorted_node at = sorted(node);
    for (uint32_t from = 0; from < node->count; from += WORD_SIZE) {
        uint32_t index = from + find_in_word(load_u64(at.bytes + from), byte);
        if (index < from + WORD_SIZE)
            return index < node->count ? &at.children[index] : NULL;
    }
    return NULL;
}

struct radix_link *radix_node_child(struct radix_node *node, uint8_t byte) {
    if (node->size <= RADIX_16)
        return find_sorted(node, byte);
    if (node->size == RADIX_48) {
        struct node_48 *large = (struct node_48 *)node;
        uint8_t slot = large->slots[byte];
        return slot == 0 ? NULL : &large->children[slot - 1];
    }
    struct radix_link *child = &((struct node_256 *)node)->children[byte];
    return radix_link_is_null(*child) ? NULL : child;
}

/* How many children have a smaller byte. */
static uint32_t count_below(const struct radix_node *node, int byte) {
    const uint8_t *bytes = sorted(node).bytes;
    uint32_t count = 0;
    while (count < node->count && bytes[count] < byte)
        count++;
    return count;
}

static struct radix_link child_of_large(const struct radix_node *node, int byte) {
    if (node->size == RADIX_256)
        return ((const struct node_256 *)node)->children[byte];
    const struct node_48 *large = (const struct node_48 *)node;
    uint8_t slot = large->slots[byte];
    return slot == 0 ? (struct radix_link){0} : large->children[slot - 1];
}

struct radix_link radix_node_child_below(const struct radix_node *node, int byte) {
    if (node->size <= RADIX_16) {
        uint32_t below = count_below(node, byte);
        return below == 0 ? (struct radix_link){0} : sorted(node).children[below - 1];
    }
    while (--byte >= 0) {
        struct radix_link child = child_of_large(node, byte);
        if (!radix_link_is_null(child))
            return child;
    }
    return (struct radix_link){0};
}

struct radix_link radix_node_child_above(const struct radix_node *node, int byte) {
    if (node->size <= RADIX_16) {
        uint32_t below = count_below(node, byte + 1);
        return below == node->count ? (struct radix_link){0} : sorted(node).children[below];
    }
    while (++byte < BYTE_VALUES) {
        struct radix_link child = child_of_large(node, byte);
        if (!radix_link_is_null(child))
            return child;
    }
    return (struct radix_link){0};
}

static bool is_full(const struct radix_node *node) {
    static const uint16_t CHILDREN_MAX[RADIX_SIZES] = {CHILDREN_4, CHILDREN_16, CHILDREN_48,
                                                       BYTE_VALUES};
    return node->count == CHILDREN_MAX[node->size];
}

static void fill_16(const struct radix_node *node, struct node_16 *to) {
    const struct node_4 *from = (const struct node_4 *)node;
    memcpy(to->bytes, from->bytes, CHILDREN_4);
    memcpy(to->children, from->children, sizeof from->children);
}

static void fill_48(const struct radix_node *node, struct node_48 *to) {
    const struct node_16 *from = (const struct node_16 *)node;
    for (uint8_t i = 0; i < CHILDREN_16; i++)
        to->slots[from->bytes[i]] = (uint8_t)(i + 1);
    memcpy(to->children, from->children, sizeof from->children);
}

static void fill_256(const struct radix_node *node, struct node_256 *to) {
    for (int byte = 0; byte < BYTE_VALUES; byte++)
        to->children[byte] = child_of_large(node, byte);
}

/* Puts a node of the next size, with all that the full one has, in its place. */
static struct radix_node *grow(struct radix_space *space, struct radix_node *node) {
    enum radix_size size = (enum radix_size)(node->size + 1);
    struct radix_node *next = take_node(space, size);
    *next = *node;
    next->size = (uint8_t)size;
    if (size == RADIX_16)
        fill_16(node, (struct node_16 *)next);
    else if (size == RADIX_48)
        fill_48(node, (struct node_48 *)next);
    else
        fill_256(node, (struct node_256 *)next);
    node->path.next_spare = space->spare[node->size];
    space->spare[node->size] = node;
    return next;
}

static void add_sorted(struct radix_node *node, uint8_t byte, struct radix_link child) {
    struct sorted_node to = sorted(node);
    uint32_t at = count_below(node, byte);
    memmove(to.bytes + at + 1, to.bytes + at, node->count - at);
    memmove(to.children + at + 1, to.children + at, (node->count - at) * sizeof to.children[0]);
    to.bytes[at] = byte;
    to.children[at] = child;
}

void radix_add_child(struct radix_space *space, struct radix_link *link, uint8_t byte,
                     struct radix_link child) {
    struct radix_node *node = radix_link_node(*link);
    if (is_full(node)) {
        node = grow(space, node);
        *link = radix_link_to_node(node);
    }
    if (node->size <= RADIX_16) {
        add_sorted(node, byte, child);
    } else if (node->size == RADIX_48) {
        struct node_48 *large = (struct node_48 *)node;
        large->children[node->count] = child;
        large->slots[byte] = (uint8_t)(node->count + 1);
    } else {
        ((struct node_256 *)node)->children[byte] = child;
    }
    node->count++;
}
