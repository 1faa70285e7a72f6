#include "engine/cluster/peer_kind.h"

/* Short, so that the table below reads as one. */
enum {
    VERSION = PEER_FIELD_VERSION,
    STATUS = PEER_FIELD_STATUS,
    FLAGS = PEER_FIELD_FLAGS,
    QUORUM = PEER_FIELD_QUORUM,
    INCARNATION = PEER_FIELD_INCARNATION,
    DIGEST = PEER_FIELD_DIGEST,
    MEMBER = PEER_FIELD_MEMBER,
    DOT = PEER_FIELD_DOT,
    CLUSTER = PEER_FIELD_CLUSTER,
    SECRET = PEER_FIELD_SECRET,
    KEY = PEER_FIELD_KEY,
    CONTEXT = PEER_FIELD_CONTEXT,
    ITEMS = PEER_FIELD_ITEMS,
    PAYLOAD = PEER_FIELD_PAYLOAD,
};

/* kind, its name for people, its fields */
#define PEER_KINDS(X)                                                                              \
    X(HELLO, "hello", VERSION | INCARNATION | MEMBER | CLUSTER | SECRET)                           \
    X(WELCOME, "welcome", VERSION | STATUS | INCARNATION | DIGEST | MEMBER)                        \
    X(GOSSIP, "gossip", PAYLOAD)                                                                   \
    X(GOSSIP_REPLY, "gossip reply", PAYLOAD)                                                       \
    X(PROBE, "probe", MEMBER)                                                                      \
    X(PROBE_REPLY, "probe reply", STATUS | MEMBER)                                                 \
    X(PUT, "put", FLAGS | QUORUM | KEY | CONTEXT | PAYLOAD)                                        \
    X(PUT_REPLY, "put reply", STATUS | FLAGS | CONTEXT)                                            \
    X(WRITE, "write", FLAGS | MEMBER | DOT | KEY | PAYLOAD)                                        \
    X(WRITE_REPLY, "write reply", STATUS | FLAGS)                                                  \
    X(READ, "read", FLAGS | MEMBER | KEY)                                                          \
    X(READ_REPLY, "read reply", STATUS | FLAGS | DIGEST | PAYLOAD)                                 \
    X(TREE_ROOTS, "tree roots", STATUS | FLAGS | KEY | ITEMS)                                      \
    X(TREE_BRANCHES, "tree branches", STATUS | FLAGS | KEY | ITEMS)                                \
    X(TREE_LEAVES, "tree leaves", STATUS | FLAGS | KEY | ITEMS)                                    \
    X(TREE_KEYS, "tree keys", STATUS | FLAGS | PAYLOAD)                                            \
    X(TREE_SYNC, "tree sync", STATUS | FLAGS | KEY | PAYLOAD)                                      \
    X(TREE_SYNC_REPLY, "tree sync reply", STATUS | FLAGS | PAYLOAD)

struct peer_kind {
    const char *name; /* null when there is no such kind */
    uint32_t fields;
};

#define AS_ROW(kind, name, fields) [PEER_##kind] = {name, fields},
static const struct peer_kind KINDS[PEER_KIND_COUNT] = {PEER_KINDS(AS_ROW)};
#undef AS_ROW

static const char *const STATUS_NAMES[PEER_STATUS_COUNT] = {
    [PEER_OK] = "ok",
    [PEER_BUSY] = "busy",
    [PEER_REFUSED] = "refused",
    [PEER_FAILED] = "failed",
    [PEER_IN_DOUBT] = "in doubt",
    [PEER_UNAVAILABLE] = "unavailable",
    [PEER_NOT_HELD] = "not held",
    [PEER_FULL] = "full",
    [PEER_NO_SPACE] = "no space",
};

uint32_t peer_kind_fields(uint32_t kind) {
    return kind < PEER_KIND_COUNT ? KINDS[kind].fields : 0;
}

uint64_t peer_kind_frame_max(uint32_t kind) {
    uint32_t fields = peer_kind_fields(kind);
    if ((fields & (KEY | CONTEXT | ITEMS | PAYLOAD)) != 0)
        return PEER_FRAME_MAX;
    return PEER_SMALL_FRAME_MAX;
}

const char *peer_message_name(enum peer_message_kind kind) {
    bool known = (uint32_t)kind < PEER_KIND_COUNT && KINDS[kind].name != NULL;
    return known ? KINDS[kind].name : "unknown message";
}

const char *peer_status_name(enum peer_status status) {
    return (uint32_t)status < PEER_STATUS_COUNT ? STATUS_NAMES[status] : "unknown status";
}
