/* What a failed CHECK does in the daemon: say where, and stop at once, leaving the log as it is on
 * disk. */
#include "engine/base/check.h"

#include <stdio.h>
#include <stdlib.h>

void host_check_failed(const char *expression, const char *file, int line) {
    fprintf(stderr, "dunlin: internal error: check failed: %s (%s:%d)\n", expression, file, line);
    abort();
}
