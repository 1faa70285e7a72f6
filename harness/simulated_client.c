#include "harness/simulated_client_internal.h"

#include "engine/base/text.h"
#include "harness/reply_reader.h"

#include <stdlib.h>

static void *client_create(void *context, uint32_t host) {
    struct client *client = calloc(1, sizeof *client);
    CHECK(client != NULL);
    client->setup = context;
    client->group = client->setup->group;
    client->history = client->setup->history;
    client->setup->is_idle = true;
    world_stream(client->setup->world, host, "client", &client->prng);
    return client;
}

static void client_destroy(void *instance) {
    struct client *client = instance;
    for (uint32_t i = 0; i < SCENARIO_NODES_MAX; i++)
        buffer_deinit(&client->links[i].input);
    for (uint32_t i = 0; i < KNOWN_CONTEXTS; i++)
        buffer_deinit(&client->known[i].context);
    buffer_deinit(&client->context);
    buffer_deinit(&client->scratch);
    buffer_deinit(&client->command);
    free(client);
}

static struct client_link *find_link(struct client *client, struct link_id id) {
    for (uint32_t i = 0; i < client->setup->node_count; i++) {
        if (client->links[i].state != CLIENT_LINK_NONE && client->links[i].id.value == id.value)
            return &client->links[i];
    }
    return NULL;
}

static void drop_link(struct client_link *link) {
    link->state = CLIENT_LINK_NONE;
    buffer_clear(&link->input);
}

static void connect_to_node(struct client *client, struct effects *effects) {
    struct client_link *link = &client->links[client->node];
    const char *name =
        client->history->scenario->cluster.nodes[client->setup->nodes[client->node]].name;
    link->id = (struct link_id){2 * client->links_made++ + 1};
    link->state = CLIENT_LINK_CONNECTING;
    buffer_clear(&client->scratch);
    text_append(&client->scratch, name);
    text_append(&client->scratch, ":7000");
    effects_connect(effects, link->id, arena_copy(&effects->arena, buffer_bytes(&client->scratch)));
}

static void wait_for_next(struct client *client, struct instant now) {
    const struct client_group *group = client->group;
    client->phase = CLIENT_IDLE;
    client->setup->is_idle = true;
    client->due = client_draw_due(client, now);
    struct duration active =
        group->stop.nanoseconds != 0 ? group->stop : client->history->scenario->duration;
    struct instant stop = instant_after(client->zero, active);
    if (!instant_before(client->due, stop))
        client->due = INSTANT_NEVER;
}

static void attempt(struct client *client, struct instant now, struct effects *effects) {
    struct client_link *link = &client->links[client->node];
    client->setup->is_idle = false;
    client->phase = CLIENT_CONNECTING;
    client->due = instant_after(now, client->group->timeout);
    if (link->state == CLIENT_LINK_OPEN)
        client_send_first(client, effects);
    else if (link->state == CLIENT_LINK_NONE)
        connect_to_node(client, effects);
}

/* After a failure: again while retries are left, elsewhere when that is allowed. A retried write is a new one, with an id
 * of its own: the first may still come to pass. */
static void finish(struct client *client, bool failed, struct instant now,
                   struct effects *effects) {
    if (failed && client->group->failover)
        client_change_node(client);
    if (failed && client->retries_left > 0) {
        client->retries_left--;
        attempt(client, now, effects);
        return;
    }
    wait_for_next(client, now);
}

static void on_timeout(struct client *client, struct instant now, struct effects *effects) {
    if (!instant_reached(now, client->due))
        return;
    if (client->phase == CLIENT_IDLE) {
        client->scheduled = client->due;
        client_draw_operation(client);
        attempt(client, now, effects);
        return;
    }
    struct client_link *link = &client->links[client->node];
    if (link->state != CLIENT_LINK_NONE)
        effects_close(effects, link->id);
    drop_link(link);
    client_give_up(client);
    finish(client, true, now, effects);
}

static void on_opened(struct client *client, struct client_link *link, struct effects *effects) {
    link->state = CLIENT_LINK_OPEN;
    if (client->phase == CLIENT_CONNECTING && link == &client->links[client->node])
        client_send_first(client, effects);
}

static void on_closed(struct client *client, struct client_link *link, struct instant now,
                      struct effects *effects) {
    drop_link(link);
    if (client->phase == CLIENT_IDLE || link != &client->links[client->node])
        return;
    bool was_refused = client->phase == CLIENT_CONNECTING;
    client_give_up(client);
    /* A node that is down refuses at once: no use in asking it again in the same instant. */
    if (was_refused && !client->group->failover)
        client->retries_left = 0;
    finish(client, true, now, effects);
}

static void on_bytes(struct client *client, struct client_link *link, const struct event *event,
                     struct effects *effects) {
    buffer_append(&link->input, event->bytes);
    size_t size;
    while (link->state == CLIENT_LINK_OPEN && link->input.size > 0) {
        enum reply_state state = reply_is_complete(buffer_bytes(&link->input), &size);
        if (state == REPLY_CUT)
            return;
        bool expected = link == &client->links[client->node] &&
                        (client->phase == CLIENT_READING || client->phase == CLIENT_WRITING);
        if (state == REPLY_MALFORMED || !expected) {
            history_fail(client->history, ORACLE_PHANTOM_VALUES, world_now(client->setup->world),
                         "a client got bytes that are no reply to anything it had asked");
            effects_close(effects, link->id);
            drop_link(link);
            return;
        }
        bool failed;
        bool over = client_take_reply(client, bytes_of(link->input.data, size), effects, &failed);
        buffer_consume(&link->input, size);
        if (over)
            finish(client, failed, event->now, effects);
    }
}

static void begin(struct client *client, struct instant now) {
    client->node = client->setup->client % client->setup->node_count;
    /* A monotonic clock begins anywhere; clients start with the world, so this is virtual time zero. */
    client->zero = now;
    client->scheduled = instant_after(now, client->group->start);
    wait_for_next(client, client->scheduled);
}

static void client_step(void *instance, const struct event *event, struct effects *effects) {
    struct client *client = instance;
    effects_clear(effects);
    struct client_link *link = find_link(client, event->link);
    switch (event->kind) {
    case EVENT_START:
        begin(client, event->now);
        return;
    case EVENT_TIMEOUT:
        on_timeout(client, event->now, effects);
        return;
    case EVENT_LINK_OPENED:
        if (link != NULL)
            on_opened(client, link, effects);
        return;
    case EVENT_LINK_BYTES:
        if (link != NULL)
            on_bytes(client, link, event, effects);
        return;
    case EVENT_LINK_CLOSED:
        if (link != NULL)
            on_closed(client, link, event->now, effects);
        return;
    case EVENT_LINK_ACCEPTED:
    case EVENT_LINK_DRAINED:
    case EVENT_DISK_DONE:
    case EVENT_STOP:
        return;
    }
}

static struct instant client_deadline(const void *instance) {
    return ((const struct client *)instance)->due;
}

struct program client_program(struct client_setup *setup) {
    return (struct program){.context = setup,
                            .create = client_create,
                            .destroy = client_destroy,
                            .step = client_step,
                            .deadline = client_deadline};
}
