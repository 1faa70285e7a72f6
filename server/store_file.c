/* What is done to one open file. */
#include "server/store_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum disk_status disk_status_of_errno(int number) {
    return number == ENOSPC || number == EDQUOT || number == EFBIG ? DISK_FULL
           : number == ENOENT                                      ? DISK_NO_FILE
                                                                   : DISK_ERROR;
}

enum disk_status store_file_write(int descriptor, uint64_t offset, struct bytes bytes) {
    while (bytes.size > 0) {
        ssize_t written = pwrite(descriptor, bytes.data, bytes.size, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? disk_status_of_errno(errno) : DISK_ERROR;
        bytes = bytes_slice(bytes, (size_t)written, bytes.size - (size_t)written);
        offset += (uint64_t)written;
    }
    return DISK_OK;
}

/* Where space cannot be taken in advance the file only becomes longer, and a later write may find
 * the disk full. */
static enum disk_status lengthen(int descriptor, uint64_t size) {
    struct stat facts;
    if (fstat(descriptor, &facts) != 0)
        return disk_status_of_errno(errno);
    if ((uint64_t)facts.st_size >= size)
        return DISK_OK;
    while (ftruncate(descriptor, (off_t)size) != 0) {
        if (errno != EINTR)
            return disk_status_of_errno(errno);
    }
    return DISK_OK;
}

enum disk_status store_file_allocate(int descriptor, uint64_t size) {
    if (size == 0)
        return DISK_OK;
    while (fallocate(descriptor, 0, 0, (off_t)size) != 0) {
        if (errno == EOPNOTSUPP || errno == ENOSYS)
            return lengthen(descriptor, size);
        if (errno != EINTR)
            return disk_status_of_errno(errno);
    }
    return DISK_OK;
}

enum disk_status store_file_read(int descriptor, uint64_t offset, uint64_t size,
                                 struct buffer *to) {
    uint8_t *into = buffer_reserve(to, size);
    uint64_t done = 0;
    while (done < size) {
        ssize_t got = pread(descriptor, into + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return disk_status_of_errno(errno);
        if (got == 0)
            break;
        done += (uint64_t)got;
    }
    to->size += done;
    return DISK_OK;
}

/* Bytes, length and space are enough: times need not be durable. A sync that was interrupted has
 * promised nothing, and no error was taken from the file: it is asked again. */
enum disk_status store_file_sync(int descriptor) {
    while (fdatasync(descriptor) != 0) {
        if (errno != EINTR)
            return disk_status_of_errno(errno);
    }
    return DISK_OK;
}
