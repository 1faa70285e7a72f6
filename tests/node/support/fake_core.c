#include "tests/node/support/fake_core.h"

#include "engine/base/hash.h"

#include <stdio.h>
#include <stdlib.h>

enum { FAKE_MEMBERS_MAX = 9, FAKE_SCAN_KEYS_MAX = 1024, FAKE_ACTOR = 0xac7 };

struct fake_entry {
    struct buffer key;
    struct buffer object;
};

struct fake_operation {
    struct operation operation;
    struct buffer key;
    struct buffer value;
    struct version_vector context;
};

struct fake_link {
    struct session *session;
    struct buffer output;
    struct buffer taken;
    bool closed;
};

struct node {
    struct node_config config;
    struct keyspace_config keyspace;
    struct member_config members[FAKE_MEMBERS_MAX];
    char names[FAKE_MEMBERS_MAX][32];
    char addresses[FAKE_MEMBERS_MAX][32];
    struct ring ring;
    struct membership *membership;
    struct store *store;
    struct fake_link links[FAKE_LINKS_MAX];
    struct fake_entry *entries;
    uint32_t entry_count;
    struct fake_operation *waiting;
    uint32_t waiting_count, waiting_most;
    bool hold;
    uint64_t operations;
    struct operation last;
    uint32_t fail_after;
    enum operation_status failure;
    const char *reason;
    struct instant now, started_at;
    struct wall_time wall;
    struct logical_clock clock;
};

/* --- life ----------------------------------------------------------------------------------------------------------- */

static void make_members(struct node *node, uint32_t count) {
    uint64_t ids[FAKE_MEMBERS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(node->names[i], sizeof node->names[i], "n%u", i + 1);
        (void)snprintf(node->addresses[i], sizeof node->addresses[i], "10.0.0.%u:7000", i + 1);
    }
    /* In the order of their ids, as the ring wants them. */
    for (uint32_t i = 0; i < count; i++) {
        struct bytes name = bytes_of_text(node->names[i]);
        uint64_t id = hash64(name);
        uint32_t place = i;
        for (; place > 0 && ids[place - 1] > id; place--) {
            ids[place] = ids[place - 1];
            node->members[place] = node->members[place - 1];
        }
        ids[place] = id;
        node->members[place] = (struct member_config){
            .name = name, .client_address = bytes_of_text(node->addresses[i]), .weight = 1};
    }
    struct ring_member ring_members[FAKE_MEMBERS_MAX];
    for (uint32_t i = 0; i < count; i++)
        ring_members[i] = (struct ring_member){.id = ids[i], .weight = 1, .host = ids[i]};
    ring_build(&node->ring, ring_members, count, 64, 64);
    node->membership = membership_create(&(struct membership_options){
        .member_count = count,
        .member_ids = ids,
        .self = node_self(node),
        .gossip_interval = duration_of_seconds(1),
        .suspect_after_min = duration_of_seconds(2),
        .dead_after = duration_of_seconds(10),
        .seed = 1,
    });
}

static uint64_t or_usual(uint64_t given, uint64_t usual) {
    return given != 0 ? given : usual;
}

struct node *fake_core_create(const struct fake_options *options) {
    struct node *node = calloc(1, sizeof *node);
    CHECK(node != NULL);
    uint32_t members = (uint32_t)or_usual(options->member_count, 1);
    CHECK(members <= FAKE_MEMBERS_MAX);
    node->keyspace = (struct keyspace_config){
        .n = 3, .r = 2, .w = 2, .sloppy = true, .siblings = options->siblings};
    node->config = (struct node_config){
        .name = bytes_of_text("n1"),
        .password = bytes_of_text(options->password == NULL ? "" : options->password),
        .member_count = members,
        .partition_count = 64,
        .key_bytes_max = or_usual(options->key_bytes_max, 4096),
        .value_bytes_max = or_usual(options->value_bytes_max, 1 << 20),
        .clients_max = FAKE_LINKS_MAX,
        .requests_max = 1000,
        .pipeline_max = (uint32_t)or_usual(options->pipeline_max, 32),
        .client_output_bytes_max = or_usual(options->client_output_bytes_max, 1 << 20),
        .store = store_config_default(),
    };
    node->config.store.tally_count = STORE_TALLIES_PER_PAGE;
    node->store = store_create(&node->config.store);
    make_members(node, members);
    fake_core_set_time(node, 100, 1700000000123);
    node->started_at = node->now;
    return node;
}

void fake_core_destroy(struct node *node) {
    for (uint64_t i = 1; i < FAKE_LINKS_MAX; i++)
        fake_core_disconnect(node, i);
    while (node->waiting_count > 0)
        fake_core_finish(node, 0);
    for (uint32_t i = 0; i < node->entry_count; i++) {
        buffer_deinit(&node->entries[i].key);
        buffer_deinit(&node->entries[i].object);
    }
    free(node->entries);
    free(node->waiting);
    ring_deinit(&node->ring);
    membership_destroy(node->membership);
    store_destroy(node->store);
    free(node);
}

struct session *fake_core_connect(struct node *node, uint64_t link) {
    CHECK(link > 0 && link < FAKE_LINKS_MAX && node->links[link].session == NULL);
    node->links[link].session =
        session_create(node, (struct link_id){link}, bytes_of_text("10.9.9.9:1234"));
    return node->links[link].session;
}

void fake_core_disconnect(struct node *node, uint64_t link) {
    if (node->links[link].session != NULL)
        session_destroy(node->links[link].session);
    buffer_deinit(&node->links[link].output);
    buffer_deinit(&node->links[link].taken);
    node->links[link] = (struct fake_link){0};
}

struct bytes fake_core_output(struct node *node, uint64_t link) {
    struct fake_link *from = &node->links[link];
    struct buffer empty = from->taken;
    from->taken = from->output;
    from->output = empty;
    buffer_clear(&from->output);
    return buffer_bytes(&from->taken);
}

bool fake_core_is_closed(const struct node *node, uint64_t link) {
    return node->links[link].closed;
}

void fake_core_set_time(struct node *node, uint64_t seconds, uint64_t wall_milliseconds) {
    node->now.nanoseconds = seconds * 1000000000;
    node->wall.milliseconds = wall_milliseconds;
}

/* --- operations ------------------------------------------------------------------------------------------------------ */

static struct fake_entry *entry_of(struct node *node, struct bytes key) {
    for (uint32_t i = 0; i < node->entry_count; i++) {
        if (bytes_equal(buffer_bytes(&node->entries[i].key), key))
            return &node->entries[i];
    }
    node->entries = realloc(node->entries, (node->entry_count + 1) * sizeof *node->entries);
    CHECK(node->entries != NULL);
    struct fake_entry *entry = &node->entries[node->entry_count++];
    *entry = (struct fake_entry){0};
    buffer_append(&entry->key, key);
    return entry;
}

static void load(const struct fake_entry *entry, struct object *object) {
    object_clear(object);
    if (entry->object.size > 0)
        CHECK(object_decode(buffer_bytes(&entry->object), object));
}

static void complete(struct node *node, const struct operation *operation,
                     const struct operation_result *result) {
    struct session *session = node->links[operation->link.value].session;
    if (session != NULL)
        session_complete(session, operation->tag, result);
}

static void write_object(struct node *node, const struct operation *operation,
                         struct object *object, struct operation_result *result) {
    struct fake_entry *entry = entry_of(node, operation->key);
    load(entry, object);
    result->existed = object_live_count(object) > 0;
    struct object_write write = {
        .value = operation->value,
        .at = logical_clock_tick(&node->clock, node->wall),
        .tombstone = operation->kind == OPERATION_DELETE,
        .blind = operation->context == NULL,
    };
    static const struct version_vector NOTHING_SEEN;
    struct dot dot;
    CHECK(object_write(object, FAKE_ACTOR,
                       operation->context == NULL ? &NOTHING_SEEN : operation->context, &write,
                       &dot) == OBJECT_OK);
    struct buffer encoded = {0};
    object_encode(object, &encoded);
    buffer_deinit(&entry->object);
    entry->object = encoded;
    result->context = &object->vector;
}

static void scan(struct node *node, const struct operation *operation,
                 struct operation_result *result, struct object *object) {
    static struct bytes keys[FAKE_SCAN_KEYS_MAX];
    uint64_t at = operation->cursor;
    while (at < node->entry_count && result->key_count < operation->count) {
        load(&node->entries[at], object);
        if (object_live_count(object) > 0)
            keys[result->key_count++] = buffer_bytes(&node->entries[at].key);
        at += 1;
    }
    result->keys = keys;
    result->cursor = at < node->entry_count ? at : 0;
}

static void carry_out(struct node *node, const struct operation *operation,
                      enum operation_status status, const char *reason) {
    struct object *object = malloc(sizeof *object);
    CHECK(object != NULL);
    struct operation_result result = {.status = status, .reason = reason};
    bool happens = status == OPERATION_OK || status == OPERATION_IN_DOUBT;
    switch (operation->kind) {
    case OPERATION_GET:
    case OPERATION_LOCAL:
        load(entry_of(node, operation->key), object);
        result.object = object;
        break;
    case OPERATION_PUT:
    case OPERATION_DELETE:
        if (happens)
            write_object(node, operation, object, &result);
        break;
    case OPERATION_SCAN:
        scan(node, operation, &result, object);
        break;
    case OPERATION_CHECKPOINT_BEGIN:
    case OPERATION_CHECKPOINT_REMOVE:
        break;
    case OPERATION_CHECKPOINT:
        result.cursor = 7;
        break;
    case OPERATION_KINDS:
        CHECK_UNREACHABLE("an operation has a kind");
    }
    complete(node, operation, &result);
    free(object);
}

static enum operation_status status_of_next(struct node *node) {
    if (node->failure == OPERATION_OK)
        return OPERATION_OK;
    if (node->fail_after == 0)
        return node->failure;
    node->fail_after -= 1;
    return OPERATION_OK;
}

static void wait_in_line(struct node *node, const struct operation *operation) {
    node->waiting = realloc(node->waiting, (node->waiting_count + 1) * sizeof *node->waiting);
    CHECK(node->waiting != NULL);
    struct fake_operation *waiting = &node->waiting[node->waiting_count++];
    *waiting = (struct fake_operation){.operation = *operation};
    buffer_append(&waiting->key, operation->key);
    buffer_append(&waiting->value, operation->value);
    if (operation->context != NULL)
        waiting->context = *operation->context;
    if (node->waiting_count > node->waiting_most)
        node->waiting_most = node->waiting_count;
}

void node_submit(struct node *node, const struct operation *operation) {
    node->operations += 1;
    node->last = *operation;
    if (node->hold)
        wait_in_line(node, operation);
    else
        carry_out(node, operation, status_of_next(node), node->reason);
}

void fake_core_hold(struct node *node, bool hold) {
    node->hold = hold;
}

uint32_t fake_core_waiting(const struct node *node) {
    return node->waiting_count;
}

uint32_t fake_core_waiting_most(const struct node *node) {
    return node->waiting_most;
}

void fake_core_finish(struct node *node, uint32_t place) {
    CHECK(place < node->waiting_count);
    struct fake_operation *taken = malloc(sizeof *taken);
    CHECK(taken != NULL);
    *taken = node->waiting[place];
    node->waiting_count -= 1;
    memmove(&node->waiting[place], &node->waiting[place + 1],
            (node->waiting_count - place) * sizeof *node->waiting);
    taken->operation.key = buffer_bytes(&taken->key);
    taken->operation.value = buffer_bytes(&taken->value);
    if (taken->operation.context != NULL)
        taken->operation.context = &taken->context;
    carry_out(node, &taken->operation, status_of_next(node), node->reason);
    buffer_deinit(&taken->key);
    buffer_deinit(&taken->value);
    free(taken);
}

void fake_core_fail(struct node *node, uint32_t after, enum operation_status status,
                    const char *reason) {
    node->fail_after = after;
    node->failure = status;
    node->reason = reason;
}

struct operation fake_core_last_operation(const struct node *node) {
    return node->last;
}

uint64_t fake_core_operation_count(const struct node *node) {
    return node->operations;
}

/* --- what the node lends its sessions -------------------------------------------------------------------------------- */

struct buffer *node_output(struct node *node, struct link_id link) {
    return node->links[link.value].closed ? NULL : &node->links[link.value].output;
}

void node_close_link(struct node *node, struct link_id link) {
    node->links[link.value].closed = true;
}

const struct node_config *node_configuration(const struct node *node) {
    return &node->config;
}

struct instant node_now(const struct node *node) {
    return node->now;
}

struct wall_time node_wall(const struct node *node) {
    return node->wall;
}

struct instant node_started_at(const struct node *node) {
    return node->started_at;
}

struct session *node_next_session(const struct node *node, struct link_id *link) {
    while (++link->value < FAKE_LINKS_MAX) {
        if (node->links[link->value].session != NULL)
            return node->links[link->value].session;
    }
    return NULL;
}

enum node_phase node_phase(const struct node *node) {
    (void)node;
    return NODE_SERVING;
}

const struct ring *node_ring(const struct node *node) {
    return &node->ring;
}

const struct store *node_store(const struct node *node) {
    return node->store;
}

const struct membership *node_membership(const struct node *node) {
    return node->membership;
}

const struct member_config *node_member(const struct node *node, uint32_t index) {
    CHECK(index < node->config.member_count);
    return &node->members[index];
}

uint32_t node_self(const struct node *node) {
    for (uint32_t i = 0; i < node->config.member_count; i++) {
        if (bytes_equal(node->members[i].name, node->config.name))
            return i;
    }
    CHECK_UNREACHABLE("the node is a member");
}

const struct keyspace_config *node_keyspace_of(const struct node *node, struct bytes key) {
    (void)key;
    return &node->keyspace;
}

void node_figures(const struct node *node, struct node_figures *figures) {
    *figures = (struct node_figures){.reads = node->operations, .clients = 1, .actor = FAKE_ACTOR};
}
