/* A new store from a checkpoint: tables never change, so a second name for each is as good as a copy; the manifest will be
 * written to, and is copied. The manifest comes last: what a crash leaves in between is not taken for a store. */
#include "server/blocking_store.h"

#include "server/host_memory.h"
#include "server/store_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SENTENCE_SIZE = 4400, COPY_BYTES = 32 * 1024 };

struct restoring {
    const char *from_path, *to_path;
    int from, to; /* directories; -1 while closed */
    struct buffer *problem;
};

static bool refuse(const struct restoring *restoring, const char *path, const char *why) {
    char sentence[SENTENCE_SIZE];
    int size = snprintf(sentence, sizeof sentence, "%s: %s", path, why);
    if (size >= SENTENCE_SIZE)
        size = SENTENCE_SIZE - 1;
    if (host_memory_make_room(restoring->problem, (size_t)size))
        buffer_append(restoring->problem, bytes_of(sentence, (size_t)size));
    return false;
}

static bool copy_bytes(int from, int to) {
    static _Thread_local uint8_t bytes[COPY_BYTES];
    uint64_t at = 0;
    for (;;) {
        ssize_t got = pread(from, bytes, sizeof bytes, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0 && store_file_sync(to) == DISK_OK;
        errno = EIO;
        if (store_file_write(to, at, bytes_of(bytes, (size_t)got)) != DISK_OK)
            return false;
        at += (uint64_t)got;
    }
}

static bool copy_file(const struct restoring *restoring, const char *name) {
    int from = openat(restoring->from, name, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return false;
    int to = openat(restoring->to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    bool copied = to >= 0 && copy_bytes(from, to);
    int number = errno;
    if (to >= 0)
        close(to);
    close(from);
    errno = number;
    return copied;
}

static bool link_or_copy(const struct restoring *restoring, const char *name) {
    if (linkat(restoring->from, name, restoring->to, name, 0) == 0)
        return true;
    bool may_copy = errno == EXDEV || errno == EPERM || errno == EMLINK || errno == EOPNOTSUPP;
    return may_copy && copy_file(restoring, name);
}

/* One kind of file; *count is of those that are there. */
static bool take_files(const struct restoring *restoring, enum file_kind kind, uint32_t *count) {
    *count = 0;
    int descriptor = openat(restoring->from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (listing == NULL) {
        refuse(restoring, restoring->from_path, strerror(errno));
        if (descriptor >= 0)
            close(descriptor);
        return false;
    }
    bool taken = true;
    const struct dirent *found;
    while (taken && (found = readdir(listing)) != NULL) {
        struct file_id file;
        if (!file_parse(found->d_name, &file) || file.kind != kind || file.number == 0)
            continue;
        ++*count;
        if (kind == FILE_LOG)
            continue;
        taken = kind == FILE_TABLE ? link_or_copy(restoring, found->d_name)
                                   : copy_file(restoring, found->d_name);
        if (!taken)
            refuse(restoring, restoring->to_path, strerror(errno));
    }
    closedir(listing);
    return taken;
}

static bool sync_target(const struct restoring *restoring) {
    return fsync(restoring->to) == 0 || refuse(restoring, restoring->to_path, strerror(errno));
}

static bool take_all(const struct restoring *restoring) {
    uint32_t logs, tables, manifests;
    if (!take_files(restoring, FILE_LOG, &logs))
        return false;
    if (logs > 0)
        return refuse(restoring, restoring->from_path,
                      "this is not a checkpoint but a store of its own: make one of it, and "
                      "restore that");
    if (!take_files(restoring, FILE_TABLE, &tables) || !sync_target(restoring) ||
        !take_files(restoring, FILE_MANIFEST, &manifests))
        return false;
    if (manifests == 0)
        return refuse(restoring, restoring->from_path,
                      "this is not a complete checkpoint: it has no manifest");
    return sync_target(restoring);
}

/* False with a sentence when something lies in it. */
static bool open_target(struct restoring *restoring) {
    const char *path = restoring->to_path;
    if (mkdir(path, 0750) != 0 && errno != EEXIST)
        return refuse(restoring, path, strerror(errno));
    DIR *listing = opendir(path);
    if (listing == NULL)
        return refuse(restoring, path, strerror(errno));
    bool is_empty = true;
    const struct dirent *found;
    while ((found = readdir(listing)) != NULL)
        is_empty =
            is_empty && (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0);
    closedir(listing);
    if (!is_empty)
        return refuse(restoring, path, "the directory is not empty: restore into a new one");
    restoring->to = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return restoring->to >= 0 || refuse(restoring, path, strerror(errno));
}

bool blocking_store_restore(const char *checkpoint, const char *directory, struct buffer *problem) {
    struct restoring restoring = {checkpoint, directory, -1, -1, problem};
    restoring.from = open(checkpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (restoring.from < 0)
        return refuse(&restoring, checkpoint, strerror(errno));
    bool restored = open_target(&restoring) && take_all(&restoring);
    if (restoring.to >= 0)
        close(restoring.to);
    close(restoring.from);
    return restored;
}
