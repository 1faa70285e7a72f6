#include "harness/inspector.h"

#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "harness/reply_reader.h"
#include "harness/written_value.h"

#include <stdlib.h>

enum {
    TICK_MILLISECONDS = 100,
    PATIENCE_SECONDS = 2,
    UNDER_WAY_MAX = 16,
    NO_OWNER = 0xff,
    DLOCAL_FIELDS = 5
};

struct question {
    uint32_t key, owner; /* which of the key's owners */
    struct instant asked;
    bool sample;
};

struct inspector_link {
    enum { INSPECTOR_LINK_NONE, INSPECTOR_LINK_CONNECTING, INSPECTOR_LINK_OPEN } state;
    struct link_id id;
    struct buffer input;
    struct question under_way[UNDER_WAY_MAX];
    uint32_t first, count;
    uint32_t next_key; /* how far the final inspection has come with this node */
};

struct inspector {
    struct inspector_setup setup;
    struct prng prng;
    bool running;
    struct instant due, next_sample;
    uint64_t links_made;
    struct inspector_link links[SCENARIO_NODES_MAX];
    bool inspecting;
    uint32_t answers_due;
    uint64_t *digests; /* [key][NODE_REPLICAS_MAX]; 0: not answered */
    struct id_set **live;
    struct replica_state state;
    struct buffer scratch;
};

struct inspector *inspector_create(const struct inspector_setup *setup) {
    struct inspector *inspector = calloc(1, sizeof *inspector);
    CHECK(inspector != NULL);
    inspector->setup = *setup;
    uint32_t keys = setup->history->key_count;
    inspector->digests = calloc((size_t)keys * NODE_REPLICAS_MAX + 1, sizeof *inspector->digests);
    inspector->live = calloc(keys + 1, sizeof *inspector->live);
    CHECK(inspector->digests != NULL && inspector->live != NULL);
    return inspector;
}

void inspector_destroy(struct inspector *inspector) {
    if (inspector == NULL)
        return;
    for (uint32_t i = 0; i < SCENARIO_NODES_MAX; i++)
        buffer_deinit(&inspector->links[i].input);
    for (uint32_t i = 0; i < inspector->setup.history->key_count; i++)
        free(inspector->live[i]);
    free(inspector->live);
    free(inspector->digests);
    buffer_deinit(&inspector->scratch);
    free(inspector);
}

static uint32_t owner_of(const struct inspector *inspector, uint32_t key, uint32_t owner) {
    return inspector->setup.owners[(size_t)key * NODE_REPLICAS_MAX + owner];
}

static bool was_written(const struct inspector *inspector, uint32_t key) {
    return inspector->setup.history->keys[key].last_write != 0;
}

/* --- asking -------------------------------------------------------------------------------------------------------- */

static void connect_to(struct inspector *inspector, uint32_t node, struct effects *effects) {
    struct inspector_link *link = &inspector->links[node];
    link->id = (struct link_id){2 * inspector->links_made++ + 1};
    link->state = INSPECTOR_LINK_CONNECTING;
    link->count = 0;
    buffer_clear(&link->input);
    buffer_clear(&inspector->scratch);
    text_append(&inspector->scratch, inspector->setup.history->scenario->cluster.nodes[node].name);
    text_append(&inspector->scratch, ":7000");
    effects_connect(effects, link->id,
                    arena_copy(&effects->arena, buffer_bytes(&inspector->scratch)));
}

static void ask(struct inspector *inspector, uint32_t node, struct question question,
                struct effects *effects) {
    struct inspector_link *link = &inspector->links[node];
    CHECK(link->count < UNDER_WAY_MAX && link->state == INSPECTOR_LINK_OPEN);
    struct buffer key = {0}, command = {0};
    history_key_text(inspector->setup.history, question.key, &key);
    struct bytes words[2] = {bytes_of_text("DLOCAL"), buffer_bytes(&key)};
    reply_put_command(&command, words, 2);
    effects_send(effects, link->id, arena_copy(&effects->arena, buffer_bytes(&command)));
    buffer_deinit(&key);
    buffer_deinit(&command);
    question.asked = world_now(inspector->setup.world);
    link->under_way[(link->first + link->count++) % UNDER_WAY_MAX] = question;
}

/* Keeps as many questions under way to a node as the link takes. */
static void ask_on(struct inspector *inspector, uint32_t node, struct effects *effects) {
    struct inspector_link *link = &inspector->links[node];
    uint32_t keys = inspector->setup.history->key_count;
    if (!inspector->inspecting || link->next_key >= keys)
        return;
    if (link->state == INSPECTOR_LINK_NONE)
        connect_to(inspector, node, effects);
    for (;
         link->state == INSPECTOR_LINK_OPEN && link->count < UNDER_WAY_MAX && link->next_key < keys;
         link->next_key++) {
        uint32_t key = link->next_key;
        for (uint32_t i = 0; i < NODE_REPLICAS_MAX && was_written(inspector, key); i++) {
            if (owner_of(inspector, key, i) == node)
                ask(inspector, node, (struct question){.key = key, .owner = i}, effects);
        }
    }
}

static void ask_sample(struct inspector *inspector, struct effects *effects) {
    const struct history *history = inspector->setup.history;
    uint32_t key = prng_below(&inspector->prng, history->key_count);
    uint32_t owner = prng_below(&inspector->prng, NODE_REPLICAS_MAX);
    uint32_t owners = 0;
    while (owners < NODE_REPLICAS_MAX && owner_of(inspector, key, owners) != NO_OWNER)
        owners++;
    if (!was_written(inspector, key) || owners == 0)
        return;
    owner %= owners;
    uint32_t node = owner_of(inspector, key, owner);
    struct inspector_link *link = &inspector->links[node];
    if (link->state == INSPECTOR_LINK_NONE)
        connect_to(inspector, node, effects);
    else if (link->state == INSPECTOR_LINK_OPEN && link->count < UNDER_WAY_MAX)
        ask(inspector, node, (struct question){.key = key, .owner = owner, .sample = true},
            effects);
}

/* --- answers ------------------------------------------------------------------------------------------------------- */

/* [[actor, counter, timestamp, "value" or "tombstone", value]...] */
static bool decode_state(struct inspector *inspector, struct bytes bytes, uint32_t key) {
    struct reply_reader reader = {.bytes = bytes};
    struct reply reply;
    struct replica_state *state = &inspector->state;
    state->live.count = 0;
    state->tombstones = 0;
    state->digest = hash64(bytes) | 1;
    if (reply_next(&reader, &reply) != REPLY_WHOLE || reply.kind != REPLY_ARRAY)
        return false;
    for (int64_t i = 0, count = reply.integer; i < count; i++) {
        bool tombstone = false;
        if (reply_next(&reader, &reply) != REPLY_WHOLE || reply.kind != REPLY_ARRAY ||
            reply.integer != DLOCAL_FIELDS)
            return false;
        for (int field = 0; field < DLOCAL_FIELDS; field++) {
            if (reply_next(&reader, &reply) != REPLY_WHOLE)
                return false;
            if (field == DLOCAL_FIELDS - 2)
                tombstone = bytes_equal(reply.text, bytes_of_text("tombstone"));
        }
        uint32_t id = 0;
        state->tombstones += tombstone;
        if (tombstone)
            continue;
        if (!written_value_decode(reply.text, key, &id)) {
            history_saw_phantom(inspector->setup.history, key, reply.text,
                                world_now(inspector->setup.world));
            return false;
        }
        if (!id_set_add(&state->live, id))
            return false;
    }
    return true;
}

static void keep_final(struct inspector *inspector, const struct question *question) {
    uint64_t *digest =
        &inspector->digests[(size_t)question->key * NODE_REPLICAS_MAX + question->owner];
    if (*digest == 0)
        inspector->answers_due--;
    *digest = inspector->state.digest;
    if (question->owner != 0)
        return;
    struct id_set **live = &inspector->live[question->key];
    if (*live == NULL)
        *live = calloc(1, sizeof **live);
    CHECK(*live != NULL);
    id_set_copy(*live, &inspector->state.live);
}

static void take_answer(struct inspector *inspector, uint32_t node, struct bytes bytes) {
    struct inspector_link *link = &inspector->links[node];
    struct question question = link->under_way[link->first];
    link->first = (link->first + 1) % UNDER_WAY_MAX;
    link->count--;
    struct instant now = world_now(inspector->setup.world);
    /* An error (recovering, busy): the next tick asks again. */
    if (bytes.data[0] == '-') {
        if (!question.sample && question.key < link->next_key)
            link->next_key = question.key;
        return;
    }
    if (!decode_state(inspector, bytes, question.key)) {
        history_fail(inspector->setup.history, ORACLE_PHANTOM_VALUES, now,
                     "n%u answered DLOCAL with what is no reply to it", node + 1);
        return;
    }
    oracle_check_sample(inspector->setup.history, inspector->setup.samples, node, question.key,
                        &inspector->state, question.asked, now);
    if (!question.sample && inspector->inspecting)
        keep_final(inspector, &question);
}

static void on_bytes(struct inspector *inspector, uint32_t node, struct bytes bytes,
                     struct effects *effects) {
    struct inspector_link *link = &inspector->links[node];
    buffer_append(&link->input, bytes);
    size_t size;
    while (link->input.size > 0) {
        enum reply_state state = reply_is_complete(buffer_bytes(&link->input), &size);
        if (state == REPLY_CUT)
            break;
        if (state == REPLY_MALFORMED || link->count == 0) {
            history_fail(inspector->setup.history, ORACLE_PHANTOM_VALUES,
                         world_now(inspector->setup.world),
                         "n%u sent the inspector bytes that are no reply to anything", node + 1);
            effects_close(effects, link->id);
            link->state = INSPECTOR_LINK_NONE;
            return;
        }
        take_answer(inspector, node, bytes_of(link->input.data, size));
        buffer_consume(&link->input, size);
    }
    ask_on(inspector, node, effects);
}

static void on_closed(struct inspector *inspector, uint32_t node) {
    struct inspector_link *link = &inspector->links[node];
    link->state = INSPECTOR_LINK_NONE;
    for (uint32_t i = 0; i < link->count; i++) {
        const struct question *question = &link->under_way[(link->first + i) % UNDER_WAY_MAX];
        if (!question->sample && question->key < link->next_key)
            link->next_key = question->key;
    }
    link->count = 0;
}

/* --- the program --------------------------------------------------------------------------------------------------- */

static void *inspector_start(void *context, uint32_t host) {
    struct inspector *inspector = context;
    world_stream(inspector->setup.world, host, "inspector", &inspector->prng);
    inspector->running = true;
    inspector->due = INSTANT_NEVER;
    return inspector;
}

/* The inspector outlives its process: what it learned is asked for after the world has stopped. */
static void inspector_stop(void *instance) {
    ((struct inspector *)instance)->running = false;
}

/* Who only waits for answers never hears that the other side has lost its power: a link on which nothing comes back is
 * given up, and its questions are asked on another. */
static void give_up_silent_links(struct inspector *inspector, struct effects *effects) {
    struct instant now = world_now(inspector->setup.world);
    for (uint32_t i = 0; i < inspector->setup.history->scenario->cluster.node_count; i++) {
        struct inspector_link *link = &inspector->links[i];
        if (link->count == 0 ||
            !instant_reached(now, instant_after(link->under_way[link->first].asked,
                                                duration_of_seconds(PATIENCE_SECONDS))))
            continue;
        effects_close(effects, link->id);
        on_closed(inspector, i);
    }
}

static void tick(struct inspector *inspector, struct instant now, struct effects *effects) {
    const struct scenario *scenario = inspector->setup.history->scenario;
    inspector->due = instant_after(now, duration_of_milliseconds(TICK_MILLISECONDS));
    give_up_silent_links(inspector, effects);
    if (inspector->inspecting) {
        for (uint32_t i = 0; i < scenario->cluster.node_count; i++)
            ask_on(inspector, i, effects);
        return;
    }
    struct duration every = scenario->expect.sample_every;
    if (every.nanoseconds == 0 || inspector->setup.history->key_count == 0)
        return;
    if (instant_reached(now, inspector->next_sample)) {
        ask_sample(inspector, effects);
        inspector->next_sample = instant_after(now, every);
    }
    inspector->due = instant_earlier(inspector->due, inspector->next_sample);
}

static bool find_node(const struct inspector *inspector, struct link_id id, uint32_t *node) {
    uint32_t count = inspector->setup.history->scenario->cluster.node_count;
    for (*node = 0; *node < count; (*node)++) {
        const struct inspector_link *link = &inspector->links[*node];
        if (link->state != INSPECTOR_LINK_NONE && link->id.value == id.value)
            return true;
    }
    return false;
}

static void inspector_step(void *instance, const struct event *event, struct effects *effects) {
    struct inspector *inspector = instance;
    uint32_t node;
    effects_clear(effects);
    if (event->kind == EVENT_START) {
        tick(inspector, event->now, effects);
        return;
    }
    if (event->kind == EVENT_TIMEOUT) {
        if (instant_reached(event->now, inspector->due))
            tick(inspector, event->now, effects);
        return;
    }
    if (!find_node(inspector, event->link, &node))
        return;
    if (event->kind == EVENT_LINK_OPENED) {
        inspector->links[node].state = INSPECTOR_LINK_OPEN;
        ask_on(inspector, node, effects);
    } else if (event->kind == EVENT_LINK_BYTES) {
        on_bytes(inspector, node, event->bytes, effects);
    } else if (event->kind == EVENT_LINK_CLOSED) {
        on_closed(inspector, node);
    }
}

static struct instant inspector_deadline(const void *instance) {
    return ((const struct inspector *)instance)->due;
}

struct program inspector_program(struct inspector *inspector) {
    return (struct program){.context = inspector,
                            .create = inspector_start,
                            .destroy = inspector_stop,
                            .step = inspector_step,
                            .deadline = inspector_deadline};
}

/* --- the final inspection ------------------------------------------------------------------------------------------ */

void inspector_begin(struct inspector *inspector) {
    const struct history *history = inspector->setup.history;
    inspector->inspecting = true;
    inspector->answers_due = 0;
    memset(inspector->digests, 0,
           (size_t)history->key_count * NODE_REPLICAS_MAX * sizeof *inspector->digests);
    for (uint32_t i = 0; i < SCENARIO_NODES_MAX; i++)
        inspector->links[i].next_key = 0;
    for (uint32_t key = 0; key < history->key_count; key++) {
        for (uint32_t i = 0; i < NODE_REPLICAS_MAX && was_written(inspector, key); i++)
            inspector->answers_due += owner_of(inspector, key, i) != NO_OWNER;
    }
}

bool inspector_is_done(const struct inspector *inspector) {
    return inspector->inspecting && inspector->answers_due == 0;
}

bool inspector_agrees(const struct inspector *inspector, uint32_t *key) {
    uint32_t count = inspector->setup.history->key_count;
    for (*key = 0; *key < count; (*key)++) {
        const uint64_t *digests = &inspector->digests[(size_t)*key * NODE_REPLICAS_MAX];
        for (uint32_t i = 1; i < NODE_REPLICAS_MAX && was_written(inspector, *key); i++) {
            if (owner_of(inspector, *key, i) != NO_OWNER && digests[i] != digests[0])
                return false;
        }
    }
    return true;
}

const struct id_set *inspector_live(const struct inspector *inspector, uint32_t key) {
    return inspector->live[key];
}

void inspector_describe(const struct inspector *inspector, uint32_t key, struct buffer *to) {
    const uint64_t *digests = &inspector->digests[(size_t)key * NODE_REPLICAS_MAX];
    history_key_text(inspector->setup.history, key, to);
    for (uint32_t i = 0; i < NODE_REPLICAS_MAX && owner_of(inspector, key, i) != NO_OWNER; i++) {
        text_append(to, i == 0 ? ": n" : ", n");
        text_append_u64(to, owner_of(inspector, key, i) + 1);
        text_append(to, digests[i] == 0            ? " has not answered"
                        : digests[i] == digests[0] ? " holds the same"
                                                   : " holds something else");
    }
}
