#include "server/address.h"

#include "engine/base/text.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

bool address_split(const char *text, char host[ADDRESS_TEXT_SIZE], int *port) {
    const char *colon = strrchr(text, ':');
    uint64_t number;
    if (colon == NULL || !text_parse_u64(bytes_of_text(colon + 1), &number) || number > 65535)
        return false;
    size_t size = (size_t)(colon - text);
    if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    if (size == 0 || size >= ADDRESS_TEXT_SIZE)
        return false;
    memcpy(host, text, size);
    host[size] = 0;
    *port = (int)number;
    return true;
}

bool address_is_loopback(const char *text) {
    char host[ADDRESS_TEXT_SIZE];
    int port;
    if (!address_split(text, host, &port))
        return false;
    struct in_addr address;
    if (inet_pton(AF_INET, host, &address) == 1)
        return (ntohl(address.s_addr) >> 24) == 127;
    return strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0;
}

static bool look_up(uv_loop_t *loop, const char *host, int port, struct sockaddr_storage *address) {
    char service[8];
    snprintf(service, sizeof service, "%d", port);
    uv_getaddrinfo_t request;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    if (uv_getaddrinfo(loop, &request, NULL, host, service, &hints) != 0)
        return false;
    memcpy(address, request.addrinfo->ai_addr, request.addrinfo->ai_addrlen);
    uv_freeaddrinfo(request.addrinfo);
    return true;
}

bool address_resolve(uv_loop_t *loop, const char *text, struct sockaddr_storage *address,
                     struct buffer *problem) {
    char host[ADDRESS_TEXT_SIZE];
    int port;
    memset(address, 0, sizeof *address);
    if (!address_split(text, host, &port)) {
        text_append(problem, "'");
        text_append(problem, text);
        text_append(problem, "' is not an address: write HOST:PORT");
        return false;
    }
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)address) == 0 ||
        uv_ip6_addr(host, port, (struct sockaddr_in6 *)address) == 0 ||
        look_up(loop, host, port, address))
        return true;
    text_append(problem, "no host of the name '");
    text_append(problem, host);
    text_append(problem, "' can be found");
    return false;
}

void address_of_peer(const uv_tcp_t *socket, char text[ADDRESS_TEXT_SIZE]) {
    struct sockaddr_storage address;
    int size = sizeof address;
    char host[INET6_ADDRSTRLEN] = "?";
    int port = 0;
    if (uv_tcp_getpeername(socket, (struct sockaddr *)&address, &size) == 0) {
        if (address.ss_family == AF_INET6) {
            const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;
            uv_ip6_name(v6, host, sizeof host);
            port = ntohs(v6->sin6_port);
        } else {
            const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
            uv_ip4_name(v4, host, sizeof host);
            port = ntohs(v4->sin_port);
        }
    }
    snprintf(text, ADDRESS_TEXT_SIZE, "%s:%d", host, port);
}
