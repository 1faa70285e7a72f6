/* CLUSTER: SLOTS SHARDS NODES INFO KEYSLOT MYID, from the ring and the life signs of its members.
 *
 * Every node answers every key, so these only tell a client where a request has the shortest way. Slots next to each
 * other with the same preference list are one range; of the list the first n members count that have an address for
 * clients, those that seem to be alive first: a client that takes the first one as the "master" of a slot then always
 * finds somebody.
 */
#include "engine/base/hash.h"
#include "engine/data/slot.h"
#include "engine/node/command_internal.h"

struct slot_range {
    uint32_t from, to; /* slots, both included */
    uint32_t member_count;
    uint16_t members[RING_LIST_MAX];
};

struct endpoint {
    struct bytes host;
    uint64_t port;
};

/* --- members -------------------------------------------------------------------------------------------------------- */

/* "host:port", "[::1]:port" */
static struct endpoint endpoint_of(struct bytes address) {
    struct endpoint endpoint = {.host = address};
    size_t colon = address.size;
    while (colon > 0 && address.data[colon - 1] != ':')
        colon -= 1;
    if (colon == 0)
        return endpoint;
    endpoint.host = bytes_slice(address, 0, colon - 1);
    if (!text_parse_u64(bytes_slice(address, colon, address.size - colon), &endpoint.port) ||
        endpoint.port > UINT16_MAX)
        endpoint.port = 0;
    size_t size = endpoint.host.size;
    if (size >= 2 && endpoint.host.data[0] == '[' && endpoint.host.data[size - 1] == ']')
        endpoint.host = bytes_slice(endpoint.host, 1, size - 2);
    return endpoint;
}

static uint64_t id_of_member(const struct session *session, uint32_t member) {
    return hash64(node_member(session->node, member)->name);
}

static bool is_alive(const struct session *session, uint32_t member) {
    return member == node_self(session->node) ||
           membership_is_usable(node_membership(session->node), member);
}

void command_append_node_id(struct buffer *to, uint64_t member_id) {
    text_append_hex64(to, member_id);
    text_append_hex64(to, hash_mix(member_id, 1));
    text_append_hex64(to, hash_mix(member_id, 2));
    to->size -= 8; /* 40 digits */
}

static void put_node_id(struct session *session, struct buffer *out, uint32_t member) {
    struct buffer *id = &session->scratch;
    buffer_clear(id);
    command_append_node_id(id, id_of_member(session, member));
    resp_put_bulk(out, buffer_bytes(id));
}

/* --- ranges of slots ------------------------------------------------------------------------------------------------ */

static void list_members(const struct session *session, uint32_t partition,
                         struct slot_range *range) {
    const struct ring *ring = node_ring(session->node);
    const uint16_t *list = ring_preference(ring, (uint16_t)partition);
    uint32_t n = node_keyspace_of(session->node, (struct bytes){0})->n;
    if (n > ring->list_size)
        n = ring->list_size;
    range->member_count = 0;
    for (int alive = 1; alive >= 0; alive--) {
        for (uint32_t i = 0; i < n; i++) {
            if (node_member(session->node, list[i])->client_address.size > 0 &&
                is_alive(session, list[i]) == (alive == 1))
                range->members[range->member_count++] = list[i];
        }
    }
}

static bool same_members(const struct slot_range *left, const struct slot_range *right) {
    return left->member_count == right->member_count &&
           memcmp(left->members, right->members, left->member_count * sizeof left->members[0]) == 0;
}

/* Takes the range that begins with *partition and moves behind it. False at the end. */
static bool next_range(const struct session *session, uint32_t *partition,
                       struct slot_range *range) {
    uint32_t partitions = node_ring(session->node)->partition_count;
    if (*partition >= partitions)
        return false;
    list_members(session, *partition, range);
    range->from = slot_of_partition((uint16_t)*partition, partitions);
    struct slot_range next;
    do {
        *partition += 1;
        if (*partition < partitions)
            list_members(session, *partition, &next);
    } while (*partition < partitions && same_members(range, &next));
    range->to = *partition < partitions ? slot_of_partition((uint16_t)*partition, partitions) - 1u
                                        : SLOT_COUNT - 1u;
    return true;
}

static uint32_t count_ranges(const struct session *session) {
    uint32_t count = 0;
    uint32_t partition = 0;
    struct slot_range range;
    while (next_range(session, &partition, &range))
        count += range.member_count > 0;
    return count;
}

/* --- SLOTS and SHARDS ----------------------------------------------------------------------------------------------- */

static void put_slots(struct session *session, struct buffer *out) {
    resp_put_array(out, count_ranges(session));
    uint32_t partition = 0;
    struct slot_range range;
    while (next_range(session, &partition, &range)) {
        if (range.member_count == 0)
            continue;
        resp_put_array(out, 2 + range.member_count);
        resp_put_integer(out, range.from);
        resp_put_integer(out, range.to);
        for (uint32_t i = 0; i < range.member_count; i++) {
            struct endpoint endpoint =
                endpoint_of(node_member(session->node, range.members[i])->client_address);
            resp_put_array(out, 4);
            resp_put_bulk(out, endpoint.host);
            resp_put_integer(out, (int64_t)endpoint.port);
            put_node_id(session, out, range.members[i]);
            resp_put_array(out, 0);
        }
    }
}

static void put_shard_member(struct session *session, struct buffer *out, uint32_t member,
                             bool first) {
    struct endpoint endpoint = endpoint_of(node_member(session->node, member)->client_address);
    resp_put_map(out, session->protocol, 7);
    resp_put_text(out, "id");
    put_node_id(session, out, member);
    resp_put_text(out, "port");
    resp_put_integer(out, (int64_t)endpoint.port);
    resp_put_text(out, "ip");
    resp_put_bulk(out, endpoint.host);
    resp_put_text(out, "endpoint");
    resp_put_bulk(out, endpoint.host);
    resp_put_text(out, "role");
    resp_put_text(out, first ? "master" : "replica");
    resp_put_text(out, "replication-offset");
    resp_put_integer(out, 0);
    resp_put_text(out, "health");
    resp_put_text(out, is_alive(session, member) ? "online" : "failed");
}

static void put_shards(struct session *session, struct buffer *out) {
    resp_put_array(out, count_ranges(session));
    uint32_t partition = 0;
    struct slot_range range;
    while (next_range(session, &partition, &range)) {
        if (range.member_count == 0)
            continue;
        resp_put_map(out, session->protocol, 2);
        resp_put_text(out, "slots");
        resp_put_array(out, 2);
        resp_put_integer(out, range.from);
        resp_put_integer(out, range.to);
        resp_put_text(out, "nodes");
        resp_put_array(out, range.member_count);
        for (uint32_t i = 0; i < range.member_count; i++)
            put_shard_member(session, out, range.members[i], i == 0);
    }
}

/* --- NODES and INFO ------------------------------------------------------------------------------------------------- */

static void append_slots_of(const struct session *session, struct buffer *text, uint32_t member) {
    uint32_t partition = 0;
    struct slot_range range;
    while (next_range(session, &partition, &range)) {
        if (range.member_count == 0 || range.members[0] != member)
            continue;
        text_append(text, " ");
        text_append_u64(text, range.from);
        text_append(text, "-");
        text_append_u64(text, range.to);
    }
}

/* Lines as Redis Cluster writes them; every member is a master, of the slots that it comes first for. */
static void put_nodes(struct session *session, struct buffer *out) {
    struct buffer *text = &session->scratch;
    buffer_clear(text);
    uint32_t members = node_ring(session->node)->member_count;
    for (uint32_t i = 0; i < members; i++) {
        struct endpoint endpoint = endpoint_of(node_member(session->node, i)->client_address);
        command_append_node_id(text, id_of_member(session, i));
        text_append(text, " ");
        buffer_append(text, endpoint.host);
        text_append(text, ":");
        text_append_u64(text, endpoint.port);
        text_append(text, "@0 ");
        text_append(text, i == node_self(session->node) ? "myself,master" : "master");
        text_append(text,
                    is_alive(session, i) ? " - 0 0 0 connected" : ",fail? - 0 0 0 disconnected");
        append_slots_of(session, text, i);
        text_append(text, "\n");
    }
    resp_put_verbatim(out, session->protocol, buffer_bytes(text));
}

static void append_figure(struct buffer *text, const char *name, uint64_t value) {
    text_append(text, name);
    text_append(text, ":");
    text_append_u64(text, value);
    text_append(text, "\r\n");
}

static void put_info(struct session *session, struct buffer *out) {
    struct buffer *text = &session->scratch;
    buffer_clear(text);
    uint32_t members = node_ring(session->node)->member_count;
    uint32_t alive = 0;
    for (uint32_t i = 0; i < members; i++)
        alive += is_alive(session, i);
    bool serves = node_phase(session->node) == NODE_SERVING;
    text_append(text, serves ? "cluster_state:ok\r\n" : "cluster_state:fail\r\n");
    append_figure(text, "cluster_slots_assigned", SLOT_COUNT);
    append_figure(text, "cluster_slots_ok", SLOT_COUNT);
    append_figure(text, "cluster_slots_pfail", 0);
    append_figure(text, "cluster_slots_fail", 0);
    append_figure(text, "cluster_known_nodes", members);
    append_figure(text, "cluster_size", members);
    append_figure(text, "cluster_nodes_alive", alive);
    append_figure(text, "cluster_partitions", node_ring(session->node)->partition_count);
    append_figure(text, "cluster_current_epoch", 0);
    append_figure(text, "cluster_my_epoch", 0);
    resp_put_verbatim(out, session->protocol, buffer_bytes(text));
}

void command_cluster(struct session *session, const struct call *call, struct buffer *out) {
    struct bytes what = call->words[1];
    if (command_word_is(what, "SLOTS") && call->count == 2)
        put_slots(session, out);
    else if (command_word_is(what, "SHARDS") && call->count == 2)
        put_shards(session, out);
    else if (command_word_is(what, "NODES") && call->count == 2)
        put_nodes(session, out);
    else if (command_word_is(what, "INFO") && call->count == 2)
        put_info(session, out);
    else if (command_word_is(what, "KEYSLOT") && call->count == 3)
        resp_put_integer(out, slot_of_key(call->words[2]));
    else if (command_word_is(what, "MYID") && call->count == 2)
        put_node_id(session, out, node_self(session->node));
    else
        command_put_unknown_subcommand(out, call);
}
