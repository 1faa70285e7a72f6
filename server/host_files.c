/* Files: writes are made at once (into the page cache), reads from the page cache too; what would
 * wait for the disk goes to the thread pool. Completions are handed to the node at the end of the
 * turn, never within the step that asked. */
#include "engine/base/text.h"
#include "server/host_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* An operation in the thread pool. */
struct pool_operation {
    uv_work_t work; /* first */
    struct host *host;
    struct host_file *file; /* null for the directory */
    int descriptor;
    bool is_read;
    uint64_t ticket, offset;
    struct buffer bytes;
    uint64_t size;
    enum disk_status status;
};

static enum disk_status status_of_errno(int number) {
    return number == ENOSPC || number == EDQUOT ? DISK_FULL
           : number == ENOENT                   ? DISK_NO_FILE
                                                : DISK_ERROR;
}

static uint64_t file_map_id(struct file_id file) {
    return file.number << 2 | (uint64_t)file.kind;
}

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

static void close_least_recently_used(struct host *host) {
    struct host_file *oldest = NULL, *file;
    size_t position = 0;
    uint64_t id;
    while ((file = id_map_next(&host->files, &position, &id)) != NULL) {
        if (file->users == 0 && (oldest == NULL || file->used_at < oldest->used_at))
            oldest = file;
    }
    if (oldest == NULL)
        return;
    id_map_remove(&host->files, file_map_id(oldest->file));
    close(oldest->descriptor);
    free(oldest);
}

/* Null with errno when it cannot be opened. */
static struct host_file *open_file(struct host *host, struct file_id id, bool create) {
    struct host_file *file = id_map_get(&host->files, file_map_id(id));
    if (file == NULL) {
        if (host->files.count >= HOST_FILES_OPEN_MAX)
            close_least_recently_used(host);
        char name[FILE_NAME_SIZE];
        file_name(id, name);
        int descriptor = openat(host->directory_descriptor, name,
                                O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0640);
        if (descriptor < 0)
            return NULL;
        file = calloc(1, sizeof *file);
        CHECK(file != NULL);
        file->file = id;
        file->descriptor = descriptor;
        id_map_put(&host->files, file_map_id(id), file);
    }
    file->used_at = ++host->file_uses;
    return file;
}

static enum disk_status write_all(int descriptor, struct bytes bytes, uint64_t offset) {
    while (bytes.size > 0) {
        ssize_t written = pwrite(descriptor, bytes.data, bytes.size, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return status_of_errno(errno);
        bytes = bytes_slice(bytes, (size_t)written, bytes.size - (size_t)written);
        offset += (uint64_t)written;
    }
    return DISK_OK;
}

static void perform_write(struct host *host, const struct effect *effect) {
    struct host_file *file = open_file(host, effect->file, true);
    enum disk_status status = file == NULL
                                  ? status_of_errno(errno)
                                  : write_all(file->descriptor, effect->bytes, effect->offset);
    complete(host, effect->ticket, status, (struct buffer){0});
}

static void pool_read(struct pool_operation *operation) {
    uint8_t *into = buffer_reserve(&operation->bytes, operation->size);
    while (operation->bytes.size < operation->size) {
        ssize_t got = pread(operation->descriptor, into + operation->bytes.size,
                            operation->size - operation->bytes.size,
                            (off_t)(operation->offset + operation->bytes.size));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            operation->status = status_of_errno(errno);
        if (got <= 0)
            return;
        operation->bytes.size += (size_t)got;
    }
}

static void pool_run(uv_work_t *work) {
    struct pool_operation *operation = (struct pool_operation *)work;
    if (operation->is_read) {
        pool_read(operation);
    } else {
        /* A file's sync needs its bytes and length only; a directory's needs all of it. */
        int result = operation->file != NULL ? fdatasync(operation->descriptor)
                                             : fsync(operation->descriptor);
        if (result != 0)
            operation->status = status_of_errno(errno);
    }
}

static void pool_done(uv_work_t *work, int status) {
    struct pool_operation *operation = (struct pool_operation *)work;
    CHECK(status == 0);
    if (operation->file != NULL)
        operation->file->users--;
    complete(operation->host, operation->ticket, operation->status, operation->bytes);
    free(operation);
}

static void start_in_pool(struct host *host, const struct effect *effect, struct host_file *file) {
    struct pool_operation *operation = calloc(1, sizeof *operation);
    CHECK(operation != NULL);
    operation->host = host;
    operation->file = file;
    operation->descriptor = file != NULL ? file->descriptor : host->directory_descriptor;
    operation->is_read = effect->kind == EFFECT_READ;
    operation->ticket = effect->ticket;
    operation->offset = effect->offset;
    operation->size = effect->size;
    if (file != NULL)
        file->users++;
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

static void perform_read_or_sync(struct host *host, const struct effect *effect) {
    struct host_file *file = open_file(host, effect->file, false);
    if (file == NULL)
        complete(host, effect->ticket, status_of_errno(errno), (struct buffer){0});
    else if (effect->kind != EFFECT_READ || !read_without_waiting(host, effect, file->descriptor))
        start_in_pool(host, effect, file);
}

static void perform_remove(struct host *host, const struct effect *effect) {
    struct host_file *file = id_map_get(&host->files, file_map_id(effect->file));
    if (file != NULL && file->users == 0) {
        id_map_remove(&host->files, file_map_id(effect->file));
        close(file->descriptor);
        free(file);
    }
    char name[FILE_NAME_SIZE];
    file_name(effect->file, name);
    int result = unlinkat(host->directory_descriptor, name, 0);
    complete(host, effect->ticket, result == 0 ? DISK_OK : status_of_errno(errno),
             (struct buffer){0});
}

/* The listing travels as an array of struct file_entry in the completion's bytes. */
static void perform_list(struct host *host, const struct effect *effect) {
    struct buffer entries = {0};
    enum disk_status status = DISK_OK;
    int descriptor = dup(host->directory_descriptor);
    DIR *directory = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (directory == NULL) {
        complete(host, effect->ticket, status_of_errno(errno), entries);
        return;
    }
    rewinddir(directory);
    const struct dirent *found;
    while ((found = readdir(directory)) != NULL) {
        struct file_entry entry;
        struct stat facts;
        memset(&entry, 0, sizeof entry);
        if (!file_parse(found->d_name, &entry.file))
            continue;
        if (fstatat(host->directory_descriptor, found->d_name, &facts, 0) != 0) {
            status = status_of_errno(errno);
            continue;
        }
        entry.size = (uint64_t)facts.st_size;
        buffer_append(&entries, bytes_of(&entry, sizeof entry));
    }
    closedir(directory);
    complete(host, effect->ticket, status, entries);
}

void host_perform_disk(struct host *host, const struct effect *effect) {
    if (effect->kind == EFFECT_WRITE)
        perform_write(host, effect);
    else if (effect->kind == EFFECT_READ || effect->kind == EFFECT_SYNC)
        perform_read_or_sync(host, effect);
    else if (effect->kind == EFFECT_SYNC_DIRECTORY)
        start_in_pool(host, effect, NULL);
    else if (effect->kind == EFFECT_REMOVE)
        perform_remove(host, effect);
    else
        perform_list(host, effect);
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

static bool cannot(const char *what, const char *directory, struct buffer *problem) {
    text_append(problem, "cannot ");
    text_append(problem, what);
    text_append(problem, " directory ");
    text_append(problem, directory);
    text_append(problem, ": ");
    text_append(problem, strerror(errno));
    return false;
}

static bool make_directories(const char *directory) {
    char path[4096];
    size_t size = strlen(directory);
    if (size >= sizeof path) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(path, directory, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        char kept = path[i];
        path[i] = 0;
        if (mkdir(path, 0750) != 0 && errno != EEXIST)
            return false;
        path[i] = kept;
    }
    return true;
}

bool host_open_directory(struct host *host, const char *directory, struct buffer *problem) {
    if (!make_directories(directory))
        return cannot("make", directory, problem);
    host->directory_descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (host->directory_descriptor < 0)
        return cannot("open", directory, problem);
    /* Two processes on one directory would destroy it. */
    host->lock_descriptor =
        openat(host->directory_descriptor, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (host->lock_descriptor < 0 || flock(host->lock_descriptor, LOCK_EX | LOCK_NB) != 0)
        return cannot("lock (is another dunlin running there?)", directory, problem);
    return true;
}

void host_close_files(struct host *host) {
    struct host_file *file;
    size_t position = 0;
    uint64_t id;
    while ((file = id_map_next(&host->files, &position, &id)) != NULL) {
        close(file->descriptor);
        free(file);
    }
    id_map_deinit(&host->files);
    for (size_t i = 0; i < host->completion_count; i++)
        buffer_deinit(&host->completions[i].bytes);
    free(host->completions);
    if (host->directory_descriptor >= 0)
        close(host->directory_descriptor);
    if (host->lock_descriptor >= 0)
        close(host->lock_descriptor);
}
