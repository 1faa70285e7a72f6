/* Batches and removed ranges: into the store, into the log, and, for whom it matters, onto the disk. */
#include "server/blocking_internal.h"

#include <time.h>

enum {
    /* A write pays for a slice of background work after so many bytes; the store makes its slices larger the more waits. */
    BYTES_PER_SLICE = 8 * 1024,
};

/* What is entered: a batch, or the prefix of a range to remove. */
struct entered {
    const struct store_batch *batch; /* null: a range */
    struct bytes prefix;
};

static enum store_status offer(struct blocking_store *blocking, const struct entered *what,
                               uint64_t *sequence) {
    if (what->batch != NULL) {
        struct step_mark begun = step_watch_begin(blocking->watch);
        enum store_status status =
            store_write(blocking->store, what->batch, blocking_now(), sequence);
        step_watch_end(blocking->watch, STEP_ENTER, begun);
        return status;
    }
    return store_remove_prefix(blocking->store, what->prefix, STORE_NO_PAGE, blocking_now(),
                               sequence);
}

static void pay_for_bytes(struct blocking_store *blocking, const struct entered *what) {
    blocking->unpaid_bytes += what->prefix.size;
    for (uint32_t i = 0; what->batch != NULL && i < what->batch->count; i++)
        blocking->unpaid_bytes +=
            what->batch->entries[i].key.size + what->batch->entries[i].value.size;
    if (blocking->unpaid_bytes < BYTES_PER_SLICE)
        return;
    blocking->unpaid_bytes = 0;
    (void)blocking_work(blocking);
}

static uint64_t exact_nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void count_stall(struct blocking_store *blocking, uint64_t since) {
    uint64_t nanoseconds = exact_nanoseconds() - since;
    blocking->figures.stalls++;
    blocking->figures.stall_nanoseconds += nanoseconds;
    if (nanoseconds > blocking->figures.stall_nanoseconds_max)
        blocking->figures.stall_nanoseconds_max = nanoseconds;
}

/* The store takes no write: flush and compaction go first, or the log is made anew after an error. */
static enum store_status enter_after_stall(struct blocking_store *blocking,
                                           const struct entered *what, uint64_t *sequence) {
    uint64_t since = exact_nanoseconds();
    enum store_status status = STORE_BUSY;
    while (status == STORE_BUSY && blocking_go_on_or_wait(blocking))
        status = offer(blocking, what, sequence);
    count_stall(blocking, since);
    return blocking_has_failed(blocking) ? STORE_FAILED : status;
}

/* The reserve is used up: what is written and read would soon find no memory at all. What the memtables hold is given back
 * by their flush. False when that was not enough. */
static bool regain_memory(struct blocking_store *blocking) {
    blocking->figures.shortages++;
    while (host_memory_pool_is_short(&blocking->pool)) {
        if (blocking_go_on(blocking))
            continue;
        struct store_figures figures;
        store_figures(blocking->store, &figures);
        if (figures.memtable_bytes == 0 || !blocking_flush(blocking))
            return !host_memory_pool_is_short(&blocking->pool);
    }
    return true;
}

/* Before other work is done, which may take back what the caller has borrowed from this store and writes anew. `batch` is
 * memory for the copy. */
static void copy_what(struct blocking_store *blocking, struct entered *what,
                      struct store_batch *batch) {
    struct buffer *copies = &blocking->write_copies;
    size_t size = what->prefix.size;
    for (uint32_t i = 0; what->batch != NULL && i < what->batch->count; i++)
        size += what->batch->entries[i].key.size + what->batch->entries[i].value.size;
    buffer_clear(copies);
    buffer_reserve(copies, size); /* so that it does not move meanwhile */
    what->prefix = blocking_copy(copies, what->prefix);
    if (what->batch == NULL)
        return;
    *batch = *what->batch;
    for (uint32_t i = 0; i < batch->count; i++) {
        batch->entries[i].key = blocking_copy(copies, batch->entries[i].key);
        batch->entries[i].value = blocking_copy(copies, batch->entries[i].value);
    }
    what->batch = batch;
}

/* The store did not take it at once. */
static enum store_status enter_after_work(struct blocking_store *blocking,
                                          const struct entered *what, enum store_status status,
                                          uint64_t *sequence) {
    /* Whoever asks again finds out whether there is space by now. */
    if (status == STORE_FULL && blocking_work(blocking))
        status = offer(blocking, what, sequence);
    if (status == STORE_BUSY)
        status = enter_after_stall(blocking, what, sequence);
    return status;
}

static enum store_status enter_copied(struct blocking_store *blocking, struct entered what,
                                      enum store_status status, uint64_t *sequence) {
    struct store_batch batch;
    copy_what(blocking, &what, &batch);
    if (!host_memory_pool_is_short(&blocking->pool))
        status = enter_after_work(blocking, &what, status, sequence);
    else if (regain_memory(blocking))
        status = enter_after_work(blocking, &what, offer(blocking, &what, sequence), sequence);
    else
        status = STORE_BUSY;
    buffer_deinit(&blocking->write_copies);
    return status;
}

static enum store_status enter(struct blocking_store *blocking, const struct entered *what,
                               uint64_t *sequence) {
    enum store_status status = STORE_BUSY;
    if (!host_memory_pool_is_short(&blocking->pool))
        status = offer(blocking, what, sequence);
    if (status == STORE_BUSY || status == STORE_FULL)
        status = enter_copied(blocking, *what, status, sequence);
    if (status == STORE_OK) {
        blocking->last_sequence = *sequence;
        blocking->work_left = true; /* perhaps: a read will find out */
        pay_for_bytes(blocking, what);
    }
    return status;
}

static enum store_status outcome(const struct blocking_store *blocking, bool is_done) {
    if (is_done)
        return STORE_OK;
    return !blocking_has_failed(blocking) && blocking_is_full(blocking) ? STORE_FULL : STORE_FAILED;
}

/* The first turn of the log does it, but when a sync of another segment is under way, or the log has failed and all is
 * made durable anew. */
static enum store_status wait_written(struct blocking_store *blocking, uint64_t sequence) {
    blocking_pump_log(blocking);
    while (store_written(blocking->store) < sequence && !blocking_is_full(blocking) &&
           blocking_go_on_or_wait(blocking))
        blocking_pump_log(blocking);
    return outcome(blocking, store_written(blocking->store) >= sequence);
}

static enum store_status wait_durable(struct blocking_store *blocking, uint64_t sequence) {
    blocking->caller_syncs = true;
    store_want_durable(blocking->store, sequence);
    blocking_pump_log(blocking);
    while (store_durable(blocking->store) < sequence && !blocking_is_full(blocking) &&
           blocking_go_on_or_wait(blocking))
        blocking_pump_log(blocking);
    blocking->caller_syncs = false;
    return outcome(blocking, store_durable(blocking->store) >= sequence);
}

static enum store_status finish(struct blocking_store *blocking, uint64_t sequence, bool durable) {
    if (sync_thread_has_done(&blocking->syncs))
        (void)blocking_take_syncs(blocking, false);
    enum store_status status = wait_written(blocking, sequence);
    return durable && status == STORE_OK ? wait_durable(blocking, sequence) : status;
}

enum store_status blocking_finish_begin(struct blocking_store *blocking, uint64_t sequence,
                                        bool durable, struct blocking_sync *sync) {
    sync->descriptor = -1;
    BLOCKING_ENTER(blocking, STORE_FAILED);
    enum store_status status = finish(blocking, sequence, false);
    if (status == STORE_OK && durable && store_durable(blocking->store) < sequence) {
        blocking->handed_out = sync;
        store_want_durable(blocking->store, sequence);
        blocking_pump_log(blocking);
        blocking->handed_out = NULL;
    }
    blocking_leave();
    return status;
}

enum store_status blocking_finish_end(struct blocking_store *blocking, uint64_t sequence,
                                      const struct blocking_sync *sync) {
    BLOCKING_ENTER(blocking, STORE_FAILED);
    struct store_directory *directory = &blocking->files.directory;
    struct disk_done done = {.ticket = sync->ticket, .status = sync->status};
    enum disk_status ignored;
    struct store_file *file = store_directory_acquire(directory, sync->file, false, &ignored);
    if (file != NULL) {
        if (sync->status == DISK_OK)
            file->writes_synced = sync->writes;
        store_directory_release(directory, file);
    }
    store_on_disk(blocking->store, &done, blocking_now(), blocking_effects(blocking));
    blocking_perform(blocking);
    enum store_status status = finish(blocking, sequence, true);
    blocking_leave();
    return status;
}

static enum store_status write_whole(struct blocking_store *blocking, const struct entered *what,
                                     bool durable) {
    BLOCKING_ENTER(blocking, STORE_FAILED);
    uint64_t sequence;
    enum store_status status = enter(blocking, what, &sequence);
    if (status == STORE_OK)
        status = finish(blocking, sequence, durable);
    blocking_leave();
    return status;
}

enum store_status blocking_store_enter(struct blocking_store *blocking,
                                       const struct store_batch *batch, uint64_t *sequence) {
    const struct entered what = {.batch = batch};
    BLOCKING_ENTER(blocking, STORE_FAILED);
    enum store_status status = enter(blocking, &what, sequence);
    blocking_leave();
    return status;
}

enum store_status blocking_store_finish(struct blocking_store *blocking, uint64_t sequence,
                                        bool durable) {
    BLOCKING_ENTER(blocking, STORE_FAILED);
    enum store_status status = finish(blocking, sequence, durable);
    blocking_leave();
    return status;
}

enum store_status blocking_store_write(struct blocking_store *blocking,
                                       const struct store_batch *batch, bool durable) {
    const struct entered what = {.batch = batch};
    return write_whole(blocking, &what, durable);
}

/* Only what is there of a batch is written: it is a large thing to clear for one entry. */
static enum store_status write_one(struct blocking_store *blocking, const struct store_entry *entry,
                                   bool durable) {
    struct store_batch batch;
    batch.count = 1;
    batch.entries[0] = *entry;
    batch.has_tally = false;
    return blocking_store_write(blocking, &batch, durable);
}

enum store_status blocking_store_put(struct blocking_store *blocking, struct bytes key,
                                     struct bytes value, bool durable) {
    const struct store_entry entry = {.key = key, .value = value};
    return write_one(blocking, &entry, durable);
}

enum store_status blocking_store_remove(struct blocking_store *blocking, struct bytes key,
                                        bool durable) {
    const struct store_entry entry = {.key = key, .removed = true};
    return write_one(blocking, &entry, durable);
}

enum store_status blocking_store_remove_prefix(struct blocking_store *blocking, struct bytes prefix,
                                               bool durable) {
    const struct entered what = {.prefix = prefix};
    return write_whole(blocking, &what, durable);
}

enum store_status blocking_store_sync(struct blocking_store *blocking) {
    return blocking_store_finish(blocking, blocking->last_sequence, true);
}

uint64_t blocking_store_written(const struct blocking_store *blocking) {
    return blocking->store == NULL ? 0 : store_written(blocking->store);
}

uint64_t blocking_store_durable(const struct blocking_store *blocking) {
    return blocking->store == NULL ? 0 : store_durable(blocking->store);
}
