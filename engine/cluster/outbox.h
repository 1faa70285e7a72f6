/* outbox: messages of the membership that wait until the node takes them, oldest first.
 *
 * Bounded: what finds no room is dropped, because gossip and probes are repeated anyway.
 *
 *     outbox_init(&outbox, 64);
 *     outbox_push(&outbox, target, &(struct peer_message){.kind = PEER_PROBE, .member = id});
 *     while (outbox_pop(&outbox, &target, &message)) ...
 *     outbox_deinit(&outbox);
 */
#ifndef DUNLIN_CLUSTER_OUTBOX_H
#define DUNLIN_CLUSTER_OUTBOX_H

#include "engine/cluster/peer_message.h"

struct outbox_entry {
    enum peer_message_kind kind;
    enum peer_status status;
    uint32_t target;
    uint64_t request;
    uint64_t member;
    size_t payload_at, payload_size; /* in payloads */
};

struct outbox {
    struct outbox_entry *entries;
    uint32_t capacity, first, count;
    struct buffer payloads; /* of all that waits; emptied when nothing does */
};

void outbox_init(struct outbox *outbox, uint32_t capacity);
void outbox_deinit(struct outbox *outbox);
/* Keeps kind, status, request, member and a copy of the payload. False when there was no room. */
bool outbox_push(struct outbox *outbox, uint32_t target, const struct peer_message *message);
/* The payload is borrowed until the next push. */
bool outbox_pop(struct outbox *outbox, uint32_t *target, struct peer_message *message);

#endif
