#include "tests/sim/support/stage.h"

#include <stdlib.h>

static void *actor_create(void *context, uint32_t host) {
    struct actor *actor = context;
    CHECK(host == actor->host);
    actor->lives++;
    actor->deadline = INSTANT_NEVER;
    return actor;
}

static void actor_destroy(void *instance) {
    (void)instance;
}

static struct instant actor_deadline(const void *instance) {
    const struct actor *actor = instance;
    return actor->deadline;
}

static void remember(struct actor *actor, const struct event *event) {
    CHECK(actor->heard_count < STAGE_HEARD_MAX);
    struct heard *heard = &actor->heard[actor->heard_count++];
    struct bytes bytes = event->kind == EVENT_LINK_ACCEPTED ? event->remote
                         : event->kind == EVENT_DISK_DONE   ? event->disk.bytes
                                                            : event->bytes;
    *heard = (struct heard){.kind = event->kind,
                            .at_microseconds = stage_microseconds(actor->stage),
                            .now = event->now,
                            .wall = event->wall,
                            .link = event->link.value,
                            .role = event->role,
                            .ticket = event->disk.ticket,
                            .status = event->disk.status,
                            .size = bytes.size,
                            .file_count = event->disk.file_count};
    memcpy(heard->entropy, event->entropy, sizeof heard->entropy);
    size_t kept = bytes.size < STAGE_DATA_MAX ? bytes.size : STAGE_DATA_MAX;
    if (kept > 0)
        memcpy(heard->data, bytes.data, kept);
    buffer_append(&actor->stream, bytes_of(event->bytes.data, event->bytes.size));
    if (event->kind == EVENT_DISK_DONE && event->disk.file_count > 0) {
        buffer_clear(&actor->listed);
        buffer_append(&actor->listed, bytes_of(event->disk.files, event->disk.file_count *
                                                                      sizeof event->disk.files[0]));
    }
    if (event->kind == EVENT_DISK_DONE && event->disk.bytes.size > 0) {
        buffer_clear(&actor->stream);
        buffer_append(&actor->stream, event->disk.bytes);
    }
}

static void do_what_was_asked(struct actor *actor, struct effects *effects) {
    for (size_t i = 0; i < actor->asks.count; i++) {
        effects_note(effects, NOTE_DETAIL, (struct bytes){0});
        effects->items[effects->count - 1] = actor->asks.items[i];
        effects->items[effects->count - 1].bytes =
            arena_copy(&effects->arena, actor->asks.items[i].bytes);
    }
    effects_clear(&actor->asks);
}

static void actor_step(void *instance, const struct event *event, struct effects *effects) {
    struct actor *actor = instance;
    bool is_tick = event->kind == EVENT_START || event->kind == EVENT_TIMEOUT;
    if (event->kind == EVENT_TIMEOUT)
        actor->deadline = INSTANT_NEVER;
    if (is_tick && actor->ticks.nanoseconds != 0)
        actor->deadline = instant_after(event->now, actor->ticks);
    if (event->kind == EVENT_STOP) {
        do_what_was_asked(actor, effects);
        return;
    }
    remember(actor, event);
    if (event->kind == EVENT_LINK_BYTES && actor->echoes)
        effects_send(effects, event->link, arena_copy(&effects->arena, event->bytes));
}

void stage_defaults(struct world_defaults *defaults) {
    world_defaults_fill(defaults);
    defaults->link.latency = (struct distribution){.kind = DISTRIBUTION_CONSTANT, .low = 1000000};
    defaults->disk.read_latency =
        (struct distribution){.kind = DISTRIBUTION_CONSTANT, .low = 100000};
    defaults->disk.write_latency = defaults->disk.read_latency;
    defaults->disk.sync_latency =
        (struct distribution){.kind = DISTRIBUTION_CONSTANT, .low = 1000000};
    defaults->connection_timeout = duration_of_seconds(1);
    defaults->step_cost = (struct distribution){.kind = DISTRIBUTION_CONSTANT};
}

void stage_open(struct stage *stage, uint64_t seed, uint32_t count,
                const struct world_defaults *defaults) {
    struct world_defaults own;
    stage_defaults(&own);
    *stage = (struct stage){.actor_count = count};
    stage->world = world_create(seed, defaults == NULL ? &own : defaults);
    for (uint32_t i = 0; i < count; i++) {
        struct actor *actor = &stage->actors[i];
        actor->stage = stage;
        actor->host = i;
        actor->heard = calloc(STAGE_HEARD_MAX, sizeof *actor->heard);
        CHECK(actor->heard != NULL);
        stage->programs[i] = (struct program){.context = actor,
                                              .create = actor_create,
                                              .destroy = actor_destroy,
                                              .step = actor_step,
                                              .deadline = actor_deadline};
        char name[3] = {'n', (char)('0' + i), 0};
        CHECK(world_add_host(stage->world, name, &stage->programs[i]) == i);
        world_start_host(stage->world, i);
    }
    stage_run(stage, 0);
}

void stage_close(struct stage *stage) {
    world_destroy(stage->world);
    for (uint32_t i = 0; i < stage->actor_count; i++) {
        effects_deinit(&stage->actors[i].asks);
        buffer_deinit(&stage->actors[i].stream);
        buffer_deinit(&stage->actors[i].listed);
        free(stage->actors[i].heard);
    }
}

struct effects *stage_asks(struct stage *stage, uint32_t host) {
    return &stage->actors[host].asks;
}

void stage_act(struct stage *stage, uint32_t host) {
    world_stop_host(stage->world, host);
    stage_run(stage, 0);
}

void stage_run(struct stage *stage, uint64_t microseconds) {
    world_run_until(stage->world,
                    instant_after(world_now(stage->world), duration_of_microseconds(microseconds)));
}

uint64_t stage_microseconds(const struct stage *stage) {
    return world_now(stage->world).nanoseconds / 1000;
}

uint64_t stage_connect(struct stage *stage, uint32_t from, uint32_t to) {
    char address[] = "n0:7001";
    address[1] = (char)('0' + to);
    effects_connect(stage_asks(stage, from), (struct link_id){1}, bytes_of_text(address));
    stage_act(stage, from);
    while (stage_count(stage, from, EVENT_LINK_OPENED) == 0)
        CHECK(world_step(stage->world));
    return stage_last(stage, to, EVENT_LINK_ACCEPTED)->link;
}

void stage_send(struct stage *stage, uint32_t host, uint64_t link, const char *text) {
    effects_send(stage_asks(stage, host), (struct link_id){link}, bytes_of_text(text));
    stage_act(stage, host);
}

void stage_block(struct stage *stage, uint32_t from, uint32_t to, bool blocked) {
    world_link(stage->world, from, to)->blocked = blocked;
    world_links_changed(stage->world);
}

size_t stage_count(const struct stage *stage, uint32_t host, enum event_kind kind) {
    size_t count = 0;
    for (size_t i = 0; i < stage->actors[host].heard_count; i++)
        count += stage->actors[host].heard[i].kind == kind;
    return count;
}

const struct heard *stage_last(const struct stage *stage, uint32_t host, enum event_kind kind) {
    for (size_t i = stage->actors[host].heard_count; i > 0; i--) {
        if (stage->actors[host].heard[i - 1].kind == kind)
            return &stage->actors[host].heard[i - 1];
    }
    CHECK_UNREACHABLE("the host heard no such event");
}

void stage_forget(struct stage *stage, uint32_t host) {
    stage->actors[host].heard_count = 0;
    buffer_clear(&stage->actors[host].stream);
}

static const struct heard *outcome(struct stage *stage, uint32_t host) {
    stage_forget(stage, host);
    stage_act(stage, host);
    while (stage_count(stage, host, EVENT_DISK_DONE) == 0)
        CHECK(world_step(stage->world));
    return stage_last(stage, host, EVENT_DISK_DONE);
}

enum disk_status stage_write(struct stage *stage, uint32_t host, struct file_id file,
                             uint64_t offset, struct bytes bytes) {
    effects_write(stage_asks(stage, host), 1, file, offset, bytes);
    return outcome(stage, host)->status;
}

enum disk_status stage_sync(struct stage *stage, uint32_t host, struct file_id file) {
    effects_sync(stage_asks(stage, host), 1, file);
    return outcome(stage, host)->status;
}

enum disk_status stage_sync_directory(struct stage *stage, uint32_t host) {
    effects_sync_directory(stage_asks(stage, host), 1);
    return outcome(stage, host)->status;
}

enum disk_status stage_sync_checkpoint(struct stage *stage, uint32_t host, uint32_t checkpoint) {
    effects_sync_checkpoint(stage_asks(stage, host), 1, checkpoint);
    return outcome(stage, host)->status;
}

enum disk_status stage_allocate(struct stage *stage, uint32_t host, struct file_id file,
                                uint64_t size) {
    effects_allocate(stage_asks(stage, host), 1, file, size);
    return outcome(stage, host)->status;
}

enum disk_status stage_rename(struct stage *stage, uint32_t host, struct file_id file,
                              struct file_id to) {
    effects_rename(stage_asks(stage, host), 1, file, to);
    return outcome(stage, host)->status;
}

enum disk_status stage_link(struct stage *stage, uint32_t host, struct file_id file,
                            struct file_id to) {
    effects_link(stage_asks(stage, host), 1, file, to);
    return outcome(stage, host)->status;
}

enum disk_status stage_remove(struct stage *stage, uint32_t host, struct file_id file) {
    effects_remove(stage_asks(stage, host), 1, file);
    return outcome(stage, host)->status;
}

enum disk_status stage_read(struct stage *stage, uint32_t host, struct file_id file,
                            uint64_t offset, uint64_t size, struct buffer *to) {
    effects_read(stage_asks(stage, host), 1, file, offset, size);
    enum disk_status status = outcome(stage, host)->status;
    buffer_clear(to);
    buffer_append(to, buffer_bytes(&stage->actors[host].stream));
    return status;
}

size_t stage_list(struct stage *stage, uint32_t host, uint32_t checkpoint) {
    effects_list_checkpoint(stage_asks(stage, host), 1, checkpoint);
    return outcome(stage, host)->file_count;
}

const struct file_entry *stage_listed(const struct stage *stage, uint32_t host) {
    return (const void *)stage->actors[host].listed.data;
}

void stage_bounce(struct stage *stage, uint32_t host, enum crash_kind kind) {
    world_crash_host(stage->world, host, kind);
    world_start_host(stage->world, host);
    stage_run(stage, 0);
}
