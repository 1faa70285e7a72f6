/* connection: two ends and the two byte streams between them.
 *
 *     ends[0] connected                          ends[1] accepted
 *     host, link  ----------- streams[0] ----------->  host, link
 *                 <---------- streams[1] ------------
 *
 * Each end has two lives. It is `attached` while the host's operating system carries bytes for it,
 * and `known` while the program may still hear of it: a connection that has died is detached at
 * once, but its program, busy or paused, may have bytes and the word that it closed still before
 * it.
 *
 *     end      connecting      open        died           closed by the program   process gone
 *     attached      x           x           -                     -                    -
 *     known         x           x           x (until told)        -                    -
 */
#ifndef DUNLIN_SIM_CONNECTION_H
#define DUNLIN_SIM_CONNECTION_H

#include "sim/byte_stream.h"

struct link_end {
    struct connection *connection;
    uint32_t side;
    uint32_t host;
    struct link_id link;
    bool attached;
    bool known;
};

struct connection {
    /* Of the network, oldest first. In front, where the pool links what is free: the ends of a
     * connection that is gone must still lead to its generation. */
    struct connection *next, *previous;
    struct link_end ends[2];
    struct byte_stream streams[2];
    enum link_role role;
    uint32_t
        generation; /* raised when the memory is used again: old happenings and deliveries pass */
    bool opened;    /* the accept has reached the end that connected */
};

#endif
