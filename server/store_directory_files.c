/* Which files are open, and what their names stand for. */
#include "server/store_directory_internal.h"

#include "engine/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NUMBER_BITS = 40, CHECKPOINT_BITS = 22, OPEN_TRIES_MAX = 1000 };

/* 0 when the file's numbers are larger than any that a store gives. */
static uint64_t map_id(struct file_id file) {
    if (file.number >> NUMBER_BITS != 0 || file.checkpoint >> CHECKPOINT_BITS != 0)
        return 0;
    return (uint64_t)file.kind << 62 | (uint64_t)file.checkpoint << NUMBER_BITS | file.number;
}

void store_file_close(struct store_file *file) {
    if (file->descriptor >= 0)
        close(file->descriptor);
    memory_release(file);
}

/* The least recently used of the files that may be closed. */
static struct store_file *find_idle(struct store_directory *directory) {
    struct store_file *oldest = NULL, *file;
    size_t position = 0;
    uint64_t id;
    while ((file = id_map_next(&directory->files, &position, &id)) != NULL) {
        if (file->users == 0 && file->writes == file->writes_synced &&
            (oldest == NULL || file->used_at < oldest->used_at))
            oldest = file;
    }
    return oldest;
}

static bool close_idle(struct store_directory *directory) {
    struct store_file *file = find_idle(directory);
    if (file == NULL)
        return false;
    id_map_remove(&directory->files, map_id(file->file));
    store_file_close(file);
    return true;
}

static bool make_checkpoint(const struct store_directory *directory, uint32_t checkpoint) {
    char name[CHECKPOINT_NAME_SIZE];
    checkpoint_name(checkpoint, name);
    return mkdirat(directory->descriptor, name, 0750) == 0 || errno == EEXIST;
}

/* Whether what kept a file from being opened is out of the way. errno says what it was. */
static bool can_try_again(struct store_directory *directory, struct file_id file, bool creates) {
    int number = errno;
    bool can = number == EINTR;
    if (number == EMFILE || number == ENFILE)
        can = close_idle(directory);
    else if (number == ENOENT && creates && file.checkpoint != 0)
        can = make_checkpoint(directory, file.checkpoint);
    errno = number;
    return can;
}

/* -1 with errno when it cannot be opened. */
static int open_descriptor(struct store_directory *directory, struct file_id file, bool creates) {
    char name[FILE_NAME_SIZE];
    file_name(file, name);
    int flags = O_RDWR | O_CLOEXEC | (creates ? O_CREAT : 0);
    int descriptor = -1;
    for (unsigned i = 0; i <= OPEN_TRIES_MAX && descriptor < 0; i++) {
        descriptor = openat(directory->descriptor, name, flags, 0640);
        if (descriptor < 0 && !can_try_again(directory, file, creates))
            break;
    }
    return descriptor;
}

/* Null with *status. Memory is taken first: should there be none, no descriptor is lost. */
static struct store_file *open_file(struct store_directory *directory, struct file_id id,
                                    bool creates, enum disk_status *status) {
    *status = DISK_ERROR;
    uint64_t key = map_id(id);
    if (key == 0)
        return NULL;
    if (directory->files.count >= directory->open_max)
        (void)close_idle(directory);
    id_map_make_room(&directory->files);
    struct store_file *file = memory_allocate_zeroed(1, sizeof *file);
    file->file = id;
    file->descriptor = open_descriptor(directory, id, creates);
    if (file->descriptor < 0) {
        *status = disk_status_of_errno(errno);
        memory_release(file);
        return NULL;
    }
    *status = DISK_OK;
    id_map_put(&directory->files, key, file);
    return file;
}

struct store_file *store_directory_acquire(struct store_directory *directory, struct file_id id,
                                           bool creates, enum disk_status *status) {
    *status = DISK_OK;
    uint64_t key = map_id(id);
    struct store_file *file = key == 0 ? NULL : id_map_get(&directory->files, key);
    if (file == NULL)
        file = open_file(directory, id, creates, status);
    if (file == NULL)
        return NULL;
    file->used_at = ++directory->uses;
    file->users++;
    return file;
}

void store_directory_release(struct store_directory *directory, struct store_file *file) {
    (void)directory;
    CHECK(file->users > 0);
    file->users--;
    if (file->is_detached && file->users == 0)
        store_file_close(file);
}

/* The name stands for this file no more; null when it is not open. */
static struct store_file *forget_name(struct store_directory *directory, struct file_id id) {
    uint64_t key = map_id(id);
    return key == 0 ? NULL : id_map_remove(&directory->files, key);
}

/* Closes a file without a name once nobody uses it. */
static void detach(struct store_file *file) {
    if (file == NULL)
        return;
    file->is_detached = true;
    if (file->users == 0)
        store_file_close(file);
}

/* A checkpoint's directory goes with its last file. */
static void remove_empty_checkpoint(const struct store_directory *directory, uint32_t checkpoint) {
    if (checkpoint == 0)
        return;
    char name[CHECKPOINT_NAME_SIZE];
    checkpoint_name(checkpoint, name);
    (void)unlinkat(directory->descriptor, name, AT_REMOVEDIR);
}

static int rename_or_link(int at, enum effect_kind kind, const char *from, const char *to) {
    return kind == EFFECT_RENAME ? renameat(at, from, at, to) : linkat(at, from, at, to, 0);
}

/* Makes the directory of `to` when it is not there. */
static enum disk_status give_name(const struct store_directory *directory, enum effect_kind kind,
                                  struct file_id file, struct file_id to) {
    char from_name[FILE_NAME_SIZE], to_name[FILE_NAME_SIZE];
    file_name(file, from_name);
    file_name(to, to_name);
    if (rename_or_link(directory->descriptor, kind, from_name, to_name) == 0)
        return DISK_OK;
    if (errno != ENOENT || to.checkpoint == 0)
        return disk_status_of_errno(errno);
    if (!make_checkpoint(directory, to.checkpoint))
        return disk_status_of_errno(errno);
    if (rename_or_link(directory->descriptor, kind, from_name, to_name) == 0)
        return DISK_OK;
    enum disk_status status = disk_status_of_errno(errno);
    remove_empty_checkpoint(directory, to.checkpoint);
    return status;
}

enum disk_status store_directory_rename(struct store_directory *directory, struct file_id file,
                                        struct file_id to) {
    enum disk_status status = give_name(directory, EFFECT_RENAME, file, to);
    if (status != DISK_OK)
        return status;
    detach(forget_name(directory, to));
    struct store_file *moved = forget_name(directory, file);
    if (moved != NULL && map_id(to) != 0) {
        moved->file = to;
        id_map_put(&directory->files, map_id(to), moved);
    } else {
        detach(moved);
    }
    remove_empty_checkpoint(directory, file.checkpoint);
    return DISK_OK;
}

enum disk_status store_directory_link(struct store_directory *directory, struct file_id file,
                                      struct file_id to) {
    return give_name(directory, EFFECT_LINK, file, to);
}

enum disk_status store_directory_remove(struct store_directory *directory, struct file_id file) {
    detach(forget_name(directory, file));
    char name[FILE_NAME_SIZE];
    file_name(file, name);
    int result = unlinkat(directory->descriptor, name, 0);
    enum disk_status status = result == 0 ? DISK_OK : disk_status_of_errno(errno);
    remove_empty_checkpoint(directory, file.checkpoint);
    return status;
}
