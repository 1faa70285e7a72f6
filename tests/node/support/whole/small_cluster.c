#include "tests/node/support/whole/small_cluster.h"

#include "engine/base/prng.h"
#include "engine/data/slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants these before it. */
#include <cmocka.h>

enum { FILES_MAX = 512, CONNECTIONS_MAX = 4096, REPLIES_KEPT = 4, STEPS_MAX = 4000000 };

struct memory_file {
    bool exists, durable_exists;
    struct file_id file;
    struct buffer bytes, durable;
};

struct queued_event {
    struct event event;
    struct buffer bytes, remote;
    struct file_entry *files;
    uint32_t node, life;
    bool is_disk;
    enum effect_kind performed; /* of a disk operation */
    struct file_id file;
    uint64_t synced_size; /* of a sync: what the file held when it was asked for */
    uint32_t sender;      /* of link bytes: node, or none */
    struct queued_event *next;
};

struct connection {
    bool open;
    uint32_t ends[2]; /* nodes; NO_NODE for a client of the driver */
    uint32_t lives[2];
    struct link_id links[2];
};

static const uint32_t NO_NODE = UINT32_MAX;

struct small_node {
    struct node *node;
    struct node_config config;
    uint32_t life;
    uint64_t links_accepted;
    bool disk_is_held, disk_is_broken;
    struct memory_file files[FILES_MAX], saved[FILES_MAX];
    char halt_reason[256];
    struct link_id client; /* of small_cluster_send() */
    struct buffer client_output;
};

struct small_cluster {
    struct small_cluster_options options;
    struct member_config members[SMALL_CLUSTER_NODES_MAX];
    struct keyspace_config keyspace;
    char names[SMALL_CLUSTER_NODES_MAX][4], addresses[SMALL_CLUSTER_NODES_MAX][12];
    struct small_node nodes[SMALL_CLUSTER_NODES_MAX];
    struct connection connections[CONNECTIONS_MAX];
    uint32_t connection_count;
    bool cut[SMALL_CLUSTER_NODES_MAX][SMALL_CLUSTER_NODES_MAX];
    bool stalled[SMALL_CLUSTER_NODES_MAX][SMALL_CLUSTER_NODES_MAX];
    struct queued_event *first, **last;
    struct instant now;
    bool cuts_bytes;
    struct prng prng;
    uint64_t entropy;
    char replies[REPLIES_KEPT][65536];
    uint32_t reply_count;
};

/* --- creation ----------------------------------------------------------------------------------- */

static void configure(struct small_cluster *cluster, uint32_t index) {
    struct node_config *config = &cluster->nodes[index].config;
    node_config_default(config);
    config->cluster = bytes_of_text("test");
    config->name = bytes_of_text(cluster->names[index]);
    config->members = cluster->members;
    config->member_count = cluster->options.nodes;
    config->keyspaces = &cluster->keyspace;
    config->keyspace_count = 1;
    config->partition_count = 16;
    config->vnodes = 16;
    config->note_level = getenv("NARRATE") != NULL ? NOTE_DETAIL : NOTE_NONE;
    config->store.sync = cluster->options.sync;
    /* Segments are allocated whole, and these disks lie in memory. */
    config->store.log_segment_bytes = 64 * 1024;
    config->anti_entropy_interval = (struct duration){0};
    config->handoff_interval = (struct duration){0};
    if (cluster->options.configure != NULL)
        cluster->options.configure(config);
    struct buffer problem = {0};
    if (!node_config_is_valid(config, &problem))
        fail_msg("%.*s", (int)problem.size, (const char *)problem.data);
    buffer_deinit(&problem);
}

struct small_cluster *small_cluster_create(const struct small_cluster_options *options) {
    struct small_cluster *cluster = calloc(1, sizeof *cluster);
    assert_non_null(cluster);
    cluster->options = *options;
    cluster->last = &cluster->first;
    cluster->now.nanoseconds = 1000000000;
    cluster->keyspace = keyspace_config_default();
    cluster->keyspace.n = options->n;
    cluster->keyspace.r = options->r;
    cluster->keyspace.w = options->w;
    cluster->keyspace.sloppy = options->sloppy;
    cluster->keyspace.strict = options->strict;
    for (uint32_t i = 0; i < options->nodes; i++) {
        (void)snprintf(cluster->names[i], sizeof cluster->names[i], "n%u", i % 10);
        (void)snprintf(cluster->addresses[i], sizeof cluster->addresses[i], "n%u:7001", i % 10);
        cluster->members[i] = (struct member_config){
            .name = bytes_of_text(cluster->names[i]),
            .address = bytes_of_text(cluster->addresses[i]),
            .client_address = bytes_of_text(cluster->addresses[i]),
            .weight = 1,
        };
    }
    for (uint32_t i = 0; i < options->nodes; i++)
        configure(cluster, i);
    return cluster;
}

/* --- the queue ---------------------------------------------------------------------------------- */

static struct queued_event *enqueue(struct small_cluster *cluster, uint32_t node,
                                    enum event_kind kind) {
    struct queued_event *queued = calloc(1, sizeof *queued);
    assert_non_null(queued);
    queued->event.kind = kind;
    queued->node = node;
    queued->life = cluster->nodes[node].life;
    queued->sender = NO_NODE;
    *cluster->last = queued;
    cluster->last = &queued->next;
    return queued;
}

static void free_event(struct queued_event *queued) {
    buffer_deinit(&queued->bytes);
    buffer_deinit(&queued->remote);
    free(queued->files);
    free(queued);
}

static bool must_wait(struct small_cluster *cluster, const struct queued_event *queued) {
    if (queued->is_disk)
        return cluster->nodes[queued->node].disk_is_held;
    return queued->sender != NO_NODE && cluster->stalled[queued->sender][queued->node];
}

/* The first event that need not wait. */
static struct queued_event *dequeue(struct small_cluster *cluster) {
    struct queued_event **place = &cluster->first;
    while (*place != NULL && must_wait(cluster, *place))
        place = &(*place)->next;
    struct queued_event *queued = *place;
    if (queued == NULL)
        return NULL;
    *place = queued->next;
    if (queued->next == NULL)
        cluster->last = place;
    return queued;
}

/* --- disks -------------------------------------------------------------------------------------- */

static struct memory_file *find_file(struct small_node *small, struct file_id file, bool create) {
    struct memory_file *unused = NULL;
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        struct memory_file *found = &small->files[i];
        if (found->exists && file_equal(found->file, file))
            return found;
        if (unused == NULL && !found->exists && !found->durable_exists)
            unused = found;
    }
    if (!create)
        return NULL;
    assert_non_null(unused);
    unused->exists = true;
    unused->file = file;
    buffer_clear(&unused->bytes);
    buffer_clear(&unused->durable);
    return unused;
}

static void write_file(struct memory_file *file, uint64_t offset, struct bytes bytes) {
    while (file->bytes.size < offset)
        buffer_put_u8(&file->bytes, 0);
    for (size_t i = 0; i < bytes.size; i++) {
        if (offset + i < file->bytes.size)
            file->bytes.data[offset + i] = bytes.data[i];
        else
            buffer_put_u8(&file->bytes, bytes.data[i]);
    }
}

static void allocate_file(struct memory_file *file, uint64_t size) {
    while (file->bytes.size < size)
        buffer_put_u8(&file->bytes, 0);
}

static void list_files(struct small_node *small, uint32_t checkpoint, struct queued_event *done) {
    done->files = calloc(FILES_MAX, sizeof *done->files);
    assert_non_null(done->files);
    size_t count = 0;
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        bool is_asked_for = checkpoint == 0 || small->files[i].file.checkpoint == checkpoint;
        if (small->files[i].exists && is_asked_for)
            done->files[count++] = (struct file_entry){.file = small->files[i].file,
                                                       .size = small->files[i].bytes.size};
    }
    done->event.disk.files = done->files;
    done->event.disk.file_count = count;
}

static void copy_buffer(struct buffer *to, const struct buffer *from) {
    buffer_clear(to);
    buffer_append(to, buffer_bytes(from));
}

/* A further name, with bytes of its own: nothing in these tests writes to a file that has two. */
static void copy_to_name(struct small_node *small, const struct memory_file *file,
                         struct file_id to) {
    struct memory_file *made = find_file(small, to, true);
    copy_buffer(&made->bytes, &file->bytes);
    copy_buffer(&made->durable, &file->durable);
}

static enum disk_status change_names(struct small_node *small, const struct effect *effect) {
    struct memory_file *file = find_file(small, effect->file, false);
    if (file == NULL)
        return DISK_NO_FILE;
    if (effect->kind != EFFECT_REMOVE) {
        struct memory_file *replaced = find_file(small, effect->to, false);
        if (replaced != NULL && effect->kind == EFFECT_LINK)
            return DISK_ERROR;
        if (replaced != NULL)
            replaced->exists = false;
        copy_to_name(small, file, effect->to);
    }
    file->exists = effect->kind == EFFECT_LINK;
    return DISK_OK;
}

static void sync_names(struct small_node *small, uint32_t checkpoint) {
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        if (small->files[i].file.checkpoint == checkpoint)
            small->files[i].durable_exists = small->files[i].exists;
    }
}

static void perform_disk(struct small_cluster *cluster, uint32_t index,
                         const struct effect *effect) {
    struct small_node *small = &cluster->nodes[index];
    struct queued_event *done = enqueue(cluster, index, EVENT_DISK_DONE);
    done->is_disk = true;
    done->performed = effect->kind;
    done->file = effect->file;
    done->event.disk = (struct disk_done){.ticket = effect->ticket, .status = DISK_OK};
    bool is_directory_s = effect->kind == EFFECT_SYNC_DIRECTORY || effect->kind == EFFECT_LIST;
    bool creates = effect->kind == EFFECT_WRITE || effect->kind == EFFECT_ALLOCATE;
    struct memory_file *file = is_directory_s ? NULL : find_file(small, effect->file, creates);
    if (effect->kind == EFFECT_LIST) {
        list_files(small, effect->file.checkpoint, done);
    } else if (effect->kind == EFFECT_SYNC_DIRECTORY) {
        /* Done when it is delivered, as a sync: a crash before that loses what it was to save. */
    } else if (file == NULL) {
        done->event.disk.status = DISK_NO_FILE;
    } else if (creates && small->disk_is_broken) {
        done->event.disk.status = DISK_ERROR;
    } else if (effect->kind == EFFECT_WRITE) {
        write_file(file, effect->offset, effect->bytes);
    } else if (effect->kind == EFFECT_ALLOCATE) {
        allocate_file(file, effect->size);
    } else if (effect->kind == EFFECT_SYNC) {
        done->synced_size = file->bytes.size;
    } else if (effect->kind != EFFECT_READ) {
        done->event.disk.status = change_names(small, effect);
    } else if (effect->offset < file->bytes.size) {
        uint64_t left = file->bytes.size - effect->offset;
        buffer_append(&done->bytes, bytes_of(file->bytes.data + effect->offset,
                                             effect->size < left ? effect->size : left));
    }
}

/* --- links -------------------------------------------------------------------------------------- */

static struct connection *new_connection(struct small_cluster *cluster) {
    for (uint32_t i = 0; i < CONNECTIONS_MAX; i++) {
        if (!cluster->connections[i].open) {
            if (i >= cluster->connection_count)
                cluster->connection_count = i + 1;
            cluster->connections[i] = (struct connection){.open = true};
            return &cluster->connections[i];
        }
    }
    fail_msg("too many connections");
    return NULL;
}

static struct link_id accept_on(struct small_cluster *cluster, uint32_t index,
                                enum link_role role) {
    struct link_id id = {++cluster->nodes[index].links_accepted * 2};
    struct queued_event *queued = enqueue(cluster, index, EVENT_LINK_ACCEPTED);
    queued->event.link = id;
    queued->event.role = role;
    buffer_append(&queued->remote, bytes_of_text("driver:1"));
    return id;
}

static void connect_nodes(struct small_cluster *cluster, uint32_t from,
                          const struct effect *effect) {
    uint32_t to = (uint32_t)(effect->bytes.data[1] - '0');
    bool reachable = cluster->nodes[to].node != NULL && !cluster->cut[from][to];
    struct queued_event *answer =
        enqueue(cluster, from, reachable ? EVENT_LINK_OPENED : EVENT_LINK_CLOSED);
    answer->event.link = effect->link;
    if (!reachable)
        return;
    struct connection *connection = new_connection(cluster);
    connection->ends[0] = from;
    connection->ends[1] = to;
    connection->lives[0] = cluster->nodes[from].life;
    connection->lives[1] = cluster->nodes[to].life;
    connection->links[0] = effect->link;
    connection->links[1] = accept_on(cluster, to, LINK_PEER);
}

static struct connection *find_connection(struct small_cluster *cluster, uint32_t node,
                                          struct link_id link, uint32_t *end) {
    for (uint32_t i = 0; i < cluster->connection_count; i++) {
        struct connection *connection = &cluster->connections[i];
        for (*end = 0; connection->open && *end < 2; (*end)++) {
            if (connection->ends[*end] == node && connection->links[*end].value == link.value)
                return connection;
        }
    }
    return NULL;
}

static void deliver_bytes(struct small_cluster *cluster, uint32_t from, uint32_t to,
                          struct link_id link, struct bytes bytes) {
    for (size_t taken = 0; taken < bytes.size;) {
        size_t left = bytes.size - taken;
        size_t size = cluster->cuts_bytes && prng_chance(&cluster->prng, 1, 3)
                          ? 1 + (size_t)prng_below_u64(&cluster->prng, left)
                          : left;
        struct queued_event *queued = enqueue(cluster, to, EVENT_LINK_BYTES);
        queued->sender = from;
        queued->event.link = link;
        buffer_append(&queued->bytes, bytes_slice(bytes, taken, size));
        taken += size;
    }
}

static void send_bytes(struct small_cluster *cluster, uint32_t from, const struct effect *effect) {
    uint32_t end;
    struct connection *connection = find_connection(cluster, from, effect->link, &end);
    if (connection == NULL)
        return;
    uint32_t to = connection->ends[1 - end];
    if (to == NO_NODE) {
        if (effect->link.value == cluster->nodes[from].client.value)
            buffer_append(&cluster->nodes[from].client_output, effect->bytes);
    } else {
        deliver_bytes(cluster, from, to, connection->links[1 - end], effect->bytes);
    }
    struct queued_event *drained = enqueue(cluster, from, EVENT_LINK_DRAINED);
    drained->event.link = effect->link;
}

static void close_end(struct small_cluster *cluster, struct connection *connection, uint32_t end) {
    uint32_t node = connection->ends[end];
    if (node == NO_NODE || cluster->nodes[node].node == NULL ||
        cluster->nodes[node].life != connection->lives[end])
        return;
    struct queued_event *queued = enqueue(cluster, node, EVENT_LINK_CLOSED);
    queued->event.link = connection->links[end];
    queued->sender = connection->ends[1 - end];
}

static void close_connection(struct small_cluster *cluster, struct connection *connection,
                             int closer) {
    for (uint32_t end = 0; end < 2; end++) {
        if ((int)end != closer)
            close_end(cluster, connection, end);
    }
    connection->open = false;
}

/* --- steps -------------------------------------------------------------------------------------- */

static void halt(struct small_cluster *cluster, uint32_t index, struct bytes why) {
    struct small_node *small = &cluster->nodes[index];
    (void)snprintf(small->halt_reason, sizeof small->halt_reason, "%.*s", (int)why.size,
                   (const char *)why.data);
}

static void perform(struct small_cluster *cluster, uint32_t index, const struct effect *effect) {
    uint32_t end;
    struct connection *connection;
    switch (effect->kind) {
    case EFFECT_CONNECT:
        connect_nodes(cluster, index, effect);
        break;
    case EFFECT_SEND:
        send_bytes(cluster, index, effect);
        break;
    case EFFECT_CLOSE:
        connection = find_connection(cluster, index, effect->link, &end);
        if (connection != NULL)
            close_connection(cluster, connection, (int)end);
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
        perform_disk(cluster, index, effect);
        break;
    case EFFECT_NOTE:
        printf("[%8llu us] n%u > %.*s\n", (unsigned long long)(cluster->now.nanoseconds / 1000),
               index, (int)effect->bytes.size, (const char *)effect->bytes.data);
        break;
    case EFFECT_HALT:
        halt(cluster, index, effect->bytes);
        break;
    }
}

static void close_links_of(struct small_cluster *cluster, uint32_t node) {
    for (uint32_t i = 0; i < cluster->connection_count; i++) {
        struct connection *connection = &cluster->connections[i];
        for (uint32_t end = 0; connection->open && end < 2; end++) {
            if (connection->ends[end] == node)
                close_connection(cluster, connection, (int)end);
        }
    }
}

static void end_life(struct small_cluster *cluster, uint32_t index) {
    struct small_node *small = &cluster->nodes[index];
    node_destroy(small->node);
    small->node = NULL;
    small->client.value = 0;
    close_links_of(cluster, index);
}

static void step(struct small_cluster *cluster, uint32_t index, struct event *event) {
    struct small_node *small = &cluster->nodes[index];
    struct effects effects = {0};
    event->now = cluster->now;
    event->wall.milliseconds = 1700000000000 + cluster->now.nanoseconds / 1000000;
    node_step(small->node, event, &effects);
    for (size_t i = 0; i < effects.count; i++)
        perform(cluster, index, &effects.items[i]);
    bool halted = node_phase(small->node) == NODE_HALTED;
    if (halted)
        end_life(cluster, index);
    effects_deinit(&effects);
}

static void finish_sync(struct small_node *small, const struct queued_event *queued) {
    if (queued->performed == EFFECT_SYNC_DIRECTORY)
        sync_names(small, queued->file.checkpoint);
    struct memory_file *file = find_file(small, queued->file, false);
    if (queued->performed != EFFECT_SYNC || file == NULL)
        return;
    buffer_clear(&file->durable);
    buffer_append(&file->durable, bytes_of(file->bytes.data, queued->synced_size));
}

static bool deliver_one(struct small_cluster *cluster) {
    struct queued_event *queued = dequeue(cluster);
    if (queued == NULL)
        return false;
    struct small_node *small = &cluster->nodes[queued->node];
    queued->event.bytes = buffer_bytes(&queued->bytes);
    queued->event.remote = buffer_bytes(&queued->remote);
    queued->event.disk.bytes = buffer_bytes(&queued->bytes);
    if (small->node != NULL && small->life == queued->life) {
        if (queued->is_disk)
            finish_sync(small, queued);
        step(cluster, queued->node, &queued->event);
    }
    free_event(queued);
    return true;
}

static struct instant next_deadline(struct small_cluster *cluster, uint32_t *node) {
    struct instant earliest = INSTANT_NEVER;
    for (uint32_t i = 0; i < cluster->options.nodes; i++) {
        if (cluster->nodes[i].node == NULL)
            continue;
        struct instant due = node_deadline(cluster->nodes[i].node);
        if (instant_before(due, earliest)) {
            earliest = due;
            *node = i;
        }
    }
    return earliest;
}

/* One event, or the next timeout up to `until`; false when nothing is left to do before it. */
static bool advance(struct small_cluster *cluster, struct instant until) {
    if (deliver_one(cluster))
        return true;
    uint32_t node = 0;
    struct instant due = next_deadline(cluster, &node);
    if (instant_before(until, due))
        return false;
    if (instant_before(cluster->now, due))
        cluster->now = due;
    struct event timeout = {.kind = EVENT_TIMEOUT};
    step(cluster, node, &timeout);
    return true;
}

void small_cluster_cut_bytes(struct small_cluster *cluster, uint64_t seed) {
    cluster->cuts_bytes = true;
    prng_init(&cluster->prng, seed, 2);
}

void small_cluster_run(struct small_cluster *cluster, struct duration duration) {
    struct instant until = instant_after(cluster->now, duration);
    for (uint32_t steps = 0; advance(cluster, until); steps++)
        assert_true(steps < STEPS_MAX);
    cluster->now = until;
}

void small_cluster_run_events(struct small_cluster *cluster, uint32_t count) {
    for (uint32_t i = 0; i < count && deliver_one(cluster); i++) {
    }
}

/* --- lives -------------------------------------------------------------------------------------- */

void small_cluster_start(struct small_cluster *cluster, uint32_t index) {
    struct small_node *small = &cluster->nodes[index];
    assert_null(small->node);
    small->life++;
    small->halt_reason[0] = 0;
    small->node = node_create(&small->config);
    struct event start = {.kind = EVENT_START};
    cluster->entropy++;
    memcpy(start.entropy, &cluster->entropy, sizeof cluster->entropy);
    step(cluster, index, &start);
}

static bool is_ready(struct small_cluster *cluster) {
    for (uint32_t i = 0; i < cluster->options.nodes; i++) {
        const struct node *node = cluster->nodes[i].node;
        if (node == NULL || node_phase(node) != NODE_SERVING)
            return false;
        for (uint32_t j = 0; j < cluster->options.nodes; j++) {
            if (!membership_is_usable(node_membership(node), j))
                return false;
        }
        for (uint32_t p = 0; p < node_ring(node)->partition_count; p++) {
            const uint16_t *list = ring_preference(node_ring(node), (uint16_t)p);
            for (uint32_t k = 0; k < cluster->options.n && k < node_ring(node)->list_size; k++) {
                if (list[k] == node_self(node) && !node_holds_partition(node, (uint16_t)p))
                    return false;
            }
        }
    }
    return true;
}

void small_cluster_start_all(struct small_cluster *cluster) {
    for (uint32_t i = 0; i < cluster->options.nodes; i++)
        small_cluster_start(cluster, i);
    for (uint32_t i = 0; i < 1000 && !is_ready(cluster); i++)
        small_cluster_run(cluster, duration_of_milliseconds(10));
    assert_true(is_ready(cluster));
}

void small_cluster_crash(struct small_cluster *cluster, uint32_t index, enum crash_mode mode) {
    struct small_node *small = &cluster->nodes[index];
    assert_non_null(small->node);
    end_life(cluster, index);
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        struct memory_file *file = &small->files[i];
        if (mode == LOSE_DISK)
            file->exists = file->durable_exists = false;
        if (mode != LOSE_UNSYNCED)
            continue;
        file->exists = file->durable_exists;
        copy_buffer(&file->bytes, &file->durable);
    }
}

void small_cluster_stop(struct small_cluster *cluster, uint32_t index) {
    struct event stop = {.kind = EVENT_STOP};
    step(cluster, index, &stop);
    for (uint32_t i = 0; i < 1000 && cluster->nodes[index].node != NULL; i++)
        small_cluster_run(cluster, duration_of_milliseconds(10));
    assert_null(cluster->nodes[index].node);
}

static void copy_files(struct memory_file *to, const struct memory_file *from) {
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        to[i].exists = from[i].exists;
        to[i].durable_exists = from[i].durable_exists;
        to[i].file = from[i].file;
        copy_buffer(&to[i].bytes, &from[i].bytes);
        copy_buffer(&to[i].durable, &from[i].durable);
    }
}

void small_cluster_save_disk(struct small_cluster *cluster, uint32_t node) {
    copy_files(cluster->nodes[node].saved, cluster->nodes[node].files);
}

void small_cluster_swap_disks(struct small_cluster *cluster, uint32_t left, uint32_t right) {
    struct small_node *one = &cluster->nodes[left], *other = &cluster->nodes[right];
    assert_true(one->node == NULL && other->node == NULL);
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        struct memory_file kept = one->files[i];
        one->files[i] = other->files[i];
        other->files[i] = kept;
    }
}

void small_cluster_restore_disk(struct small_cluster *cluster, uint32_t node) {
    assert_null(cluster->nodes[node].node);
    copy_files(cluster->nodes[node].files, cluster->nodes[node].saved);
}

void small_cluster_cut(struct small_cluster *cluster, uint32_t left, uint32_t right) {
    cluster->cut[left][right] = cluster->cut[right][left] = true;
    for (uint32_t i = 0; i < cluster->connection_count; i++) {
        struct connection *connection = &cluster->connections[i];
        bool between = (connection->ends[0] == left && connection->ends[1] == right) ||
                       (connection->ends[0] == right && connection->ends[1] == left);
        if (connection->open && between)
            close_connection(cluster, connection, -1);
    }
}

void small_cluster_join(struct small_cluster *cluster, uint32_t left, uint32_t right) {
    cluster->cut[left][right] = cluster->cut[right][left] = false;
}

void small_cluster_stall(struct small_cluster *cluster, uint32_t from, uint32_t to, bool stalled) {
    cluster->stalled[from][to] = stalled;
}

void small_cluster_hold_disk(struct small_cluster *cluster, uint32_t node, bool held) {
    cluster->nodes[node].disk_is_held = held;
}

uint32_t small_cluster_damage(struct small_cluster *cluster, uint32_t node, enum file_kind kind,
                              size_t from, size_t distance) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        struct memory_file *file = &cluster->nodes[node].files[i];
        if (!file->exists || file->file.kind != kind)
            continue;
        count++;
        for (size_t at = from; at < file->bytes.size; at += distance) {
            file->bytes.data[at] ^= 0x10;
            if (at < file->durable.size)
                file->durable.data[at] ^= 0x10;
        }
    }
    return count;
}

void small_cluster_break_disk(struct small_cluster *cluster, uint32_t node) {
    cluster->nodes[node].disk_is_broken = true;
}

/* --- clients ------------------------------------------------------------------------------------ */

static void put_command(struct buffer *to, va_list words) {
    char line[32];
    struct buffer body = {0};
    uint32_t count = 0;
    for (const char *word = va_arg(words, const char *); word != NULL;
         word = va_arg(words, const char *)) {
        (void)snprintf(line, sizeof line, "$%zu\r\n", strlen(word));
        buffer_append(&body, bytes_of_text(line));
        buffer_append(&body, bytes_of_text(word));
        buffer_append(&body, bytes_of_text("\r\n"));
        count++;
    }
    (void)snprintf(line, sizeof line, "*%u\r\n", count);
    buffer_append(to, bytes_of_text(line));
    buffer_append(to, buffer_bytes(&body));
    buffer_deinit(&body);
}

struct link_id small_cluster_open(struct small_cluster *cluster, uint32_t index,
                                  enum link_role role) {
    struct connection *connection = new_connection(cluster);
    connection->ends[0] = index;
    connection->ends[1] = NO_NODE;
    connection->lives[0] = cluster->nodes[index].life;
    connection->links[0] = accept_on(cluster, index, role);
    return connection->links[0];
}

void small_cluster_send_raw(struct small_cluster *cluster, uint32_t index, struct link_id link,
                            struct bytes bytes) {
    struct queued_event *queued = enqueue(cluster, index, EVENT_LINK_BYTES);
    queued->event.link = link;
    buffer_append(&queued->bytes, bytes);
}

bool small_cluster_is_open(struct small_cluster *cluster, uint32_t index, struct link_id link) {
    uint32_t end;
    return find_connection(cluster, index, link, &end) != NULL;
}

static void send_command(struct small_cluster *cluster, uint32_t index, va_list words) {
    struct small_node *small = &cluster->nodes[index];
    assert_non_null(small->node);
    if (small->client.value == 0) {
        small->client = small_cluster_open(cluster, index, LINK_CLIENT);
        buffer_clear(&small->client_output);
    }
    struct queued_event *queued = enqueue(cluster, index, EVENT_LINK_BYTES);
    queued->event.link = small->client;
    put_command(&queued->bytes, words);
}

static struct bytes take_line(struct reader *reader) {
    const uint8_t *end = reader->left < 2 ? NULL : memchr(reader->data, '\r', reader->left - 1);
    if (end == NULL) {
        reader->failed = true;
        return (struct bytes){0};
    }
    struct bytes line = reader_take(reader, (size_t)(end - reader->data));
    (void)reader_take(reader, 2);
    return line;
}

static long number_of(struct bytes line) {
    char text[32] = {0};
    memcpy(text, line.data + 1, line.size - 1 < 31 ? line.size - 1 : 31);
    return strtol(text, NULL, 10);
}

/* Appends one reply as text; reader->failed when it is not complete yet. */
static void show_reply(struct reader *reader, struct buffer *text) {
    struct bytes line = take_line(reader);
    if (reader->failed || line.size == 0)
        return;
    long count;
    switch (line.data[0]) {
    case '$':
        count = number_of(line);
        if (count < 0) {
            buffer_append(text, bytes_of_text("(nil)"));
            return;
        }
        buffer_append(text, reader_take(reader, (size_t)count));
        (void)reader_take(reader, 2);
        return;
    case '*':
        count = number_of(line);
        buffer_append(text, bytes_of_text("["));
        for (long i = 0; i < count && !reader->failed; i++) {
            if (i > 0)
                buffer_append(text, bytes_of_text(", "));
            show_reply(reader, text);
        }
        buffer_append(text, bytes_of_text("]"));
        return;
    default:
        buffer_append(text, line);
    }
}

static char *next_reply(struct small_cluster *cluster) {
    return cluster->replies[cluster->reply_count++ % REPLIES_KEPT];
}

static bool take_reply(struct small_cluster *cluster, uint32_t index, char *into) {
    struct buffer *output = &cluster->nodes[index].client_output;
    struct reader reader = reader_of(buffer_bytes(output));
    struct buffer text = {0};
    show_reply(&reader, &text);
    bool complete = !reader.failed;
    if (complete) {
        (void)snprintf(into, sizeof cluster->replies[0], "%.*s", (int)text.size,
                       (const char *)text.data);
        buffer_consume(output, output->size - reader.left);
    }
    buffer_deinit(&text);
    return complete;
}

/* A reply that comes after all must not be taken for that of the next command. */
static void hang_up(struct small_cluster *cluster, uint32_t index) {
    struct small_node *small = &cluster->nodes[index];
    uint32_t end;
    struct connection *connection = find_connection(cluster, index, small->client, &end);
    if (connection != NULL)
        close_connection(cluster, connection, (int)(1 - end));
    small->client.value = 0;
}

const char *small_cluster_reply(struct small_cluster *cluster, uint32_t index) {
    char *into = next_reply(cluster);
    struct instant until = instant_after(cluster->now, duration_of_seconds(30));
    while (!take_reply(cluster, index, into)) {
        if (cluster->nodes[index].node == NULL)
            return "(down)";
        if (!advance(cluster, until)) {
            hang_up(cluster, index);
            return "(no reply)";
        }
    }
    return into;
}

void small_cluster_send(struct small_cluster *cluster, uint32_t index, ...) {
    va_list words;
    va_start(words, index);
    send_command(cluster, index, words);
    va_end(words);
}

const char *small_cluster_ask(struct small_cluster *cluster, uint32_t index, ...) {
    va_list words;
    va_start(words, index);
    send_command(cluster, index, words);
    va_end(words);
    return small_cluster_reply(cluster, index);
}

const char *small_cluster_context(struct small_cluster *cluster, uint32_t node, const char *key) {
    const char *reply = small_cluster_ask(cluster, node, "DGET", key, NULL);
    char *into = next_reply(cluster);
    size_t size = strcspn(reply + 1, ",]");
    assert_int_equal(reply[0], '[');
    (void)snprintf(into, sizeof cluster->replies[0], "%.*s", (int)size, reply + 1);
    return into;
}

const char *small_cluster_values(struct small_cluster *cluster, uint32_t node, const char *key) {
    const char *reply = small_cluster_ask(cluster, node, "DGET", key, NULL);
    if (reply[0] != '[')
        return reply;
    const char *comma = strchr(reply, ',');
    char *into = next_reply(cluster);
    (void)snprintf(into, sizeof cluster->replies[0], "[%s", comma == NULL ? "]" : comma + 2);
    return into;
}

/* --- looking ------------------------------------------------------------------------------------ */

struct node *small_cluster_node(struct small_cluster *cluster, uint32_t node) {
    return cluster->nodes[node].node;
}

bool small_cluster_believes_in(struct small_cluster *cluster, uint32_t index, uint32_t other) {
    const struct node *node = cluster->nodes[index].node;
    for (uint32_t i = 0; i < cluster->options.nodes; i++) {
        if (node_member(node, i)->name.data[1] == '0' + (int)other)
            return membership_is_usable(node_membership(node), i);
    }
    return false;
}

static uint32_t any_running(struct small_cluster *cluster) {
    uint32_t node = 0;
    while (cluster->nodes[node].node == NULL)
        node++;
    return node;
}

uint32_t small_cluster_owner(struct small_cluster *cluster, const char *key, uint32_t place) {
    const struct node *node = cluster->nodes[any_running(cluster)].node;
    uint16_t partition =
        partition_of_slot(slot_of_key(bytes_of_text(key)), node_ring(node)->partition_count);
    uint32_t member = ring_preference(node_ring(node), partition)[place];
    return (uint32_t)(node_member(node, member)->name.data[1] - '0');
}

bool small_cluster_has_converged(struct small_cluster *cluster) {
    const struct node *first = cluster->nodes[any_running(cluster)].node;
    for (uint32_t p = 0; p < node_ring(first)->partition_count; p++) {
        const uint16_t *list = ring_preference(node_ring(first), (uint16_t)p);
        bool known = false;
        uint64_t root = 0;
        for (uint32_t k = 0; k < cluster->options.n && k < node_ring(first)->list_size; k++) {
            uint32_t index = (uint32_t)(node_member(first, list[k])->name.data[1] - '0');
            const struct node *node = cluster->nodes[index].node;
            if (node == NULL)
                continue;
            uint64_t own = node_partition_root(node, (uint16_t)p);
            if (known && own != root)
                return false;
            root = own;
            known = true;
        }
    }
    return true;
}

struct node_figures small_cluster_figures(struct small_cluster *cluster, uint32_t node) {
    struct node_figures figures;
    node_figures(cluster->nodes[node].node, &figures);
    return figures;
}

const char *small_cluster_halt_reason(struct small_cluster *cluster, uint32_t node) {
    return cluster->nodes[node].halt_reason;
}

void small_cluster_destroy(struct small_cluster *cluster) {
    for (uint32_t i = 0; i < cluster->options.nodes; i++) {
        struct small_node *small = &cluster->nodes[i];
        if (small->node != NULL)
            node_destroy(small->node);
        buffer_deinit(&small->client_output);
        for (uint32_t j = 0; j < FILES_MAX; j++) {
            buffer_deinit(&small->files[j].bytes);
            buffer_deinit(&small->files[j].durable);
            buffer_deinit(&small->saved[j].bytes);
            buffer_deinit(&small->saved[j].durable);
        }
    }
    while (cluster->first != NULL) {
        struct queued_event *queued = cluster->first;
        cluster->first = queued->next;
        free_event(queued);
    }
    free(cluster);
}
