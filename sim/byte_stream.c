#include "sim/byte_stream.h"

void segment_list_prepend(struct segment_list *list, struct segment_list *more) {
    if (more->first == NULL)
        return;
    more->last->next = list->first;
    if (list->last == NULL)
        list->last = more->last;
    list->first = more->first;
    *more = (struct segment_list){0};
}

static void segment_drop(struct segment *segment, struct object_pool *segments,
                         struct chunk_pool *chunks) {
    if (segment->chunk != NULL)
        chunk_release(chunks, segment->chunk);
    object_pool_give(segments, segment);
}

void segment_list_drop(struct segment_list *list, struct object_pool *segments,
                       struct chunk_pool *chunks) {
    while (list->first != NULL)
        segment_drop(segment_list_pop(list), segments, chunks);
}

void byte_stream_init(struct byte_stream *stream, struct connection *connection, uint32_t side,
                      struct network_path *path) {
    *stream = (struct byte_stream){
        .connection = connection, .side = side, .path = path, .stuck_since = INSTANT_NEVER};
}

static void flip_bit(struct segment *segment, uint64_t bit) {
    segment->chunk->data[segment->offset + bit / 8] ^= (uint8_t)(1u << bit % 8);
    segment->chunk->hash_is_known = 0;
}

static bool depart_one(struct byte_stream *stream, struct segment *segment, struct instant from) {
    struct departure departure;
    network_path_depart(stream->path, segment->size, from, &departure);
    if (departure.flipped)
        flip_bit(segment, departure.flipped_bit);
    segment->arrives = instant_later(departure.arrives, stream->last_arrival);
    stream->last_arrival = segment->arrives;
    stream->left_at = departure.left;
    segment_list_append(&stream->in_flight, segment);
    return !departure.lost;
}

bool byte_stream_depart(struct byte_stream *stream, struct segment *segment, struct instant from,
                        struct object_pool *segments) {
    if (segment->kind != SEGMENT_BYTES)
        return depart_one(stream, segment, from);
    bool arrives = true;
    for (uint32_t cut = network_path_cut(stream->path, segment->size); cut < segment->size;
         cut = network_path_cut(stream->path, segment->size)) {
        struct segment *piece = object_pool_take(segments);
        *piece = *segment;
        piece->size = cut;
        chunk_acquire(piece->chunk);
        segment->offset += cut;
        segment->size -= cut;
        arrives &= depart_one(stream, piece, from);
    }
    arrives &= depart_one(stream, segment, from);
    return arrives;
}

/* Adds the bytes of `next` to those of `segment`; a receiver cannot tell where the sender cut. */
static void join(struct segment *segment, struct segment *next, struct object_pool *segments,
                 struct chunk_pool *chunks) {
    if (segment->chunk == next->chunk && segment->offset + segment->size == next->offset) {
        segment->size += next->size;
    } else {
        struct chunk *joined = chunk_create(chunks, (uint64_t)segment->size + next->size);
        memcpy(joined->data, segment->chunk->data + segment->offset, segment->size);
        memcpy(joined->data + segment->size, next->chunk->data + next->offset, next->size);
        chunk_release(chunks, segment->chunk);
        segment->chunk = joined;
        segment->offset = 0;
        segment->size += next->size;
    }
    segment_drop(next, segments, chunks);
}

struct segment *byte_stream_arrived(struct byte_stream *stream, struct instant now,
                                    struct object_pool *segments, struct chunk_pool *chunks) {
    struct segment_list *list = &stream->in_flight;
    if (list->first == NULL || instant_before(now, list->first->arrives))
        return NULL;
    struct segment *segment = segment_list_pop(list);
    while (segment->kind == SEGMENT_BYTES && list->first != NULL &&
           list->first->kind == SEGMENT_BYTES && !instant_before(now, list->first->arrives) &&
           network_path_coalesces(stream->path))
        join(segment, segment_list_pop(list), segments, chunks);
    return segment;
}
