#include "server/blocking_files.h"

#include "engine/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILES_OPEN_MAX = 4096,
    FILES_OPEN_RESERVE = 64, /* descriptors that are left to the rest of the process */
    FILES_OPEN_MIN = 16,
    PATH_SIZE = 4096,
};

enum disk_status blocking_files_status(int error_number) {
    return error_number == ENOSPC || error_number == EDQUOT ? DISK_FULL
           : error_number == ENOENT                         ? DISK_NO_FILE
                                                            : DISK_ERROR;
}

static bool cannot(const char *verb, const char *directory, struct buffer *problem) {
    text_append(problem, "cannot ");
    text_append(problem, verb);
    text_append(problem, " ");
    text_append(problem, directory);
    text_append(problem, ": ");
    text_append(problem, strerror(errno));
    return false;
}

static bool make_directories(const char *directory) {
    char path[PATH_SIZE];
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

/* As many files as the process may have, within reason: a table that is closed must be opened again for its next block. */
static size_t open_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return FILES_OPEN_MIN;
    if (limit.rlim_cur < FILES_OPEN_MAX + FILES_OPEN_RESERVE && limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = limit;
        raised.rlim_cur = limit.rlim_max < FILES_OPEN_MAX + FILES_OPEN_RESERVE
                              ? limit.rlim_max
                              : FILES_OPEN_MAX + FILES_OPEN_RESERVE;
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    if (limit.rlim_cur < FILES_OPEN_MIN + FILES_OPEN_RESERVE)
        return FILES_OPEN_MIN;
    size_t allowed = (size_t)(limit.rlim_cur - FILES_OPEN_RESERVE);
    return allowed < FILES_OPEN_MAX ? allowed : FILES_OPEN_MAX;
}

static bool lock_directory(struct blocking_files *files, const char *directory,
                           struct buffer *problem) {
    files->lock = openat(files->directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (files->lock < 0)
        return cannot("lock", directory, problem);
    if (flock(files->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno != EWOULDBLOCK)
        return cannot("lock", directory, problem);
    text_append(problem, "cannot lock ");
    text_append(problem, directory);
    text_append(problem, ": another process has that store open");
    return false;
}

bool blocking_files_open(struct blocking_files *files, const char *directory,
                         struct buffer *problem) {
    *files = (struct blocking_files){.directory = -1, .lock = -1, .open_max = open_limit()};
    if (!make_directories(directory))
        return cannot("make the directory", directory, problem);
    files->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (files->directory < 0)
        return cannot("open the directory", directory, problem);
    if (lock_directory(files, directory, problem))
        return true;
    blocking_files_close(files);
    return false;
}

static void close_file(struct blocking_file *file) {
    close(file->descriptor);
    free(file);
}

void blocking_files_close(struct blocking_files *files) {
    struct blocking_file *file;
    size_t position = 0;
    uint64_t id;
    while ((file = id_map_next(&files->open, &position, &id)) != NULL)
        close_file(file);
    id_map_deinit(&files->open);
    buffer_deinit(&files->read);
    buffer_deinit(&files->listed);
    if (files->directory >= 0)
        close(files->directory);
    if (files->lock >= 0)
        close(files->lock);
    *files = (struct blocking_files){.directory = -1, .lock = -1};
}

static uint64_t map_id(struct file_id file) {
    return file.number << 2 | (uint64_t)file.kind;
}

static void close_least_recently_used(struct blocking_files *files) {
    struct blocking_file *oldest = NULL, *file;
    size_t position = 0;
    uint64_t id;
    while ((file = id_map_next(&files->open, &position, &id)) != NULL) {
        if (atomic_load(&file->users) == 0 && (oldest == NULL || file->used_at < oldest->used_at))
            oldest = file;
    }
    if (oldest == NULL)
        return;
    id_map_remove(&files->open, map_id(oldest->file));
    close_file(oldest);
}

static struct blocking_file *open_file(struct blocking_files *files, struct file_id id,
                                       bool create) {
    if (files->open.count >= files->open_max)
        close_least_recently_used(files);
    char name[FILE_NAME_SIZE];
    file_name(id, name);
    int flags = O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0);
    int descriptor = openat(files->directory, name, flags, 0640);
    if (descriptor < 0)
        return NULL;
    struct blocking_file *file = calloc(1, sizeof *file);
    CHECK(file != NULL);
    file->file = id;
    file->descriptor = descriptor;
    id_map_put(&files->open, map_id(id), file);
    return file;
}

struct blocking_file *blocking_files_get(struct blocking_files *files, struct file_id id,
                                         bool create) {
    struct blocking_file *file = id_map_get(&files->open, map_id(id));
    if (file == NULL)
        file = open_file(files, id, create);
    if (file != NULL)
        file->used_at = ++files->uses;
    return file;
}

static enum disk_status write_file(struct blocking_files *files, const struct effect *effect) {
    struct blocking_file *file = blocking_files_get(files, effect->file, true);
    if (file == NULL)
        return blocking_files_status(errno);
    const uint8_t *data = effect->bytes.data;
    size_t left = effect->bytes.size;
    uint64_t offset = effect->offset;
    while (left > 0) {
        ssize_t written = pwrite(file->descriptor, data, left, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return blocking_files_status(errno);
        data += written;
        left -= (size_t)written;
        offset += (uint64_t)written;
    }
    files->bytes_written += effect->bytes.size;
    return DISK_OK;
}

static enum disk_status read_file(struct blocking_files *files, const struct effect *effect,
                                  struct disk_done *done) {
    struct blocking_file *file = blocking_files_get(files, effect->file, false);
    if (file == NULL)
        return blocking_files_status(errno);
    buffer_clear(&files->read);
    uint8_t *into = buffer_reserve(&files->read, effect->size);
    while (files->read.size < effect->size) {
        ssize_t got =
            pread(file->descriptor, into + files->read.size, effect->size - files->read.size,
                  (off_t)(effect->offset + files->read.size));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return blocking_files_status(errno);
        if (got == 0)
            break;
        files->read.size += (size_t)got;
    }
    files->bytes_read += files->read.size;
    done->bytes = buffer_bytes(&files->read);
    return DISK_OK;
}

/* A file's sync needs its bytes and length only; a directory's needs all of it. */
static enum disk_status sync_file(struct blocking_files *files, const struct effect *effect) {
    struct blocking_file *file = blocking_files_get(files, effect->file, false);
    if (file == NULL || fdatasync(file->descriptor) != 0)
        return blocking_files_status(errno);
    return DISK_OK;
}

static enum disk_status remove_file(struct blocking_files *files, const struct effect *effect) {
    struct blocking_file *file = id_map_get(&files->open, map_id(effect->file));
    if (file != NULL && atomic_load(&file->users) == 0) {
        id_map_remove(&files->open, map_id(effect->file));
        close_file(file);
    }
    char name[FILE_NAME_SIZE];
    file_name(effect->file, name);
    return unlinkat(files->directory, name, 0) == 0 ? DISK_OK : blocking_files_status(errno);
}

static enum disk_status list_entries(struct blocking_files *files, DIR *directory) {
    const struct dirent *found;
    while ((found = readdir(directory)) != NULL) {
        struct file_entry entry;
        struct stat facts;
        memset(&entry, 0, sizeof entry);
        if (!file_parse(found->d_name, &entry.file))
            continue;
        if (fstatat(files->directory, found->d_name, &facts, 0) != 0)
            return blocking_files_status(errno);
        entry.size = (uint64_t)facts.st_size;
        buffer_append(&files->listed, bytes_of(&entry, sizeof entry));
    }
    return DISK_OK;
}

static enum disk_status list_files(struct blocking_files *files, struct disk_done *done) {
    buffer_clear(&files->listed);
    int descriptor = openat(files->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (directory == NULL) {
        enum disk_status status = blocking_files_status(errno);
        if (descriptor >= 0)
            close(descriptor);
        return status;
    }
    enum disk_status status = list_entries(files, directory);
    closedir(directory);
    done->files = (const void *)files->listed.data;
    done->file_count = files->listed.size / sizeof(struct file_entry);
    return status;
}

void blocking_files_perform(struct blocking_files *files, const struct effect *effect,
                            struct disk_done *done) {
    *done = (struct disk_done){.ticket = effect->ticket};
    if (effect->kind == EFFECT_WRITE)
        done->status = write_file(files, effect);
    else if (effect->kind == EFFECT_READ)
        done->status = read_file(files, effect, done);
    else if (effect->kind == EFFECT_SYNC)
        done->status = sync_file(files, effect);
    else if (effect->kind == EFFECT_SYNC_DIRECTORY)
        done->status = fsync(files->directory) == 0 ? DISK_OK : blocking_files_status(errno);
    else if (effect->kind == EFFECT_REMOVE)
        done->status = remove_file(files, effect);
    else if (effect->kind == EFFECT_LIST)
        done->status = list_files(files, done);
    else
        CHECK_UNREACHABLE("a store asks for disk operations only");
}
