#include "engine/data/entry_key.h"
#include "engine/node/anti_entropy.h"
#include "engine/node/node_state.h"

static uint16_t partition_of_leaf(uint32_t position) {
    return (uint16_t)(position >> 8 & ((1u << TREE_PARTITION_BITS) - 1));
}

/* --- roots: answered at once -------------------------------------------------------------------- */

void tree_reply_roots(struct node *node, uint32_t member, uint64_t link,
                      const struct peer_message *message) {
    (void)member;
    /* An initiator that asks for more than one answer can hold gets none. */
    if (message->item_count > EXCHANGE_TREES_MAX)
        return;
    struct peer_tree_item items[EXCHANGE_TREES_MAX * MERKLE_BRANCHES];
    uint32_t count = 0;
    for (uint32_t i = 0; i < message->item_count; i++) {
        struct peer_tree_item item = peer_tree_item_at(message, i);
        if (!tree_is_valid(node, item.position) ||
            healing_recounts(node, partition_of_leaf(item.position << 8)))
            return;
        const uint64_t *leaves = tree_leaves(node, item.position);
        if (merkle_root(leaves) == item.digest)
            continue;
        uint64_t branches[MERKLE_BRANCHES];
        merkle_branches(leaves, branches);
        for (uint32_t branch = 0; branch < MERKLE_BRANCHES; branch++)
            items[count++] = (struct peer_tree_item){.position = item.position << 4 | branch,
                                                     .digest = branches[branch]};
    }
    struct peer_message reply = {.kind = PEER_TREE_BRANCHES,
                                 .request = message->request,
                                 .items = items,
                                 .item_count = count};
    peer_reply(node, (struct link_id){link}, &reply);
}

/* --- leaves: one page of keys ------------------------------------------------------------------- */

static struct tree_reply *reply_at(struct node *node, uint32_t member) {
    return &node->peers[member].tree_reply;
}

void tree_reply_stop(struct node *node, uint32_t member) {
    struct tree_reply *reply = reply_at(node, member);
    reply->in_use = false;
    reply->generation++;
}

static void put_entry(struct tree_reply *reply, uint32_t position, struct bytes key,
                      uint64_t digest) {
    buffer_put_u32(&reply->payload, position);
    buffer_put_bytes(&reply->payload, key);
    buffer_put_u64(&reply->payload, digest);
}

static void send_page(struct node *node, uint32_t member, bool more) {
    struct tree_reply *reply = reply_at(node, member);
    struct peer_message message = {
        .kind = PEER_TREE_KEYS,
        .request = reply->request,
        .flags = more ? PEER_FLAG_MORE : 0,
        .payload = buffer_bytes(&reply->payload),
    };
    struct link_id link = {reply->link};
    tree_reply_stop(node, member);
    peer_reply(node, link, &message);
}

static void open_leaf(struct tree_reply *reply, struct bytes after, bool resumes) {
    uint32_t position = reply->leaves[reply->leaf_next];
    put_entry(reply, position, (struct bytes){0}, 0);
    reply->leaf_is_open = true;
    buffer_clear(&reply->cursor);
    entry_key_leaf_prefix(partition_of_leaf(position), (uint8_t)position, &reply->cursor);
    if (resumes)
        buffer_append(&reply->cursor, after);
    reply->cursor_is_taken = resumes;
}

static bool page_is_full(const struct tree_reply *reply) {
    return reply->keys >= EXCHANGE_PAGE_KEYS ||
           (reply->keys > 0 && reply->payload.size >= EXCHANGE_PAGE_BYTES);
}

/* Puts the open leaf's next key on the page; false when it must wait or cannot go on. */
static bool add_key(struct node *node, uint32_t member) {
    struct tree_reply *reply = reply_at(node, member);
    uint32_t position = reply->leaves[reply->leaf_next];
    struct buffer prefix = {0};
    entry_key_leaf_prefix(partition_of_leaf(position), (uint8_t)position, &prefix);
    uint64_t waiter =
        number_of_member(NUMBER_TREE_REPLY, reply->generation, member, NUMBER_PLACE_NONE);
    struct store_entry entry;
    enum store_status status =
        store_scan(node->store, buffer_bytes(&prefix), buffer_bytes(&reply->cursor),
                   reply->cursor_is_taken, waiter, &entry, node->effects);
    buffer_deinit(&prefix);
    if (status == STORE_ABSENT) {
        reply->leaf_is_open = false;
        reply->leaf_next++;
        return true;
    }
    struct entry_key key;
    bool readable = status == STORE_OK && entry_key_decode(entry.key, &key) &&
                    object_decode(entry.value, &node->local);
    if (!readable) {
        /* What cannot be read cannot be compared: the initiator will give up and try again. */
        if (status != STORE_NEED_BLOCK)
            tree_reply_stop(node, member);
        return false;
    }
    buffer_clear(&reply->cursor);
    buffer_append(&reply->cursor, entry.key);
    reply->cursor_is_taken = true;
    if (tree_has_key(node, position >> 8, key.key)) {
        put_entry(reply, position, key.key, object_digest(&node->local, key.key));
        reply->keys++;
    }
    return true;
}

static void go_on(struct node *node, uint32_t member) {
    struct tree_reply *reply = reply_at(node, member);
    while (reply->leaf_next < reply->leaf_count) {
        /* Before the next leaf is opened: a page that ends early ends behind a key. */
        if (page_is_full(reply)) {
            send_page(node, member, true);
            return;
        }
        if (!reply->leaf_is_open)
            open_leaf(reply, (struct bytes){0}, false);
        if (!add_key(node, member))
            return;
    }
    send_page(node, member, false);
}

/* Which of the leaves that were asked about differ. One that is resumed is known to. */
static bool choose_leaves(struct node *node, struct tree_reply *reply,
                          const struct peer_message *message, bool resumes) {
    reply->leaf_count = 0;
    for (uint32_t i = 0; i < message->item_count; i++) {
        struct peer_tree_item item = peer_tree_item_at(message, i);
        if (!tree_is_valid(node, item.position >> 8) ||
            healing_recounts(node, partition_of_leaf(item.position)))
            return false;
        const uint64_t *leaves = tree_leaves(node, item.position >> 8);
        uint64_t digest = leaves == NULL ? 0 : leaves[item.position % MERKLE_LEAVES];
        if (digest != item.digest || (resumes && i == 0))
            reply->leaves[reply->leaf_count++] = item.position;
    }
    return true;
}

void tree_reply_leaves(struct node *node, uint32_t member, uint64_t link,
                       const struct peer_message *message) {
    struct tree_reply *reply = reply_at(node, member);
    bool resumes = (message->flags & PEER_FLAG_MORE) != 0;
    tree_reply_stop(node, member);
    if (message->item_count > EXCHANGE_LEAVES_MAX || (resumes && message->item_count == 0) ||
        !choose_leaves(node, reply, message, resumes))
        return;
    reply->in_use = true;
    reply->link = link;
    reply->request = message->request;
    reply->leaf_next = 0;
    reply->leaf_is_open = false;
    reply->keys = 0;
    buffer_clear(&reply->payload);
    if (resumes)
        open_leaf(reply, message->key, true);
    go_on(node, member);
}

void tree_reply_wake(struct node *node, uint64_t waiter) {
    uint32_t member = number_member(waiter);
    if (member >= node->config.member_count || is_self(node, member))
        return;
    struct tree_reply *reply = reply_at(node, member);
    if (reply->in_use && number_generation(waiter) == (reply->generation & 0xffffff))
        go_on(node, member);
}

void tree_reply_deinit(struct tree_reply *reply) {
    buffer_deinit(&reply->cursor);
    buffer_deinit(&reply->payload);
}
