#include "engine/node/anti_entropy.h"

#include "engine/base/memory.h"
#include "engine/node/narration.h"
#include "engine/node/node_state.h"

/* --- trees -------------------------------------------------------------------------------------- */

static uint16_t partition_of_tree(uint32_t tree) {
    return (uint16_t)(tree & ((1u << TREE_PARTITION_BITS) - 1));
}

static uint32_t replicas_of_tree(uint32_t tree) {
    return (tree >> TREE_PARTITION_BITS) + 1;
}

bool tree_is_valid(const struct node *node, uint32_t tree) {
    return partition_of_tree(tree) < node->config.partition_count &&
           replicas_of_tree(tree) <= NODE_REPLICAS_MAX;
}

const uint64_t *tree_leaves(const struct node *node, uint32_t tree) {
    uint32_t page =
        (replicas_of_tree(tree) - 1) * node->config.partition_count + partition_of_tree(tree);
    return store_tally_digests(node->store, page);
}

bool tree_has_key(const struct node *node, uint32_t tree, struct bytes key) {
    return node_keyspace_of(node, key)->n == replicas_of_tree(tree);
}

/* True when the member is among the owners of what the tree sums up. */
static bool tree_has_owner(const struct node *node, uint32_t tree, uint32_t member) {
    const uint16_t *list = ring_preference(&node->ring, partition_of_tree(tree));
    uint32_t n = replicas_of_tree(tree);
    for (uint32_t i = 0; i < n && i < node->ring.list_size; i++) {
        if (list[i] == member)
            return true;
    }
    return false;
}

/* --- when --------------------------------------------------------------------------------------- */

static struct exchange *exchange_at(struct node *node, uint32_t member) {
    return &node->peers[member].exchange;
}

/* Whether this node has yet to learn from this peer what it should hold. */
static bool is_eager(const struct node *node, uint32_t member) {
    if (node->held.missing == 0)
        return false;
    for (uint32_t partition = 0; partition < node->config.partition_count; partition++) {
        uint32_t tree = (uint32_t)(node->n_most_configured - 1) << TREE_PARTITION_BITS | partition;
        if (tree_has_owner(node, tree, node->self) && tree_has_owner(node, tree, member) &&
            !held_partition(node, (uint16_t)partition) &&
            !healing_recounts(node, (uint16_t)partition) &&
            !held_is_compared(node, (uint16_t)partition, member))
            return true;
    }
    return false;
}

static void schedule(struct node *node, uint32_t member, struct duration after) {
    deadlines_set(&node->deadlines, &exchange_at(node, member)->timer,
                  instant_after(node->now, after));
}

/* The next exchange: soon while something is missing here, else after the interval, with jitter, or
 * never. */
static void schedule_next(struct node *node, uint32_t member, bool failed) {
    uint64_t interval = node->config.anti_entropy_interval.nanoseconds;
    if (is_eager(node, member))
        schedule(node, member, duration_of_milliseconds(failed ? 100 : 1));
    else if (interval > 0)
        schedule(node, member,
                 (struct duration){
                     prng_between(&node->prng, interval / 2 + 1, interval + interval / 2)});
}

void exchange_touch(struct node *node, uint32_t member) {
    schedule(node, member, (struct duration){2 * node->config.request_timeout.nanoseconds});
}

void exchange_kick(struct node *node, uint32_t member) {
    struct exchange *exchange = exchange_at(node, member);
    if (exchange->phase != EXCHANGE_IDLE || node->phase != NODE_SERVING)
        return;
    if (is_eager(node, member))
        schedule(node, member, duration_of_milliseconds(1));
    else if (exchange->timer.position == 0)
        schedule_next(node, member, false);
}

/* --- beginning and ending ----------------------------------------------------------------------- */

static void append_number(uint32_t **items, uint32_t *count, uint32_t *capacity, uint32_t item) {
    if (*count == *capacity) {
        *capacity = *capacity == 0 ? 256 : *capacity * 2;
        *items = memory_resize(*items, *capacity * sizeof **items);
    }
    (*items)[(*count)++] = item;
}

static void collect_trees(struct node *node, uint32_t member) {
    struct exchange *exchange = exchange_at(node, member);
    exchange->tree_count = 0;
    for (uint32_t partition = 0; partition < node->config.partition_count; partition++) {
        bool done = held_partition(node, (uint16_t)partition) ||
                    held_is_compared(node, (uint16_t)partition, member);
        if (healing_recounts(node, (uint16_t)partition))
            continue;
        for (uint32_t row = 0; row < NODE_REPLICAS_MAX; row++) {
            uint32_t tree = row << TREE_PARTITION_BITS | partition;
            bool exists = (node->class_mask >> row & 1) != 0;
            if (exists && tree_has_owner(node, tree, node->self) &&
                tree_has_owner(node, tree, member) && !(exchange->eager && done))
                append_number(&exchange->trees, &exchange->tree_count, &exchange->tree_capacity,
                              tree);
        }
    }
}

static void reset(struct exchange *exchange) {
    exchange->phase = EXCHANGE_IDLE;
    exchange->generation++;
    exchange->in_flight = 0;
    exchange->synced = 0;
    exchange->branch_count = 0;
    exchange->branch_next = 0;
    exchange->has_theirs = false;
    exchange->leaf_is_open = false;
    exchange->page_has_more = false;
    buffer_clear(&exchange->page);
    exchange->reader = (struct reader){0};
    for (uint32_t i = 0; i < EXCHANGE_WINDOW; i++)
        exchange->syncs[i].in_use = false;
}

void exchange_stop(struct node *node, uint32_t member) {
    struct exchange *exchange = exchange_at(node, member);
    reset(exchange);
    deadlines_cancel(&node->deadlines, &exchange->timer);
}

void exchange_fail(struct node *node, uint32_t member) {
    reset(exchange_at(node, member));
    schedule_next(node, member, true);
}

static void complete(struct node *node, uint32_t member) {
    struct exchange *exchange = exchange_at(node, member);
    for (uint32_t i = 0; i < exchange->tree_count; i++)
        held_compared(node, partition_of_tree(exchange->trees[i]), member);
    held_save(node);
    if (exchange->synced > 0)
        narrate_count(node, NOTE_INFO, "compared and synced", exchange->synced, "keys with",
                      member);
    reset(exchange);
    schedule_next(node, member, false);
}

/* --- roots and branches ------------------------------------------------------------------------- */

static bool send_items(struct node *node, uint32_t member, struct peer_message *message,
                       const struct peer_tree_item *items, uint32_t count) {
    struct exchange *exchange = exchange_at(node, member);
    message->request =
        number_of_member(NUMBER_EXCHANGE, exchange->generation, member, NUMBER_PLACE_NONE);
    message->items = items;
    message->item_count = count;
    exchange_touch(node, member);
    return peer_is_usable(node, member) && peer_send(node, member, message);
}

/* The next batch of trees, or the end when all were compared. */
static void next_roots(struct node *node, uint32_t member) {
    struct exchange *exchange = exchange_at(node, member);
    if (exchange->tree_next == exchange->tree_count) {
        complete(node, member);
        return;
    }
    struct peer_tree_item items[EXCHANGE_TREES_MAX];
    uint32_t count = 0;
    while (count < EXCHANGE_TREES_MAX && exchange->tree_next < exchange->tree_count) {
        uint32_t tree = exchange->trees[exchange->tree_next++];
        items[count++] = (struct peer_tree_item){.position = tree,
                                                 .digest = merkle_root(tree_leaves(node, tree))};
    }
    exchange->phase = EXCHANGE_ROOTS;
    struct peer_message message = {.kind = PEER_TREE_ROOTS};
    if (!send_items(node, member, &message, items, count))
        exchange_fail(node, member);
}

void exchange_on_timer(struct node *node, uint32_t member) {
    struct exchange *exchange = exchange_at(node, member);
    if (node->phase != NODE_SERVING)
        return;
    if (exchange->phase != EXCHANGE_IDLE) {
        exchange_fail(node, member);
        return;
    }
    exchange->eager = is_eager(node, member);
    if (!peer_is_usable(node, member)) {
        schedule(node, member, duration_of_seconds(1));
        return;
    }
    if (!exchange->eager && node->config.anti_entropy_interval.nanoseconds == 0)
        return;
    collect_trees(node, member);
    exchange->generation++;
    exchange->tree_next = 0;
    exchange->synced = 0;
    node->figures.tree_exchanges++;
    next_roots(node, member);
}

static bool is_awaited(struct node *node, uint32_t member, const struct peer_message *message,
                       enum exchange_phase phase) {
    const struct exchange *exchange = exchange_at(node, member);
    return exchange->phase == phase && number_kind(message->request) == NUMBER_EXCHANGE &&
           number_member(message->request) == member &&
           number_generation(message->request) == (exchange->generation & 0xffffff);
}

void exchange_on_branches(struct node *node, uint32_t member, const struct peer_message *message) {
    struct exchange *exchange = exchange_at(node, member);
    if (!is_awaited(node, member, message, EXCHANGE_ROOTS))
        return;
    exchange->branch_count = 0;
    exchange->branch_next = 0;
    for (uint32_t i = 0; i < message->item_count; i++) {
        struct peer_tree_item item = peer_tree_item_at(message, i);
        uint32_t tree = item.position >> 4;
        if (!tree_is_valid(node, tree)) {
            exchange_fail(node, member);
            return;
        }
        uint64_t branches[MERKLE_BRANCHES];
        merkle_branches(tree_leaves(node, tree), branches);
        if (branches[item.position % MERKLE_BRANCHES] != item.digest)
            append_number(&exchange->branches, &exchange->branch_count, &exchange->branch_capacity,
                          item.position);
    }
    exchange_next_leaves(node, member);
}

/* --- leaves ------------------------------------------------------------------------------------- */

static uint64_t leaf_digest(const struct node *node, uint32_t position) {
    const uint64_t *leaves = tree_leaves(node, position >> 8);
    return leaves == NULL ? 0 : leaves[position % MERKLE_LEAVES];
}

static void send_leaves(struct node *node, uint32_t member, struct peer_message *message) {
    struct exchange *exchange = exchange_at(node, member);
    struct peer_tree_item items[EXCHANGE_LEAVES_MAX];
    for (uint32_t i = 0; i < exchange->leaf_count; i++)
        items[i] = (struct peer_tree_item){.position = exchange->leaves[i],
                                           .digest = leaf_digest(node, exchange->leaves[i])};
    exchange->phase = EXCHANGE_LEAVES;
    if (!send_items(node, member, message, items, exchange->leaf_count))
        exchange_fail(node, member);
}

void exchange_next_leaves(struct node *node, uint32_t member) {
    struct exchange *exchange = exchange_at(node, member);
    if (exchange->branch_next == exchange->branch_count) {
        exchange->phase = EXCHANGE_DRAINING;
        if (exchange->in_flight == 0)
            next_roots(node, member);
        return;
    }
    exchange->leaf_count = 0;
    while (exchange->leaf_count < EXCHANGE_LEAVES_MAX &&
           exchange->branch_next < exchange->branch_count) {
        uint32_t branch = exchange->branches[exchange->branch_next++];
        uint32_t first = (branch >> 4) << 8 | (branch & 15) * MERKLE_LEAVES_PER_BRANCH;
        for (uint32_t leaf = 0; leaf < MERKLE_LEAVES_PER_BRANCH; leaf++)
            exchange->leaves[exchange->leaf_count++] = first + leaf;
    }
    struct peer_message message = {.kind = PEER_TREE_LEAVES};
    send_leaves(node, member, &message);
}

/* The page ended within a leaf: goes on behind the last key, from this leaf on. */
void exchange_more_keys(struct node *node, uint32_t member) {
    struct exchange *exchange = exchange_at(node, member);
    uint32_t done = 0;
    while (done < exchange->leaf_count && exchange->leaves[done] != exchange->leaf)
        done++;
    exchange->leaf_count -= done;
    memmove(exchange->leaves, exchange->leaves + done,
            exchange->leaf_count * sizeof exchange->leaves[0]);
    struct peer_message message = {.kind = PEER_TREE_LEAVES,
                                   .flags = PEER_FLAG_MORE,
                                   .key = buffer_bytes(&exchange->last_key)};
    send_leaves(node, member, &message);
}

void exchange_on_keys(struct node *node, uint32_t member, const struct peer_message *message) {
    struct exchange *exchange = exchange_at(node, member);
    if (!is_awaited(node, member, message, EXCHANGE_LEAVES))
        return;
    buffer_clear(&exchange->page);
    buffer_append(&exchange->page, message->payload);
    exchange->reader = reader_of(buffer_bytes(&exchange->page));
    exchange->page_has_more = (message->flags & PEER_FLAG_MORE) != 0;
    exchange->has_theirs = false;
    exchange->phase = EXCHANGE_COMPARING;
    exchange_touch(node, member);
    exchange_compare(node, member);
}

void exchange_deinit(struct exchange *exchange) {
    memory_release(exchange->trees);
    memory_release(exchange->branches);
    buffer_deinit(&exchange->page);
    buffer_deinit(&exchange->cursor);
    buffer_deinit(&exchange->last_key);
    for (uint32_t i = 0; i < EXCHANGE_WINDOW; i++)
        buffer_deinit(&exchange->syncs[i].key);
}
