#include "engine/data/entry_key.h"
#include "engine/node/anti_entropy.h"
#include "engine/node/narration.h"
#include "engine/node/node_state.h"

/* Walks a page of the peer's keys along this node's own, as one merges two sorted lists:
 *
 *     own     a b   d e          a: only here: send it        c: only there: ask for it
 *     theirs  . b c d'           b: equal                     d: digests differ: send it
 */

enum walk { WALK_ON, WALK_PAUSED, WALK_ENDED };

static struct exchange *exchange_at(struct node *node, uint32_t member) {
    return &node->peers[member].exchange;
}

/* --- one key ------------------------------------------------------------------------------------ */

static bool send_sync(struct node *node, uint32_t member, struct bytes key, struct bytes object) {
    struct exchange *exchange = exchange_at(node, member);
    uint32_t place = 0;
    while (exchange->syncs[place].in_use)
        place++;
    CHECK(place < EXCHANGE_WINDOW);
    struct peer_message message = {
        .kind = PEER_TREE_SYNC,
        .request = number_of_member(NUMBER_EXCHANGE, exchange->generation, member, place),
        .key = key,
        .payload = object,
    };
    if (!peer_is_usable(node, member) || !peer_send(node, member, &message))
        return false;
    struct exchange_sync *sync = &exchange->syncs[place];
    sync->in_use = true;
    sync->merging = false;
    buffer_clear(&sync->key);
    buffer_append(&sync->key, key);
    exchange->in_flight++;
    exchange->synced++;
    node->figures.tree_keys_synced++;
    if (narrates(node, NOTE_DETAIL))
        narrate_about_key(node, NOTE_DETAIL, "syncs with", member, key);
    return true;
}

static void finish_sync(struct node *node, uint32_t member, struct exchange_sync *sync) {
    struct exchange *exchange = exchange_at(node, member);
    sync->in_use = false;
    exchange->in_flight--;
    exchange_touch(node, member);
    if (exchange->phase == EXCHANGE_COMPARING)
        exchange_compare(node, member);
    else if (exchange->phase == EXCHANGE_DRAINING && exchange->in_flight == 0)
        exchange_next_leaves(node, member);
}

/* The sync that a number names; null when it belongs to an exchange that is over. */
static struct exchange_sync *find_sync(struct node *node, uint32_t member, uint64_t number) {
    struct exchange *exchange = exchange_at(node, member);
    uint32_t place = number_place(number);
    bool current = number_kind(number) == NUMBER_EXCHANGE && number_member(number) == member &&
                   number_generation(number) == (exchange->generation & 0xffffff);
    return current && place < EXCHANGE_WINDOW && exchange->syncs[place].in_use
               ? &exchange->syncs[place]
               : NULL;
}

void exchange_on_sync_reply(struct node *node, uint32_t member,
                            const struct peer_message *message) {
    struct exchange_sync *sync = find_sync(node, member, message->request);
    if (sync == NULL || sync->merging)
        return;
    if (message->status != PEER_OK) {
        exchange_fail(node, member);
        return;
    }
    if (message->payload.size == 0) {
        finish_sync(node, member, sync);
        return;
    }
    sync->merging = true;
    struct replica_write write = {
        .key = buffer_bytes(&sync->key),
        .object = message->payload,
        .origin = {.kind = ORIGIN_EXCHANGE, .number = message->request},
    };
    replica_write(node, &write);
}

void exchange_on_merged(struct node *node, uint64_t number, bool merged) {
    uint32_t member = number_member(number);
    struct exchange_sync *sync = find_sync(node, member, number);
    if (sync == NULL)
        return;
    if (merged)
        finish_sync(node, member, sync);
    else
        exchange_fail(node, member);
}

/* --- the walk ----------------------------------------------------------------------------------- */

/* Makes the next entry of the page available, unless one is waiting or the page has ended. False
 * when the page is malformed. */
static bool load_theirs(struct exchange *exchange) {
    if (exchange->has_theirs || exchange->reader.left == 0)
        return true;
    struct tree_entry *theirs = &exchange->theirs;
    theirs->position = reader_u32(&exchange->reader);
    theirs->key = reader_bytes(&exchange->reader);
    theirs->digest = reader_u64(&exchange->reader);
    theirs->opens_leaf = theirs->digest == 0;
    exchange->has_theirs = !exchange->reader.failed;
    return exchange->has_theirs;
}

/* Only a leaf that was asked about may be opened. */
static bool open_leaf(struct exchange *exchange, uint32_t position) {
    if (exchange->leaf_is_open && exchange->leaf == position)
        return true;
    bool asked = false;
    for (uint32_t i = 0; i < exchange->leaf_count; i++)
        asked = asked || exchange->leaves[i] == position;
    uint16_t partition = (uint16_t)(position >> 8 & ((1u << TREE_PARTITION_BITS) - 1));
    exchange->leaf = position;
    exchange->leaf_is_open = true;
    exchange->cursor_is_taken = false;
    buffer_clear(&exchange->cursor);
    entry_key_leaf_prefix(partition, (uint8_t)position, &exchange->cursor);
    buffer_clear(&exchange->last_key);
    return asked;
}

static void take_theirs(struct exchange *exchange) {
    exchange->has_theirs = false;
    buffer_clear(&exchange->last_key);
    buffer_append(&exchange->last_key, exchange->theirs.key);
}

static void take_own(struct exchange *exchange, struct bytes entry) {
    buffer_clear(&exchange->cursor);
    buffer_append(&exchange->cursor, entry);
    exchange->cursor_is_taken = true;
}

/* This node's next key of the open leaf; STORE_ABSENT behind the last. */
static enum store_status next_own(struct node *node, uint32_t member, struct store_entry *entry,
                                  struct entry_key *key) {
    struct exchange *exchange = exchange_at(node, member);
    uint16_t partition = (uint16_t)(exchange->leaf >> 8 & ((1u << TREE_PARTITION_BITS) - 1));
    struct buffer prefix = {0};
    entry_key_leaf_prefix(partition, (uint8_t)exchange->leaf, &prefix);
    enum store_status status;
    for (uint32_t skipped = 0;; skipped++) {
        uint64_t waiter =
            number_of_member(NUMBER_EXCHANGE, exchange->generation, member, NUMBER_PLACE_NONE);
        status = store_scan(node->store, buffer_bytes(&prefix), buffer_bytes(&exchange->cursor),
                            exchange->cursor_is_taken, waiter, entry, node->effects);
        if (status == STORE_OK && !entry_key_decode(entry->key, key))
            status = STORE_CORRUPT;
        /* Keys of keyspaces with another number of replicas are not this tree's. */
        if (status != STORE_OK || tree_has_key(node, exchange->leaf >> 8, key->key))
            break;
        take_own(exchange, entry->key);
    }
    buffer_deinit(&prefix);
    return status;
}

static bool digest_equals(struct node *node, const struct store_entry *entry, struct bytes key,
                          uint64_t digest) {
    return object_decode(entry->value, &node->local) && object_digest(&node->local, key) == digest;
}

/* Deals with the lesser of the two next keys. */
static enum walk compare_one(struct node *node, uint32_t member) {
    struct exchange *exchange = exchange_at(node, member);
    struct store_entry entry;
    struct entry_key own;
    enum store_status status = next_own(node, member, &entry, &own);
    if (status == STORE_NEED_BLOCK)
        return WALK_PAUSED;
    const struct tree_entry *theirs =
        exchange->has_theirs && !exchange->theirs.opens_leaf ? &exchange->theirs : NULL;
    if (status == STORE_ABSENT && theirs == NULL) {
        exchange->leaf_is_open = false;
        return WALK_ON;
    }
    if (status != STORE_OK && status != STORE_ABSENT)
        return WALK_ENDED;
    int order = status == STORE_ABSENT ? 1
                : theirs == NULL       ? -1
                                       : bytes_compare(own.key, theirs->key);
    bool sent = true;
    if (order > 0)
        sent = send_sync(node, member, theirs->key, (struct bytes){0});
    else if (order < 0 || !digest_equals(node, &entry, own.key, theirs->digest))
        sent = send_sync(node, member, own.key, entry.value);
    if (!sent)
        return WALK_ENDED;
    if (order >= 0)
        take_theirs(exchange);
    if (order <= 0)
        take_own(exchange, entry.key);
    return WALK_ON;
}

static enum walk walk_one(struct node *node, uint32_t member) {
    struct exchange *exchange = exchange_at(node, member);
    if (exchange->in_flight == EXCHANGE_WINDOW)
        return WALK_PAUSED;
    if (!load_theirs(exchange))
        return WALK_ENDED;
    bool opens = exchange->has_theirs && exchange->theirs.opens_leaf;
    if (opens && (!exchange->leaf_is_open || exchange->leaf == exchange->theirs.position)) {
        exchange->has_theirs = false;
        return open_leaf(exchange, exchange->theirs.position) ? WALK_ON : WALK_ENDED;
    }
    if (!exchange->has_theirs && exchange->page_has_more) {
        if (!exchange->leaf_is_open)
            return WALK_ENDED;
        exchange_more_keys(node, member);
        return WALK_PAUSED;
    }
    if (!exchange->has_theirs && !exchange->leaf_is_open) {
        exchange_next_leaves(node, member);
        return WALK_PAUSED;
    }
    if (!exchange->leaf_is_open)
        return WALK_ENDED;
    return compare_one(node, member);
}

void exchange_compare(struct node *node, uint32_t member) {
    struct exchange *exchange = exchange_at(node, member);
    for (uint32_t i = 0; i < EXCHANGE_SLICE; i++) {
        switch (walk_one(node, member)) {
        case WALK_ON:
            break;
        case WALK_PAUSED:
            return;
        case WALK_ENDED:
            exchange_fail(node, member);
            return;
        }
    }
    /* More than one step should do: the timer continues it. */
    deadlines_set(&node->deadlines, &exchange->slice_timer,
                  instant_after(node->now, duration_of_microseconds(1)));
}

void exchange_continue(struct node *node, uint32_t member) {
    if (exchange_at(node, member)->phase == EXCHANGE_COMPARING)
        exchange_compare(node, member);
}

void exchange_wake(struct node *node, uint64_t waiter) {
    uint32_t member = number_member(waiter);
    if (member >= node->config.member_count || is_self(node, member))
        return;
    struct exchange *exchange = exchange_at(node, member);
    if (number_generation(waiter) == (exchange->generation & 0xffffff))
        exchange_continue(node, member);
}
