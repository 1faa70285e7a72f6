#include "sim/network.h"

#include "sim/network_internal.h"

#include <stdlib.h>

void network_init(struct network *network, struct timeline *timeline,
                  const struct link_settings *settings, struct duration connection_timeout) {
    *network = (struct network){.timeline = timeline,
                                .settings = *settings,
                                .connection_timeout = connection_timeout,
                                .connections = {.object_bytes = sizeof(struct connection)},
                                .segments = {.object_bytes = sizeof(struct segment)}};
}

void network_deinit(struct network *network) {
    for (uint32_t i = 0; i < network->port_count; i++) {
        struct network_port *port = &network->ports[i];
        for (uint32_t j = 0; j < port->path_count; j++)
            free(port->paths[j]);
        free(port->paths);
        id_map_deinit(&port->links);
    }
    free(network->ports);
    object_pool_deinit(&network->connections);
    object_pool_deinit(&network->segments);
    *network = (struct network){0};
}

void network_add_host(struct network *network) {
    CHECK(network->port_count < WORLD_HOSTS_MAX);
    if (network->ports == NULL) {
        network->ports = calloc(WORLD_HOSTS_MAX, sizeof *network->ports);
        CHECK(network->ports != NULL);
    }
    network->ports[network->port_count++].powered = true;
}

struct network_path *network_path_between(struct network *network, uint32_t from, uint32_t to) {
    CHECK(from < network->port_count && to < network->port_count);
    struct network_port *port = &network->ports[from];
    if (to >= port->path_count) {
        uint32_t count = network->port_count;
        port->paths = realloc(port->paths, count * sizeof *port->paths);
        CHECK(port->paths != NULL);
        for (uint32_t i = port->path_count; i < count; i++)
            port->paths[i] = NULL;
        port->path_count = count;
    }
    if (port->paths[to] == NULL) {
        port->paths[to] = malloc(sizeof(struct network_path));
        CHECK(port->paths[to] != NULL);
        network_path_init(port->paths[to], &network->settings, network->timeline->seed, from, to);
    }
    return port->paths[to];
}

static struct connection *connection_create(struct network *network, uint32_t host, uint32_t target,
                                            enum link_role role) {
    struct connection *connection = object_pool_take(&network->connections);
    uint32_t generation = connection->generation;
    *connection = (struct connection){.role = role, .generation = generation};
    connection->ends[0] = (struct link_end){.connection = connection, .side = 0, .host = host};
    connection->ends[1] = (struct link_end){.connection = connection, .side = 1, .host = target};
    byte_stream_init(&connection->streams[0], connection, 0,
                     network_path_between(network, host, target));
    byte_stream_init(&connection->streams[1], connection, 1,
                     network_path_between(network, target, host));
    connection->previous = network->last;
    if (network->last == NULL)
        network->first = connection;
    else
        network->last->next = connection;
    network->last = connection;
    return connection;
}

static void connection_destroy(struct network *network, struct connection *connection) {
    if (connection->previous == NULL)
        network->first = connection->next;
    else
        connection->previous->next = connection->next;
    if (connection->next == NULL)
        network->last = connection->previous;
    else
        connection->next->previous = connection->previous;
    connection->generation++;
    object_pool_give(&network->connections, connection);
}

void network_settle_connection(struct network *network, struct connection *connection) {
    for (uint32_t side = 0; side < 2; side++) {
        const struct link_end *end = &connection->ends[side];
        if (end->attached || end->known || !byte_stream_is_empty(&connection->streams[side]))
            return;
    }
    connection_destroy(network, connection);
}

static void schedule(struct network *network, struct instant at, enum happening_kind kind,
                     struct byte_stream *stream) {
    event_queue_push(&network->timeline->queue, at, kind, stream, stream->connection->generation);
}

/* Nothing of this stream gets through at present. A connect to a host without power is no matter of
 * waiting: it is refused on arrival. */
static bool is_impeded(const struct network *network, const struct byte_stream *stream,
                       enum segment_kind next) {
    const struct link_end *other = &stream->connection->ends[1 - stream->side];
    return stream->path->settings.blocked ||
           (next != SEGMENT_CONNECT && !network->ports[other->host].powered);
}

static bool must_wait(const struct network *network, const struct byte_stream *stream,
                      enum segment_kind next) {
    const struct connection *connection = stream->connection;
    bool opening = stream->side == 0 && !connection->opened && connection->ends[0].attached;
    return (opening && next == SEGMENT_BYTES) || is_impeded(network, stream, next);
}

/* Starts, or stops, the time for which the stream's bytes may go unacknowledged. */
static void watch(struct network *network, struct byte_stream *stream, struct instant from) {
    const struct segment *first = stream->waiting.first;
    bool stuck =
        stream->unacknowledged || (first != NULL && is_impeded(network, stream, first->kind));
    if (!stuck) {
        stream->stuck_since = INSTANT_NEVER;
        return;
    }
    if (stream->stuck_since.nanoseconds == UINT64_MAX)
        stream->stuck_since = from;
    if (stream->patience_scheduled)
        return;
    stream->patience_scheduled = true;
    schedule(network, instant_after(stream->stuck_since, network->connection_timeout),
             HAPPENING_PATIENCE, stream);
}

/* The program will be told once all that it sent has left, if that is worth telling. */
static void schedule_drain(struct network *network, struct byte_stream *stream) {
    bool worth_telling = stream->had_to_wait || stream->undrained_bytes >= NETWORK_DRAINED_BYTES;
    if (stream->drain_scheduled || !worth_telling || stream->undrained_bytes == 0 ||
        stream->waiting.first != NULL)
        return;
    stream->drain_scheduled = true;
    struct instant left = instant_later(stream->left_at, network->timeline->now);
    schedule(network, instant_after(left, TIMELINE_DELAY_MIN), HAPPENING_DRAIN, stream);
}

/* The connection is lost on the way: both ends only notice when their patience is at its end. */
static void lose(struct network *network, struct connection *connection, struct instant at) {
    for (uint32_t side = 0; side < 2; side++) {
        network_drop_stream(network, &connection->streams[side]);
        connection->streams[side].ended = true;
        if (connection->ends[side].attached)
            event_queue_push(&network->timeline->queue,
                             instant_after(at, network->connection_timeout), HAPPENING_DEATH,
                             &connection->ends[side], connection->generation);
    }
}

static void depart(struct network *network, struct byte_stream *stream, struct segment *segment,
                   struct instant at) {
    if (!byte_stream_depart(stream, segment, at, &network->segments)) {
        lose(network, stream->connection, at);
        return;
    }
    if (instant_before(at, stream->left_at))
        stream->had_to_wait = true;
    if (!stream->arrival_scheduled) {
        stream->arrival_scheduled = true;
        schedule(network, stream->in_flight.first->arrives, HAPPENING_ARRIVAL, stream);
    }
}

void network_drop_stream(struct network *network, struct byte_stream *stream) {
    segment_list_drop(&stream->waiting, &network->segments, &network->timeline->chunks);
    segment_list_drop(&stream->in_flight, &network->segments, &network->timeline->chunks);
    stream->unacknowledged = false;
    stream->stuck_since = INSTANT_NEVER;
}

void network_put_segment(struct network *network, struct byte_stream *stream,
                         enum segment_kind kind, struct chunk *chunk, struct instant at) {
    if (stream->ended) {
        if (chunk != NULL)
            chunk_release(&network->timeline->chunks, chunk);
        return;
    }
    struct segment *segment = object_pool_take(&network->segments);
    *segment = (struct segment){
        .kind = kind, .chunk = chunk, .size = chunk == NULL ? 0 : (uint32_t)chunk->size};
    stream->ended = kind == SEGMENT_CLOSE || kind == SEGMENT_RESET;
    if (stream->waiting.first == NULL && !must_wait(network, stream, kind)) {
        depart(network, stream, segment, at);
        return;
    }
    segment_list_append(&stream->waiting, segment);
    stream->had_to_wait = true;
    watch(network, stream, at);
}

void network_update_stream(struct network *network, struct byte_stream *stream, struct instant at) {
    const struct byte_stream *back = &stream->connection->streams[1 - stream->side];
    if (stream->unacknowledged && !back->path->settings.blocked)
        stream->unacknowledged = false;
    while (stream->waiting.first != NULL &&
           !must_wait(network, stream, stream->waiting.first->kind))
        depart(network, stream, segment_list_pop(&stream->waiting), at);
    schedule_drain(network, stream);
    watch(network, stream, at);
}

void network_tell(struct network *network, struct link_end *end, enum event_kind kind,
                  struct segment *segment) {
    /* Written where it stays: this is done for each event. */
    struct delivery *delivery = delivery_queue_add(&network->timeline->deliveries);
    *delivery = (struct delivery){
        .kind = kind, .host = end->host, .end = end, .generation = end->connection->generation};
    if (segment != NULL) {
        delivery->chunk = segment->chunk;
        delivery->offset = segment->offset;
        delivery->size = segment->size;
        segment->chunk = NULL;
    }
}

void network_end_died(struct network *network, struct link_end *end) {
    if (!end->attached)
        return;
    end->attached = false;
    struct byte_stream *stream = &end->connection->streams[end->side];
    /* A close or reset that still waited is forgotten with the rest; bytes that come in later must be
     * answered by a reset all the same, or the other side would never learn. */
    segment_list_drop(&stream->waiting, &network->segments, &network->timeline->chunks);
    stream->ended = false;
    watch(network, stream, network->timeline->now);
    network_tell(network, end, EVENT_LINK_CLOSED, NULL);
}

static void patience_ended(struct network *network, struct byte_stream *stream) {
    stream->patience_scheduled = false;
    struct instant due = instant_after(stream->stuck_since, network->connection_timeout);
    if (stream->stuck_since.nanoseconds == UINT64_MAX)
        return;
    if (instant_before(network->timeline->now, due)) {
        watch(network, stream, network->timeline->now);
        return;
    }
    /* What waited is forgotten, an unsent close among it; a reset may answer what still comes
     * in. */
    stream->unacknowledged = false;
    stream->ended = false;
    segment_list_drop(&stream->waiting, &network->segments, &network->timeline->chunks);
    stream->stuck_since = INSTANT_NEVER;
    network_end_died(network, &stream->connection->ends[stream->side]);
}

static void drained(struct network *network, struct byte_stream *stream) {
    stream->drain_scheduled = false;
    struct link_end *end = &stream->connection->ends[stream->side];
    if (stream->waiting.first != NULL || !end->attached)
        return;
    if (!instant_before(stream->left_at, network->timeline->now)) {
        schedule_drain(network, stream);
        return;
    }
    stream->undrained_bytes = 0;
    stream->had_to_wait = false;
    network_tell(network, end, EVENT_LINK_DRAINED, NULL);
}

void network_perform(struct network *network, const struct happening *happening) {
    struct byte_stream *stream = happening->subject;
    struct link_end *end = happening->subject;
    struct connection *connection =
        happening->kind == HAPPENING_DEATH ? end->connection : stream->connection;
    if (connection->generation != happening->generation)
        return;
    switch (happening->kind) {
    case HAPPENING_ARRIVAL:
        stream->arrival_scheduled = false;
        network_receive(network, stream);
        if (stream->in_flight.first != NULL && !stream->arrival_scheduled) {
            stream->arrival_scheduled = true;
            schedule(network, stream->in_flight.first->arrives, HAPPENING_ARRIVAL, stream);
        }
        break;
    case HAPPENING_DRAIN:
        drained(network, stream);
        break;
    case HAPPENING_PATIENCE:
        patience_ended(network, stream);
        break;
    case HAPPENING_DEATH:
        network_end_died(network, end);
        break;
    case HAPPENING_WAKE:
    case HAPPENING_TIMER:
    case HAPPENING_DISK:
        CHECK_UNREACHABLE("this does not happen to a network");
    }
    network_settle_connection(network, connection);
}

/* --- what programs ask for -------------------------------------------------------------------- */

void network_connect(struct network *network, uint32_t host, struct link_id link, uint32_t target,
                     enum link_role role, struct instant at) {
    struct network_port *port = &network->ports[host];
    CHECK((link.value & 1) == 1 && id_map_get(&port->links, link.value) == NULL);
    struct connection *connection =
        connection_create(network, host, target == NETWORK_NO_HOST ? host : target, role);
    struct link_end *end = &connection->ends[0];
    end->link = link;
    end->attached = end->known = true;
    id_map_put(&port->links, link.value, end);
    if (target == NETWORK_NO_HOST) {
        struct duration delay = duration_of_microseconds(NETWORK_UNKNOWN_HOST_MICROSECONDS);
        event_queue_push(&network->timeline->queue, instant_after(at, delay), HAPPENING_DEATH, end,
                         connection->generation);
        return;
    }
    network_put_segment(network, &connection->streams[0], SEGMENT_CONNECT, NULL, at);
}

void network_send(struct network *network, uint32_t host, struct link_id link, struct bytes bytes,
                  struct instant at) {
    struct link_end *end = id_map_get(&network->ports[host].links, link.value);
    /* A program may send on a link of which it has not heard yet that it is closed. */
    if (end == NULL || !end->attached || bytes.size == 0)
        return;
    CHECK(bytes.size <= UINT32_MAX);
    struct byte_stream *stream = &end->connection->streams[end->side];
    stream->undrained_bytes += bytes.size;
    network_put_segment(network, stream, SEGMENT_BYTES,
                        chunk_of_bytes(&network->timeline->chunks, bytes), at);
    schedule_drain(network, stream);
}

void network_close(struct network *network, uint32_t host, struct link_id link, struct instant at) {
    struct link_end *end = id_map_remove(&network->ports[host].links, link.value);
    if (end == NULL)
        return;
    end->known = false;
    if (end->attached) {
        struct byte_stream *stream = &end->connection->streams[end->side];
        end->attached = false;
        network_put_segment(network, stream, SEGMENT_CLOSE, NULL, at);
        network_update_stream(network, stream, at);
    }
    network_settle_connection(network, end->connection);
}

bool network_take(struct network *network, const struct delivery *delivery, struct event *event) {
    struct link_end *end = delivery->end;
    struct connection *connection = end->connection;
    if (connection->generation != delivery->generation || !end->known)
        return false;
    event->link = end->link;
    event->role = connection->role;
    if (delivery->kind == EVENT_LINK_CLOSED) {
        end->known = false;
        (void)id_map_remove(&network->ports[end->host].links, end->link.value);
        network_settle_connection(network, connection);
    }
    return true;
}
