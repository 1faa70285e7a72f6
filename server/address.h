/* address: "host:port" as people write it, and as sockets want it. */
#ifndef DUNLIN_SERVER_ADDRESS_H
#define DUNLIN_SERVER_ADDRESS_H

#include "engine/base/bytes.h"

#include <uv.h>

enum { ADDRESS_TEXT_SIZE = 280 };

/* Names are looked up; "[::1]:7000" is IPv6. On failure appends a sentence to `problem`. */
MUST_USE bool address_resolve(uv_loop_t *loop, const char *text, struct sockaddr_storage *address,
                              struct buffer *problem);
/* Splits "host:port"; false when there is no port or it is not a number up to 65535. */
MUST_USE bool address_split(const char *text, char host[ADDRESS_TEXT_SIZE], int *port);
/* True when the host part is a loopback address or "localhost". */
bool address_is_loopback(const char *text);
/* Who is on the other side of a connected socket, as "host:port". */
void address_of_peer(const uv_tcp_t *socket, char text[ADDRESS_TEXT_SIZE]);

#endif
