/* scenario_marks: on which line of a YAML text a key stands.
 *
 * libcyaml gives values without their places; an error about an impossible value still has to name its line. This walks
 * libyaml's document by the path of keys.
 *
 *     scenario_line_of(text, "faults[2].at")  ->  41       1 when there is no such key
 */
#ifndef DUNLIN_HARNESS_SCENARIO_MARKS_H
#define DUNLIN_HARNESS_SCENARIO_MARKS_H

#include "engine/base/bytes.h"

/* The line of the deepest part of `path` that exists, counted from 1. */
uint64_t scenario_line_of(struct bytes text, const char *path);

#endif
