#include "server/store_directory_internal.h"

#include "engine/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN_MAX_DEFAULT = 512, PATH_SIZE = 4096 };

static bool cannot(const char *what, const char *path, struct buffer *problem) {
    text_append(problem, "cannot ");
    text_append(problem, what);
    text_append(problem, " ");
    text_append(problem, path);
    text_append(problem, ": ");
    text_append(problem, strerror(errno));
    return false;
}

static bool sync_path(int at, const char *path) {
    int descriptor = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    int result = fsync(descriptor);
    int number = errno;
    close(descriptor);
    errno = number;
    return result == 0;
}

/* Makes one directory whose parents are there; its name is durable when this returns true. */
static bool make_directory(char *path) {
    if (mkdir(path, 0750) != 0)
        return errno == EEXIST;
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return sync_path(AT_FDCWD, ".");
    if (slash == path)
        return sync_path(AT_FDCWD, "/");
    *slash = 0;
    bool is_synced = sync_path(AT_FDCWD, path);
    *slash = '/';
    return is_synced;
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
        bool is_end = path[i] == '/' || path[i] == 0;
        if (!is_end || path[i - 1] == '/')
            continue;
        char kept = path[i];
        path[i] = 0;
        if (!make_directory(path))
            return false;
        path[i] = kept;
    }
    return true;
}

/* Two processes on one directory would destroy it. */
static bool lock_directory(struct store_directory *directory, const char *path,
                           struct buffer *problem) {
    directory->lock_descriptor =
        openat(directory->descriptor, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (directory->lock_descriptor >= 0 &&
        flock(directory->lock_descriptor, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (directory->lock_descriptor < 0 || errno != EWOULDBLOCK)
        return cannot("lock directory", path, problem);
    text_append(problem, "cannot lock directory ");
    text_append(problem, path);
    text_append(problem, ": another process has it open");
    return false;
}

bool store_directory_open(struct store_directory *directory, const char *path,
                          struct buffer *problem) {
    *directory = (struct store_directory){
        .descriptor = -1, .lock_descriptor = -1, .open_max = OPEN_MAX_DEFAULT};
    if (!make_directories(path))
        return cannot("make directory", path, problem);
    directory->descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory->descriptor < 0)
        return cannot("open directory", path, problem);
    if (lock_directory(directory, path, problem))
        return true;
    store_directory_close(directory);
    return false;
}

static void close_listing(struct store_directory *directory, enum store_listing which) {
    if (directory->listings[which] != NULL)
        (void)closedir(directory->listings[which]);
    directory->listings[which] = NULL;
}

void store_directory_close(struct store_directory *directory) {
    struct store_file *file;
    size_t position = 0;
    uint64_t id;
    while ((file = id_map_next(&directory->files, &position, &id)) != NULL)
        store_file_close(file);
    id_map_deinit(&directory->files);
    for (uint32_t which = 0; which < STORE_LISTINGS; which++)
        close_listing(directory, which);
    if (directory->descriptor >= 0)
        close(directory->descriptor);
    if (directory->lock_descriptor >= 0)
        close(directory->lock_descriptor);
    directory->descriptor = directory->lock_descriptor = -1;
}

static DIR *open_listing(struct store_directory *directory, enum store_listing which,
                         const char *path) {
    int descriptor = openat(directory->descriptor, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return NULL;
    DIR *listing = fdopendir(descriptor);
    if (listing == NULL)
        close(descriptor);
    directory->listings[which] = listing;
    return listing;
}

/* The next name; null at the end, with *status when there should be more. */
static const char *next_name(DIR *listing, enum disk_status *status) {
    errno = 0;
    const struct dirent *found = readdir(listing);
    if (found == NULL && errno != 0)
        *status = disk_status_of_errno(errno);
    return found == NULL ? NULL : found->d_name;
}

/* Appends what a name of a directory stands for, when it is a file of the store's. */
static enum disk_status list_name(DIR *listing, const char *name, uint32_t checkpoint,
                                  struct buffer *entries) {
    struct file_entry entry;
    struct stat facts;
    memset(&entry, 0, sizeof entry);
    if (!file_parse(name, &entry.file) || entry.file.checkpoint != 0)
        return DISK_OK;
    if (fstatat(dirfd(listing), name, &facts, 0) != 0)
        return disk_status_of_errno(errno);
    if (!S_ISREG(facts.st_mode))
        return DISK_OK;
    entry.file.checkpoint = checkpoint;
    entry.size = (uint64_t)facts.st_size;
    buffer_append(entries, bytes_of(&entry, sizeof entry));
    return DISK_OK;
}

static enum disk_status list_checkpoint(struct store_directory *directory, uint32_t checkpoint,
                                        struct buffer *entries) {
    char path[CHECKPOINT_NAME_SIZE];
    checkpoint_name(checkpoint, path);
    DIR *listing = open_listing(directory, STORE_LISTING_CHECKPOINT, path);
    if (listing == NULL)
        return errno == ENOENT || errno == ENOTDIR ? DISK_OK : disk_status_of_errno(errno);
    enum disk_status status = DISK_OK;
    const char *name;
    while (status == DISK_OK && (name = next_name(listing, &status)) != NULL)
        status = list_name(listing, name, checkpoint, entries);
    close_listing(directory, STORE_LISTING_CHECKPOINT);
    return status;
}

enum disk_status store_directory_list(struct store_directory *directory, uint32_t checkpoint,
                                      struct buffer *entries) {
    if (checkpoint != 0)
        return list_checkpoint(directory, checkpoint, entries);
    DIR *listing = open_listing(directory, STORE_LISTING_ALL, ".");
    if (listing == NULL)
        return disk_status_of_errno(errno);
    enum disk_status status = DISK_OK;
    const char *name;
    while (status == DISK_OK && (name = next_name(listing, &status)) != NULL) {
        uint32_t found;
        status = checkpoint_parse(name, &found) ? list_checkpoint(directory, found, entries)
                                                : list_name(listing, name, 0, entries);
    }
    close_listing(directory, STORE_LISTING_ALL);
    return status;
}

enum disk_status store_directory_sync(const struct store_directory *directory,
                                      uint32_t checkpoint) {
    if (checkpoint != 0) {
        char path[CHECKPOINT_NAME_SIZE];
        checkpoint_name(checkpoint, path);
        /* One that is gone has no names left but its own absence from the directory above. */
        if (!sync_path(directory->descriptor, path) && errno != ENOENT)
            return disk_status_of_errno(errno);
    }
    return fsync(directory->descriptor) == 0 ? DISK_OK : disk_status_of_errno(errno);
}
