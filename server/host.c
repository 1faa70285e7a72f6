#include "server/host_internal.h"
#include "server/host_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static struct wall_time wall_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (struct wall_time){(uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000};
}

static const char *level_name(enum note_level level) {
    switch (level) {
    case NOTE_ERROR:
        return "error";
    case NOTE_WARNING:
        return "warning";
    case NOTE_INFO:
        return "info";
    case NOTE_DETAIL:
        return "detail";
    case NOTE_NONE:
        break;
    }
    return "";
}

/* One line on standard error: time of day (UTC), level, sentence. */
static void print_note(enum note_level level, struct bytes sentence) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    struct tm utc;
    gmtime_r(&time.tv_sec, &utc);
    char stamp[32];
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    fprintf(stderr, "%s.%03ldZ %s: %.*s\n", stamp, time.tv_nsec / 1000000, level_name(level),
            (int)sentence.size, (const char *)sentence.data);
}

static void halt(struct host *host, struct bytes why) {
    bool graceful = bytes_equal(why, bytes_of_text("stopped"));
    print_note(graceful ? NOTE_INFO : NOTE_ERROR, why);
    host->halted = true;
    host->exit_code = graceful ? 0 : 1;
}

static void perform(struct host *host, const struct effect *effect) {
    switch (effect->kind) {
    case EFFECT_CONNECT:
        host_connect(host, effect->link, effect->bytes);
        break;
    case EFFECT_SEND:
        host_send(host, effect->link, effect->bytes);
        break;
    case EFFECT_CLOSE:
        host_close_link(host, effect->link);
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
        host_perform_disk(host, effect);
        break;
    case EFFECT_NOTE:
        print_note(effect->level, effect->bytes);
        break;
    case EFFECT_HALT:
        halt(host, effect->bytes);
        break;
    }
}

void host_step(struct host *host, struct event *event) {
    if (host->halted)
        return;
    event->now = (struct instant){uv_hrtime()};
    event->wall = wall_now();
    event->memory_is_short = host_memory_is_short();
    node_step(host->node, event, &host->effects);
    for (size_t i = 0; i < host->effects.count; i++)
        perform(host, &host->effects.items[i]);
}

/* Delivers what became complete and sends what was gathered, until nothing more follows from it. */
static void settle(struct host *host) {
    for (unsigned round = 0; round < HOST_SETTLE_ROUNDS_MAX; round++) {
        if (!host_deliver_completions(host))
            break;
    }
    host_flush_links(host);
}

static void on_timer(uv_timer_t *timer) {
    struct host *host = timer->data;
    host->timer_due = INSTANT_NEVER;
    struct event event = {.kind = EVENT_TIMEOUT};
    host_step(host, &event);
}

static void arm_timer(struct host *host) {
    struct instant due = node_deadline(host->node);
    if (host->completion_count > 0)
        due = (struct instant){0};
    if (due.nanoseconds == host->timer_due.nanoseconds && due.nanoseconds != 0)
        return;
    host->timer_due = due;
    if (due.nanoseconds == UINT64_MAX) {
        uv_timer_stop(&host->timer);
        return;
    }
    uv_update_time(&host->loop);
    uint64_t now = uv_hrtime();
    uint64_t wait = due.nanoseconds > now ? (due.nanoseconds - now + 999999) / 1000000 : 0;
    uv_timer_start(&host->timer, on_timer, wait, 0);
}

static void on_check(uv_check_t *check) {
    settle(check->data);
}

static void on_prepare(uv_prepare_t *prepare) {
    struct host *host = prepare->data;
    settle(host);
    if (host->halted)
        uv_stop(&host->loop);
    else
        arm_timer(host);
}

static void on_signal(uv_signal_t *signal, int number) {
    struct host *host = signal->data;
    (void)number;
    struct event event = {.kind = EVENT_STOP};
    host_step(host, &event);
}

static void start_handles(struct host *host) {
    uv_timer_init(&host->loop, &host->timer);
    uv_prepare_init(&host->loop, &host->prepare);
    uv_check_init(&host->loop, &host->check);
    uv_signal_init(&host->loop, &host->terminate);
    uv_signal_init(&host->loop, &host->interrupt);
    host->timer.data = host->prepare.data = host->check.data = host;
    host->terminate.data = host->interrupt.data = host;
    uv_prepare_start(&host->prepare, on_prepare);
    uv_check_start(&host->check, on_check);
    uv_signal_start(&host->terminate, on_signal, SIGTERM);
    uv_signal_start(&host->interrupt, on_signal, SIGINT);
}

struct host *host_create(const struct host_options *options, struct buffer *problem) {
    struct host *host = calloc(1, sizeof *host);
    CHECK(host != NULL);
    host->timer_due = INSTANT_NEVER;
    host->directory.descriptor = host->directory.lock_descriptor = -1;
    host->read_buffer = malloc(HOST_READ_BYTES);
    CHECK(host->read_buffer != NULL);
    CHECK(uv_loop_init(&host->loop) == 0);
    start_handles(host);
    host->node = node_create(options->node);
    if (!store_directory_open(&host->directory, options->directory, problem) ||
        !host_listen(host, &host->client_listener, options->client_address, problem) ||
        !host_listen(host, &host->peer_listener, options->peer_address, problem)) {
        host_destroy(host);
        return NULL;
    }
    return host;
}

int host_run(struct host *host) {
    struct event start = {.kind = EVENT_START};
    CHECK(getrandom(start.entropy, sizeof start.entropy, 0) == (ssize_t)sizeof start.entropy);
    host_step(host, &start);
    uv_run(&host->loop, UV_RUN_DEFAULT);
    return host->exit_code;
}

static void close_handle(uv_handle_t *handle, void *context) {
    (void)context;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void host_destroy(struct host *host) {
    host_close_all_links(host);
    uv_walk(&host->loop, close_handle, NULL);
    uv_run(&host->loop, UV_RUN_DEFAULT);
    uv_loop_close(&host->loop);
    host_close_files(host);
    node_destroy(host->node);
    effects_deinit(&host->effects);
    id_map_deinit(&host->links);
    free(host->dirty);
    free(host->paused);
    free(host->read_buffer);
    free(host);
}
