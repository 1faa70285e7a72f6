#include "tests/node/support/whole/small_cluster_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants these before it. */
#include <cmocka.h>

struct queued_event *small_queue_add(struct small_cluster *cluster, uint32_t node,
                                     enum event_kind kind) {
    struct queued_event *queued = calloc(1, sizeof *queued);
    assert_non_null(queued);
    queued->event.kind = kind;
    queued->node = node;
    queued->life = cluster->nodes[node].life;
    queued->sender = NO_NODE;
    *cluster->last = queued;
    cluster->last = &queued->next;
    return queued;
}

void small_queue_free(struct queued_event *queued) {
    buffer_deinit(&queued->bytes);
    buffer_deinit(&queued->remote);
    free(queued->files);
    free(queued);
}

static bool must_wait(struct small_cluster *cluster, const struct queued_event *queued) {
    if (queued->is_disk)
        return cluster->nodes[queued->node].disk_is_held;
    return queued->sender != NO_NODE && cluster->stalled[queued->sender][queued->node];
}

/* The first event that need not wait. */
struct queued_event *small_queue_take(struct small_cluster *cluster) {
    struct queued_event **place = &cluster->first;
    while (*place != NULL && must_wait(cluster, *place))
        place = &(*place)->next;
    struct queued_event *queued = *place;
    if (queued == NULL)
        return NULL;
    *place = queued->next;
    if (queued->next == NULL)
        cluster->last = place;
    return queued;
}

static struct connection *new_connection(struct small_cluster *cluster) {
    for (uint32_t i = 0; i < CONNECTIONS_MAX; i++) {
        if (!cluster->connections[i].open) {
            if (i >= cluster->connection_count)
                cluster->connection_count = i + 1;
            cluster->connections[i] = (struct connection){.open = true};
            return &cluster->connections[i];
        }
    }
    fail_msg("too many connections");
    return NULL;
}

static struct link_id accept_on(struct small_cluster *cluster, uint32_t index,
                                enum link_role role) {
    struct link_id id = {++cluster->nodes[index].links_accepted * 2};
    struct queued_event *queued = small_queue_add(cluster, index, EVENT_LINK_ACCEPTED);
    queued->event.link = id;
    queued->event.role = role;
    buffer_append(&queued->remote, bytes_of_text("driver:1"));
    return id;
}

void small_links_connect(struct small_cluster *cluster, uint32_t from,
                         const struct effect *effect) {
    uint32_t to = (uint32_t)(effect->bytes.data[1] - '0');
    bool reachable = cluster->nodes[to].node != NULL && !cluster->cut[from][to];
    struct queued_event *answer =
        small_queue_add(cluster, from, reachable ? EVENT_LINK_OPENED : EVENT_LINK_CLOSED);
    answer->event.link = effect->link;
    if (!reachable)
        return;
    struct connection *connection = new_connection(cluster);
    connection->ends[0] = from;
    connection->ends[1] = to;
    connection->lives[0] = cluster->nodes[from].life;
    connection->lives[1] = cluster->nodes[to].life;
    connection->links[0] = effect->link;
    connection->links[1] = accept_on(cluster, to, LINK_PEER);
}

struct connection *small_links_find(struct small_cluster *cluster, uint32_t node,
                                    struct link_id link, uint32_t *end) {
    for (uint32_t i = 0; i < cluster->connection_count; i++) {
        struct connection *connection = &cluster->connections[i];
        for (*end = 0; connection->open && *end < 2; (*end)++) {
            if (connection->ends[*end] == node && connection->links[*end].value == link.value)
                return connection;
        }
    }
    return NULL;
}

static void deliver_bytes(struct small_cluster *cluster, uint32_t from, uint32_t to,
                          struct link_id link, struct bytes bytes) {
    for (size_t taken = 0; taken < bytes.size;) {
        size_t left = bytes.size - taken;
        size_t size = cluster->cuts_bytes && prng_chance(&cluster->prng, 1, 3)
                          ? 1 + (size_t)prng_below_u64(&cluster->prng, left)
                          : left;
        struct queued_event *queued = small_queue_add(cluster, to, EVENT_LINK_BYTES);
        queued->sender = from;
        queued->event.link = link;
        buffer_append(&queued->bytes, bytes_slice(bytes, taken, size));
        taken += size;
    }
}

void small_links_send(struct small_cluster *cluster, uint32_t from, const struct effect *effect) {
    uint32_t end;
    struct connection *connection = small_links_find(cluster, from, effect->link, &end);
    if (connection == NULL)
        return;
    uint32_t to = connection->ends[1 - end];
    if (to == NO_NODE) {
        if (effect->link.value == cluster->nodes[from].client.value)
            buffer_append(&cluster->nodes[from].client_output, effect->bytes);
    } else {
        deliver_bytes(cluster, from, to, connection->links[1 - end], effect->bytes);
    }
    struct queued_event *drained = small_queue_add(cluster, from, EVENT_LINK_DRAINED);
    drained->event.link = effect->link;
}

static void close_end(struct small_cluster *cluster, struct connection *connection, uint32_t end) {
    uint32_t node = connection->ends[end];
    if (node == NO_NODE || cluster->nodes[node].node == NULL ||
        cluster->nodes[node].life != connection->lives[end])
        return;
    struct queued_event *queued = small_queue_add(cluster, node, EVENT_LINK_CLOSED);
    queued->event.link = connection->links[end];
    queued->sender = connection->ends[1 - end];
}

void small_links_close(struct small_cluster *cluster, struct connection *connection, int closer) {
    for (uint32_t end = 0; end < 2; end++) {
        if ((int)end != closer)
            close_end(cluster, connection, end);
    }
    connection->open = false;
}

void small_links_close_all(struct small_cluster *cluster, uint32_t node) {
    for (uint32_t i = 0; i < cluster->connection_count; i++) {
        struct connection *connection = &cluster->connections[i];
        for (uint32_t end = 0; connection->open && end < 2; end++) {
            if (connection->ends[end] == node)
                small_links_close(cluster, connection, (int)end);
        }
    }
}

struct link_id small_cluster_open(struct small_cluster *cluster, uint32_t index,
                                  enum link_role role) {
    struct connection *connection = new_connection(cluster);
    connection->ends[0] = index;
    connection->ends[1] = NO_NODE;
    connection->lives[0] = cluster->nodes[index].life;
    connection->links[0] = accept_on(cluster, index, role);
    return connection->links[0];
}

void small_cluster_send_raw(struct small_cluster *cluster, uint32_t index, struct link_id link,
                            struct bytes bytes) {
    struct queued_event *queued = small_queue_add(cluster, index, EVENT_LINK_BYTES);
    queued->event.link = link;
    buffer_append(&queued->bytes, bytes);
}

bool small_cluster_is_open(struct small_cluster *cluster, uint32_t index, struct link_id link) {
    uint32_t end;
    return small_links_find(cluster, index, link, &end) != NULL;
}

void small_cluster_cut(struct small_cluster *cluster, uint32_t left, uint32_t right) {
    cluster->cut[left][right] = cluster->cut[right][left] = true;
    for (uint32_t i = 0; i < cluster->connection_count; i++) {
        struct connection *connection = &cluster->connections[i];
        bool between = (connection->ends[0] == left && connection->ends[1] == right) ||
                       (connection->ends[0] == right && connection->ends[1] == left);
        if (connection->open && between)
            small_links_close(cluster, connection, -1);
    }
}

void small_cluster_join(struct small_cluster *cluster, uint32_t left, uint32_t right) {
    cluster->cut[left][right] = cluster->cut[right][left] = false;
}

void small_cluster_stall(struct small_cluster *cluster, uint32_t from, uint32_t to, bool stalled) {
    cluster->stalled[from][to] = stalled;
}

void small_cluster_cut_bytes(struct small_cluster *cluster, uint64_t seed) {
    cluster->cuts_bytes = true;
    prng_init(&cluster->prng, seed, 2);
}
