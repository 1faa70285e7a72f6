/* byte_stream: what one end of a connection sends to the other, in order.
 *
 *     send --> waiting (blocked, or not open) --> in flight (each with its arrival) --> other end
 *              [bytes][bytes][close]              [connect][bytes][bytes]
 *
 * Only the first segment in flight has a happening in the queue: those behind it never arrive
 * before it.
 */
#ifndef DUNLIN_SIM_BYTE_STREAM_H
#define DUNLIN_SIM_BYTE_STREAM_H

#include "sim/network_path.h"
#include "sim/object_pool.h"

struct connection;

enum segment_kind {
    SEGMENT_CONNECT, /* asks the other side to accept */
    SEGMENT_ACCEPT,  /* and the answer */
    SEGMENT_BYTES,
    SEGMENT_CLOSE, /* nothing follows: the sender is done */
    SEGMENT_RESET, /* nothing follows: the sender does not know this connection */
};

struct segment {
    struct segment *next;
    struct chunk *chunk; /* of bytes; owned */
    uint32_t offset, size;
    struct instant arrives; /* once in flight */
    enum segment_kind kind;
};

struct segment_list {
    struct segment *first, *last;
};

struct byte_stream {
    struct connection *connection;
    struct network_path *path;
    uint32_t side; /* whose bytes: 0 the end that connected, 1 the end that accepted */
    struct segment_list waiting, in_flight;
    struct instant last_arrival;
    struct instant left_at;     /* when the last segment left the sender's queue */
    uint64_t undrained_bytes;   /* sent since the program was last told that its queue is empty */
    struct instant stuck_since; /* bytes wait unacknowledged since then; INSTANT_NEVER: none do */
    bool unacknowledged;        /* bytes arrived, but the way back is blocked */
    bool had_to_wait;           /* bytes waited since the program was last told */
    bool ended;                 /* a close or reset was sent: nothing may follow */
    bool arrival_scheduled, drain_scheduled, patience_scheduled;
};

static inline void segment_list_append(struct segment_list *list, struct segment *segment) {
    segment->next = NULL;
    if (list->last == NULL)
        list->first = segment;
    else
        list->last->next = segment;
    list->last = segment;
}

/* The list must not be empty. */
static inline struct segment *segment_list_pop(struct segment_list *list) {
    struct segment *popped = list->first;
    list->first = popped->next;
    if (list->first == NULL)
        list->last = NULL;
    return popped;
}

/* Puts all of `more` before what is in `list`. */
void segment_list_prepend(struct segment_list *list, struct segment_list *more);
void segment_list_drop(struct segment_list *list, struct object_pool *segments,
                       struct chunk_pool *chunks);

/* `path` leads from this side to the other. */
void byte_stream_init(struct byte_stream *stream, struct connection *connection, uint32_t side,
                      struct network_path *path);
static inline bool byte_stream_is_empty(const struct byte_stream *stream) {
    return stream->waiting.first == NULL && stream->in_flight.first == NULL;
}

/* Puts a segment on its way at `from`, cut into several as the path asks. False when one of them
 * was lost, and with it the connection; takes the segment either way. */
MUST_USE bool byte_stream_depart(struct byte_stream *stream, struct segment *segment,
                                 struct instant from, struct object_pool *segments);
/* Takes the next segment that has arrived by `now`, or null. Bytes that arrived together may come
 * as one. */
struct segment *byte_stream_arrived(struct byte_stream *stream, struct instant now,
                                    struct object_pool *segments, struct chunk_pool *chunks);

#endif
