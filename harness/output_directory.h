/* output_directory: where a command leaves its files. */
#ifndef DUNLIN_HARNESS_OUTPUT_DIRECTORY_H
#define DUNLIN_HARNESS_OUTPUT_DIRECTORY_H

#include <stdbool.h>

/* Makes the directory and those above it, where they are missing. On failure says why on standard error. */
bool output_directory_make(const char *path);

#endif
