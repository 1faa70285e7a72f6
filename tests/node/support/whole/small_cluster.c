#include "tests/node/support/whole/small_cluster_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants these before it. */
#include <cmocka.h>

enum { STEPS_MAX = 4000000 };

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
        small_links_connect(cluster, index, effect);
        break;
    case EFFECT_SEND:
        small_links_send(cluster, index, effect);
        break;
    case EFFECT_CLOSE:
        connection = small_links_find(cluster, index, effect->link, &end);
        if (connection != NULL)
            small_links_close(cluster, connection, (int)end);
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
        small_disk_perform(cluster, index, effect);
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

static void end_life(struct small_cluster *cluster, uint32_t index) {
    struct small_node *small = &cluster->nodes[index];
    node_destroy(small->node);
    small->node = NULL;
    small->client.value = 0;
    small_links_close_all(cluster, index);
}

static void step(struct small_cluster *cluster, uint32_t index, struct event *event) {
    struct small_node *small = &cluster->nodes[index];
    struct effects effects = {0};
    event->now = cluster->now;
    event->wall.milliseconds = 1700000000000 + cluster->now.nanoseconds / 1000000;
    event->memory_is_short = small->memory_is_short;
    node_step(small->node, event, &effects);
    for (size_t i = 0; i < effects.count; i++)
        perform(cluster, index, &effects.items[i]);
    bool halted = node_phase(small->node) == NODE_HALTED;
    if (halted)
        end_life(cluster, index);
    effects_deinit(&effects);
}

static bool deliver_one(struct small_cluster *cluster) {
    struct queued_event *queued = small_queue_take(cluster);
    if (queued == NULL)
        return false;
    struct small_node *small = &cluster->nodes[queued->node];
    queued->event.bytes = buffer_bytes(&queued->bytes);
    queued->event.remote = buffer_bytes(&queued->remote);
    queued->event.disk.bytes = buffer_bytes(&queued->bytes);
    if (small->node != NULL && small->life == queued->life) {
        if (queued->is_disk)
            small_disk_finish_sync(small, queued);
        step(cluster, queued->node, &queued->event);
    }
    small_queue_free(queued);
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
bool small_cluster_advance(struct small_cluster *cluster, struct instant until) {
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

void small_cluster_run(struct small_cluster *cluster, struct duration duration) {
    struct instant until = instant_after(cluster->now, duration);
    for (uint32_t steps = 0; small_cluster_advance(cluster, until); steps++)
        assert_true(steps < STEPS_MAX);
    cluster->now = until;
}

void small_cluster_run_events(struct small_cluster *cluster, uint32_t count) {
    for (uint32_t i = 0; i < count && deliver_one(cluster); i++) {
    }
}

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

void small_cluster_start_all(struct small_cluster *cluster) {
    for (uint32_t i = 0; i < cluster->options.nodes; i++)
        small_cluster_start(cluster, i);
    for (uint32_t i = 0; i < 1000 && !small_cluster_is_ready(cluster); i++)
        small_cluster_run(cluster, duration_of_milliseconds(10));
    assert_true(small_cluster_is_ready(cluster));
}

void small_cluster_stop(struct small_cluster *cluster, uint32_t index) {
    struct event stop = {.kind = EVENT_STOP};
    step(cluster, index, &stop);
    for (uint32_t i = 0; i < 1000 && cluster->nodes[index].node != NULL; i++)
        small_cluster_run(cluster, duration_of_milliseconds(10));
    assert_null(cluster->nodes[index].node);
}

void small_cluster_crash(struct small_cluster *cluster, uint32_t index, enum crash_mode mode) {
    struct small_node *small = &cluster->nodes[index];
    assert_non_null(small->node);
    end_life(cluster, index);
    small_disk_crash(small, mode);
}

void small_cluster_destroy(struct small_cluster *cluster) {
    for (uint32_t i = 0; i < cluster->options.nodes; i++) {
        struct small_node *small = &cluster->nodes[i];
        if (small->node != NULL)
            node_destroy(small->node);
        buffer_deinit(&small->client_output);
        small_disk_free(small);
    }
    while (cluster->first != NULL) {
        struct queued_event *queued = cluster->first;
        cluster->first = queued->next;
        small_queue_free(queued);
    }
    free(cluster);
}
