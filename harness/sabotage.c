#include "harness/sabotage.h"

#include "engine/cluster/peer_message.h"

#include <stdlib.h>

static uint32_t keep_first_branches(const struct peer_message *message,
                                    struct peer_tree_item *kept) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < message->item_count; i++) {
        struct peer_tree_item item = peer_tree_item_at(message, i);
        if ((item.position & 15) < 8)
            kept[count++] = item;
    }
    return count;
}

/* Changes one message in place; false when it is none that this sabotage touches. */
static bool change(enum sabotage sabotage, struct peer_message *message, uint8_t *key,
                   struct peer_tree_item *items) {
    switch (sabotage) {
    case SABOTAGE_HINTS_LOST:
        if (message->kind != PEER_WRITE || message->key.size == 0 || message->key.size > 255 ||
            message->flags != (PEER_FLAG_REPAIR | PEER_FLAG_DURABLE))
            return false;
        memcpy(key, message->key.data, message->key.size);
        key[message->key.size - 1] ^= 0x40;
        message->key.data = key;
        return true;
    case SABOTAGE_BRANCHES_SKIPPED:
        if (message->kind != PEER_TREE_BRANCHES)
            return false;
        message->item_count = keep_first_branches(message, items);
        message->items = items;
        return true;
    case SABOTAGE_REPLICA_IGNORED:
        if (message->kind != PEER_READ_REPLY)
            return false;
        message->payload = (struct bytes){0};
        message->digest = 0;
        return true;
    case SABOTAGE_NONE:
    case SABOTAGE_SYNC_LIES:
        return false;
    }
    return false;
}

/* Whole frames only: what does not decode is left as it is. */
static void change_frames(enum sabotage sabotage, struct effects *effects, struct effect *send) {
    struct peer_tree_item *items = malloc(PEER_TREE_ITEMS_MAX * sizeof *items);
    struct buffer changed = {0};
    size_t at = 0;
    bool any = false;
    CHECK(items != NULL);
    while (at < send->bytes.size) {
        struct peer_message message;
        size_t used;
        uint8_t key[255];
        struct bytes rest = bytes_slice(send->bytes, at, send->bytes.size - at);
        if (peer_message_decode(rest, &used, &message) != PEER_FRAME_OK)
            break;
        if (change(sabotage, &message, key, items)) {
            peer_message_encode(&message, &changed);
            any = true;
        } else {
            buffer_append(&changed, bytes_slice(rest, 0, used));
        }
        at += used;
    }
    buffer_append(&changed, bytes_slice(send->bytes, at, send->bytes.size - at));
    if (any)
        send->bytes = arena_copy(&effects->arena, buffer_bytes(&changed));
    buffer_deinit(&changed);
    free(items);
}

void sabotage_effects(enum sabotage sabotage, struct effects *effects) {
    for (size_t i = 0; i < effects->count; i++) {
        struct effect *effect = &effects->items[i];
        if (effect->kind == EFFECT_SYNC && sabotage == SABOTAGE_SYNC_LIES)
            effect->kind = EFFECT_SYNC_DIRECTORY;
        else if (effect->kind == EFFECT_SEND && sabotage != SABOTAGE_SYNC_LIES)
            change_frames(sabotage, effects, effect);
    }
}
