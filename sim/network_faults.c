/* What crashes, restarts, partitions and cuts do to every connection that they touch. */
#include "sim/network_internal.h"

#include "sim/world.h"

static void forget_end(struct network *network, struct link_end *end) {
    if (end->known)
        (void)id_map_remove(&network->ports[end->host].links, end->link.value);
    end->attached = end->known = false;
}

static void kill_end(struct network *network, struct link_end *end) {
    bool was_attached = end->attached;
    forget_end(network, end);
    if (!was_attached)
        return;
    struct byte_stream *stream = &end->connection->streams[end->side];
    struct instant now = network->timeline->now;
    network_put_segment(network, stream, SEGMENT_RESET, NULL, now);
    network_update_stream(network, stream, now);
}

/* What had not left is gone with the machine. What was on its way to it is not acknowledged: its
 * sender still has it, and sends it again until it loses patience. */
static void power_off_end(struct network *network, struct link_end *end) {
    struct connection *connection = end->connection;
    forget_end(network, end);
    struct byte_stream *outgoing = &connection->streams[end->side];
    segment_list_drop(&outgoing->waiting, &network->segments, &network->timeline->chunks);
    network_update_stream(network, outgoing, network->timeline->now);
    struct byte_stream *incoming = &connection->streams[1 - end->side];
    segment_list_prepend(&incoming->waiting, &incoming->in_flight);
    network_update_stream(network, incoming, network->timeline->now);
}

static void process_ended(struct network *network, uint32_t host, enum crash_kind kind) {
    struct connection *next;
    for (struct connection *connection = network->first; connection != NULL; connection = next) {
        next = connection->next;
        for (uint32_t side = 0; side < 2; side++) {
            if (connection->ends[side].host != host)
                continue;
            if (kind == CRASH_POWER)
                power_off_end(network, &connection->ends[side]);
            else
                kill_end(network, &connection->ends[side]);
        }
        network_settle_connection(network, connection);
    }
}

void network_process_killed(struct network *network, uint32_t host) {
    network->ports[host].listening = false;
    process_ended(network, host, CRASH_KILL);
}

void network_power_lost(struct network *network, uint32_t host) {
    network->ports[host].listening = false;
    network->ports[host].powered = false;
    process_ended(network, host, CRASH_POWER);
}

void network_settings_changed(struct network *network) {
    for (struct connection *connection = network->first; connection != NULL;
         connection = connection->next) {
        network_update_stream(network, &connection->streams[0], network->timeline->now);
        network_update_stream(network, &connection->streams[1], network->timeline->now);
    }
}

void network_process_started(struct network *network, uint32_t host) {
    network->ports[host].listening = true;
    network->ports[host].powered = true;
    network_settings_changed(network);
}

void network_cut(struct network *network, uint32_t left, uint32_t right) {
    struct connection *next;
    for (struct connection *connection = network->first; connection != NULL; connection = next) {
        next = connection->next;
        uint32_t from = connection->ends[0].host, to = connection->ends[1].host;
        if ((from != left || to != right) && (from != right || to != left))
            continue;
        for (uint32_t side = 0; side < 2; side++) {
            struct byte_stream *stream = &connection->streams[side];
            network_drop_stream(network, stream);
            stream->ended = false;
            network_put_segment(network, stream, SEGMENT_RESET, NULL, network->timeline->now);
        }
        network_settle_connection(network, connection);
    }
}
