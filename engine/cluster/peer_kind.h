/* peer_kind: which fields each kind of peer message carries. Only the codec and its tests look here.
 *
 *     read  = FLAGS | MEMBER | KEY
 *     +------ header, 25 bytes ------+-------+--------+-----+
 *     | size check kind request clock | flags | member | key |
 *     +-------------------------------+-------+--------+-----+
 *
 * The fields stand in a frame in the order of their bits, whatever the kind, so that one encoder and
 * one decoder serve all. Payload and items have no length of their own: they are the frame's rest.
 *
 *     uint32_t fields = peer_kind_fields(PEER_READ);
 *     if (fields & PEER_FIELD_KEY) ...
 */
#ifndef DUNLIN_CLUSTER_PEER_KIND_H
#define DUNLIN_CLUSTER_PEER_KIND_H

#include "engine/cluster/peer_message.h"

enum peer_field {
    PEER_FIELD_VERSION = 1 << 0,     /* u32 */
    PEER_FIELD_STATUS = 1 << 1,      /* u8 */
    PEER_FIELD_FLAGS = 1 << 2,       /* u8 */
    PEER_FIELD_QUORUM = 1 << 3,      /* w u8, dw u8, pw u8, timeout u32 */
    PEER_FIELD_INCARNATION = 1 << 4, /* u64 */
    PEER_FIELD_DIGEST = 1 << 5,      /* u64 */
    PEER_FIELD_MEMBER = 1 << 6,      /* varint */
    PEER_FIELD_DOT = 1 << 7,         /* counter varint; unless that is 0, actor u64 */
    PEER_FIELD_CLUSTER = 1 << 8,     /* bytes: length varint, then as many */
    PEER_FIELD_SECRET = 1 << 9,      /* bytes */
    PEER_FIELD_KEY = 1 << 10,        /* bytes */
    PEER_FIELD_CONTEXT = 1 << 11,    /* bytes: a version vector, or nothing */
    PEER_FIELD_ITEMS = 1 << 12,      /* (position u32, digest u64)* to the end */
    PEER_FIELD_PAYLOAD = 1 << 13,    /* bytes to the end */
};

enum {
    PEER_PREFIX_SIZE = 4 + 4,     /* size, check */
    PEER_HEADER_SIZE = 1 + 8 + 8, /* kind, request, clock */
    PEER_TREE_ITEM_SIZE = 4 + 8,
    PEER_VARINT_SIZE_MAX = 10,
    PEER_FLAGS_KNOWN = 0xff,
};

/* 0 when there is no such kind. */
uint32_t peer_kind_fields(uint32_t kind);
/* The largest whole frame of a kind that exists, in bytes. */
uint64_t peer_kind_frame_max(uint32_t kind);

#endif
