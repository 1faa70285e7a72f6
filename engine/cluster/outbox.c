#include "engine/cluster/outbox.h"
#include "engine/base/memory.h"

void outbox_init(struct outbox *outbox, uint32_t capacity) {
    CHECK(capacity > 0);
    *outbox = (struct outbox){.capacity = capacity};
    outbox->entries = memory_allocate_zeroed(capacity, sizeof *outbox->entries);
}

void outbox_deinit(struct outbox *outbox) {
    memory_release(outbox->entries);
    buffer_deinit(&outbox->payloads);
    *outbox = (struct outbox){0};
}

bool outbox_push(struct outbox *outbox, uint32_t target, const struct peer_message *message) {
    if (outbox->count == outbox->capacity)
        return false;
    if (outbox->count == 0)
        buffer_clear(&outbox->payloads);
    uint32_t at = (outbox->first + outbox->count) % outbox->capacity;
    outbox->entries[at] = (struct outbox_entry){
        .kind = message->kind,
        .status = message->status,
        .target = target,
        .request = message->request,
        .member = message->member,
        .payload_at = outbox->payloads.size,
        .payload_size = message->payload.size,
    };
    buffer_append(&outbox->payloads, message->payload);
    outbox->count++;
    return true;
}

bool outbox_pop(struct outbox *outbox, uint32_t *target, struct peer_message *message) {
    if (outbox->count == 0)
        return false;
    const struct outbox_entry *entry = &outbox->entries[outbox->first];
    *target = entry->target;
    *message = (struct peer_message){
        .kind = entry->kind,
        .status = entry->status,
        .request = entry->request,
        .member = entry->member,
        .payload =
            bytes_slice(buffer_bytes(&outbox->payloads), entry->payload_at, entry->payload_size),
    };
    outbox->first = (outbox->first + 1) % outbox->capacity;
    outbox->count--;
    return true;
}
