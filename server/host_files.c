/* Files: writes are made at once (into the page cache), reads from the page cache too, and names
 * change at once; what would wait for the disk goes to the thread pool. Completions are handed to
 * the node at the end of the turn, never within the step that asked. */
#include "server/host_internal.h"

#include <stdlib.h>
#include <sys/uio.h>

/* An operation in the thread pool. */
struct pool_operation {
    uv_work_t work; /* first */
    struct host *host;
    enum effect_kind kind;
    struct store_file *file; /* acquired; null when a directory is synced */
    uint32_t checkpoint;     /* whose directory that is */
    uint64_t ticket, offset;
    uint64_t writes; /* of a sync: those that it covers */
    struct buffer bytes;
    uint64_t size;
    enum disk_status status;
};

static void complete(struct host *host, uint64_t ticket, enum disk_status status,
                     struct buffer bytes) {
    if (host->completion_count == host->completion_capacity) {
        host->completion_capacity =
            host->completion_capacity == 0 ? 16 : 2 * host->completion_capacity;
        host->completions =
            realloc(host->completions, host->completion_capacity * sizeof host->completions[0]);
        CHECK(host->completions != NULL);
    }
    host->completions[host->completion_count++] =
        (struct host_completion){.ticket = ticket, .status = status, .bytes = bytes};
}

static void perform_write(struct host *host, const struct effect *effect) {
    enum disk_status status;
    struct store_file *file =
        store_directory_acquire(&host->directory, effect->file, true, &status);
    if (file != NULL) {
        file->writes++;
        status = store_file_write(file->descriptor, effect->offset, effect->bytes);
        store_directory_release(&host->directory, file);
    }
    complete(host, effect->ticket, status, (struct buffer){0});
}

static void pool_run(uv_work_t *work) {
    struct pool_operation *operation = (struct pool_operation *)work;
    if (operation->kind == EFFECT_SYNC_DIRECTORY)
        operation->status =
            store_directory_sync(&operation->host->directory, operation->checkpoint);
    else if (operation->kind == EFFECT_SYNC)
        operation->status = store_file_sync(operation->file->descriptor);
    else if (operation->kind == EFFECT_ALLOCATE)
        operation->status = store_file_allocate(operation->file->descriptor, operation->size);
    else
        operation->status = store_file_read(operation->file->descriptor, operation->offset,
                                            operation->size, &operation->bytes);
}

static void pool_done(uv_work_t *work, int status) {
    struct pool_operation *operation = (struct pool_operation *)work;
    CHECK(status == 0);
    struct store_file *file = operation->file;
    if (operation->kind == EFFECT_SYNC && operation->status == DISK_OK)
        file->writes_synced = operation->writes;
    if (file != NULL)
        store_directory_release(&operation->host->directory, file);
    complete(operation->host, operation->ticket, operation->status, operation->bytes);
    free(operation);
}

/* `file` is acquired, or null. */
static void start_in_pool(struct host *host, const struct effect *effect, struct store_file *file) {
    struct pool_operation *operation = calloc(1, sizeof *operation);
    CHECK(operation != NULL);
    operation->host = host;
    operation->kind = effect->kind;
    operation->file = file;
    operation->checkpoint = effect->file.checkpoint;
    operation->ticket = effect->ticket;
    operation->offset = effect->offset;
    operation->writes = file != NULL ? file->writes : 0;
    operation->size = effect->size;
    CHECK(uv_queue_work(&host->loop, &operation->work, pool_run, pool_done) == 0);
}

/* What is in the page cache is taken at once: most reads never leave the loop's thread. */
static bool read_without_waiting(struct host *host, const struct effect *effect, int descriptor) {
    struct buffer bytes = {0};
    struct iovec part = {.iov_base = buffer_reserve(&bytes, effect->size), .iov_len = effect->size};
    ssize_t got = preadv2(descriptor, &part, 1, (off_t)effect->offset, RWF_NOWAIT);
    if (got < 0 || (uint64_t)got != effect->size) {
        buffer_deinit(&bytes);
        return false;
    }
    bytes.size = (size_t)got;
    complete(host, effect->ticket, DISK_OK, bytes);
    return true;
}

/* What the disk may take its time for: reads, syncs, and taking space. */
static void perform_slowly(struct host *host, const struct effect *effect) {
    enum disk_status status;
    bool creates = effect->kind == EFFECT_ALLOCATE;
    struct store_file *file =
        store_directory_acquire(&host->directory, effect->file, creates, &status);
    if (file == NULL) {
        complete(host, effect->ticket, status, (struct buffer){0});
    } else if (effect->kind == EFFECT_READ &&
               read_without_waiting(host, effect, file->descriptor)) {
        store_directory_release(&host->directory, file);
    } else {
        start_in_pool(host, effect, file);
    }
}

static void perform_on_names(struct host *host, const struct effect *effect) {
    enum disk_status status;
    if (effect->kind == EFFECT_RENAME)
        status = store_directory_rename(&host->directory, effect->file, effect->to);
    else if (effect->kind == EFFECT_LINK)
        status = store_directory_link(&host->directory, effect->file, effect->to);
    else
        status = store_directory_remove(&host->directory, effect->file);
    complete(host, effect->ticket, status, (struct buffer){0});
}

/* The listing travels as an array of struct file_entry in the completion's bytes. */
static void perform_list(struct host *host, const struct effect *effect) {
    struct buffer entries = {0};
    enum disk_status status =
        store_directory_list(&host->directory, effect->file.checkpoint, &entries);
    complete(host, effect->ticket, status, entries);
}

void host_perform_disk(struct host *host, const struct effect *effect) {
    if (effect->kind == EFFECT_WRITE)
        perform_write(host, effect);
    else if (effect->kind == EFFECT_SYNC_DIRECTORY)
        start_in_pool(host, effect, NULL);
    else if (effect->kind == EFFECT_LIST)
        perform_list(host, effect);
    else if (effect->kind == EFFECT_READ || effect->kind == EFFECT_SYNC ||
             effect->kind == EFFECT_ALLOCATE)
        perform_slowly(host, effect);
    else
        perform_on_names(host, effect);
}

bool host_deliver_completions(struct host *host) {
    if (host->completion_count == 0)
        return false;
    /* Steps add further completions: these are taken out first, those wait for the next round. */
    struct host_completion *completions = host->completions;
    size_t count = host->completion_count;
    host->completions = NULL;
    host->completion_count = host->completion_capacity = 0;
    for (size_t i = 0; i < count; i++) {
        struct bytes bytes = buffer_bytes(&completions[i].bytes);
        struct event event = {.kind = EVENT_DISK_DONE,
                              .disk = {.ticket = completions[i].ticket,
                                       .status = completions[i].status,
                                       .bytes = bytes,
                                       .files = (const void *)bytes.data,
                                       .file_count = bytes.size / sizeof(struct file_entry)}};
        host_step(host, &event);
        buffer_deinit(&completions[i].bytes);
    }
    free(completions);
    return true;
}

void host_close_files(struct host *host) {
    store_directory_close(&host->directory);
    for (size_t i = 0; i < host->completion_count; i++)
        buffer_deinit(&host->completions[i].bytes);
    free(host->completions);
}
