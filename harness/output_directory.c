#include "harness/output_directory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_LENGTH_MAX = 4095, DIRECTORY_MODE = 0777 };

bool output_directory_make(const char *path) {
    char part[PATH_LENGTH_MAX + 1];
    size_t size = strlen(path);
    if (size > PATH_LENGTH_MAX) {
        fprintf(stderr, "dunlin-sim: %.40s...: the path is too long\n", path);
        return false;
    }
    memcpy(part, path, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (part[i] != '/' && part[i] != 0)
            continue;
        char kept = part[i];
        part[i] = 0;
        if (mkdir(part, DIRECTORY_MODE) != 0 && errno != EEXIST) {
            fprintf(stderr, "dunlin-sim: cannot make directory %s: %s\n", part, strerror(errno));
            return false;
        }
        part[i] = kept;
    }
    return true;
}
