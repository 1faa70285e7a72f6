#include "harness/narrator.h"

#include "engine/base/text.h"
#include "harness/run_internal.h"
#include "harness/run_report.h"

#include <inttypes.h>

const char *event_kind_name(enum event_kind kind) {
    switch (kind) {
    case EVENT_START:
        return "starts";
    case EVENT_TIMEOUT:
        return "wakes by its timer";
    case EVENT_LINK_ACCEPTED:
        return "accepts link";
    case EVENT_LINK_OPENED:
        return "has opened link";
    case EVENT_LINK_BYTES:
        return "receives on link";
    case EVENT_LINK_DRAINED:
        return "has drained link";
    case EVENT_LINK_CLOSED:
        return "finds closed link";
    case EVENT_DISK_DONE:
        return "hears from its disk about ticket";
    case EVENT_STOP:
        return "is asked to stop";
    }
    return "meets an unknown event";
}

const char *effect_kind_name(enum effect_kind kind) {
    switch (kind) {
    case EFFECT_CONNECT:
        return "connects link";
    case EFFECT_SEND:
        return "sends on link";
    case EFFECT_CLOSE:
        return "closes link";
    case EFFECT_WRITE:
        return "writes a file under ticket";
    case EFFECT_ALLOCATE:
        return "takes space for a file under ticket";
    case EFFECT_READ:
        return "reads a file under ticket";
    case EFFECT_SYNC:
        return "syncs a file under ticket";
    case EFFECT_SYNC_DIRECTORY:
        return "syncs its directory under ticket";
    case EFFECT_RENAME:
        return "renames a file under ticket";
    case EFFECT_LINK:
        return "links a file under ticket";
    case EFFECT_REMOVE:
        return "removes a file under ticket";
    case EFFECT_LIST:
        return "lists its files under ticket";
    case EFFECT_NOTE:
        return "notes";
    case EFFECT_HALT:
        return "gives up";
    }
    return "has an unknown effect";
}

static void tell(struct narrator *narrator, struct instant at, const char *who, struct bytes what) {
    char line[NARRATOR_LINE_MAX];
    snprintf(line, sizeof line, "[%12.6f] %s > %.*s", (double)at.nanoseconds / 1e9, who,
             (int)(what.size < 180 ? what.size : 180), (const char *)what.data);
    if (narrator->stream != NULL)
        fprintf(narrator->stream, "%s\n", line);
    else
        memcpy(narrator->lines[narrator->line_count++ % NARRATOR_LINES_KEPT], line, sizeof line);
}

static void on_event(void *context, struct instant at, uint32_t host, const struct event *event) {
    struct narrator *narrator = context;
    if (!narrator->verbose)
        return;
    struct buffer line = {0};
    text_append(&line, event_kind_name(event->kind));
    bool on_link = event->kind >= EVENT_LINK_ACCEPTED && event->kind <= EVENT_LINK_CLOSED;
    if (on_link)
        append_format(&line, " %" PRIu64, event->link.value);
    if (event->kind == EVENT_LINK_BYTES)
        append_format(&line, ", %zu bytes", event->bytes.size);
    if (event->kind == EVENT_DISK_DONE)
        append_format(&line, " %" PRIu64 "%s", event->disk.ticket,
                      event->disk.status == DISK_OK ? "" : ": failed");
    tell(narrator, at, world_host_name(run_world(narrator->run), host), buffer_bytes(&line));
    buffer_deinit(&line);
}

static void on_effect(void *context, struct instant at, uint32_t host,
                      const struct effect *effect) {
    struct narrator *narrator = context;
    const char *who = world_host_name(run_world(narrator->run), host);
    if (effect->kind == EFFECT_NOTE) {
        tell(narrator, at, who, effect->bytes);
        return;
    }
    if (!narrator->verbose && effect->kind != EFFECT_HALT)
        return;
    struct buffer line = {0};
    text_append(&line, effect_kind_name(effect->kind));
    if (effect->kind == EFFECT_HALT) {
        text_append(&line, ": ");
        buffer_append(&line, effect->bytes);
    } else if (effect->kind <= EFFECT_CLOSE) {
        append_format(&line, " %" PRIu64, effect->link.value);
    } else {
        append_format(&line, " %" PRIu64, effect->ticket);
    }
    if (effect->kind == EFFECT_SEND || effect->kind == EFFECT_WRITE)
        append_format(&line, ", %zu bytes", effect->bytes.size);
    tell(narrator, at, who, buffer_bytes(&line));
    buffer_deinit(&line);
}

static void on_accident(void *context, struct instant at, uint32_t host,
                        const struct disk_accident *accident) {
    struct narrator *narrator = context;
    struct buffer line = {0};
    char file[FILE_NAME_SIZE] = "", other[FILE_NAME_SIZE] = "";
    if (accident->kind != ACCIDENT_SLOW)
        file_name(accident->file, file);
    switch (accident->kind) {
    case ACCIDENT_SLOW:
        text_append(&line, "its disk has become slow");
        break;
    case ACCIDENT_ROT:
        append_format(&line, "its disk flips a bit of %s at %" PRIu64, file, accident->offset);
        break;
    case ACCIDENT_LOST:
        append_format(&line, "its disk loses %" PRIu64 " bytes written to %s at %" PRIu64,
                      accident->size, file, accident->offset);
        break;
    case ACCIDENT_MISDIRECTED:
        file_name(accident->other, other);
        append_format(&line,
                      "its disk puts %" PRIu64 " bytes for %s at %" PRIu64 " into %s at %" PRIu64,
                      accident->size, file, accident->offset, other, accident->other_offset);
        break;
    }
    tell(narrator, at, world_host_name(run_world(narrator->run), host), buffer_bytes(&line));
    buffer_deinit(&line);
}

static void on_action(void *context, struct instant at, const struct action *action) {
    struct narrator *narrator = context;
    struct buffer line = {0};
    action_describe(action, run_scenario(narrator->run), &line);
    tell(narrator, at, "harness", buffer_bytes(&line));
    buffer_deinit(&line);
}

void narrator_attach(struct narrator *narrator, struct run *run) {
    struct world_observer observer = {
        .context = narrator, .event = on_event, .effect = on_effect, .accident = on_accident};
    narrator->run = run;
    world_observe(run_world(run), &observer);
    run_watch_actions(run, narrator, on_action);
}

void narrator_append_kept(const struct narrator *narrator, struct buffer *to) {
    uint64_t kept =
        narrator->line_count < NARRATOR_LINES_KEPT ? narrator->line_count : NARRATOR_LINES_KEPT;
    for (uint64_t i = narrator->line_count - kept; i < narrator->line_count; i++)
        append_format(to, "        %s\n", narrator->lines[i % NARRATOR_LINES_KEPT]);
}

static void tell_node(struct narrator *narrator, uint32_t index) {
    static const char *const PHASES[] = {"is new", "recovers", "serves", "is stopping",
                                         "has halted"};
    struct run *run = narrator->run;
    const struct node *node = run->nodes[index].node;
    struct buffer line = {0};
    if (node == NULL) {
        struct bytes reason = world_host_halt_reason(run->world, index);
        text_append(&line, "is down");
        text_append(&line, reason.size > 0 ? ": " : "");
        buffer_append(&line, reason);
    } else {
        struct node_figures figures;
        struct store_figures stored;
        node_figures(node, &figures);
        store_figures(node_store(node), &stored);
        append_format(&line,
                      "%s: %lld keys, %" PRIu64 " reads, %" PRIu64 " writes, %" PRIu64
                      " hints kept, %" PRIu64 " delivered, %" PRIu64 " read repairs, %" PRIu64
                      " keys from trees, %" PRIu64 " flushes, %" PRIu64 " compactions",
                      PHASES[node_phase(node)], (long long)store_count_total(node_store(node)),
                      figures.reads, figures.writes, figures.hints_pending, figures.hints_delivered,
                      figures.read_repairs, figures.tree_keys_synced, stored.flushes,
                      stored.compactions);
    }
    tell(narrator, world_now(run->world), run->scenario->cluster.nodes[index].name,
         buffer_bytes(&line));
    buffer_deinit(&line);
}

void narrator_tell_nodes(struct narrator *narrator) {
    for (uint32_t i = 0; i < narrator->run->scenario->cluster.node_count; i++)
        tell_node(narrator, i);
}
