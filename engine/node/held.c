#include "engine/node/held.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/data/entry_key.h"
#include "engine/node/node_state.h"

enum { HELD_VERSION = 1 };

/* How many members own a partition at most, over all keyspaces. */
static uint32_t owner_count(const struct node *node) {
    return node->n_most;
}

/* This node's place among the owners of a partition, or the number of owners when it is none. */
static uint32_t place_of(const struct node *node, uint16_t partition, uint32_t member) {
    const uint16_t *list = ring_preference(&node->ring, partition);
    uint32_t place = 0;
    while (place < owner_count(node) && list[place] != member)
        place++;
    return place;
}

static bool get_bit(const struct held *held, uint16_t partition) {
    return (held->bits[partition / 8] >> partition % 8 & 1) != 0;
}

static void set_bit(struct held *held, uint16_t partition) {
    held->bits[partition / 8] = (uint8_t)(held->bits[partition / 8] | 1u << partition % 8);
}

static void count_missing(struct node *node) {
    node->held.missing = 0;
    for (uint32_t partition = 0; partition < node->config.partition_count; partition++) {
        bool owned = place_of(node, (uint16_t)partition, node->self) < owner_count(node);
        node->held.missing += owned && !get_bit(&node->held, (uint16_t)partition);
    }
}

void held_init(struct node *node) {
    uint32_t partitions = node->config.partition_count;
    struct held *held = &node->held;
    held->bits = memory_allocate_zeroed(partitions / 8 + 1, 1);
    held->compared = memory_allocate_zeroed(partitions, sizeof *held->compared);
    for (uint32_t partition = 0; owner_count(node) == 1 && partition < partitions; partition++)
        set_bit(held, (uint16_t)partition);
    count_missing(node);
}

/* Who the owners are: a bitmap that was saved under other owners says nothing. */
static uint64_t placement_hash(const struct node *node) {
    size_t size = (size_t)node->ring.partition_count * node->ring.list_size * sizeof(uint16_t);
    uint64_t hash = hash64(bytes_of(node->ring.preference, size));
    return hash_mix(hash, (uint64_t)node->n_most << 32 | node->config.member_count);
}

void held_load(struct node *node, struct bytes saved) {
    struct reader reader = reader_of(saved);
    uint8_t version = reader_u8(&reader);
    uint64_t placement = reader_u64(&reader);
    struct bytes bits = reader_take(&reader, node->config.partition_count / 8 + 1);
    if (!reader_finished(&reader) || version != HELD_VERSION || placement != placement_hash(node))
        return;
    memcpy(node->held.bits, bits.data, bits.size);
    count_missing(node);
}

bool held_is_compared(const struct node *node, uint16_t partition, uint32_t member) {
    uint32_t place = place_of(node, partition, member);
    return (node->held.compared[partition] >> place & 1) != 0;
}

void held_compared(struct node *node, uint16_t partition, uint32_t member) {
    struct held *held = &node->held;
    uint32_t place = place_of(node, partition, member);
    uint32_t own_place = place_of(node, partition, node->self);
    if (place == owner_count(node) || own_place == owner_count(node) || get_bit(held, partition))
        return;
    held->compared[partition] = (uint16_t)(held->compared[partition] | 1u << place);
    uint32_t all = (1u << owner_count(node)) - 1;
    if ((held->compared[partition] | 1u << own_place) != all)
        return;
    set_bit(held, partition);
    held->missing--;
    held->unsaved = true;
}

bool held_misses(const struct node *node, uint16_t partition) {
    return place_of(node, partition, node->self) < owner_count(node) &&
           !get_bit(&node->held, partition);
}

void held_doubt(struct node *node, uint16_t partition) {
    struct held *held = &node->held;
    if (owner_count(node) == 1)
        return; /* nobody else could tell better */
    held->compared[partition] = 0;
    if (!get_bit(held, partition))
        return;
    held->bits[partition / 8] = (uint8_t)(held->bits[partition / 8] & ~(1u << partition % 8));
    held->missing += place_of(node, partition, node->self) < owner_count(node);
    held->unsaved = true;
}

void held_forget(struct node *node) {
    if (owner_count(node) == 1)
        return; /* nobody else could tell better */
    uint32_t partitions = node->config.partition_count;
    memset(node->held.bits, 0, partitions / 8 + 1);
    memset(node->held.compared, 0, partitions * sizeof *node->held.compared);
    node->held.unsaved = true;
    count_missing(node);
}

void held_save(struct node *node) {
    if (!node->held.unsaved)
        return;
    struct buffer *value = &node->encoded;
    buffer_clear(value);
    buffer_put_u8(value, HELD_VERSION);
    buffer_put_u64(value, placement_hash(node));
    buffer_append(value, bytes_of(node->held.bits, node->config.partition_count / 8 + 1));
    buffer_clear(&node->entry);
    entry_key_encode(&(struct entry_key){.space = ENTRY_META, .key = bytes_of_text("held")},
                     &node->entry);
    struct store_batch batch = {.count = 1};
    batch.entries[0] =
        (struct store_entry){.key = buffer_bytes(&node->entry), .value = buffer_bytes(value)};
    uint64_t sequence;
    if (replica_store_write(node, &batch, &sequence) == STORE_OK)
        node->held.unsaved = false;
}

bool held_partition(const struct node *node, uint16_t partition) {
    return get_bit(&node->held, partition) &&
           place_of(node, partition, node->self) < owner_count(node);
}

void held_deinit(struct held *held) {
    memory_release(held->bits);
    memory_release(held->compared);
    *held = (struct held){0};
}
