/* faulty_files: system calls on files that fail when told to.
 *
 * A program that is linked with this has its own pwrite(), pread(), preadv2(), fdatasync(), fsync(),
 * fallocate() and openat(): each does what the system's does, unless a fault is set for it. A test
 * sets faults within its process; the process of a daemon reads them, at each call, from the file
 * that the environment names in DUNLIN_FAULTS, so that a test can change them while it runs:
 *
 *     fdatasync EIO .log 0 1           call, error, end of the file's name, calls that are let
 *     pwrite ENOSPC . 10 1000000       through first, calls that fail then
 *
 * A sync that is made to fail leaves of the file what the last good one had, and zeros behind it: the
 * page cache has thrown away what it could not write, as kernels do.
 *
 * The error SHORT makes a write or a read do half of what was asked.
 */
#ifndef DUNLIN_TESTS_FAULTY_FILES_H
#define DUNLIN_TESTS_FAULTY_FILES_H

#include <stdbool.h>
#include <stdint.h>

enum faulty_call {
    FAULTY_PWRITE,
    FAULTY_PREAD,
    FAULTY_FDATASYNC,
    FAULTY_FSYNC,
    FAULTY_FALLOCATE,
    FAULTY_OPENAT,
    FAULTY_CALLS,
};

enum { FAULTY_SHORT = -1 };

struct faulty_file {
    int error;       /* errno, or FAULTY_SHORT; 0: none */
    char suffix[16]; /* of the file's name; "." is every file */
    uint64_t after, times;
};

/* Replaces what was set for this call, and begins to count anew. */
void faulty_files_set(enum faulty_call call, struct faulty_file fault);
/* No fault any more; what was synced so far is forgotten. */
void faulty_files_clear(void);
/* Calls that were made to fail since they were last set. */
uint64_t faulty_files_failed(enum faulty_call call);

#endif
