#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/node/node_state.h"

static struct bytes copy(struct node *node, struct bytes bytes) {
    return arena_copy(&node->memory, bytes);
}

/* Insertion sort by member id: the ring numbers members in this order. */
static void take_members(struct node *node, const struct node_config *config) {
    uint32_t count = config->member_count;
    node->members = arena_allocate(&node->memory, count * sizeof *node->members);
    node->member_ids = arena_allocate(&node->memory, count * sizeof *node->member_ids);
    for (uint32_t i = 0; i < count; i++) {
        struct member_config member = config->members[i];
        uint64_t id = hash64(member.name);
        member.name = copy(node, member.name);
        member.address = copy(node, member.address);
        member.client_address = copy(node, member.client_address);
        member.host = member.host.size == 0 ? member.name : copy(node, member.host);
        member.rack = copy(node, member.rack);
        member.datacentre = copy(node, member.datacentre);
        uint32_t place = i;
        while (place > 0 && node->member_ids[place - 1] > id) {
            node->members[place] = node->members[place - 1];
            node->member_ids[place] = node->member_ids[place - 1];
            place--;
        }
        node->members[place] = member;
        node->member_ids[place] = id;
    }
    node->self = node_member_of_id(node, hash64(config->name));
    CHECK(node->self != LINK_MEMBER_NONE);
    node->config.members = node->members;
}

/* The longest prefix first, so that the first that fits is the right one. */
static void take_keyspaces(struct node *node, const struct node_config *config) {
    node->keyspace_count = config->keyspace_count;
    struct keyspace_config *configured =
        arena_allocate(&node->memory, config->keyspace_count * sizeof *configured);
    for (uint32_t i = 0; i < config->keyspace_count; i++) {
        struct keyspace keyspace = {.config = config->keyspaces[i]};
        keyspace.config.name = copy(node, keyspace.config.name);
        keyspace.config.prefix = copy(node, keyspace.config.prefix);
        uint32_t hosts = node->ring.list_size;
        keyspace.n = (uint8_t)(keyspace.config.n < hosts ? keyspace.config.n : hosts);
        uint32_t place = i;
        while (place > 0 &&
               node->keyspaces[place - 1].config.prefix.size < keyspace.config.prefix.size) {
            node->keyspaces[place] = node->keyspaces[place - 1];
            place--;
        }
        node->keyspaces[place] = keyspace;
        node->class_mask |= 1u << (keyspace.config.n - 1);
        if (keyspace.n > node->n_most)
            node->n_most = keyspace.n;
        if (keyspace.config.n > node->n_most_configured)
            node->n_most_configured = keyspace.config.n;
    }
    for (uint32_t i = 0; i < node->keyspace_count; i++)
        configured[i] = node->keyspaces[i].config;
    node->config.keyspaces = configured;
}

/* Racks are told apart within their data centre. */
static void build_ring(struct node *node) {
    uint32_t count = node->config.member_count;
    struct ring_member *members = memory_allocate_zeroed(count, sizeof *members);
    for (uint32_t i = 0; i < count; i++) {
        const struct member_config *member = &node->members[i];
        uint64_t datacentre = hash64(member->datacentre);
        members[i] = (struct ring_member){
            .id = node->member_ids[i],
            .weight = member->weight,
            .host = hash64(member->host),
            .rack = hash_mix(datacentre, hash64(member->rack)),
            .datacentre = datacentre,
        };
    }
    ring_build(&node->ring, members, count, node->config.partition_count, node->config.vnodes);
    memory_release(members);
}

static void create_membership(struct node *node) {
    struct membership_options options = {
        .member_count = node->config.member_count,
        .member_ids = node->member_ids,
        .self = node->self,
        .gossip_interval = node->config.gossip_interval,
        .suspect_after_min = node->config.suspect_after_min,
        .dead_after = node->config.dead_after,
        .seed = hash_mix(hash64(node->config.cluster), node->member_ids[node->self]),
    };
    node->membership = membership_create(&options);
}

static void create_peers(struct node *node) {
    node->peers = memory_allocate_zeroed(node->config.member_count, sizeof *node->peers);
    for (uint32_t i = 0; i < node->config.member_count; i++) {
        struct peer *peer = &node->peers[i];
        peer->member = i;
        peer->timer = (struct deadline){.kind = TIMER_PEER, .owner = i};
        peer->handoff.timer = (struct deadline){.kind = TIMER_HANDOFF, .owner = i};
        peer->exchange.timer = (struct deadline){.kind = TIMER_EXCHANGE, .owner = i};
        peer->exchange.slice_timer = (struct deadline){.kind = TIMER_EXCHANGE_SLICE, .owner = i};
    }
}

struct node *node_create(const struct node_config *config) {
    struct node *node = memory_allocate_zeroed(1, sizeof *node);
    node->config = *config;
    node->config.cluster = copy(node, config->cluster);
    node->config.name = copy(node, config->name);
    node->config.password = copy(node, config->password);
    take_members(node, config);
    build_ring(node);
    take_keyspaces(node, config);
    node->stop_timer.kind = TIMER_STOP;
    /* One page of tallies is one Merkle tree; a tree per partition and number of replicas. */
    node->config.store.tally_count =
        NODE_REPLICAS_MAX * config->partition_count * STORE_TALLIES_PER_PAGE;
    /* What is damaged comes back from the other owners. */
    node->config.store.salvages = true;
    node->store = store_create(&node->config.store);
    create_membership(node);
    create_peers(node);
    held_init(node);
    healing_init(node);
    return node;
}

void node_destroy(struct node *node) {
    deadlines_deinit(&node->deadlines); /* before its entries' owners */
    links_deinit(node);
    for (uint32_t i = 0; i < node->config.member_count; i++)
        peer_deinit(&node->peers[i]);
    memory_release(node->peers);
    request_pool_deinit(&node->requests);
    replica_deinit(&node->replica);
    held_deinit(&node->held);
    healing_deinit(&node->healing);
    membership_destroy(node->membership);
    store_destroy(node->store);
    ring_deinit(&node->ring);
    buffer_deinit(&node->start.cursor);
    buffer_deinit(&node->frame);
    buffer_deinit(&node->encoded);
    buffer_deinit(&node->entry);
    buffer_deinit(&node->line);
    memory_release(node->scan_keys);
    arena_deinit(&node->memory);
    memory_release(node);
}
