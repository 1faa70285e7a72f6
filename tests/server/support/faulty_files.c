/* Both families of names are defined here, whichever a library was compiled for. */
#undef _FILE_OFFSET_BITS
#include "tests/server/support/faulty_files.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { TEXT_SIZE = 1024, COPIES_MAX = 1024 };

static const char *const CALLS[FAULTY_CALLS] = {"pwrite", "pread",     "fdatasync",
                                                "fsync",  "fallocate", "openat"};
static const struct {
    const char *name;
    int number;
} ERRORS[] = {{"EIO", EIO},
              {"ENOSPC", ENOSPC},
              {"EINTR", EINTR},
              {"EMFILE", EMFILE},
              {"SHORT", FAULTY_SHORT}};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct faulty_file faults[FAULTY_CALLS];
static uint64_t seen[FAULTY_CALLS], failed[FAULTY_CALLS];
static char last_text[TEXT_SIZE];

void faulty_files_set(enum faulty_call call, struct faulty_file fault) {
    pthread_mutex_lock(&mutex);
    faults[call] = fault;
    seen[call] = failed[call] = 0;
    pthread_mutex_unlock(&mutex);
}

uint64_t faulty_files_failed(enum faulty_call call) {
    pthread_mutex_lock(&mutex);
    uint64_t count = failed[call];
    pthread_mutex_unlock(&mutex);
    return count;
}

static void parse_line(const char *line) {
    char call[16], error[16], suffix[16];
    unsigned long long after, times;
    if (sscanf(line, "%15s %15s %15s %llu %llu", call, error, suffix, &after, &times) != 5)
        return;
    for (int i = 0; i < FAULTY_CALLS; i++) {
        for (size_t j = 0; j < sizeof ERRORS / sizeof ERRORS[0]; j++) {
            if (strcmp(call, CALLS[i]) != 0 || strcmp(error, ERRORS[j].name) != 0)
                continue;
            faults[i] =
                (struct faulty_file){.error = ERRORS[j].number, .after = after, .times = times};
            strcpy(faults[i].suffix, suffix);
        }
    }
}

/* What another process may have said since the last call. */
static void read_faults(void) {
    const char *path = getenv("DUNLIN_FAULTS");
    if (path == NULL)
        return;
    char text[TEXT_SIZE] = "";
    int descriptor = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0) {
        long got = syscall(SYS_read, descriptor, text, sizeof text - 1);
        text[got > 0 ? got : 0] = 0;
        syscall(SYS_close, descriptor);
    }
    if (strcmp(text, last_text) == 0)
        return;
    strcpy(last_text, text);
    memset(faults, 0, sizeof faults);
    memset(seen, 0, sizeof seen);
    for (char *line = text; line != NULL && *line != 0;) {
        char *end = strchr(line, '\n');
        if (end != NULL)
            *end = 0;
        parse_line(line);
        line = end != NULL ? end + 1 : NULL;
    }
}

static bool ends_with(const char *path, const char *suffix) {
    size_t size = strlen(path), wanted = strlen(suffix);
    return strcmp(suffix, ".") == 0 ||
           (size >= wanted && strcmp(path + size - wanted, suffix) == 0);
}

/* The error that this call is to have; 0: none. */
static int strike(enum faulty_call call, const char *path) {
    pthread_mutex_lock(&mutex);
    read_faults();
    const struct faulty_file *fault = &faults[call];
    int error = 0;
    if (fault->error != 0 && ends_with(path, fault->suffix)) {
        uint64_t number = seen[call]++;
        if (number >= fault->after && number - fault->after < fault->times)
            error = fault->error;
    }
    failed[call] += error != 0;
    pthread_mutex_unlock(&mutex);
    return error;
}

static int strike_descriptor(enum faulty_call call, int descriptor) {
    char link[32], path[TEXT_SIZE];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t size = readlink(link, path, sizeof path - 1);
    path[size > 0 ? size : 0] = 0;
    return strike(call, path);
}

/* How much of `size` is done; -1 with errno when the call fails. */
static ssize_t allowed(enum faulty_call call, int descriptor, size_t size) {
    int error = strike_descriptor(call, descriptor);
    if (error == FAULTY_SHORT)
        return (ssize_t)(size / 2 + size % 2);
    errno = error;
    return error == 0 ? (ssize_t)size : -1;
}

/* A file as its last sync left it. */
static struct {
    ino_t inode;
    uint8_t *bytes;
    off_t size;
} copies[COPIES_MAX];

void faulty_files_clear(void) {
    for (int i = 0; i < FAULTY_CALLS; i++)
        faulty_files_set((enum faulty_call)i, (struct faulty_file){0});
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < COPIES_MAX; i++)
        free(copies[i].bytes);
    memset(copies, 0, sizeof copies);
    pthread_mutex_unlock(&mutex);
}

static size_t copy_of(ino_t inode) {
    size_t at = (size_t)(inode % COPIES_MAX);
    while (copies[at].inode != 0 && copies[at].inode != inode)
        at = (at + 1) % COPIES_MAX;
    return at;
}

static void keep_copy(int descriptor) {
    struct stat facts;
    if (fstat(descriptor, &facts) != 0)
        return;
    pthread_mutex_lock(&mutex);
    size_t at = copy_of(facts.st_ino);
    free(copies[at].bytes);
    copies[at].inode = facts.st_ino;
    copies[at].size = facts.st_size;
    copies[at].bytes = malloc((size_t)facts.st_size + 1);
    if (copies[at].bytes != NULL &&
        syscall(SYS_pread64, descriptor, copies[at].bytes, facts.st_size, 0L) != facts.st_size)
        abort();
    pthread_mutex_unlock(&mutex);
}

static void put_copy_back(int descriptor) {
    struct stat facts;
    if (fstat(descriptor, &facts) != 0)
        return;
    pthread_mutex_lock(&mutex);
    size_t at = copy_of(facts.st_ino);
    off_t kept = copies[at].inode == 0 ? 0 : copies[at].size;
    kept = kept < facts.st_size ? kept : facts.st_size;
    uint8_t *bytes = calloc(1, (size_t)facts.st_size + 1);
    if (bytes == NULL)
        abort();
    if (kept > 0)
        memcpy(bytes, copies[at].bytes, (size_t)kept);
    if (syscall(SYS_pwrite64, descriptor, bytes, facts.st_size, 0L) != facts.st_size)
        abort();
    free(bytes);
    pthread_mutex_unlock(&mutex);
}

/* An inode that is used again begins as a new file. */
static void forget_copy(int descriptor) {
    struct stat facts;
    if (fstat(descriptor, &facts) != 0 || facts.st_size != 0)
        return;
    pthread_mutex_lock(&mutex);
    size_t at = copy_of(facts.st_ino);
    if (copies[at].inode != 0)
        copies[at].size = 0;
    pthread_mutex_unlock(&mutex);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t size, off_t offset) {
    ssize_t part = allowed(FAULTY_PWRITE, descriptor, size);
    return part < 0 ? -1 : syscall(SYS_pwrite64, descriptor, bytes, (size_t)part, offset);
}
ssize_t pwrite64(int descriptor, const void *bytes, size_t size, off64_t offset)
    __attribute__((alias("pwrite")));

ssize_t pread(int descriptor, void *bytes, size_t size, off_t offset) {
    ssize_t part = allowed(FAULTY_PREAD, descriptor, size);
    return part < 0 ? -1 : syscall(SYS_pread64, descriptor, bytes, (size_t)part, offset);
}
ssize_t pread64(int descriptor, void *bytes, size_t size, off64_t offset)
    __attribute__((alias("pread")));

/* Never from the cache, so that pread() above is asked. */
ssize_t preadv2(int descriptor, const struct iovec *parts, int count, off_t offset, int flags) {
    (void)descriptor, (void)parts, (void)count, (void)offset, (void)flags;
    errno = EAGAIN;
    return -1;
}
ssize_t preadv64v2(int descriptor, const struct iovec *parts, int count, off64_t offset, int flags)
    __attribute__((alias("preadv2")));

int fdatasync(int descriptor) {
    int error = strike_descriptor(FAULTY_FDATASYNC, descriptor);
    if (error != 0 && error != EINTR)
        put_copy_back(descriptor);
    else if (error == 0)
        keep_copy(descriptor);
    errno = error;
    return error != 0 ? -1 : (int)syscall(SYS_fdatasync, descriptor);
}

int fsync(int descriptor) {
    int error = strike_descriptor(FAULTY_FSYNC, descriptor);
    errno = error;
    return error != 0 ? -1 : (int)syscall(SYS_fsync, descriptor);
}

int fallocate(int descriptor, int mode, off_t offset, off_t size) {
    int error = strike_descriptor(FAULTY_FALLOCATE, descriptor);
    errno = error;
    return error != 0 ? -1 : (int)syscall(SYS_fallocate, descriptor, mode, offset, size);
}
int fallocate64(int descriptor, int mode, off64_t offset, off64_t size)
    __attribute__((alias("fallocate")));

int openat(int at, const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    int mode = (flags & O_CREAT) != 0 ? va_arg(arguments, int) : 0;
    va_end(arguments);
    int error = strike(FAULTY_OPENAT, path);
    errno = error;
    int descriptor = error != 0 ? -1 : (int)syscall(SYS_openat, at, path, flags, mode);
    if (descriptor >= 0 && (flags & O_CREAT) != 0)
        forget_copy(descriptor);
    return descriptor;
}
int openat64(int at, const char *path, int flags, ...) __attribute__((alias("openat")));
