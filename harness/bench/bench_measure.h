/* bench_measure: what this process has used so far, by the kernel's own books.
 *
 *     struct bench_usage before, after;
 *     bench_usage_take(&before);
 *     ...
 *     bench_usage_take(&after);
 *     seconds = after.cpu_seconds - before.cpu_seconds;         // all threads, user and system
 */
#ifndef DUNLIN_HARNESS_BENCH_BENCH_MEASURE_H
#define DUNLIN_HARNESS_BENCH_BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

struct bench_usage {
    double cpu_seconds;
    uint64_t file_read, file_written; /* bytes through system calls */
    uint64_t disk_read, disk_written; /* bytes that had to come from, or are to go to, the disk */
};

uint64_t bench_nanoseconds(void);
void bench_usage_take(struct bench_usage *usage);
/* Bytes: the most that was resident at once, and what was allocated of it now (files that are mapped not counted). */
uint64_t bench_peak_memory(void);
/* Bytes that the files of a directory take on the disk. */
uint64_t bench_space_used(const char *directory);
void bench_remove_directory(const char *directory);
/* Until no other thread of this process has run or waited for the disk for a while. */
void bench_wait_until_idle(void);
/* Runs on these processors only ("1" or "0,1"); false when the kernel does not let us. */
bool bench_pin(const char *cores);

#endif
