/* What arriving segments do to the end that they reach. */
#include "sim/network_internal.h"

/* Answers a segment that belongs to nobody here. A sender that is gone itself needs no answer. */
static void answer_with_reset(struct network *network, struct connection *connection,
                              uint32_t side) {
    if (connection->ends[1 - side].attached)
        network_put_segment(network, &connection->streams[side], SEGMENT_RESET, NULL,
                            network->timeline->now);
}

/* While the way back is blocked, the sender waits for an acknowledgement that does not come. */
static void acknowledge(struct network *network, struct byte_stream *stream) {
    if (!stream->connection->streams[1 - stream->side].path->settings.blocked)
        return;
    stream->unacknowledged = true;
    network_update_stream(network, stream, network->timeline->now);
}

static void receive_connect(struct network *network, struct connection *connection) {
    struct link_end *end = &connection->ends[1];
    struct network_port *port = &network->ports[end->host];
    if (!port->listening) {
        answer_with_reset(network, connection, 1);
        return;
    }
    end->link = (struct link_id){++port->accepted * 2};
    end->attached = end->known = true;
    id_map_put(&port->links, end->link.value, end);
    network_tell(network, end, EVENT_LINK_ACCEPTED, NULL);
    acknowledge(network, &connection->streams[0]);
    network_put_segment(network, &connection->streams[1], SEGMENT_ACCEPT, NULL,
                        network->timeline->now);
}

static void receive_accept(struct network *network, struct connection *connection) {
    if (!connection->ends[0].attached) {
        answer_with_reset(network, connection, 0);
        return;
    }
    connection->opened = true;
    network_tell(network, &connection->ends[0], EVENT_LINK_OPENED, NULL);
    network_update_stream(network, &connection->streams[0], network->timeline->now);
}

static void receive_segment(struct network *network, struct byte_stream *stream,
                            struct segment *segment) {
    struct connection *connection = stream->connection;
    struct link_end *end = &connection->ends[1 - stream->side];
    switch (segment->kind) {
    case SEGMENT_CONNECT:
        receive_connect(network, connection);
        break;
    case SEGMENT_ACCEPT:
        receive_accept(network, connection);
        break;
    case SEGMENT_BYTES:
        if (!end->attached) {
            answer_with_reset(network, connection, end->side);
            break;
        }
        network_tell(network, end, EVENT_LINK_BYTES, segment);
        acknowledge(network, stream);
        break;
    case SEGMENT_CLOSE:
    case SEGMENT_RESET:
        network_end_died(network, end);
        break;
    }
    if (segment->chunk != NULL)
        chunk_release(&network->timeline->chunks, segment->chunk);
    object_pool_give(&network->segments, segment);
}

void network_receive(struct network *network, struct byte_stream *stream) {
    struct timeline *timeline = network->timeline;
    for (struct segment *segment =
             byte_stream_arrived(stream, timeline->now, &network->segments, &timeline->chunks);
         segment != NULL; segment = byte_stream_arrived(stream, timeline->now, &network->segments,
                                                        &timeline->chunks))
        receive_segment(network, stream, segment);
}
