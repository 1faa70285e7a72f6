#include "server/blocking_store.h"

#include "engine/base/text.h"
#include "server/blocking_files.h"
#include "server/sync_thread.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum {
    /* A write pays for a slice of background work after so many bytes; the store makes its slices larger the more waits. */
    BYTES_PER_SLICE = 8 * 1024,
    READS_PER_SLICE = 32,
    CLOSE_WAITS_MAX = 8, /* for another attempt of the store's */
    /* Two lists of effects: outcomes of one are handed to the store, which fills the other. */
    EFFECT_LISTS = 2,
    STATUS_NONE = -1, /* no outcome to hand over yet: a note, a question, or a sync under way */
};

struct blocking_store {
    struct store *store;
    struct blocking_files files;
    struct sync_thread syncs;
    struct effects effects[EFFECT_LISTS];
    uint32_t filling; /* the list that the store fills */
    int *statuses;    /* of one list: a disk_status, or STATUS_NONE */
    size_t statuses_capacity;
    bool caller_syncs; /* the caller waits for durability: the log is synced by its own thread */
    bool work_left;    /* the last slice was not the last */
    bool has_interval; /* of syncs: somebody must look at the clock */
    uint64_t unpaid_bytes;
    uint32_t unpaid_reads;
    uint64_t next_waiter;
    uint64_t last_sequence;
    struct buffer scan_from; /* a copy: the caller may pass a key that the store lent out */
    struct buffer note;      /* the last sentence that the store had for people */
    struct blocking_figures figures;
};

static struct instant now_of(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (struct instant){(uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec};
}

/* A few milliseconds more or less do not matter to the store, and the coarse clock costs nothing. */
static struct instant now_for_store(void) {
    return now_of(CLOCK_MONOTONIC_COARSE);
}

static struct effects *filling(struct blocking_store *blocking) {
    return &blocking->effects[blocking->filling];
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
        blocking->statuses_capacity = 2 * count;
        blocking->statuses =
            realloc(blocking->statuses, blocking->statuses_capacity * sizeof blocking->statuses[0]);
        CHECK(blocking->statuses != NULL);
    }
    return blocking->statuses;
}

static int perform_now(struct blocking_store *blocking, const struct effect *effect) {
    struct disk_done done;
    if (effect->kind == EFFECT_NOTE) {
        buffer_clear(&blocking->note);
        buffer_append(&blocking->note, effect->bytes);
    }
    if (effect->kind == EFFECT_NOTE || is_question(effect))
        return STATUS_NONE;
    if (goes_to_thread(blocking, effect)) {
        if (effect->kind == EFFECT_REMOVE)
            blocking_files_forget(&blocking->files, effect->file);
        sync_thread_ask(&blocking->syncs, effect);
        return STATUS_NONE;
    }
    blocking_files_perform(&blocking->files, effect, &done);
    return (int)done.status;
}

/* One list: first everything that reads the effects' bytes, which the store may reuse at its next step, then the
 * outcomes. */
static void perform_list(struct blocking_store *blocking) {
    struct effects *effects = filling(blocking);
    blocking->filling = (blocking->filling + 1) % EFFECT_LISTS;
    effects_clear(filling(blocking));
    int *statuses = statuses_for(blocking, effects->count);
    for (size_t i = 0; i < effects->count; i++)
        statuses[i] = perform_now(blocking, &effects->items[i]);
    struct instant now = now_for_store();
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        struct disk_done done = {.ticket = effect->ticket};
        if (is_question(effect))
            blocking_files_perform(&blocking->files, effect, &done);
        else if (statuses[i] != STATUS_NONE)
            done.status = (enum disk_status)statuses[i];
        else
            continue;
        store_on_disk(blocking->store, &done, now, filling(blocking));
    }
    effects_clear(effects);
}

void blocking_store_perform(struct blocking_store *blocking) {
    /* Ends: an operation's outcome leads to a bounded number of further ones, without a pump. */
    while (filling(blocking)->count > 0)
        perform_list(blocking);
}

struct effects *blocking_store_effects(struct blocking_store *blocking) {
    return filling(blocking);
}

static bool take_syncs(struct blocking_store *blocking, bool wait) {
    struct disk_done done;
    bool taken = false;
    while (sync_thread_take(&blocking->syncs, &done, wait && !taken)) {
        store_on_disk(blocking->store, &done, now_for_store(), filling(blocking));
        taken = true;
    }
    if (taken)
        blocking_store_perform(blocking);
    return taken;
}

/* The log only: what a write needs. */
static void pump_log(struct blocking_store *blocking) {
    store_pump_log(blocking->store, now_for_store(), filling(blocking));
    blocking_store_perform(blocking);
}

bool blocking_store_work(struct blocking_store *blocking) {
    bool moved = take_syncs(blocking, false);
    store_pump(blocking->store, now_for_store(), filling(blocking));
    /* What an operation was waited for goes on at the next pump. */
    moved = filling(blocking)->count > 0 || moved;
    blocking_store_perform(blocking);
    blocking->work_left = moved || store_deadline(blocking->store).nanoseconds == 0;
    return blocking->work_left;
}

/* Goes on with whatever there is, and waits for the disk when there is nothing else. False when nothing is under way. */
static bool go_on(struct blocking_store *blocking) {
    if (blocking_store_work(blocking))
        return true;
    return take_syncs(blocking, true);
}

static bool has_failed(const struct blocking_store *blocking) {
    return store_phase(blocking->store) == STORE_PHASE_FAILED;
}

/* Some work is due only later: when nobody has written for a while, or when what failed is tried again. False when
 * nothing will ever be due. */
static bool wait_for_deadline(const struct blocking_store *blocking) {
    struct instant deadline = store_deadline(blocking->store);
    if (deadline.nanoseconds == INSTANT_NEVER.nanoseconds)
        return false;
    struct timespec until = {.tv_sec = (time_t)(deadline.nanoseconds / 1000000000),
                             .tv_nsec = (long)(deadline.nanoseconds % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
    return true;
}

/* The same, for one who waits for a certain thing that may need another attempt of the store's. */
static bool go_on_or_wait(struct blocking_store *blocking) {
    return !has_failed(blocking) && (go_on(blocking) || wait_for_deadline(blocking));
}

static void pay_for_bytes(struct blocking_store *blocking, const struct store_batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++)
        blocking->unpaid_bytes += batch->entries[i].key.size + batch->entries[i].value.size;
    if (blocking->unpaid_bytes < BYTES_PER_SLICE)
        return;
    blocking->unpaid_bytes = 0;
    blocking_store_work(blocking);
}

static void count_stall(struct blocking_store *blocking, struct instant since) {
    uint64_t nanoseconds = duration_between(since, now_of(CLOCK_MONOTONIC)).nanoseconds;
    blocking->figures.stalls++;
    blocking->figures.stall_nanoseconds += nanoseconds;
    if (nanoseconds > blocking->figures.stall_nanoseconds_max)
        blocking->figures.stall_nanoseconds_max = nanoseconds;
}

/* The store takes no write: flush and compaction go first, or the log is made anew after an error. */
static enum store_status enter_after_stall(struct blocking_store *blocking,
                                           const struct store_batch *batch, uint64_t *sequence) {
    struct instant since = now_of(CLOCK_MONOTONIC);
    enum store_status status = STORE_BUSY;
    while (status == STORE_BUSY && go_on_or_wait(blocking))
        status = store_write(blocking->store, batch, now_for_store(), sequence);
    count_stall(blocking, since);
    return has_failed(blocking) ? STORE_FAILED : status;
}

enum store_status blocking_store_enter(struct blocking_store *blocking,
                                       const struct store_batch *batch, uint64_t *sequence) {
    enum store_status status = store_write(blocking->store, batch, now_for_store(), sequence);
    /* Whoever asks again finds out whether there is space by now. */
    if (status == STORE_FULL && blocking_store_work(blocking))
        status = store_write(blocking->store, batch, now_for_store(), sequence);
    if (status == STORE_BUSY)
        status = enter_after_stall(blocking, batch, sequence);
    if (status == STORE_OK) {
        blocking->last_sequence = *sequence;
        blocking->work_left = true; /* perhaps: a read will find out */
        pay_for_bytes(blocking, batch);
    }
    return status;
}

/* Want of space may last: nobody is held for it. */
static bool is_full(const struct blocking_store *blocking) {
    return store_condition(blocking->store) == STORE_CONDITION_FULL;
}

static enum store_status outcome(const struct blocking_store *blocking, bool is_done) {
    if (is_done)
        return STORE_OK;
    return !has_failed(blocking) && is_full(blocking) ? STORE_FULL : STORE_FAILED;
}

/* The first turn of the log does it, but when a sync of another segment is under way, or the log has failed and all is
 * made durable anew. */
static enum store_status wait_written(struct blocking_store *blocking, uint64_t sequence) {
    pump_log(blocking);
    while (store_written(blocking->store) < sequence && !is_full(blocking) &&
           go_on_or_wait(blocking))
        pump_log(blocking);
    return outcome(blocking, store_written(blocking->store) >= sequence);
}

static enum store_status wait_durable(struct blocking_store *blocking, uint64_t sequence) {
    blocking->caller_syncs = true;
    store_want_durable(blocking->store, sequence);
    pump_log(blocking);
    while (store_durable(blocking->store) < sequence && !is_full(blocking) &&
           go_on_or_wait(blocking))
        pump_log(blocking);
    blocking->caller_syncs = false;
    return outcome(blocking, store_durable(blocking->store) >= sequence);
}

enum store_status blocking_store_finish(struct blocking_store *blocking, uint64_t sequence,
                                        bool durable) {
    if (sync_thread_has_done(&blocking->syncs))
        take_syncs(blocking, false);
    enum store_status status = wait_written(blocking, sequence);
    return durable && status == STORE_OK ? wait_durable(blocking, sequence) : status;
}

enum store_status blocking_store_write(struct blocking_store *blocking,
                                       const struct store_batch *batch, bool durable) {
    uint64_t sequence;
    enum store_status status = blocking_store_enter(blocking, batch, &sequence);
    return status == STORE_OK ? blocking_store_finish(blocking, sequence, durable) : status;
}

enum store_status blocking_store_sync(struct blocking_store *blocking) {
    return blocking_store_finish(blocking, blocking->last_sequence, true);
}

static void pay_for_read(struct blocking_store *blocking) {
    if (++blocking->unpaid_reads < READS_PER_SLICE)
        return;
    blocking->unpaid_reads = 0;
    if (blocking->work_left || blocking->has_interval || sync_thread_has_done(&blocking->syncs))
        blocking_store_work(blocking);
}

/* Until the waiter is to ask again. A block that is lost is so durably before that is told, which may take a sync; false
 * when the disk takes no note of it. */
static bool await(struct blocking_store *blocking, uint64_t waiter) {
    for (;;) {
        blocking_store_perform(blocking);
        uint64_t ready;
        while (store_next_ready(blocking->store, &ready)) {
            if (ready == waiter)
                return true;
        }
        if (filling(blocking)->count == 0 && !go_on(blocking))
            return false;
    }
}

enum store_status blocking_store_get(struct blocking_store *blocking, struct bytes key,
                                     struct bytes *value) {
    pay_for_read(blocking);
    uint64_t waiter = blocking->next_waiter++;
    enum store_status status;
    while ((status = store_get(blocking->store, key, waiter, value, filling(blocking))) ==
           STORE_NEED_BLOCK) {
        if (!await(blocking, waiter))
            return has_failed(blocking) ? STORE_FAILED : STORE_CORRUPT;
    }
    return status;
}

enum store_status blocking_store_scan(struct blocking_store *blocking, struct bytes prefix,
                                      struct bytes from, bool after, struct store_entry *entry) {
    uint64_t waiter = blocking->next_waiter++;
    buffer_clear(&blocking->scan_from);
    buffer_append(&blocking->scan_from, from);
    from = buffer_bytes(&blocking->scan_from);
    enum store_status status;
    while ((status = store_scan(blocking->store, prefix, from, after, waiter, entry,
                                filling(blocking))) == STORE_NEED_BLOCK) {
        if (!await(blocking, waiter))
            return has_failed(blocking) ? STORE_FAILED : STORE_CORRUPT;
    }
    return status;
}

struct blocking_cursor {
    struct blocking_store *blocking;
    struct store_cursor *cursor;
    struct store_snapshot *snapshot; /* null when it walks over the store as it is */
};

struct blocking_cursor *blocking_cursor_open(struct blocking_store *blocking,
                                             const struct store_range *range, bool snapshot) {
    struct blocking_cursor *cursor = malloc(sizeof *cursor);
    CHECK(cursor != NULL);
    *cursor = (struct blocking_cursor){.blocking = blocking};
    while (snapshot && store_snapshot_acquire(blocking->store, &cursor->snapshot) != STORE_OK) {
        if (!go_on_or_wait(blocking)) {
            free(cursor);
            return NULL;
        }
    }
    cursor->cursor = store_cursor_open(blocking->store, range, cursor->snapshot);
    return cursor;
}

void blocking_cursor_seek(struct blocking_cursor *cursor, struct bytes key) {
    store_cursor_seek(cursor->cursor, key);
}

enum store_status blocking_cursor_next(struct blocking_cursor *cursor, struct store_entry *entry) {
    struct blocking_store *blocking = cursor->blocking;
    uint64_t waiter = blocking->next_waiter++;
    enum store_status status;
    while ((status = store_cursor_next(cursor->cursor, waiter, entry, filling(blocking))) ==
           STORE_NEED_BLOCK) {
        if (!await(blocking, waiter))
            return has_failed(blocking) ? STORE_FAILED : STORE_CORRUPT;
    }
    return status;
}

void blocking_cursor_close(struct blocking_cursor *cursor) {
    if (cursor == NULL)
        return;
    store_cursor_close(cursor->cursor);
    if (cursor->snapshot != NULL)
        store_snapshot_release(cursor->snapshot);
    free(cursor);
}

static bool is_sound(const struct blocking_store *blocking) {
    return store_condition(blocking->store) == STORE_CONDITION_SOUND;
}

enum store_status blocking_store_settle(struct blocking_store *blocking) {
    /* What fails is tried again, for ever: nobody can wait for that. */
    while (!has_failed(blocking) &&
           (go_on(blocking) || (is_sound(blocking) && wait_for_deadline(blocking)))) {
    }
    return is_sound(blocking) ? STORE_OK : has_failed(blocking) ? STORE_FAILED : STORE_BUSY;
}

void blocking_store_figures(const struct blocking_store *blocking, struct store_figures *store,
                            struct blocking_figures *host) {
    store_figures(blocking->store, store);
    *host = blocking->figures;
    host->bytes_read = blocking->files.bytes_read;
    host->bytes_written = blocking->files.bytes_written;
    host->bytes_mapped = blocking->files.bytes_mapped;
}

struct bytes blocking_store_problem(const struct blocking_store *blocking) {
    return has_failed(blocking) ? store_failure(blocking->store) : store_problem(blocking->store);
}

struct bytes blocking_store_note(const struct blocking_store *blocking) {
    return buffer_bytes(&blocking->note);
}

struct store *blocking_store_engine(struct blocking_store *blocking) {
    return blocking->store;
}

void blocking_store_drop(struct blocking_store *blocking) {
    if (blocking == NULL)
        return;
    sync_thread_deinit(&blocking->syncs);
    store_destroy(blocking->store);
    for (uint32_t i = 0; i < EFFECT_LISTS; i++)
        effects_deinit(&blocking->effects[i]);
    blocking_files_close(&blocking->files);
    buffer_deinit(&blocking->scan_from);
    buffer_deinit(&blocking->note);
    free(blocking->statuses);
    free(blocking);
}

static bool recover(struct blocking_store *blocking, struct buffer *problem) {
    store_start(blocking->store, now_for_store(), filling(blocking));
    blocking_store_perform(blocking);
    while (store_phase(blocking->store) == STORE_PHASE_RECOVERING)
        CHECK(go_on_or_wait(blocking) || store_phase(blocking->store) != STORE_PHASE_RECOVERING);
    if (!has_failed(blocking))
        return true;
    buffer_append(problem, store_failure(blocking->store));
    return false;
}

struct blocking_store *blocking_store_open(const char *directory, const struct store_config *config,
                                           struct buffer *problem) {
    const char *refused = store_config_problem(config);
    if (refused != NULL) {
        text_append(problem, refused);
        return NULL;
    }
    struct blocking_store *blocking = calloc(1, sizeof *blocking);
    CHECK(blocking != NULL);
    blocking->next_waiter = 1;
    blocking->has_interval = config->sync == STORE_SYNC_INTERVAL;
    if (!blocking_files_open(&blocking->files, directory, problem)) {
        free(blocking);
        return NULL;
    }
    sync_thread_init(&blocking->syncs, &blocking->files.directory);
    blocking->store = store_create(config);
    if (recover(blocking, problem)) {
        blocking->last_sequence = store_written(blocking->store);
        return blocking;
    }
    blocking_store_drop(blocking);
    return NULL;
}

bool blocking_store_close(struct blocking_store *blocking, struct buffer *problem) {
    store_close(blocking->store, now_for_store(), filling(blocking));
    blocking_store_perform(blocking);
    /* A disk that is full or refuses is given some time, not all. */
    uint32_t waits = 0;
    while (!store_is_closed(blocking->store) && !has_failed(blocking)) {
        if (go_on(blocking))
            continue;
        if (waits++ == CLOSE_WAITS_MAX || !wait_for_deadline(blocking))
            break;
    }
    bool closed = store_is_closed(blocking->store);
    if (!closed)
        buffer_append(problem, blocking_store_problem(blocking));
    blocking_store_drop(blocking);
    return closed;
}
