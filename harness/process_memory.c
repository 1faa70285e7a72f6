/* What the simulator lends to the engine: this process's memory. Simulated nodes that run out of it
 * say nothing about the engine, so that is the program's failure. */
#include "engine/base/memory.h"
#include "harness/sim_command.h"

#include <stdio.h>
#include <stdlib.h>

static void *lent(void *memory, size_t size) {
    if (memory != NULL)
        return memory;
    fprintf(stderr, "dunlin-sim: out of memory: %zu bytes are not to be had\n", size);
    _Exit(EXIT_PROGRAM_FAILED);
}

/* Never of size 0, for which null would be no failure. */
void *host_memory_allocate(size_t size) {
    return lent(malloc(size + (size == 0)), size);
}

void *host_memory_allocate_zeroed(size_t size) {
    return lent(calloc(1, size + (size == 0)), size);
}

void *host_memory_resize(void *memory, size_t size) {
    return lent(realloc(memory, size + (size == 0)), size);
}

void host_memory_release(void *memory) {
    free(memory);
}
