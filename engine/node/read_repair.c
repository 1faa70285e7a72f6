#include "engine/node/narration.h"
#include "engine/node/node_state.h"

/* Objects have one encoding each, so equal bytes are equal objects; most answers need no decoding.
 */
static bool take_first(struct node *node, struct request *request, struct request_slot *slot,
                       struct bytes payload) {
    if (payload.size > 0 && !object_decode(payload, &node->received))
        return false;
    buffer_append(&request->object, payload);
    request->revision = 1;
    slot->revision = 1;
    return true;
}

/* The object grows, and whoever held the former one holds less now. */
static void replace_object(struct request *request, struct bytes merged) {
    buffer_clear(&request->object);
    buffer_append(&request->object, merged);
    request->revision++;
}

bool read_merge(struct node *node, struct request *request, struct request_slot *slot,
                struct bytes payload) {
    if (request->revision == 0)
        return take_first(node, request, slot, payload);
    struct bytes present = buffer_bytes(&request->object);
    slot->revision = 0;
    if (bytes_equal(present, payload)) {
        slot->revision = request->revision;
        return true;
    }
    if (payload.size == 0)
        return true;
    if (!object_decode(payload, &node->received))
        return false;
    if (present.size > 0) {
        bool decoded = object_decode(present, &node->local);
        CHECK(decoded);
        if (object_merge(&node->received, &node->local) != OBJECT_OK)
            return false;
        replica_settle_object(&node->received);
    }
    buffer_clear(&node->encoded);
    object_encode(&node->received, &node->encoded);
    struct bytes merged = buffer_bytes(&node->encoded);
    if (bytes_equal(merged, present))
        return true;
    bool has_all = bytes_equal(merged, payload);
    replace_object(request, merged);
    if (has_all)
        slot->revision = request->revision;
    return true;
}

static bool slot_holds(const struct request *request, const struct request_slot *slot) {
    bool repaired = slot->repairs_under_way == 0 && slot->repair_revision == request->revision;
    return slot->state == SLOT_ANSWERED && (slot->revision == request->revision || repaired);
}

uint32_t read_repair_holders(const struct request *request) {
    uint32_t holders = 0;
    for (uint32_t i = 0; i < request->slot_count; i++)
        holders += slot_holds(request, &request->slots[i]);
    return holders;
}

static bool send_to_peer(struct node *node, const struct request *request, uint32_t member,
                         bool tracked) {
    struct peer_message message = {
        .kind = PEER_WRITE,
        .request = tracked ? request->number : 0,
        .key = buffer_bytes(&request->key),
        .payload = buffer_bytes(&request->object),
        .flags = PEER_FLAG_REPAIR,
    };
    return peer_is_usable(node, member) && peer_send(node, member, &message);
}

static void repair_slot(struct node *node, struct request *request, struct request_slot *slot,
                        bool tracked) {
    if (narrates(node, NOTE_DETAIL))
        narrate_about_key(node, NOTE_DETAIL, "repairs", slot->member, buffer_bytes(&request->key));
    if (!is_self(node, slot->member) && !send_to_peer(node, request, slot->member, tracked))
        return;
    node->figures.read_repairs++;
    slot->repair_revision = request->revision;
    slot->repairs_under_way = (uint8_t)(slot->repairs_under_way + tracked);
    if (!is_self(node, slot->member))
        return;
    struct replica_write write = {.key = buffer_bytes(&request->key),
                                  .object = buffer_bytes(&request->object)};
    if (tracked)
        write.origin = (struct origin){.kind = ORIGIN_REQUEST, .number = request->number};
    replica_write(node, &write);
}

uint32_t read_repair_send(struct node *node, struct request *request, bool tracked) {
    uint64_t number = request->number;
    uint32_t under_way = 0;
    for (uint32_t i = 0; i < request->n; i++) {
        struct request_slot *slot = &request->slots[i];
        bool is_sent = slot->repair_revision == request->revision;
        if (slot->state == SLOT_ANSWERED && slot->revision != request->revision && !is_sent)
            repair_slot(node, request, slot, tracked);
        /* A refusal of this node's own store may have ended the request. */
        if (request->number != number)
            return 0;
        under_way += slot->repairs_under_way > 0;
    }
    return under_way;
}
