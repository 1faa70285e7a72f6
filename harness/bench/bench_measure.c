#include "harness/bench/bench_measure.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 256, IDLE_SAMPLES = 10, IDLE_SAMPLE_MICROSECONDS = 30000, SECTOR = 512 };

uint64_t bench_nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static double seconds_of(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* The number behind a name in a file of /proc; 0 when it is not there. */
static uint64_t proc_number(const char *path, const char *name) {
    FILE *stream = fopen(path, "r");
    if (stream == NULL)
        return 0;
    char line[LINE_SIZE];
    uint64_t number = 0;
    size_t size = strlen(name);
    while (fgets(line, sizeof line, stream) != NULL) {
        if (strncmp(line, name, size) == 0)
            number = strtoull(line + size, NULL, 10);
    }
    fclose(stream);
    return number;
}

void bench_usage_take(struct bench_usage *usage) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    usage->cpu_seconds = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
    usage->file_read = proc_number("/proc/self/io", "rchar:");
    usage->file_written = proc_number("/proc/self/io", "wchar:");
    usage->disk_read = proc_number("/proc/self/io", "read_bytes:");
    usage->disk_written = proc_number("/proc/self/io", "write_bytes:");
}

uint64_t bench_peak_memory(void) {
    return proc_number("/proc/self/status", "VmHWM:") * 1024;
}

uint64_t bench_space_used(const char *directory) {
    DIR *stream = opendir(directory);
    if (stream == NULL)
        return 0;
    uint64_t bytes = 0;
    const struct dirent *found;
    while ((found = readdir(stream)) != NULL) {
        struct stat facts;
        if (fstatat(dirfd(stream), found->d_name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(facts.st_mode))
            bytes += (uint64_t)facts.st_blocks * SECTOR;
    }
    closedir(stream);
    return bytes;
}

void bench_remove_directory(const char *directory) {
    DIR *stream = opendir(directory);
    if (stream == NULL)
        return;
    const struct dirent *found;
    while ((found = readdir(stream)) != NULL) {
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(stream), found->d_name, 0) == 0)
            continue;
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", directory, found->d_name);
        bench_remove_directory(path);
    }
    closedir(stream);
    rmdir(directory);
}

/* R: it runs or waits for a processor; D: it waits for the disk. */
static bool thread_is_busy(const char *thread) {
    char path[LINE_SIZE], line[LINE_SIZE];
    snprintf(path, sizeof path, "/proc/self/task/%s/stat", thread);
    FILE *stream = fopen(path, "r");
    if (stream == NULL)
        return false;
    bool read = fgets(line, sizeof line, stream) != NULL;
    fclose(stream);
    const char *state = read ? strrchr(line, ')') : NULL;
    return state != NULL && (state[2] == 'R' || state[2] == 'D');
}

static bool others_are_busy(void) {
    DIR *stream = opendir("/proc/self/task");
    if (stream == NULL)
        return false;
    bool busy = false;
    const struct dirent *found;
    while ((found = readdir(stream)) != NULL) {
        bool other = found->d_name[0] != '.' && atoi(found->d_name) != getpid();
        busy = busy || (other && thread_is_busy(found->d_name));
    }
    closedir(stream);
    return busy;
}

void bench_wait_until_idle(void) {
    for (int quiet = 0; quiet < IDLE_SAMPLES;) {
        usleep(IDLE_SAMPLE_MICROSECONDS);
        quiet = others_are_busy() ? 0 : quiet + 1;
    }
}

bool bench_pin(const char *cores) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const char *at = cores; *at != 0;) {
        char *end;
        unsigned long core = strtoul(at, &end, 10);
        if (end == at || core >= CPU_SETSIZE)
            return false;
        CPU_SET(core, &set);
        at = *end == ',' ? end + 1 : end;
    }
    return sched_setaffinity(0, sizeof set, &set) == 0;
}
