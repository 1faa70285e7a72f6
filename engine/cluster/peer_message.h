/* peer_message: what nodes say to each other, and the frames that carry it.
 *
 *     +-----------+-----------+------+--------------+-----------+------------------+
 *     | size u32  | check u32 | kind | request u64  | clock u64 | body of the kind |
 *     +-----------+-----------+------+--------------+-----------+------------------+
 *      size counts what follows the check; check is checksum32 of what follows it.
 *      clock is the sender's hybrid logical timestamp, so that every message carries time forward.
 *
 * A link between peers begins with PEER_HELLO from the side that dialled and PEER_WELCOME in answer; nothing else is
 * accepted before. Requests go out on the link that their sender dialled, replies come back on it, matched by the request number
 * that the sender chose. Decoded bytes are borrowed from the frame.
 *
 * A frame carries only the fields of its kind (peer_kind.h has the table), so that what decoding gives for every other
 * field is zero. The bytes are in docs/formats/peer_protocol.md.
 *
 *     struct peer_message message = {.kind = PEER_READ, .request = 7, .key = key};
 *     peer_message_encode(&message, &link->output);
 *
 *     size_t used; enum peer_frame_status status = peer_message_decode(received, &used, &message);
 *
 * A payload that is not bytes yet is made in the frame itself:
 *
 *     size_t begun = peer_message_begin(&message, &link->output);   // everything but the payload
 *     object_encode(object, &link->output);
 *     peer_message_finish(&link->output, begun);
 */
#ifndef DUNLIN_CLUSTER_PEER_MESSAGE_H
#define DUNLIN_CLUSTER_PEER_MESSAGE_H

#include "engine/data/causal.h"

enum {
    PEER_PROTOCOL_VERSION = 1,
    PEER_FRAME_MAX = 80 << 20, /* bytes: an object of many large siblings must fit */
    PEER_SMALL_FRAME_MAX =
        4096, /* bytes: of kinds without key, context, items and payload, so of a greeting too */
    PEER_TREE_ITEMS_MAX = 16384,
};

enum peer_message_kind {
    PEER_HELLO = 1, /* version, cluster, secret, member, incarnation */
    PEER_WELCOME, /* version, member, incarnation, status: not PEER_OK refuses, and the link is closed;
                     digest = the dialling member's last incarnation that this one knew of, 0 for none */
    PEER_GOSSIP, /* payload = member records (membership.h): push; answered by PEER_GOSSIP_REPLY: pull */
    PEER_GOSSIP_REPLY, /* payload */
    PEER_PROBE, /* member = whom to probe: the receiver itself, or somebody it should ask on our behalf */
    PEER_PROBE_REPLY, /* member = who was alive; status */
    PEER_PUT, /* handed to a replica: keyspace-resolved put. key, payload = value, context, quorum, flags */
    PEER_PUT_REPLY, /* status, flags (existed), context = of the new write */
    PEER_WRITE, /* merge this object: key, payload = object, flags, member = hint target, dot = of a blind write */
    PEER_WRITE_REPLY, /* status, flags (durable) */
    PEER_READ,        /* key, flags (digest only, on behalf of `member`) */
    PEER_READ_REPLY, /* status, flags, digest, payload = object unless only the digest was asked for */
    /* All that begin with PEER_TREE carry status and flags; the three with items carry a key as well. */
    PEER_TREE_ROOTS,    /* items = (partition, root) that both share */
    PEER_TREE_BRANCHES, /* items = (partition << 4 | branch, digest) of the partitions that differ */
    PEER_TREE_LEAVES, /* items = (partition << 8 | leaf, digest) of the branches that differ; key = where to go on */
    PEER_TREE_KEYS, /* payload = of the leaves that differ: list of (position u32, key, digest u64); flags: more follow */
    PEER_TREE_SYNC, /* key, payload = the sender's object, or empty: merge it, and answer with yours if that differs */
    PEER_TREE_SYNC_REPLY, /* status, payload = merged object when it differs from what was sent, else empty */
    PEER_KIND_COUNT,
};

enum peer_status {
    PEER_OK = 0,
    PEER_BUSY,        /* overloaded: nothing was done */
    PEER_REFUSED,     /* nothing was done, and asking again will not help */
    PEER_FAILED,      /* the receiver's disk failed: whether it was done is not known */
    PEER_IN_DOUBT,    /* of a handed-over put: some replica may have it */
    PEER_UNAVAILABLE, /* of a handed-over put: too few replicas; nothing was done */
    PEER_NOT_HELD, /* the receiver does not hold this partition in full: its answer does not count as a read */
    PEER_FULL,     /* too many siblings: nothing was done */
    PEER_NO_SPACE, /* on the receiver's disk: nothing was done */
    PEER_STATUS_COUNT,
};

enum peer_flag {
    PEER_FLAG_DURABLE = 1,   /* asked: answer when durable. Answered: it is durable */
    PEER_FLAG_HINT = 2,      /* keep this as a hint for `member` */
    PEER_FLAG_BLIND = 4,     /* a write without context; `dot` names the blind sibling */
    PEER_FLAG_TOMBSTONE = 8, /* of a put: it deletes */
    PEER_FLAG_DIGEST_ONLY = 16,
    PEER_FLAG_EXISTED = 32, /* the put replaced a live value */
    PEER_FLAG_MORE = 64,
    PEER_FLAG_REPAIR = 128, /* a write that repairs: handoff, read repair, anti-entropy */
};

struct peer_quorum {
    uint8_t w, dw, pw;
    uint32_t timeout_milliseconds; /* what is left of the request's deadline */
};

struct peer_tree_item {
    uint32_t position;
    uint64_t digest;
};

struct peer_message {
    enum peer_message_kind kind;
    uint64_t request;
    struct timestamp clock;
    enum peer_status status;
    uint32_t flags; /* enum peer_flag */
    uint32_t version;
    struct bytes cluster, secret;
    uint64_t member; /* an id; 0: nobody */
    uint64_t incarnation;
    struct bytes key;
    struct bytes payload;
    struct dot dot; /* counter 0: none */
    uint64_t digest;
    struct peer_quorum quorum;
    const struct version_vector *context; /* to encode; null means none */
    struct bytes context_bytes;           /* decoded: vector_decode() reads it; empty means none */
    const struct peer_tree_item *items;   /* to encode */
    uint32_t item_count;
    struct bytes item_bytes; /* decoded: peer_tree_item_at() reads them */
};

enum peer_frame_status {
    PEER_FRAME_OK,
    PEER_FRAME_PARTIAL, /* more bytes are needed */
    PEER_FRAME_CORRUPT, /* wrong checksum, unknown kind, fields that do not fit: close the link */
};

/* Appends one frame. The message must fit: a value that a frame of its kind cannot hold is a programming error. */
void peer_message_encode(const struct peer_message *message, struct buffer *to);
/* The frame without its payload, which the caller appends; message->payload is not looked at. The kind must have one.
 * Returns what peer_message_finish() needs. */
MUST_USE size_t peer_message_begin(const struct peer_message *message, struct buffer *to);
void peer_message_finish(struct buffer *to, size_t begun);

/* On PEER_FRAME_OK, *used is the frame's size. PEER_FRAME_PARTIAL holds only while the frame may still be a good one: a
 * size that its kind cannot have is corrupt at once. The context is not looked into: vector_decode() may refuse it. */
MUST_USE enum peer_frame_status peer_message_decode(struct bytes from, size_t *used,
                                                    struct peer_message *message);
struct peer_tree_item peer_tree_item_at(const struct peer_message *message, uint32_t index);
/* For narration: "read", "write reply" ... */
const char *peer_message_name(enum peer_message_kind kind);
/* "ok", "busy", "in doubt" ... */
const char *peer_status_name(enum peer_status status);

#endif
