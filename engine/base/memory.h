/* memory: what the engine allocates is lent by its host, and there is always enough.
 *
 *     engine --memory_allocate--> host --> memory
 *                                  \-----> none left, not even in reserve: the call does not return
 *
 * No line of the engine can do anything sensible with an allocation that failed: it would have to
 * undo half of a step. So a host answers with memory or not at all: it ends the process (what was
 * acknowledged lies on disk, as after any crash), or, where the store is a library in somebody
 * else's process, it leaves the call by a jump and frees all that it had lent (see
 * server/host_memory.h). Like a failed check, the four functions are imported, not called back.
 *
 *     struct node *node = memory_allocate_zeroed(1, sizeof *node);
 *     list->items = memory_resize(list->items, list->capacity * sizeof *list->items);
 *     memory_release(node);
 *
 * Sizes that come from a wire or a disk are bounded before they get here. Libraries that allocate
 * on their own (zstd) are given these functions, or their memory would be lost in such a jump.
 */
#ifndef DUNLIN_BASE_MEMORY_H
#define DUNLIN_BASE_MEMORY_H

#include "engine/base/check.h"

#include <stddef.h>
#include <stdint.h>

/* The host's: aligned for any type, never null, also for size 0. */
void *host_memory_allocate(size_t size);
void *host_memory_allocate_zeroed(size_t size);
/* `memory` may be null. What it held is kept up to the smaller size; it is void afterwards. */
void *host_memory_resize(void *memory, size_t size);
/* `memory` may be null. */
void host_memory_release(void *memory);

/* Uninitialised. */
static inline void *memory_allocate(size_t size) {
    return host_memory_allocate(size);
}

static inline void *memory_allocate_zeroed(size_t count, size_t size) {
    CHECK(size == 0 || count <= SIZE_MAX / size);
    return host_memory_allocate_zeroed(count * size);
}

static inline void *memory_resize(void *memory, size_t size) {
    return host_memory_resize(memory, size);
}

static inline void memory_release(void *memory) {
    host_memory_release(memory);
}

#endif
