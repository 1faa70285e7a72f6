/* What a failed CHECK does in a test: say where, and stop. */
#include "engine/base/check.h"

#include <stdio.h>
#include <stdlib.h>

void host_check_failed(const char *expression, const char *file, int line) {
    fprintf(stderr, "check failed: %s (%s:%d)\n", expression, file, line);
    abort();
}
