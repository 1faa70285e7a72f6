/* Sockets: accepting, dialling, reading, and one gathered write per link and turn. */
#include "engine/base/text.h"
#include "server/address.h"
#include "server/host_internal.h"

#include <stdlib.h>

enum { LISTEN_BACKLOG = 512 };

static void on_link_closed(uv_handle_t *handle) {
    struct host_link *link = (struct host_link *)handle;
    buffer_deinit(&link->output);
    buffer_deinit(&link->writing);
    free(link);
}

static void forget_link(struct host_link *link) {
    if (link->is_closed)
        return;
    link->is_closed = true;
    id_map_remove(&link->host->links, link->id.value);
    if (!link->is_dirty) /* the flush closes those that are still in its list */
        uv_close((uv_handle_t *)&link->socket, on_link_closed);
}

/* The other side is gone: tells the node, unless it closed the link itself. */
static void lose_link(struct host_link *link) {
    if (link->is_closed)
        return;
    bool node_knows = link->close_after_output;
    struct host *host = link->host;
    struct link_id id = link->id;
    forget_link(link);
    if (!node_knows) {
        struct event event = {.kind = EVENT_LINK_CLOSED, .link = id};
        host_step(host, &event);
    }
}

static struct host_link *link_create(struct host *host, struct link_id id) {
    struct host_link *link = calloc(1, sizeof *link);
    CHECK(link != NULL);
    link->host = host;
    link->id = id;
    uv_tcp_init(&host->loop, &link->socket);
    id_map_put(&host->links, id.value, link);
    return link;
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *into) {
    (void)suggested;
    struct host *host = ((struct host_link *)handle)->host;
    *into = uv_buf_init((char *)host->read_buffer, HOST_READ_BYTES);
}

/* A client that sends faster than the node works waits in its own socket's buffers. */
static void pause_link(struct host_link *link) {
    struct host *host = link->host;
    if (host->paused_count == host->paused_capacity) {
        host->paused_capacity = host->paused_capacity == 0 ? 64 : 2 * host->paused_capacity;
        host->paused = realloc(host->paused, host->paused_capacity * sizeof *host->paused);
        CHECK(host->paused != NULL);
    }
    uv_read_stop((uv_stream_t *)&link->socket);
    link->is_paused = true;
    host->paused[host->paused_count++] = link->id;
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *from) {
    struct host_link *link = (struct host_link *)stream;
    if (size < 0) {
        lose_link(link);
    } else if (size > 0 && !link->close_after_output) {
        struct event event = {.kind = EVENT_LINK_BYTES,
                              .link = link->id,
                              .bytes = bytes_of(from->base, (size_t)size)};
        host_step(link->host, &event);
        if (!link->is_closed && !link->close_after_output && !link->is_paused &&
            !node_wants_bytes(link->host->node, link->id))
            pause_link(link);
    }
}

static void link_begin(struct host_link *link) {
    link->connected = true;
    uv_tcp_nodelay(&link->socket, 1);
    uv_read_start((uv_stream_t *)&link->socket, on_allocate, on_read);
}

static void on_accept(uv_stream_t *listener, int status) {
    struct host *host = listener->data;
    if (status < 0)
        return;
    struct host_link *link = link_create(host, (struct link_id){2 * ++host->links_accepted});
    if (uv_accept(listener, (uv_stream_t *)&link->socket) != 0) {
        forget_link(link);
        return;
    }
    link_begin(link);
    char remote[ADDRESS_TEXT_SIZE];
    address_of_peer(&link->socket, remote);
    struct event event = {.kind = EVENT_LINK_ACCEPTED,
                          .link = link->id,
                          .role = listener == (uv_stream_t *)&host->client_listener ? LINK_CLIENT
                                                                                    : LINK_PEER,
                          .remote = bytes_of_text(remote)};
    host_step(host, &event);
}

bool host_listen(struct host *host, uv_tcp_t *listener, const char *address,
                 struct buffer *problem) {
    struct sockaddr_storage socket_address;
    uv_tcp_init(&host->loop, listener);
    listener->data = host;
    if (!address_resolve(&host->loop, address, &socket_address, problem))
        return false;
    int status = uv_tcp_bind(listener, (const struct sockaddr *)&socket_address, 0);
    if (status == 0)
        status = uv_listen((uv_stream_t *)listener, LISTEN_BACKLOG, on_accept);
    if (status == 0)
        return true;
    text_append(problem, "cannot listen on ");
    text_append(problem, address);
    text_append(problem, ": ");
    text_append(problem, uv_strerror(status));
    return false;
}

static void on_connected(uv_connect_t *connect, int status) {
    struct host_link *link = connect->data;
    if (link->is_closed || status == UV_ECANCELED)
        return;
    if (status < 0) {
        lose_link(link);
        return;
    }
    link_begin(link);
    struct event event = {.kind = EVENT_LINK_OPENED, .link = link->id};
    host_step(link->host, &event);
}

/* A failed connect is told as soon as the loop turns, never within the step that asked for it. */
static void on_refused(uv_timer_t *timer) {
    struct host_link *link = timer->data;
    uv_close((uv_handle_t *)timer, (uv_close_cb)(void (*)(void))free);
    lose_link(link);
}

static void refuse_soon(struct host_link *link) {
    uv_timer_t *timer = malloc(sizeof *timer);
    CHECK(timer != NULL);
    uv_timer_init(&link->host->loop, timer);
    timer->data = link;
    uv_timer_start(timer, on_refused, 0, 0);
}

void host_connect(struct host *host, struct link_id id, struct bytes address) {
    struct host_link *link = link_create(host, id);
    link->connect.data = link;
    char text[ADDRESS_TEXT_SIZE];
    size_t size = address.size < sizeof text - 1 ? address.size : sizeof text - 1;
    memcpy(text, address.data, size);
    text[size] = 0;
    struct sockaddr_storage socket_address;
    struct buffer problem = {0};
    bool resolved = address_resolve(&host->loop, text, &socket_address, &problem);
    buffer_deinit(&problem);
    if (!resolved || uv_tcp_connect(&link->connect, &link->socket,
                                    (const struct sockaddr *)&socket_address, on_connected) != 0)
        refuse_soon(link);
}

static void mark_dirty(struct host_link *link) {
    struct host *host = link->host;
    if (link->is_dirty)
        return;
    if (host->dirty_count == host->dirty_capacity) {
        host->dirty_capacity = host->dirty_capacity == 0 ? 64 : 2 * host->dirty_capacity;
        host->dirty = realloc(host->dirty, host->dirty_capacity * sizeof(struct host_link *));
        CHECK(host->dirty != NULL);
    }
    link->is_dirty = true;
    host->dirty[host->dirty_count++] = link;
}

void host_send(struct host *host, struct link_id id, struct bytes bytes) {
    struct host_link *link = id_map_get(&host->links, id.value);
    if (link == NULL)
        return; /* lost while the node was deciding; it will be told */
    buffer_append(&link->output, bytes);
    link->undrained += bytes.size;
    mark_dirty(link);
}

void host_close_link(struct host *host, struct link_id id) {
    struct host_link *link = id_map_get(&host->links, id.value);
    if (link == NULL)
        return;
    link->close_after_output = true;
    mark_dirty(link);
}

static void on_written(uv_write_t *write, int status);

static void link_drained(struct host_link *link) {
    if (link->close_after_output) {
        forget_link(link);
    } else if (link->undrained >= HOST_DRAINED_BYTES) {
        link->undrained = 0;
        struct event event = {.kind = EVENT_LINK_DRAINED, .link = link->id};
        host_step(link->host, &event);
    }
}

/* Hands what is gathered to libuv, which writes it when the socket can take it. */
static void write_later(struct host_link *link) {
    struct buffer spare = link->writing;
    link->writing = link->output;
    link->output = spare;
    buffer_clear(&link->output);
    link->is_writing = true;
    link->write.data = link;
    uv_buf_t part = uv_buf_init((char *)link->writing.data, (unsigned)link->writing.size);
    if (uv_write(&link->write, (uv_stream_t *)&link->socket, &part, 1, on_written) != 0) {
        link->is_writing = false;
        lose_link(link);
    }
}

static void flush_link(struct host_link *link) {
    if (!link->connected) {
        if (link->close_after_output)
            forget_link(link);
        return;
    }
    if (link->is_writing)
        return;
    if (link->output.size > 0) {
        uv_buf_t part = uv_buf_init((char *)link->output.data, (unsigned)link->output.size);
        int sent = uv_try_write((uv_stream_t *)&link->socket, &part, 1);
        if (sent < 0 && sent != UV_EAGAIN) {
            lose_link(link);
            return;
        }
        if (sent > 0)
            buffer_consume(&link->output, (size_t)sent);
        if (link->output.size > 0) {
            write_later(link);
            return;
        }
    }
    link_drained(link);
}

static void on_written(uv_write_t *write, int status) {
    struct host_link *link = write->data;
    link->is_writing = false;
    if (link->is_closed)
        return;
    if (status < 0)
        lose_link(link);
    else
        mark_dirty(link);
}

/* Reads on from links of which the node wants bytes again. */
static void resume_links(struct host *host) {
    size_t kept = 0;
    for (size_t i = 0; i < host->paused_count; i++) {
        struct host_link *link = id_map_get(&host->links, host->paused[i].value);
        if (link == NULL || link->is_closed || link->close_after_output)
            continue;
        if (!node_wants_bytes(host->node, link->id)) {
            host->paused[kept++] = link->id;
            continue;
        }
        link->is_paused = false;
        uv_read_start((uv_stream_t *)&link->socket, on_allocate, on_read);
    }
    host->paused_count = kept;
}

void host_flush_links(struct host *host) {
    /* A drained event may make further links dirty: they are flushed in the same pass, behind
     * these. */
    for (size_t i = 0; i < host->dirty_count; i++) {
        struct host_link *link = host->dirty[i];
        link->is_dirty = false;
        if (link->is_closed)
            uv_close((uv_handle_t *)&link->socket, on_link_closed);
        else
            flush_link(link);
    }
    host->dirty_count = 0;
    resume_links(host);
}

void host_close_all_links(struct host *host) {
    host_flush_links(host);
    size_t position = 0;
    uint64_t id;
    struct host_link *link;
    while ((link = id_map_next(&host->links, &position, &id)) != NULL) {
        link->is_closed = true;
        if (!uv_is_closing((uv_handle_t *)&link->socket))
            uv_close((uv_handle_t *)&link->socket, on_link_closed);
    }
}
