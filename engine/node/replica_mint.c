#include "engine/data/entry_key.h"
#include "engine/node/node_state.h"

/* True when the vector covers a sibling that is not the new write. */
static bool covers_another(const struct object *object, const struct version_vector *vector,
                           struct dot own) {
    for (uint32_t i = 0; i < object->sibling_count; i++) {
        struct dot dot = object->siblings[i].dot;
        bool is_own = dot.actor == own.actor && dot.counter == own.counter;
        if (!is_own && vector_covers(vector, dot))
            return true;
    }
    return false;
}

/* The client may claim to have seen its own write and what it had seen before; after a blind write,
 * everything that this replica held. A vector says "up to", so it cannot name the new dot without
 * the earlier dots of this actor. When one of these is a sibling that the client has not seen, the
 * claim would let its next write wipe that sibling out unseen; the client then gets back what it
 * came with. */
static void claim_context(struct node *node, struct replica_mint *mint) {
    if (mint->blind) {
        vector_encode(&node->local.vector, mint->context_after);
        return;
    }
    struct version_vector *claimed = &node->vector;
    claimed->count = 0;
    bool fits = vector_join(claimed, mint->context) && vector_raise(claimed, mint->dot);
    if (fits && !covers_another(&node->local, claimed, mint->dot))
        vector_encode(claimed, mint->context_after);
    else
        vector_encode(mint->context, mint->context_after);
}

/* A timestamp must not lie before what is held already: the logical clock starts anew with the
 * process, and the wall clock may have been set back. */
static void draw_timestamp(struct node *node, struct replica_mint *mint) {
    for (uint32_t i = 0; i < node->local.sibling_count; i++)
        logical_clock_observe(&node->clock, node->local.siblings[i].at, node->wall);
    mint->at = logical_clock_tick(&node->clock, node->wall);
}

static enum store_status store_minted(struct node *node, struct replica_mint *mint,
                                      const struct placement *place, struct tally_change tally) {
    tally.tally = tally_of(node, place);
    struct store_batch batch = {.count = 1, .has_tally = true, .tally = tally};
    batch.entries[0] = (struct store_entry){.key = buffer_bytes(&node->entry),
                                            .value = buffer_bytes(mint->object)};
    return replica_store_write(node, &batch, &mint->sequence);
}

static enum mint_outcome outcome_of(enum store_status status) {
    if (status == STORE_FULL)
        return MINT_NO_SPACE;
    return status == STORE_BUSY ? MINT_BUSY : MINT_FAILED;
}

static enum mint_outcome write_and_store(struct node *node, struct replica_mint *mint,
                                         const struct placement *place) {
    struct object *object = &node->local;
    uint64_t old_digest = object_digest(object, mint->key);
    mint->existed = object_live_count(object) > 0;
    draw_timestamp(node, mint);
    struct object_write write = {
        .value = mint->value, .at = mint->at, .tombstone = mint->tombstone, .blind = mint->blind};
    if (object_write(object, node->actor, mint->context, &write, &mint->dot) != OBJECT_OK)
        return MINT_FULL;
    struct tally_change tally = {
        .digest = old_digest ^ object_digest(object, mint->key),
        .count = (int64_t)(object_live_count(object) > 0) - (int64_t)mint->existed,
    };
    object_encode(object, mint->object);
    if (mint->object->size > STORE_VALUE_MAX) {
        buffer_deinit(mint->object);
        return MINT_FULL;
    }
    enum store_status status = store_minted(node, mint, place, tally);
    if (status != STORE_OK) {
        buffer_clear(mint->object);
        return outcome_of(status);
    }
    claim_context(node, mint);
    node->figures.siblings_created += object->sibling_count > 1;
    return MINT_DONE;
}

enum mint_outcome replica_mint(struct node *node, struct replica_mint *mint) {
    struct placement place = placement_of(node, mint->key);
    CHECK(place.self_is_owner && node->actor != 0);
    CHECK(mint->blind == (mint->context == NULL));
    buffer_clear(&node->entry);
    struct entry_key entry = {
        .space = ENTRY_DATA, .partition = place.partition, .leaf = place.leaf, .key = mint->key};
    entry_key_encode(&entry, &node->entry);
    struct bytes old = {0};
    object_clear(&node->local);
    switch (replica_get(node, buffer_bytes(&node->entry), mint->waiter, &old)) {
    case STORE_OK:
        return object_decode(old, &node->local) ? write_and_store(node, mint, &place)
                                                : MINT_CORRUPT;
    case STORE_ABSENT:
        return write_and_store(node, mint, &place);
    case STORE_NEED_BLOCK:
        return MINT_NEEDS_BLOCK;
    case STORE_BUSY:
        return MINT_BUSY;
    case STORE_CORRUPT:
        return MINT_CORRUPT;
    case STORE_FULL:
    case STORE_FAILED:
        break;
    }
    return MINT_FAILED;
}
