#include "engine/node/node.h"

#include "engine/node/narration.h"
#include "engine/node/node_state.h"

enum {
    TIMERS_PER_STEP_MAX = 4096,
    READY_PER_STEP_MAX = 4096,
    TAILS_ENDED_PER_STEP_MAX = 1024,
};

/* --- phases ------------------------------------------------------------------------------------- */

static void halt(struct node *node, struct bytes why) {
    node->phase = NODE_HALTED;
    effects_halt(node->effects, arena_copy(&node->effects->arena, why));
}

/* Everybody who waits is told that their operation failed. */
static void fail_requests(struct node *node) {
    uint32_t capacity = request_capacity(node);
    for (uint32_t i = 0; i < capacity; i++) {
        struct request *request = request_at(node, i);
        if (request == NULL)
            continue;
        if (request->phase != REQUEST_ANSWERED)
            coordinator_fail(node, request, OPERATION_FAILED, "this node's store has failed");
        request_release(node, request);
    }
}

void node_fail(struct node *node, struct bytes why) {
    if (node->phase == NODE_HALTED)
        return;
    struct bytes kept = arena_copy(&node->effects->arena, why);
    narrate_bytes(node, NOTE_ERROR, "cannot go on", kept);
    /* Sessions may answer with new operations: these are refused from now on. */
    node->phase = NODE_STOPPING;
    fail_requests(node);
    halt(node, kept);
}

static void take_client(struct node *node, struct node_link *link) {
    link->session = session_create(node, link->id, buffer_bytes(&link->remote));
    if (link->input.size == 0)
        return;
    session_receive(link->session, buffer_bytes(&link->input));
    buffer_deinit(&link->input);
}

/* Links that came early have waited with what they sent. */
static void take_waiting_links(struct node *node) {
    for (size_t position = 0; link_at(node, position) != NULL; position++) {
        struct node_link *link = link_at(node, position);
        if (link->closing || link->dialled)
            continue;
        if (link->role == LINK_CLIENT)
            take_client(node, link);
        else
            peer_receive(node, link, (struct bytes){0});
    }
}

static void serve(struct node *node) {
    node->phase = NODE_SERVING;
    narrate(node, NOTE_INFO, "serves");
    membership_start(node->membership, node->incarnation, node->now);
    peers_start(node);
    take_waiting_links(node);
}

/* The hints that answered puts still owe must not be lost with them. */
static void end_requests(struct node *node) {
    uint32_t capacity = request_capacity(node);
    for (uint32_t i = 0; i < capacity; i++) {
        struct request *request = request_at(node, i);
        if (request != NULL)
            coordinator_expire(node, request);
    }
}

static void begin_close(struct node *node) {
    deadlines_cancel(&node->deadlines, &node->stop_timer);
    end_requests(node);
    node->close_began = true;
    for (size_t position = 0; link_at(node, position) != NULL; position++)
        link_close(node, link_at(node, position));
    store_close(node->store, node->now, node->effects);
}

static void stop(struct node *node) {
    if (node->phase == NODE_STOPPING)
        return;
    if (node->phase != NODE_SERVING) {
        halt(node, bytes_of_text("stopped"));
        return;
    }
    narrate(node, NOTE_INFO, "stops");
    node->phase = NODE_STOPPING;
    deadlines_set(&node->deadlines, &node->stop_timer,
                  instant_after(node->now, node->config.request_timeout));
}

/* Requests may finish, for as long as the longest may take; then the store is closed. */
static void go_on_stopping(struct node *node) {
    bool idle = node->requests.under_way == 0 && node->replica.jobs_in_use == 0 &&
                node->replica.written.count == 0 && node->replica.durable.count == 0;
    if (!node->close_began && (idle || node->stop_timer.position == 0))
        begin_close(node);
    if (node->close_began && store_is_closed(node->store))
        halt(node, bytes_of_text("stopped"));
}

/* --- links -------------------------------------------------------------------------------------- */

static void refuse_client(struct node *node, struct node_link *link, const char *reply) {
    buffer_append(link_output(node, link), bytes_of_text(reply));
    link_close(node, link);
}

static void accept_link(struct node *node, const struct event *event) {
    struct node_link *link = link_add(node, event->link, event->role);
    buffer_append(&link->remote, event->remote);
    if (node->phase == NODE_STOPPING)
        link_close(node, link);
    else if (event->role == LINK_CLIENT && node->links.client_count > node->config.clients_max)
        refuse_client(node, link, "-ERR max number of clients reached\r\n");
    else if (event->role == LINK_CLIENT && node->phase == NODE_SERVING)
        take_client(node, link);
}

/* Before the node serves, bytes wait; a client that sends too much is told to come back. */
static void keep_early_bytes(struct node *node, struct node_link *link, struct bytes bytes) {
    if (link->input.size + bytes.size <= LINK_EARLY_BYTES_MAX)
        buffer_append(&link->input, bytes);
    else if (link->role == LINK_CLIENT)
        refuse_client(node, link, "-LOADING the node is recovering what it holds\r\n");
    else
        link_close(node, link);
}

static void receive(struct node *node, const struct event *event) {
    struct node_link *link = link_find(node, event->link);
    if (link == NULL || node->close_began)
        return;
    if (node->phase != NODE_SERVING && node->phase != NODE_STOPPING)
        keep_early_bytes(node, link, event->bytes);
    else if (link->role == LINK_PEER)
        peer_receive(node, link, event->bytes);
    else if (link->session != NULL)
        session_receive(link->session, event->bytes);
}

static void drained(struct node *node, const struct event *event) {
    struct node_link *link = link_find(node, event->link);
    if (link == NULL)
        return;
    link->queued = 0;
    if (link->session != NULL)
        session_drained(link->session);
}

static void close_link(struct node *node, const struct event *event) {
    struct node_link *link = link_find(node, event->link);
    if (link == NULL)
        return;
    link_forget(node, link);
    if (link->role == LINK_PEER)
        peer_on_closed(node, link);
}

/* --- events ------------------------------------------------------------------------------------- */

static void start(struct node *node, const struct event *event) {
    CHECK(node->phase == NODE_NEW);
    node->phase = NODE_RECOVERING;
    node->started_at = event->now;
    memcpy(&node->entropy, event->entropy, sizeof node->entropy);
    prng_init(&node->prng, node->entropy, node->member_ids[node->self]);
    store_start(node->store, node->now, node->effects);
}

static void take_event(struct node *node, const struct event *event) {
    switch (event->kind) {
    case EVENT_START:
        start(node, event);
        break;
    case EVENT_TIMEOUT:
        break; /* whatever is due is done in every step */
    case EVENT_LINK_ACCEPTED:
        accept_link(node, event);
        break;
    case EVENT_LINK_OPENED: {
        struct node_link *link = link_find(node, event->link);
        if (link != NULL)
            peer_on_opened(node, link);
        break;
    }
    case EVENT_LINK_BYTES:
        receive(node, event);
        break;
    case EVENT_LINK_DRAINED:
        drained(node, event);
        break;
    case EVENT_LINK_CLOSED:
        close_link(node, event);
        break;
    case EVENT_DISK_DONE:
        (void)store_on_disk(node->store, &event->disk, node->now, node->effects);
        break;
    case EVENT_STOP:
        stop(node);
        break;
    }
}

/* --- what follows every event ------------------------------------------------------------------- */

void node_wake(struct node *node, uint64_t number) {
    switch (number_kind(number)) {
    case NUMBER_NOBODY:
    case NUMBER_START:
        break; /* the start is advanced in every step */
    case NUMBER_REQUEST:
        coordinator_wake(node, number);
        break;
    case NUMBER_JOB:
        replica_wake(node, number);
        break;
    case NUMBER_EXCHANGE:
        exchange_wake(node, number);
        break;
    case NUMBER_HANDOFF:
        handoff_wake(node, number);
        break;
    case NUMBER_TREE_REPLY:
        tree_reply_wake(node, number);
        break;
    case NUMBER_HEALING:
        healing_wake(node);
        break;
    }
}

static void wake_ready(struct node *node) {
    uint64_t waiter;
    for (uint32_t i = 0; i < READY_PER_STEP_MAX && store_next_ready(node->store, &waiter); i++)
        node_wake(node, waiter);
}

/* Those who wait for room are tried in order until one must wait again. */
static void wake_for_room(struct node *node) {
    uint64_t waiter;
    size_t waiting = node->replica.busy.count;
    for (size_t i = 0; i < waiting && replica_next_for_room(node, &waiter); i++) {
        size_t before = node->replica.busy.count;
        node_wake(node, waiter);
        if (node->replica.busy.count > before)
            break;
    }
}

static void fire(struct node *node, const struct deadline *deadline) {
    switch ((enum timer_kind)deadline->kind) {
    case TIMER_REQUEST: {
        struct request *request = request_find(node, deadline->owner);
        CHECK(request != NULL);
        coordinator_on_timer(node, request);
        break;
    }
    case TIMER_PEER:
        peer_on_timer(node, (uint32_t)deadline->owner);
        break;
    case TIMER_HANDOFF:
        handoff_on_timer(node, (uint32_t)deadline->owner);
        break;
    case TIMER_EXCHANGE:
        exchange_on_timer(node, (uint32_t)deadline->owner);
        break;
    case TIMER_EXCHANGE_SLICE:
        exchange_continue(node, (uint32_t)deadline->owner);
        break;
    case TIMER_HEALING:
        healing_on_timer(node);
        break;
    case TIMER_STOP:
        break; /* what it is for is looked at in every step */
    }
}

static void fire_timers(struct node *node) {
    struct deadline *due;
    for (uint32_t i = 0; i < TIMERS_PER_STEP_MAX; i++) {
        due = deadlines_pop(&node->deadlines, node->now);
        if (due == NULL)
            break;
        fire(node, due);
    }
}

static void note_change(struct node *node, uint32_t member) {
    enum member_status status = membership_status(node->membership, member);
    if (is_self(node, member))
        return;
    bool answers = membership_is_usable(node->membership, member);
    if (narrates(node, NOTE_INFO)) {
        narrate_member(node, NOTE_INFO, member,
                       status == MEMBER_SUSPECT ? "is suspect"
                       : status == MEMBER_DEAD  ? "is dead"
                       : status != MEMBER_ALIVE ? "has changed"
                       : answers                ? "is alive and answers"
                                                : "is alive but does not answer");
    }
    if (status == MEMBER_DEAD)
        peer_drop(node, member);
    else
        peer_watch(node, member);
    if (!answers)
        return;
    handoff_kick(node, member);
    exchange_kick(node, member);
}

static bool is_gossip_reply(const struct peer_message *message) {
    return message->kind == PEER_GOSSIP_REPLY || message->kind == PEER_PROBE_REPLY;
}

/* Replies go back on the link that the other side dialled. */
static void carry_gossip(struct node *node) {
    struct instant due = membership_deadline(node->membership);
    if (instant_reached(node->now, due))
        membership_tick(node->membership, node->now);
    uint32_t member;
    struct peer_message message;
    while (membership_next_message(node->membership, &member, &message)) {
        struct node_link *accepted = node->peers[member].accepted;
        if (!is_gossip_reply(&message))
            (void)peer_send(node, member, &message);
        else if (accepted != NULL)
            peer_reply(node, accepted->id, &message);
    }
    while (membership_next_change(node->membership, &member))
        note_change(node, member);
    uint64_t rival = membership_rival_incarnation(node->membership);
    if (rival != 0 && node->phase == NODE_SERVING)
        node_start_anew(node, rival);
}

static void end_surplus_tails(struct node *node) {
    for (uint32_t i = 0; i < TAILS_ENDED_PER_STEP_MAX; i++) {
        struct request *request = request_surplus_tail(node);
        if (request == NULL)
            break;
        if (request->kind == REQUEST_PUT)
            coordinator_put_finish(node, request);
        else
            request_release(node, request);
    }
}

/* Once the store is being closed nothing may be written any more, and nobody is left to answer. */
static bool works(const struct node *node) {
    bool open = node->phase == NODE_SERVING || node->phase == NODE_STOPPING;
    return open && !node->close_began;
}

static void follow_up(struct node *node, const struct event *event) {
    if (node->phase == NODE_RECOVERING && node_start_advance(node)) {
        healing_look(node);
        serve(node);
    }
    if (works(node)) {
        wake_ready(node);
        if (event->kind == EVENT_DISK_DONE)
            wake_for_room(node);
        carry_gossip(node);
        node_start_save(node);
        end_surplus_tails(node);
        replica_settle_acknowledgements(node);
        node_checkpoint_settle(node);
    }
    if (node->phase == NODE_SERVING)
        held_save(node);
}

/* What lies in the memtable goes into tables when memory is short: the rest of it is needed sooner than it would be full. */
static void note_memory(struct node *node, bool is_short) {
    struct store_snapshot *frozen;
    bool begins = is_short && !node->memory_is_short;
    node->memory_is_short = is_short;
    if (!begins || !works(node))
        return;
    narrate(node, NOTE_WARNING, "memory is short: writes are refused until there is some");
    if (store_snapshot_acquire(node->store, &frozen) == STORE_OK)
        store_snapshot_release(frozen);
}

void node_step(struct node *node, const struct event *event, struct effects *effects) {
    CHECK(node->phase != NODE_HALTED);
    effects_clear(effects);
    node->effects = effects;
    node->now = event->now;
    node->wall = event->wall;
    store_set_wall(node->store, event->wall);
    note_memory(node, event->memory_is_short);
    links_reclaim(node);
    take_event(node, event);
    if (works(node))
        healing_look(node);
    if (node->phase != NODE_HALTED && !node->close_began)
        fire_timers(node);
    if (node->phase != NODE_HALTED)
        follow_up(node, event);
    if (node->phase == NODE_STOPPING)
        go_on_stopping(node);
    if (node->phase != NODE_HALTED)
        store_pump(node->store, node->now, effects);
    if (node->phase != NODE_HALTED && store_phase(node->store) == STORE_PHASE_FAILED)
        node_fail(node, store_failure(node->store));
    links_flush(node);
    node->effects = NULL;
}

struct instant node_deadline(const struct node *node) {
    struct instant due = store_deadline(node->store);
    if (!node->close_began)
        due = instant_earlier(due, deadlines_next(&node->deadlines));
    if (works(node))
        due = instant_earlier(due, membership_deadline(node->membership));
    return due;
}
