/* network_internal: what the parts of the network lend each other. */
#ifndef DUNLIN_SIM_NETWORK_INTERNAL_H
#define DUNLIN_SIM_NETWORK_INTERNAL_H

#include "sim/network.h"

/* Gives the connection back when nobody can hear of it any more. */
void network_settle_connection(struct network *network, struct connection *connection);
/* Everything that waits or flies is gone. */
void network_drop_stream(struct network *network, struct byte_stream *stream);
/* Sends it, or lets it wait; takes the chunk. A stream that has ended takes nothing. */
void network_put_segment(struct network *network, struct byte_stream *stream,
                         enum segment_kind kind, struct chunk *chunk, struct instant at);
/* Lets go what need not wait any more. */
void network_update_stream(struct network *network, struct byte_stream *stream, struct instant at);
/* Takes the segment's chunk, when there is one. */
void network_tell(struct network *network, struct link_end *end, enum event_kind kind,
                  struct segment *segment);
/* Detaches the end and tells its program. */
void network_end_died(struct network *network, struct link_end *end);
/* Everything of the stream that has arrived by now reaches the other end (network_receive.c). */
void network_receive(struct network *network, struct byte_stream *stream);

#endif
