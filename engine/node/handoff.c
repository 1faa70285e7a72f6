#include "engine/node/handoff.h"

#include "engine/base/hash.h"
#include "engine/data/entry_key.h"
#include "engine/node/narration.h"
#include "engine/node/node_state.h"

static struct peer *peer_at(struct node *node, uint32_t member) {
    return &node->peers[member];
}

/* --- passes ------------------------------------------------------------------------------------- */

static bool is_switched_off(const struct node *node) {
    return node->config.handoff_interval.nanoseconds == 0;
}

static void end_pass(struct node *node, uint32_t member) {
    struct handoff *handoff = &peer_at(node, member)->handoff;
    handoff->phase = HANDOFF_IDLE;
    handoff->pass++;
    handoff->in_flight = 0;
    for (uint32_t i = 0; i < HANDOFF_WINDOW; i++)
        handoff->slots[i].state = HANDOFF_SLOT_FREE;
    if (handoff->delivered > 0)
        narrate_count(node, NOTE_INFO, "delivered", handoff->delivered, "hints to", member);
    handoff->delivered = 0;
}

static void schedule(struct node *node, uint32_t member, struct duration after) {
    struct handoff *handoff = &peer_at(node, member)->handoff;
    deadlines_set(&node->deadlines, &handoff->timer, instant_after(node->now, after));
}

static bool may_begin(const struct node *node, const struct peer *peer) {
    return !is_switched_off(node) && peer->hint_count > 0 && peer->handoff.phase == HANDOFF_IDLE &&
           node->phase == NODE_SERVING;
}

void handoff_kick(struct node *node, uint32_t member) {
    if (may_begin(node, peer_at(node, member)) && peer_is_usable(node, member))
        schedule(node, member, duration_of_milliseconds(1));
}

void handoff_expect(struct node *node, uint32_t member) {
    struct peer *peer = peer_at(node, member);
    if (may_begin(node, peer) && peer->handoff.timer.position == 0)
        schedule(node, member, node->config.handoff_interval);
}

void handoff_stop(struct node *node, uint32_t member) {
    if (peer_at(node, member)->handoff.phase == HANDOFF_RUNNING)
        end_pass(node, member);
}

/* --- delivering --------------------------------------------------------------------------------- */

static uint64_t waiter_of(const struct handoff *handoff, uint32_t member, uint32_t place) {
    return number_of_member(NUMBER_HANDOFF, handoff->pass, member, place);
}

static uint32_t free_place(const struct handoff *handoff) {
    uint32_t place = 0;
    while (handoff->slots[place].state != HANDOFF_SLOT_FREE)
        place++;
    CHECK(place < HANDOFF_WINDOW);
    return place;
}

/* False when the peer cannot be sent to. */
static bool deliver(struct node *node, uint32_t member, const struct store_entry *entry,
                    const struct entry_key *key) {
    struct handoff *handoff = &peer_at(node, member)->handoff;
    uint32_t place = free_place(handoff);
    struct peer_message message = {
        .kind = PEER_WRITE,
        .request = waiter_of(handoff, member, place),
        .key = key->key,
        .payload = entry->value,
        .flags = PEER_FLAG_REPAIR | PEER_FLAG_DURABLE,
    };
    if (!peer_is_usable(node, member) || !peer_send(node, member, &message))
        return false;
    struct handoff_slot *slot = &handoff->slots[place];
    slot->state = HANDOFF_SLOT_SENT;
    buffer_clear(&slot->entry);
    buffer_append(&slot->entry, entry->key);
    slot->hash = hash64(entry->value);
    slot->size = hint_size(entry->key, entry->value);
    handoff->in_flight++;
    return true;
}

/* The store has none: what is still counted is lost. */
static void forget_lost_hints(struct node *node, uint32_t member) {
    struct peer *peer = peer_at(node, member);
    if (peer->hint_count > 0)
        narrate_count(node, NOTE_WARNING, "has lost", peer->hint_count, "hints for", member);
    node->hint_count -= peer->hint_count;
    node->hint_bytes -= peer->hint_bytes;
    peer->hint_count = 0;
    peer->hint_bytes = 0;
}

/* Fills the window, and ends the pass when there is nothing left. */
static void go_on(struct node *node, uint32_t member) {
    struct handoff *handoff = &peer_at(node, member)->handoff;
    struct buffer prefix = {0};
    entry_key_hint_prefix(node->member_ids[member], &prefix);
    while (handoff->phase == HANDOFF_RUNNING && !handoff->exhausted &&
           handoff->in_flight < HANDOFF_WINDOW) {
        struct store_entry entry;
        struct entry_key key;
        enum store_status status =
            store_scan(node->store, buffer_bytes(&prefix), buffer_bytes(&handoff->cursor),
                       handoff->cursor_is_taken, waiter_of(handoff, member, NUMBER_PLACE_NONE),
                       &entry, node->effects);
        if (status == STORE_NEED_BLOCK)
            break;
        if (status == STORE_ABSENT && !handoff->cursor_is_taken)
            forget_lost_hints(node, member);
        handoff->exhausted = status != STORE_OK || !entry_key_decode(entry.key, &key);
        if (!handoff->exhausted && !deliver(node, member, &entry, &key))
            handoff->exhausted = true;
        if (handoff->exhausted)
            break;
        buffer_clear(&handoff->cursor);
        buffer_append(&handoff->cursor, entry.key);
        handoff->cursor_is_taken = true;
    }
    buffer_deinit(&prefix);
    if (handoff->phase == HANDOFF_RUNNING && handoff->exhausted && handoff->in_flight == 0)
        end_pass(node, member);
}

void handoff_on_timer(struct node *node, uint32_t member) {
    struct peer *peer = peer_at(node, member);
    struct handoff *handoff = &peer->handoff;
    if (is_switched_off(node) || node->phase != NODE_SERVING)
        return;
    if (handoff->phase == HANDOFF_RUNNING)
        end_pass(node, member); /* it got stuck: a reply did not come */
    if (peer->hint_count == 0)
        return;
    schedule(node, member, node->config.handoff_interval);
    if (!peer_is_usable(node, member))
        return;
    handoff->phase = HANDOFF_RUNNING;
    handoff->exhausted = false;
    handoff->cursor_is_taken = false;
    buffer_clear(&handoff->cursor);
    entry_key_hint_prefix(node->member_ids[member], &handoff->cursor);
    go_on(node, member);
}

/* --- after the acknowledgement ------------------------------------------------------------------ */

static void free_slot(struct node *node, uint32_t member, struct handoff_slot *slot) {
    slot->state = HANDOFF_SLOT_FREE;
    peer_at(node, member)->handoff.in_flight--;
    go_on(node, member);
}

static void count_removed(struct node *node, uint32_t member, const struct handoff_slot *slot) {
    struct peer *peer = peer_at(node, member);
    /* What the disk lost was counted, and what shows again in its place was not. */
    uint64_t size = slot->size < peer->hint_bytes ? slot->size : peer->hint_bytes;
    uint64_t count = peer->hint_count > 0;
    peer->hint_count -= count;
    peer->hint_bytes -= size;
    node->hint_count -= count;
    node->hint_bytes -= size;
    node->figures.hints_delivered++;
    peer->handoff.delivered++;
}

/* Removes a delivered hint, unless a newer write was merged into it meanwhile. */
static void remove_hint(struct node *node, uint32_t member, uint32_t place) {
    struct handoff *handoff = &peer_at(node, member)->handoff;
    struct handoff_slot *slot = &handoff->slots[place];
    struct bytes entry = buffer_bytes(&slot->entry);
    struct bytes value = {0};
    uint64_t waiter = waiter_of(handoff, member, place);
    enum store_status status = replica_get(node, entry, waiter, &value);
    if (status == STORE_NEED_BLOCK)
        return;
    bool unchanged = status == STORE_OK && hash64(value) == slot->hash;
    if (unchanged) {
        struct store_batch batch = {.count = 1};
        batch.entries[0] = (struct store_entry){.key = entry, .removed = true};
        uint64_t sequence;
        status = replica_store_write(node, &batch, &sequence);
        if (status == STORE_OK)
            count_removed(node, member, slot);
    }
    if (status == STORE_BUSY)
        replica_wait_for_room(node, waiter);
    else
        free_slot(node, member, slot);
}

void handoff_on_reply(struct node *node, uint32_t member, const struct peer_message *message) {
    struct handoff *handoff = &peer_at(node, member)->handoff;
    uint32_t place = number_place(message->request);
    if (handoff->phase != HANDOFF_RUNNING || number_member(message->request) != member ||
        number_generation(message->request) != (handoff->pass & 0xffffff) ||
        place >= HANDOFF_WINDOW || handoff->slots[place].state != HANDOFF_SLOT_SENT)
        return;
    /* An owner that is none any more refuses for ever. */
    bool durable = message->status == PEER_OK && (message->flags & PEER_FLAG_DURABLE) != 0;
    if (durable || message->status == PEER_REFUSED) {
        schedule(node, member, node->config.handoff_interval); /* it is not stuck */
        handoff->slots[place].state = HANDOFF_SLOT_REMOVING;
        remove_hint(node, member, place);
        return;
    }
    /* It has trouble of its own: the rest can wait for the next pass. */
    handoff->exhausted = true;
    free_slot(node, member, &handoff->slots[place]);
}

void handoff_wake(struct node *node, uint64_t waiter) {
    uint32_t member = number_member(waiter);
    if (member >= node->config.member_count || is_self(node, member))
        return;
    struct handoff *handoff = &peer_at(node, member)->handoff;
    if (handoff->phase != HANDOFF_RUNNING ||
        number_generation(waiter) != (handoff->pass & 0xffffff))
        return;
    uint32_t place = number_place(waiter);
    if (place == NUMBER_PLACE_NONE)
        go_on(node, member);
    else if (place < HANDOFF_WINDOW && handoff->slots[place].state == HANDOFF_SLOT_REMOVING)
        remove_hint(node, member, place);
}

void handoff_deinit(struct handoff *handoff) {
    buffer_deinit(&handoff->cursor);
    for (uint32_t i = 0; i < HANDOFF_WINDOW; i++)
        buffer_deinit(&handoff->slots[i].entry);
}
