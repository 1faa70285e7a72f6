/* The store's operations are performed, and their outcomes handed over, within the caller's call; what takes long and
 * nobody waits for is left to the sync thread. */
#include "server/blocking_internal.h"

#include "engine/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

enum {
    STATUS_NONE = -1
}; /* no outcome to hand over yet: a note, a question, or a sync under way */

struct instant blocking_now(void) {
    /* A few milliseconds more or less do not matter to the store, and the coarse clock costs nothing. */
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return (struct instant){(uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec};
}

void blocking_tell_wall(struct blocking_store *blocking) {
    if (blocking->has_wall || !store_has_expiring(blocking->store))
        return;
    struct timespec time;
    clock_gettime(CLOCK_REALTIME_COARSE, &time);
    store_set_wall(blocking->store, (struct wall_time){(uint64_t)time.tv_sec * 1000 +
                                                       (uint64_t)time.tv_nsec / 1000000});
}

/* What the disk may take long for and the store does not hurry about. */
static bool takes_long(const struct effect *effect) {
    return effect->kind == EFFECT_SYNC || effect->kind == EFFECT_SYNC_DIRECTORY ||
           effect->kind == EFFECT_REMOVE;
}

/* Reads and lists are performed when their outcome is handed over: they share one buffer. */
static bool is_question(const struct effect *effect) {
    return effect->kind == EFFECT_READ || effect->kind == EFFECT_LIST;
}

static bool goes_to_thread(const struct blocking_store *blocking, const struct effect *effect) {
    return takes_long(effect) && !(blocking->caller_syncs && effect->kind == EFFECT_SYNC &&
                                   effect->file.kind == FILE_LOG);
}

static int *statuses_for(struct blocking_store *blocking, size_t count) {
    if (count > blocking->statuses_capacity) {
        blocking->statuses =
            memory_resize(blocking->statuses, 2 * count * sizeof blocking->statuses[0]);
        blocking->statuses_capacity = 2 * count;
    }
    return blocking->statuses;
}

/* Its descriptor outlives the file, should the store be lost meanwhile; errors of writing back are told through it as through
 * the file's own. */
static bool hand_out(struct blocking_store *blocking, const struct effect *effect) {
    struct blocking_sync *sync = blocking->handed_out;
    bool fits = sync != NULL && sync->descriptor < 0 && effect->kind == EFFECT_SYNC &&
                effect->file.kind == FILE_LOG;
    if (!fits)
        return false;
    enum disk_status status;
    struct store_directory *directory = &blocking->files.directory;
    struct store_file *file = store_directory_acquire(directory, effect->file, false, &status);
    if (file == NULL)
        return false;
    *sync = (struct blocking_sync){
        .descriptor = fcntl(file->descriptor, F_DUPFD_CLOEXEC, 0),
        .file = effect->file,
        .ticket = effect->ticket,
        .writes = file->writes,
    };
    store_directory_release(directory, file);
    return sync->descriptor >= 0;
}

static void perform_watched(struct blocking_store *blocking, const struct effect *effect,
                            struct disk_done *done) {
    struct step_mark begun = step_watch_begin(blocking->watch);
    blocking_files_perform(&blocking->files, effect, done);
    if (blocking->watch != NULL)
        step_watch_end(blocking->watch, step_kind_of(effect), begun);
}

static void leave_to_thread(struct blocking_store *blocking, const struct effect *effect) {
    struct step_mark begun = step_watch_begin(blocking->watch);
    if (effect->kind == EFFECT_REMOVE)
        blocking_files_forget(&blocking->files, effect->file);
    sync_thread_ask(&blocking->syncs, effect);
    step_watch_end(blocking->watch, STEP_ASK, begun);
}

static void hand_over(struct blocking_store *blocking, const struct disk_done *done,
                      struct instant now) {
    struct step_mark begun = step_watch_begin(blocking->watch);
    store_on_disk(blocking->store, done, now, blocking_effects(blocking));
    step_watch_end(blocking->watch, STEP_OUTCOME, begun);
}

static int perform_now(struct blocking_store *blocking, const struct effect *effect) {
    struct disk_done done;
    if (effect->kind == EFFECT_NOTE) {
        buffer_clear(&blocking->note);
        buffer_append(&blocking->note, effect->bytes);
    }
    if (effect->kind == EFFECT_NOTE || is_question(effect))
        return STATUS_NONE;
    if (hand_out(blocking, effect))
        return STATUS_NONE;
    if (goes_to_thread(blocking, effect)) {
        leave_to_thread(blocking, effect);
        return STATUS_NONE;
    }
    perform_watched(blocking, effect, &done);
    return (int)done.status;
}

/* One list: first everything that reads the effects' bytes, which the store may reuse at its next step, then the
 * outcomes. */
static void perform_list(struct blocking_store *blocking) {
    struct effects *effects = blocking_effects(blocking);
    blocking->filling = (blocking->filling + 1) % BLOCKING_EFFECT_LISTS;
    effects_clear(blocking_effects(blocking));
    int *statuses = statuses_for(blocking, effects->count);
    for (size_t i = 0; i < effects->count; i++)
        statuses[i] = perform_now(blocking, &effects->items[i]);
    struct instant now = blocking_now();
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        struct disk_done done = {.ticket = effect->ticket};
        if (is_question(effect))
            perform_watched(blocking, effect, &done);
        else if (statuses[i] != STATUS_NONE)
            done.status = (enum disk_status)statuses[i];
        else
            continue;
        hand_over(blocking, &done, now);
    }
    effects_clear(effects);
}

void blocking_store_watch(struct blocking_store *blocking, struct step_watch *watch) {
    blocking->watch = watch;
}

void blocking_perform(struct blocking_store *blocking) {
    /* Ends: an operation's outcome leads to a bounded number of further ones, without a pump. */
    while (blocking_effects(blocking)->count > 0)
        perform_list(blocking);
}

bool blocking_take_syncs(struct blocking_store *blocking, bool wait) {
    struct disk_done done;
    bool taken = false;
    while (sync_thread_take(&blocking->syncs, &done, wait && !taken)) {
        hand_over(blocking, &done, blocking_now());
        taken = true;
    }
    if (taken)
        blocking_perform(blocking);
    return taken;
}

void blocking_pump_log(struct blocking_store *blocking) {
    struct step_mark begun = step_watch_begin(blocking->watch);
    store_pump_log(blocking->store, blocking_now(), blocking_effects(blocking));
    step_watch_end(blocking->watch, STEP_PUMP_LOG, begun);
    blocking_perform(blocking);
}

bool blocking_work(struct blocking_store *blocking) {
    bool moved = blocking_take_syncs(blocking, false);
    struct step_mark begun = step_watch_begin(blocking->watch);
    store_pump(blocking->store, blocking_now(), blocking_effects(blocking));
    step_watch_end(blocking->watch, STEP_PUMP, begun);
    /* What an operation was waited for goes on at the next pump. */
    moved = blocking_effects(blocking)->count > 0 || moved;
    blocking_perform(blocking);
    blocking->work_left = moved || store_deadline(blocking->store).nanoseconds == 0;
    return blocking->work_left;
}

bool blocking_go_on(struct blocking_store *blocking) {
    if (blocking_work(blocking))
        return true;
    return blocking_take_syncs(blocking, true);
}

bool blocking_wait_for_deadline(const struct blocking_store *blocking) {
    struct instant deadline = store_work_deadline(blocking->store);
    if (deadline.nanoseconds == INSTANT_NEVER.nanoseconds)
        return false;
    struct timespec until = {.tv_sec = (time_t)(deadline.nanoseconds / 1000000000),
                             .tv_nsec = (long)(deadline.nanoseconds % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
    return true;
}

bool blocking_go_on_or_wait(struct blocking_store *blocking) {
    if (blocking_has_failed(blocking))
        return false;
    if (blocking_go_on(blocking)) {
        blocking->was_idle = false;
        return true;
    }
    /* A pump that asked for nothing may have been the last that was waited for: the caller looks before it sleeps. */
    blocking->was_idle = !blocking->was_idle;
    return blocking->was_idle || blocking_wait_for_deadline(blocking);
}

bool blocking_await(struct blocking_store *blocking, uint64_t waiter) {
    for (;;) {
        blocking_perform(blocking);
        uint64_t ready;
        while (store_next_ready(blocking->store, &ready)) {
            if (ready == waiter)
                return true;
        }
        if (blocking_effects(blocking)->count == 0 && !blocking_go_on(blocking))
            return false;
    }
}
