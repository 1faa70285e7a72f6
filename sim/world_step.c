/* One step of one program: what waited becomes an event, and what the program answers is
 * performed. */
#include "sim/world_internal.h"

#include "engine/base/text.h"

enum { PORT_CLIENT = 7000, PORT_EPHEMERAL_MIN = 32768, PORT_EPHEMERALS = 28000 };

/* "n1:7001" is host n1; a name without a port, or one that nobody has, is no host. */
static struct simulated_host *find_target(const struct world *world, struct bytes address,
                                          enum link_role *role) {
    size_t colon = address.size;
    while (colon > 0 && address.data[colon - 1] != ':')
        colon--;
    uint64_t port;
    if (colon == 0 || !text_parse_u64(bytes_slice(address, colon, address.size - colon), &port))
        return NULL;
    *role = port == PORT_CLIENT ? LINK_CLIENT : LINK_PEER;
    return world_find_host(world, bytes_slice(address, 0, colon - 1));
}

static void connect_link(struct world *world, struct simulated_host *host,
                         const struct effect *effect, struct instant at) {
    enum link_role role = LINK_PEER;
    const struct simulated_host *target = find_target(world, effect->bytes, &role);
    network_connect(&world->network, host->index, effect->link,
                    target == NULL ? NETWORK_NO_HOST : target->index, role, at);
}

static void perform_effect(struct world *world, struct simulated_host *host,
                           const struct effect *effect, struct instant at) {
    switch (effect->kind) {
    case EFFECT_CONNECT:
        connect_link(world, host, effect, at);
        break;
    case EFFECT_SEND:
        network_send(&world->network, host->index, effect->link, effect->bytes, at);
        break;
    case EFFECT_CLOSE:
        network_close(&world->network, host->index, effect->link, at);
        break;
    case EFFECT_WRITE:
    case EFFECT_ALLOCATE:
    case EFFECT_READ:
    case EFFECT_SYNC:
    case EFFECT_SYNC_DIRECTORY:
    case EFFECT_RENAME:
    case EFFECT_LINK:
    case EFFECT_REMOVE:
    case EFFECT_LIST:
        simulated_disk_submit(&host->disk, effect, at);
        break;
    case EFFECT_NOTE:
        break;
    case EFFECT_HALT:
        buffer_clear(&host->halt_reason);
        buffer_append(&host->halt_reason, effect->bytes);
        host->halting = true;
        break;
    }
}

static void perform_effects(struct world *world, struct simulated_host *host, struct instant at) {
    for (size_t i = 0; i < world->effects.count; i++) {
        const struct effect *effect = &world->effects.items[i];
        rolling_hash_effect(&world->hash, world->timeline.now, host->index, effect);
        if (world->timeline.observer != NULL && world->timeline.observer->effect != NULL)
            world->timeline.observer->effect(world->timeline.observer->context, world->timeline.now,
                                             host->index, effect);
        perform_effect(world, host, effect, at);
    }
}

static void fill_remote(struct world *world, const struct delivery *delivery, struct event *event) {
    const struct link_end *other = &delivery->end->connection->ends[0];
    buffer_clear(&world->remote);
    text_append(&world->remote, world->hosts[other->host]->name);
    text_append(&world->remote, ":");
    text_append_u64(&world->remote, PORT_EPHEMERAL_MIN + other->link.value / 2 % PORT_EPHEMERALS);
    event->remote = buffer_bytes(&world->remote);
}

/* Whether the program is still to hear of what waited; fills what the host does not know. */
static bool take(struct world *world, struct simulated_host *host, const struct delivery *delivery,
                 struct event *event) {
    switch (delivery->kind) {
    case EVENT_TIMEOUT:
        return simulated_host_take_timeout(host);
    case EVENT_LINK_ACCEPTED:
        if (!network_take(&world->network, delivery, event))
            return false;
        fill_remote(world, delivery, event);
        return true;
    case EVENT_LINK_OPENED:
    case EVENT_LINK_BYTES:
    case EVENT_LINK_DRAINED:
    case EVENT_LINK_CLOSED:
        return network_take(&world->network, delivery, event);
    case EVENT_START:
    case EVENT_DISK_DONE:
    case EVENT_STOP:
        return true;
    }
    CHECK_UNREACHABLE("an event of unknown kind");
}

/* False when the program need not hear of it any more. */
static bool step(struct world *world, struct simulated_host *host,
                 const struct delivery *delivery) {
    struct event event = {0};
    bool taken = take(world, host, delivery, &event);
    if (taken) {
        simulated_host_fill_event(host, delivery, &event);
        world->event_count++;
        rolling_hash_event(&world->hash, world->timeline.now, host->index, &event, delivery->chunk);
        if (world->timeline.observer != NULL && world->timeline.observer->event != NULL)
            world->timeline.observer->event(world->timeline.observer->context, world->timeline.now,
                                            host->index, &event);
        effects_clear(&world->effects);
        host->program.step(host->instance, &event, &world->effects);
        perform_effects(world, host, simulated_host_spend(host));
        if (host->halting)
            world_end_process(world, host, CRASH_KILL);
        else
            simulated_host_set_timer(host);
    }
    if (delivery->chunk != NULL)
        chunk_release(&world->timeline.chunks, delivery->chunk);
    return taken;
}

void world_deliver(struct world *world, const struct delivery *delivery) {
    struct simulated_host *host = world->hosts[delivery->host];
    if (host->instance == NULL) {
        if (delivery->chunk != NULL)
            chunk_release(&world->timeline.chunks, delivery->chunk);
    } else if (simulated_host_is_free(host)) {
        (void)step(world, host, delivery);
    } else {
        simulated_host_defer(host, delivery);
    }
}

void world_wake_host(struct world *world, struct simulated_host *host) {
    host->wake_scheduled = false;
    if (host->paused)
        return;
    bool stepped = false;
    while (!stepped && host->inbox.count > 0) {
        struct delivery delivery = delivery_queue_pop(&host->inbox);
        stepped = step(world, host, &delivery);
    }
    if (host->instance != NULL)
        simulated_host_wake(host);
}
